//! A connection to a program.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::answers::{Dump, Hello, Metrics};
use crate::error::Error;
use crate::places::{find, no_insight, reach};

/// How long a program may be silent. A dump of a million tasks takes a second or two.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest first line of an answer.
const LONGEST_HEAD: u64 = 4096;

/// A connection to a program, for requests.
///
/// A program closes a connection on which it is asked nothing for ten seconds.
///
/// # Examples
///
/// See [`attach`](Client::attach).
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects to the program with this process number.
    ///
    /// # Errors
    ///
    /// If there is no such process, it does not let anybody in, or it is another user's; the text
    /// says what to do.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let mut client = runtime_insight::Client::attach(4711)?;
    /// println!("{}", client.text()?);
    /// println!("{}", client.prometheus()?);
    /// # Ok::<(), runtime_insight::Error>(())
    /// ```
    pub fn attach(pid: u32) -> Result<Client, Error> {
        let socket = find(pid)?;
        match Client::connect(&socket) {
            // Another program with this number left the socket behind.
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                Err(no_insight(pid))
            }
            other => other,
        }
    }

    /// Connects to a socket, of a container perhaps.
    ///
    /// # Errors
    ///
    /// If nobody listens there.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let socket = std::path::Path::new("/srv/box/run/runtime-insight/1.sock");
    /// let mut client = runtime_insight::Client::connect(socket)?;
    /// println!("{}", client.hello()?.program);
    /// # Ok::<(), runtime_insight::Error>(())
    /// ```
    pub fn connect(socket: &Path) -> Result<Client, Error> {
        Client::connect_within(socket, PATIENCE)
    }

    /// As [`connect`](Client::connect); an answer may take up to `limit` to begin, and each part of
    /// it to come.
    ///
    /// # Errors
    ///
    /// If nobody listens there.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// for found in runtime_insight::programs() {
    ///     let client =
    ///         runtime_insight::Client::connect_within(&found.socket, Duration::from_secs(1));
    ///     println!("{}: {}", found.pid, client.is_ok());
    /// }
    /// ```
    pub fn connect_within(socket: &Path, limit: Duration) -> Result<Client, Error> {
        Ok(Client { stream: BufReader::new(reach(socket, limit)?) })
    }

    /// Asks which program this is, and which runtimes it has.
    ///
    /// # Errors
    ///
    /// If the program ends, does not answer, or says no.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use runtime_insight::{Client, Hello, RuntimeInfo};
    ///
    /// let hello: Hello = Client::attach(4711)?.hello()?;
    /// for RuntimeInfo { id, workers, .. } in hello.runtimes {
    ///     println!("runtime {id} of {} has {workers} workers", hello.program);
    /// }
    /// # Ok::<(), runtime_insight::Error>(())
    /// ```
    pub fn hello(&mut self) -> Result<Hello, Error> {
        self.ask_for("hello")
    }

    /// Asks what all its tasks do and wait for.
    ///
    /// # Errors
    ///
    /// See [`hello`](Client::hello).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use runtime_insight::{Client, Dump, Job, Root, RuntimeDump, Task, Wait};
    ///
    /// let dump: Dump = Client::attach(4711)?.dump()?;
    /// for RuntimeDump { tasks, roots, blocking, .. } in dump.runtimes {
    ///     for Task { id, waits, .. } in tasks {
    ///         for Wait { text, .. } in waits {
    ///             println!("task {id} waits for {text}");
    ///         }
    ///     }
    ///     for Root { called_at, state, .. } in roots {
    ///         println!("a thread blocks on a future at {called_at}: {state}");
    ///     }
    ///     for Job { id, running, .. } in blocking {
    ///         println!("job {id:?} runs: {running}");
    ///     }
    /// }
    /// # Ok::<(), runtime_insight::Error>(())
    /// ```
    pub fn dump(&mut self) -> Result<Dump, Error> {
        self.ask_for("dump")
    }

    /// Asks for the same as text for people.
    ///
    /// # Errors
    ///
    /// See [`hello`](Client::hello).
    ///
    /// # Examples
    ///
    /// See [`attach`](Client::attach).
    pub fn text(&mut self) -> Result<String, Error> {
        self.ask_for_text("text")
    }

    /// Asks for all numbers of its runtimes.
    ///
    /// # Errors
    ///
    /// See [`hello`](Client::hello).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use runtime_insight::{Client, Metrics, RuntimeNumbers};
    ///
    /// let metrics: Metrics = Client::attach(4711)?.metrics()?;
    /// let first: &RuntimeNumbers = &metrics.runtimes[0];
    /// println!("{} tasks", first.number("tasks_alive"));
    /// # Ok::<(), runtime_insight::Error>(())
    /// ```
    pub fn metrics(&mut self) -> Result<Metrics, Error> {
        self.ask_for("metrics")
    }

    /// Asks for all numbers in Prometheus's text format.
    ///
    /// # Errors
    ///
    /// See [`hello`](Client::hello).
    ///
    /// # Examples
    ///
    /// See [`attach`](Client::attach).
    pub fn prometheus(&mut self) -> Result<String, Error> {
        self.ask_for_text("prometheus")
    }

    /// Sends a request, one line without its end, and returns the bytes of the answer.
    ///
    /// # Errors
    ///
    /// If the program ends, does not answer, or says no.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let mut client = runtime_insight::Client::attach(4711)?;
    /// let json = client.ask("dump")?;
    /// std::fs::write("dump.json", json).unwrap();
    /// # Ok::<(), runtime_insight::Error>(())
    /// ```
    pub fn ask(&mut self, request: &str) -> Result<Vec<u8>, Error> {
        // A program that has closed the connection may have said why.
        let sent = self.stream.get_mut().write_all(format!("{request}\n").as_bytes());
        let mut head = Vec::new();
        let read = self.stream.by_ref().take(LONGEST_HEAD).read_until(b'\n', &mut head);
        if head.last() != Some(&b'\n') {
            sent?;
            read?;
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        }
        let head = String::from_utf8_lossy(&head);
        let length = match head.trim_end().split_once(' ') {
            Some(("ok", length)) => length.parse::<u64>().ok(),
            Some(("error", text)) => return Err(Error::Refused { text: text.to_owned() }),
            _ => None,
        };
        let Some(length) = length else {
            return Err(Error::Unreadable { text: format!("its first line is {head:?}") });
        };
        let mut body = Vec::new();
        self.stream.by_ref().take(length).read_to_end(&mut body)?;
        if (body.len() as u64) < length {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        }
        Ok(body)
    }

    fn ask_for<T: DeserializeOwned>(&mut self, request: &str) -> Result<T, Error> {
        Ok(serde_json::from_slice(&self.ask(request)?)?)
    }

    fn ask_for_text(&mut self, request: &str) -> Result<String, Error> {
        let bytes = self.ask(request)?;
        String::from_utf8(bytes).map_err(|error| Error::Unreadable { text: error.to_string() })
    }
}

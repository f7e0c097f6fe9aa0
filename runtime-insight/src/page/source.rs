//! Whom a page asks. Both answer the requests of the socket's protocol.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use runtime::Handle;
use runtime::insight::{metrics_json, prometheus};
use serde_json::json;

use crate::client::Client;
use crate::error::Error;
use crate::places;

/// Somebody who knows what a program does. Every call may take a while.
pub(super) trait Source: Send + Sync + 'static {
    /// The bytes of the answer.
    fn ask(&self, request: &str) -> Result<Vec<u8>, Error>;

    /// Nobody will ever answer again: the page can end.
    fn has_ended(&self) -> bool;
}

impl<S: Source> Source for std::sync::Arc<S> {
    fn ask(&self, request: &str) -> Result<Vec<u8>, Error> {
        (**self).ask(request)
    }

    fn has_ended(&self) -> bool {
        (**self).has_ended()
    }
}

/// Another program, through its socket. The connection is opened anew when it breaks.
pub(super) struct Socket {
    path: PathBuf,
    client: Mutex<Option<Client>>,
}

impl Socket {
    pub(super) fn of_process(pid: u32) -> Result<Socket, Error> {
        // That it is the right one, and answers, is told with better words than by its path.
        Client::attach(pid)?.hello()?;
        Ok(Socket { path: places::find(pid)?, client: Mutex::new(None) })
    }

    pub(super) fn at(path: &Path) -> Result<Socket, Error> {
        let mut client = Client::connect(path)?;
        client.hello()?;
        Ok(Socket { path: path.to_owned(), client: Mutex::new(Some(client)) })
    }
}

impl Source for Socket {
    fn ask(&self, request: &str) -> Result<Vec<u8>, Error> {
        let mut slot = lock(&self.client);
        if let Some(mut client) = slot.take() {
            match client.ask(request) {
                // The program hangs up on those who are silent for a while.
                Err(Error::Io(_)) => {}
                other => {
                    *slot = Some(client);
                    return other;
                }
            }
        }
        let mut client = Client::connect(&self.path).map_err(|error| match error {
            // Nobody listens there any more.
            Error::Io(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
            {
                Error::Io(ErrorKind::UnexpectedEof.into())
            }
            other => other,
        })?;
        let answer = client.ask(request);
        if !matches!(answer, Err(Error::Io(_))) {
            *slot = Some(client);
        }
        answer
    }

    /// It may be started again, and in any case what was seen last can still be read.
    fn has_ended(&self) -> bool {
        false
    }
}

/// The runtimes of this process that were built with the page.
pub(super) struct Local {
    began: Instant,
    /// `None` from when the last of them has been shut down.
    handles: Mutex<Option<Vec<Handle>>>,
}

impl Local {
    pub(super) fn new(handle: &Handle) -> Local {
        Local { began: Instant::now(), handles: Mutex::new(Some(vec![handle.clone()])) }
    }

    /// Whether it is not too late for another one.
    pub(super) fn add(&self, handle: &Handle) -> bool {
        match &mut *lock(&self.handles) {
            Some(handles) => {
                handles.push(handle.clone());
                true
            }
            None => false,
        }
    }

    /// Those that have not been shut down.
    fn alive(&self) -> Vec<Handle> {
        let mut handles = lock(&self.handles);
        let Some(all) = &mut *handles else { return Vec::new() };
        all.retain(|handle| !handle.is_shut_down());
        let alive = all.clone();
        if alive.is_empty() {
            *handles = None;
        }
        alive
    }

    fn hello(&self, handles: &[Handle]) -> Vec<u8> {
        let program = std::env::current_exe().ok();
        let program = program.as_deref().and_then(Path::file_name).unwrap_or_default();
        let runtimes: Vec<_> = handles
            .iter()
            .map(|handle| {
                let flavor = match handle.runtime_flavor() {
                    runtime::runtime::RuntimeFlavor::CurrentThread => "current_thread",
                    _ => "multi_thread",
                };
                json!({
                    "id": number_of(handle),
                    "name": handle.name(),
                    "flavor": flavor,
                    "workers": handle.metrics().num_workers(),
                })
            })
            .collect();
        let answer = json!({
            "protocol": 1,
            "pid": std::process::id(),
            "program": program.to_string_lossy(),
            "started_us_ago": self.began.elapsed().as_micros() as f64,
            "runtimes": runtimes,
        });
        answer.to_string().into_bytes()
    }
}

/// The id as a number: that is how the protocol has it.
fn number_of(handle: &Handle) -> u64 {
    handle.id().to_string().parse().unwrap_or(0)
}

impl Source for Local {
    fn ask(&self, request: &str) -> Result<Vec<u8>, Error> {
        let handles = self.alive();
        let words: Vec<_> = request.split_whitespace().collect();
        match words.as_slice() {
            ["hello"] => Ok(self.hello(&handles)),
            ["dump"] => {
                let mut all = String::from("{\"runtimes\":[");
                for (index, handle) in handles.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    let dump = handle.task_dump().to_json();
                    all.push_str(&format!("{comma}{{\"id\":{},", number_of(handle)));
                    all.push_str(dump.strip_prefix('{').unwrap_or(&dump));
                }
                all.push_str("]}");
                Ok(all.into_bytes())
            }
            ["text"] => {
                let each = handles
                    .iter()
                    .map(|handle| format!("runtime {}: {}\n", handle.id(), handle.task_dump()));
                Ok(each.collect::<Vec<_>>().join("\n").into_bytes())
            }
            ["metrics"] => Ok(metrics_json(&handles).into_bytes()),
            ["prometheus"] => Ok(prometheus(&handles).into_bytes()),
            _ => Err(Error::Refused {
                text: "a page from inside a program does not have this; ask the program through \
                       `runtime-insight PID`"
                    .to_owned(),
            }),
        }
    }

    fn has_ended(&self) -> bool {
        self.alive().is_empty()
    }
}

/// A panic of another holder has broken nothing.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The command answers tokio-console: a client gets all tasks of an unmodified program, and then
//! what changes. The client here is hyper's, and takes messages apart by the numbers of the
//! protocol's definitions, on its own.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Request, Response};
use runtime::net::TcpStream;
use runtime::sync::{Mutex, Notify};
use runtime::{Builder, task};
use runtime_hyper::{HyperExecutor, HyperIo};

const ROLE: &str = "RUNTIME_TEST_ROLE";
const READY: &str = "\nready\n";
/// For what must come: it takes half a second.
const LIMIT: Duration = Duration::from_secs(60);

/// The program: a byte on its input ends the task `ends`.
fn program() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let spawn = |name: &'static str, future: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
        drop(task::Builder::new().name(name).spawn_on(future, runtime.handle()).unwrap());
    };
    let lock = Arc::new(Mutex::new(()));
    let guard = runtime.block_on(Arc::clone(&lock).lock_owned());
    spawn("waits", Box::pin(async move { drop(lock.lock().await) }));
    let end = Arc::new(Notify::new());
    let ended = Arc::clone(&end);
    spawn("ends", Box::pin(async move { ended.notified().await }));
    spawn("blocks", Box::pin(async { std::thread::sleep(Duration::from_secs(3600)) }));
    let is_settled = |task: &runtime::insight::TaskInfo| match task.name.as_deref() {
        Some("blocks") => matches!(task.state, runtime::insight::TaskState::Running { .. }),
        _ => !task.waits.is_empty(),
    };
    while !runtime.handle().task_dump().tasks.iter().all(is_settled) {
        std::thread::yield_now();
    }
    print!("{READY}");
    std::io::stdout().flush().unwrap();
    let _ = std::io::stdin().read(&mut [0]);
    end.notify_one();
    let _ = std::io::stdin().read(&mut [0]);
    drop(guard);
    std::process::exit(0);
}

/// The program, the command, and the directory that both take for their session's.
struct Running {
    program: Child,
    console: Child,
    port: u16,
    place: PathBuf,
}

impl Running {
    fn start(test: &str) -> Running {
        let place =
            std::env::temp_dir().join(format!("runtime-test-{}-{test}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&place).unwrap();
        let mut program = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(ROLE, test)
            .env("RUNTIME_INSIGHT", "1")
            .env("XDG_RUNTIME_DIR", &place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (mut seen, mut byte) = (Vec::new(), [0]);
        while !seen.ends_with(READY.as_bytes()) {
            program.stdout.as_mut().unwrap().read_exact(&mut byte).unwrap();
            seen.push(byte[0]);
        }
        let mut console = Command::new(env!("CARGO_BIN_EXE_runtime-insight"))
            .args([&program.id().to_string(), "console", "--port", "0"])
            .env("XDG_RUNTIME_DIR", &place)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(console.stdout.as_mut().unwrap()).lines();
        let port = loop {
            let line = lines.next().expect("it says where it listens").unwrap();
            if let Some((_, port)) = line.split_once("tokio-console http://127.0.0.1:") {
                break port.parse().unwrap();
            }
        };
        Running { program, console, port, place }
    }

    fn goes_on(&mut self) {
        self.program.stdin.as_mut().unwrap().write_all(b"x").unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for child in [&mut self.program, &mut self.console] {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.place);
    }
}

/// A message, taken apart: for each field its values.
#[derive(Clone, Debug, Default)]
struct Fields(BTreeMap<u64, Vec<Value>>);

#[derive(Clone, Debug)]
enum Value {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Fields {
    fn of(mut bytes: &[u8]) -> Fields {
        let mut all = Fields::default();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            let value = match tag & 7 {
                0 => Value::Number(varint(&mut bytes)),
                2 => {
                    let length = varint(&mut bytes) as usize;
                    let (value, rest) = bytes.split_at(length);
                    bytes = rest;
                    Value::Bytes(value.to_vec())
                }
                other => panic!("the protocol has no fields of type {other}"),
            };
            all.0.entry(tag >> 3).or_default().push(value);
        }
        all
    }

    fn all(&self, field: u64) -> Vec<Fields> {
        let values = self.0.get(&field).into_iter().flatten();
        values
            .map(|value| match value {
                Value::Bytes(bytes) => Fields::of(bytes),
                Value::Number(n) => panic!("field {field} is the number {n}"),
            })
            .collect()
    }

    fn message(&self, field: u64) -> Option<Fields> {
        self.all(field).into_iter().next()
    }

    #[track_caller]
    fn number(&self, field: u64) -> u64 {
        match self.0.get(&field).map(Vec::as_slice) {
            None => 0,
            Some([Value::Number(n)]) => *n,
            other => panic!("field {field} is {other:?}"),
        }
    }

    fn text(&self, field: u64) -> Option<String> {
        match self.0.get(&field)?.as_slice() {
            [Value::Bytes(bytes)] => Some(String::from_utf8(bytes.clone()).unwrap()),
            other => panic!("field {field} is {other:?}"),
        }
    }

    /// `{ id }` in field `field`.
    fn id(&self, field: u64) -> u64 {
        self.message(field).expect("it has an id").number(1)
    }

    /// A moment or a duration, in nanoseconds.
    fn time(&self, field: u64) -> Option<u128> {
        let time = self.message(field)?;
        Some(u128::from(time.number(1)) * 1_000_000_000 + u128::from(time.number(2)))
    }

    /// A map from ids in field `field`.
    fn map(&self, field: u64) -> BTreeMap<u64, Fields> {
        let entries = self.all(field).into_iter();
        entries.map(|entry| (entry.number(1), entry.message(2).unwrap_or_default())).collect()
    }

    /// Of `common.Field`s in field `field`: those by this name.
    fn named(&self, field: u64, name: &str) -> Option<Fields> {
        self.all(field).into_iter().find(|one| one.text(1).as_deref() == Some(name))
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut n = 0;
    for shift in (0..).step_by(7) {
        let (&byte, rest) = bytes.split_first().expect("a whole number");
        *bytes = rest;
        n |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    n
}

async fn connect(port: u16) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (sender, connection) = handshake(HyperExecutor::new(), HyperIo::new(stream)).await.unwrap();
    runtime::spawn(async { drop(connection.await) });
    sender
}

async fn call_with(
    client: &mut SendRequest<Full<Bytes>>,
    method: &str,
    kind: &str,
    body: &[u8],
) -> Response<Incoming> {
    let request =
        Request::post(format!("http://c/rs.tokio.console.instrument.Instrument/{method}"))
            .header("content-type", kind)
            .header("te", "trailers")
            .body(Full::new(Bytes::copy_from_slice(body)))
            .unwrap();
    client.send_request(request).await.unwrap()
}

async fn call(client: &mut SendRequest<Full<Bytes>>, method: &str, message: &[u8]) -> Messages {
    let mut body = vec![0, 0, 0, 0, message.len() as u8];
    body.extend_from_slice(message);
    let response = call_with(client, method, "application/grpc", &body).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/grpc");
    Messages { body: response.into_body(), unread: Vec::new(), status: None }
}

/// An answer as it comes.
struct Messages {
    body: Incoming,
    unread: Vec<u8>,
    status: Option<String>,
}

impl Messages {
    async fn next(&mut self) -> Option<Fields> {
        loop {
            if let [0, a, b, c, d, rest @ ..] = self.unread.as_slice() {
                let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
                if rest.len() >= length {
                    let message = Fields::of(&rest[..length]);
                    self.unread.drain(..5 + length);
                    return Some(message);
                }
            }
            let frame = runtime::time::timeout(LIMIT, self.body.frame()).await.expect("in time")?;
            // The connection breaks: that is an end, too.
            let Ok(frame) = frame else { return None };
            match frame.into_data() {
                Ok(data) => self.unread.extend_from_slice(&data),
                Err(frame) => {
                    let trailers = frame.into_trailers().expect("data or trailers");
                    self.status = Some(trailers["grpc-status"].to_str().unwrap().to_owned());
                }
            }
        }
    }
}

fn run(future: impl Future<Output = ()>) {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
}

#[test]
fn with_all_tasks_and_then_with_what_changes() {
    const TEST: &str = "with_all_tasks_and_then_with_what_changes";
    if std::env::var_os(ROLE).is_some() {
        return program();
    }
    let mut running = Running::start(TEST);
    run(async {
        let mut client = connect(running.port).await;
        let mut updates = call(&mut client, "WatchUpdates", &[]).await;
        let first = updates.next().await.unwrap();
        let now = first.time(1).unwrap();

        // What everything refers to comes first.
        let metadata = first.message(5).unwrap().all(1);
        let known: Vec<_> = metadata.iter().map(|one| one.id(1)).collect();
        assert_eq!(known.len(), 3);

        let tasks = first.message(2).unwrap();
        let stats = tasks.map(3);
        let named: BTreeMap<String, Fields> = tasks
            .all(1)
            .into_iter()
            .map(|task| (task.named(4, "task.name").unwrap().text(4).unwrap(), task))
            .collect();
        let names: Vec<_> = named.keys().map(String::as_str).collect();
        assert_eq!(names, ["blocks", "ends", "waits"]);
        for task in named.values() {
            assert!(known.contains(&task.id(2)));
            assert_eq!(task.named(4, "kind").unwrap().text(4).unwrap(), "task");
            assert_eq!(task.named(4, "task.id").unwrap().number(5), task.id(1));
            assert!(task.named(4, "size.bytes").unwrap().number(5) > 0);
            let place = task.message(6).unwrap();
            assert!(place.text(1).unwrap().ends_with("tokio_console_is_answered.rs"));
            assert!(place.number(3) > 1 && place.number(4) > 1);
        }

        // A client needs all of these, and takes who runs from the order of the last three.
        for (name, task) in &named {
            let stats = &stats[&task.id(1)];
            let polls = stats.message(7).unwrap();
            let created = stats.time(1).unwrap();
            assert!(created <= now && stats.time(2).is_none());
            assert_eq!((polls.number(1), stats.number(3)), (1, 0), "{name}: polls, wakes");
            assert_eq!((stats.number(4), stats.number(5)), (1, 0), "{name}: has a waker");
            let (woken, began, ended) = (stats.time(6), polls.time(4), polls.time(5));
            assert!(woken <= began && began.is_some(), "{name}: is not in the queue");
            assert_eq!(began > ended, name == "blocks", "{name}");
            assert_eq!(polls.time(6).unwrap() == 0, name == "blocks", "{name}");
        }

        // What they wait for: a mutex and a notification, each with one that waits.
        let resources = first.message(3).unwrap();
        let things: BTreeMap<_, _> =
            resources.all(1).into_iter().map(|one| (one.text(3).unwrap(), one)).collect();
        let of = |name: &str| {
            let thing = &things[name];
            let stats = &resources.map(2)[&thing.id(1)];
            let attributes = stats.all(3).into_iter().map(|one| one.message(1).unwrap());
            let waiting: Vec<_> =
                attributes.map(|one| (one.text(1).unwrap(), one.number(5))).collect();
            assert_eq!(waiting, [("waiting".to_owned(), 1)], "{name}");
            assert_eq!(thing.message(4).unwrap().text(2).as_deref(), Some(name));
            let place = thing.message(5).unwrap();
            assert!(place.text(1).unwrap().ends_with("tokio_console_is_answered.rs"), "{name}");
            thing.id(1)
        };
        let (mutex, notify) = (of("mutex"), of("notify"));
        let ops = first.message(4).unwrap();
        let stats_of_ops = ops.map(2);
        let waiting: BTreeMap<_, _> =
            ops.all(1).into_iter().map(|op| (op.id(5), stats_of_ops[&op.id(1)].id(4))).collect();
        let expected = [(mutex, named["waits"].id(1)), (notify, named["ends"].id(1))];
        assert_eq!(waiting, BTreeMap::from(expected));

        // Nothing changes: nothing is told again.
        let second = updates.next().await.unwrap();
        for part in 2..5 {
            assert!(second.message(part).unwrap().0.is_empty(), "{second:?}");
        }
        assert!(second.message(5).is_none() && second.time(1) > Some(now));

        // A task ends.
        running.goes_on();
        let ends = named["ends"].id(1);
        loop {
            let update = updates.next().await.unwrap();
            let tasks = update.message(2).unwrap();
            assert!(tasks.all(1).is_empty());
            let Some(stats) = tasks.map(3).remove(&ends) else { continue };
            let Some(dropped) = stats.time(2) else { continue };
            assert!(dropped >= stats.time(1).unwrap());
            // And what it waited for is not known any more.
            assert!(update.message(3).unwrap().map(2)[&notify].time(2).is_some());
            break;
        }

        // Another console is told all that there is then.
        let mut other = connect(running.port).await;
        let all = call(&mut other, "WatchUpdates", &[]).await.next().await.unwrap();
        assert_eq!(all.message(2).unwrap().all(1).len(), 2);
        // One task: the message has its id in a message in field 1.
        let mut details = call(&mut other, "WatchTaskDetails", &[0x0a, 2, 8, 77]).await;
        let details = details.next().await.unwrap();
        assert!(details.id(1) == 77 && details.time(2).is_some());

        // The program ends, and so does the command, saying so.
        running.program.kill().unwrap();
        while updates.next().await.is_some() {}
    });
    let mut said = String::new();
    running.console.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "runtime-insight: the program has ended\n");
    assert_eq!(running.console.wait().unwrap().code(), Some(1));
}

#[test]
fn and_can_make_a_pause() {
    if std::env::var_os(ROLE).is_some() {
        return program();
    }
    let running = Running::start("and_can_make_a_pause");
    run(async {
        let mut client = connect(running.port).await;
        let mut states = call(&mut client, "WatchState", &[]).await;
        assert_eq!(states.next().await.unwrap().number(1), 0);
        for (method, state) in [("Pause", 1), ("Resume", 0)] {
            let mut answer = call(&mut client, method, &[]).await;
            assert!(answer.next().await.unwrap().0.is_empty());
            assert!(answer.next().await.is_none());
            assert_eq!(answer.status.as_deref(), Some("0"));
            assert_eq!(states.next().await.unwrap().number(1), state);
        }
        let mut updates = call(&mut client, "WatchUpdates", &[]).await;
        assert!(updates.next().await.is_some());
    });
}

#[test]
fn and_who_calls_for_something_else_is_told_so() {
    if std::env::var_os(ROLE).is_some() {
        return program();
    }
    let running = Running::start("and_who_calls_for_something_else_is_told_so");
    run(async {
        // What speaks no HTTP/2 is closed: a browser, say.
        use runtime::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = TcpStream::connect(("127.0.0.1", running.port)).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let _ = runtime::time::timeout(LIMIT, stream.read_to_end(&mut answer)).await.unwrap();
        assert!(!answer.starts_with(b"HTTP/1.1 2"));

        let mut client = connect(running.port).await;
        let response = call_with(&mut client, "WatchUpdates", "text/plain", b"").await;
        assert_eq!(response.status(), 415);
        let status = async |method: &'static str, body: &'static [u8]| {
            let mut client = connect(running.port).await;
            let response = call_with(&mut client, method, "application/grpc+proto", body).await;
            response.headers()["grpc-status"].to_str().unwrap().to_owned()
        };
        const NOT_IMPLEMENTED: &str = "12";
        const INVALID: &str = "3";
        assert_eq!(status("Watch", &[0; 5]).await, NOT_IMPLEMENTED);
        assert_eq!(status("WatchState", &[1, 0, 0, 0, 0]).await, NOT_IMPLEMENTED);
        assert_eq!(status("WatchState", b"").await, INVALID);
        assert_eq!(status("WatchState", &[0; 5000]).await, INVALID);
        assert_eq!(status("WatchTaskDetails", &[0, 0, 0, 0, 1, 0x0a]).await, INVALID);
        // It is still there.
        let mut states = call(&mut client, "WatchState", &[]).await;
        assert!(states.next().await.is_some());
    });
}

//! What the tests in `tests/` share.

use std::fs;
use std::net::SocketAddr;
use std::process::abort;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use async_signal::{Signal, Signals};
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use smol::stream::StreamExt as _;

/// How long a test may wait for what must come: far beyond what a loaded machine needs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `test`, and ends the process if that takes longer than [`PATIENCE`]. A thread of its own
/// looks at the time: what hangs may be the timers.
#[track_caller]
pub fn in_time<T>(test: impl FnOnce() -> T) -> T {
    let place = std::panic::Location::caller();
    let (done, ended) = channel::<()>();
    let watchdog = thread::Builder::new().name("watchdog".into()).spawn(move || {
        if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            eprintln!("hangs at {place}: not done after {PATIENCE:?}");
            abort();
        }
    });
    let output = test();
    drop(done);
    watchdog.expect("a thread for the watchdog").join().expect("the watchdog only looks");
    output
}

// ---- the process, seen from outside ----

/// The names of this process's threads.
pub fn threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux has it");
    let name = |task: fs::DirEntry| fs::read_to_string(task.path().join("comm")).ok();
    let mut names: Vec<String> =
        tasks.flatten().filter_map(name).map(|name| name.trim_end().to_owned()).collect();
    names.sort();
    names
}

/// How many instances of epoll this process has. A reactor has one at least, this runtime's two.
pub fn reactors() -> usize {
    let descriptors = fs::read_dir("/proc/self/fd").expect("Linux has it");
    let links = descriptors.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    links.filter(|link| link.to_string_lossy().contains("eventpoll")).count()
}

/// How many instances of epoll a process has with one runtime.
pub fn of_one_runtime() -> usize {
    let others = reactors();
    let runtime = tokio::runtime::Runtime::new().expect("the system has threads");
    let all = reactors();
    drop(runtime);
    // Its threads may end a little later.
    while reactors() > others {
        thread::sleep(Duration::from_millis(1));
    }
    all - others
}

/// The threads that are neither this runtime's nor the test's own. async-std names the workers of a
/// runtime that it starts; whether they are this runtime's is seen from [`reactors`].
pub fn foreign_threads() -> Vec<String> {
    let mut names = threads();
    // The harness's main thread has the program's name, a test's thread that of the test; the
    // system cuts both to 15 bytes.
    let program = std::env::current_exe().expect("a program has a place");
    let program = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let test = thread::current().name().unwrap_or_default().to_owned();
    let own = [program, test, "watchdog".into()].map(|name| name.chars().take(15).collect());
    let ours = |name: &str| name.starts_with("runtime-") || name == "async-std/runti";
    names.retain(|name| !ours(name) && !own.contains(name));
    names
}

// ---- programs ----

/// Something that each of the three kinds of crates does: a server on one, a client on another.
pub const LINE: &[u8; 6] = b"hello\n";

/// Accepts one connection with smol's crates, and sends back what comes.
pub async fn smol_serves(listener: smol::net::TcpListener) {
    let (stream, _) = listener.accept().await.expect("a client comes");
    smol::io::copy(stream.clone(), stream).await.expect("the client is read");
}

/// The same with async-std.
pub async fn async_std_serves(listener: async_std::net::TcpListener) {
    let (stream, _) = listener.accept().await.expect("a client comes");
    async_std::io::copy(stream.clone(), stream).await.expect("the client is read");
}

/// The same with tokio.
pub async fn tokio_serves(listener: tokio::net::TcpListener) {
    let (mut stream, _) = listener.accept().await.expect("a client comes");
    let (mut reader, mut writer) = stream.split();
    tokio::io::copy(&mut reader, &mut writer).await.expect("the client is read");
}

/// Sends lines with smol's crates, and waits for each to come back.
pub async fn smol_asks(address: SocketAddr, times: usize) {
    let mut stream = smol::net::TcpStream::connect(address).await.expect("the server is there");
    for _ in 0..times {
        let mut back = [0; LINE.len()];
        stream.write_all(LINE).await.expect("the server reads");
        stream.read_exact(&mut back).await.expect("the server answers");
        assert_eq!(&back, LINE);
    }
}

/// The same with async-std.
pub async fn async_std_asks(address: SocketAddr, times: usize) {
    let mut stream =
        async_std::net::TcpStream::connect(address).await.expect("the server is there");
    for _ in 0..times {
        let mut back = [0; LINE.len()];
        stream.write_all(LINE).await.expect("the server reads");
        stream.read_exact(&mut back).await.expect("the server answers");
        assert_eq!(&back, LINE);
    }
}

/// The same with tokio.
pub async fn tokio_asks(address: SocketAddr, times: usize) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("the server is there");
    for _ in 0..times {
        let mut back = [0; LINE.len()];
        stream.write_all(LINE).await.expect("the server reads");
        stream.read_exact(&mut back).await.expect("the server answers");
        assert_eq!(&back, LINE);
    }
}

/// What smol's and async-std's crates do, each by its own functions: sockets, timers, files,
/// blocking work, signals, child processes.
pub async fn both_kinds_at_work() {
    let millisecond = Duration::from_millis(1);
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("both-kinds-{}-{number}", std::process::id()));

    let listener = smol::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("a bound listener has an address");
    let server = smol::spawn(smol_serves(listener));
    async_std::task::spawn(async_std_asks(address, 10)).await;
    server.await;

    let listener = async_std::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("a bound listener has an address");
    let server = async_std::task::spawn(async_std_serves(listener));
    smol::spawn(smol_asks(address, 10)).await;
    server.await;

    smol::Timer::after(millisecond).await;
    async_std::task::sleep(millisecond).await;
    async_io::Timer::after(millisecond).await;

    smol::fs::write(&file, LINE).await.expect("a temporary file");
    assert_eq!(async_std::fs::read(&file).await.expect("it was written"), LINE);
    smol::fs::remove_file(&file).await.expect("it was written");

    let a = smol::unblock(|| 1);
    let b = async_std::task::spawn_blocking(|| 2);
    let c = async_global_executor::spawn_blocking(|| 3);
    let d = async_global_executor::spawn(async { 4 });
    assert_eq!((a.await, b.await, c.await, d.await), (1, 2, 3, 4));

    let mut signals = Signals::new([Signal::Usr1]).expect("a signal that can be handled");
    let kill = format!("kill -USR1 {}", std::process::id());
    let kill = smol::process::Command::new("sh").args(["-c", &kill]).status();
    assert!(kill.await.expect("there is a `sh`").success());
    assert_eq!(signals.next().await.expect("it does not end").expect("it is read"), Signal::Usr1);

    let echo = smol::process::Command::new("echo").arg("hello").output();
    assert_eq!(echo.await.expect("there is an `echo`").stdout, LINE);
    let mut cat = async_std::process::Command::new("cat");
    cat.stdin(async_std::process::Stdio::piped()).stdout(async_std::process::Stdio::piped());
    let mut cat = cat.spawn().expect("there is a `cat`");
    let mut stdin = cat.stdin.take().expect("it is piped");
    stdin.write_all(LINE).await.expect("`cat` reads");
    drop(stdin);
    assert_eq!(cat.output().await.expect("`cat` ends").stdout, LINE);
}

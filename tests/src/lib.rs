//! What the integration tests in `tests/` share.
//!
//! A test must not pass by luck nor hang by mischance. So nothing here or there sleeps in the hope
//! that something has happened meanwhile: a test waits for a condition ([`eventually`]), for a
//! message, or for the end of a thread ([`within`]), and a deadline bounds only how long a failure
//! takes. What counts threads, descriptors or memory of the process runs in a process of its own
//! ([`isolated`]), for tests of one file share theirs.

use std::fmt::Debug;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::task::{Context, Poll, Wake};
use std::thread;
use std::time::{Duration, Instant};

use runtime::{Builder, Runtime};

#[cfg(unix)]
pub mod insight;
pub mod process;
pub mod scratch;
pub mod scripted;

/// How long a test may wait for what must come: far beyond what a loaded machine needs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How many times slower than usual the program runs: more than 1 under a sanitizer or valgrind.
///
/// `cargo xtask sanitize` says it in the environment. Limits for hangs are that many times longer
/// ([`patience`]), and what is large for its own sake is that many times smaller ([`scaled`]).
/// These tools also replace the allocator, so that figures of memory mean nothing there.
pub fn slowness() -> u32 {
    static SLOWNESS: OnceLock<u32> = OnceLock::new();
    *SLOWNESS.get_or_init(|| match std::env::var("RUNTIME_TEST_SLOWNESS") {
        Ok(text) => text.parse().expect("RUNTIME_TEST_SLOWNESS is a number"),
        Err(_) => 1,
    })
}

/// [`PATIENCE`], as much longer as the program is slower.
pub fn patience() -> Duration {
    PATIENCE * slowness()
}

/// `count`, as much smaller as the program is slower.
pub fn scaled(count: usize) -> usize {
    (count / slowness() as usize).max(1)
}

/// A multi-thread runtime with everything on.
pub fn workers(count: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(count).enable_all().build().unwrap()
}

/// A current-thread runtime with everything on.
pub fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs `body` on a thread of its own and fails if it has not ended after [`patience`].
#[track_caller]
pub fn within<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    within_time(PATIENCE, body)
}

/// [`within`] with another limit.
#[track_caller]
pub fn within_time<T: Send + 'static>(
    limit: Duration,
    body: impl FnOnce() -> T + Send + 'static,
) -> T {
    let limit = limit * slowness();
    let (done, ended) = mpsc::channel();
    let name = thread::current().name().unwrap_or("test").to_string();
    let body = move || {
        let result = catch_unwind(AssertUnwindSafe(body));
        let _ = done.send(result);
    };
    thread::Builder::new().name(name).spawn(body).unwrap();
    match ended.recv_timeout(limit) {
        Ok(Ok(value)) => value,
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => panic!("hangs: not done after {limit:?}"),
    }
}

/// Waits, on this thread, until `condition` holds.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < patience(), "not after {:?}: {what}", patience());
        thread::sleep(Duration::from_millis(1));
    }
}

/// Waits, in a task, until `condition` holds. Only yields, so it needs no timer.
pub async fn eventually_async(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < patience(), "not after {:?}: {what}", patience());
        runtime::task::yield_now().await;
    }
}

/// The text of a panic that `body` must end in.
#[track_caller]
pub fn panic_of<T: Debug>(body: impl FnOnce() -> T) -> String {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => panic!("should have panicked, gave {value:?}"),
        Err(payload) => text_of(&*payload),
    }
}

/// The text in the payload of a panic.
pub fn text_of(payload: &(dyn std::any::Any + Send)) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text.to_string(),
        (_, Some(text)) => text.clone(),
        _ => "a panic without text".to_string(),
    }
}

/// Counts how many of its clones are alive; each stands for something that must be dropped.
#[derive(Clone, Default)]
pub struct Census(Arc<()>);

impl Census {
    /// How many clones there are beside this one.
    pub fn alive(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

/// Runs a closure when dropped.
pub struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> OnDrop<F> {
    /// `action` runs when the value is dropped.
    pub fn new(action: F) -> OnDrop<F> {
        OnDrop(Some(action))
    }
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(action) = self.0.take() {
            action();
        }
    }
}

/// A waker that counts.
#[derive(Default)]
pub struct CountingWaker(pub AtomicUsize);

impl CountingWaker {
    /// How often it was woken.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker whose wake panics.
pub struct PanickingWaker;

impl Wake for PanickingWaker {
    fn wake(self: Arc<Self>) {
        panic!("a waker that panics");
    }
}

/// A future that runs a closure at each poll.
pub struct PollFn<F>(pub F);

impl<T, F: FnMut(&mut Context<'_>) -> Poll<T> + Unpin> Future for PollFn<F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        (self.0)(cx)
    }
}

/// A future that is never done, and holds `value` until it is dropped.
pub async fn forever<T>(value: T) {
    let _value = value;
    std::future::pending::<()>().await;
}

/// A place where a task can be held, and that tells when it has come there.
///
/// `block` holds the thread as well: it is how a test makes a worker busy for exactly as long as it
/// wants.
#[derive(Clone, Default)]
pub struct Gate(Arc<(std::sync::Mutex<GateState>, std::sync::Condvar)>);

#[derive(Default)]
struct GateState {
    arrived: usize,
    open: bool,
}

impl Gate {
    /// Blocks the calling thread until [`open`](Gate::open).
    #[track_caller]
    pub fn block(&self) {
        let mut state = self.0.0.lock().unwrap();
        state.arrived += 1;
        self.0.1.notify_all();
        let start = Instant::now();
        while !state.open {
            assert!(start.elapsed() < patience(), "nobody opens the gate");
            state = self.0.1.wait_timeout(state, patience()).unwrap().0;
        }
    }

    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.0.0.lock().unwrap().open = true;
        self.0.1.notify_all();
    }

    /// Whether everybody is let through.
    pub fn is_open(&self) -> bool {
        self.0.0.lock().unwrap().open
    }

    /// Waits until `count` threads have come to the gate.
    #[track_caller]
    pub fn wait_for(&self, count: usize) {
        let mut state = self.0.0.lock().unwrap();
        let start = Instant::now();
        while state.arrived < count {
            assert!(start.elapsed() < patience(), "{} of {count} came", state.arrived);
            state = self.0.1.wait_timeout(state, patience()).unwrap().0;
        }
    }

    /// How many have come.
    pub fn arrived(&self) -> usize {
        self.0.0.lock().unwrap().arrived
    }
}

/// Small random numbers from a seed, so that a failing run can be repeated.
pub struct Seeded(u64);

impl Seeded {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Seeded {
        Seeded(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// Whether the test runs in the process that [`isolated`] started for it.
const ISOLATED: &str = "RUNTIME_TEST_ISOLATED";

/// Runs `body` in a process of its own: the test executable again, with this one test.
///
/// `test` is the test's path within the executable. The process's output is shown when it fails.
#[track_caller]
pub fn isolated(test: &str, body: impl FnOnce()) {
    isolated_with(test, &[], body);
}

/// [`isolated`] with variables added to the environment.
#[track_caller]
pub fn isolated_with(test: &str, variables: &[(&str, &str)], body: impl FnOnce()) {
    if std::env::var(ISOLATED).is_ok_and(|name| name == test) {
        return body();
    }
    let output = again(test, test)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map(|child| process::output_within(child, 4 * PATIENCE))
        .expect("the test executable can be started again");
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{test} alone: {}\n{out}\n{err}", output.status);
    assert!(out.contains("1 passed"), "no test is called {test:?}:\n{out}");
}

/// A command that runs `test` of this executable again, in the given role.
pub fn again(test: &str, role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(ISOLATED, role);
    command
}

/// The role that this process was started in by [`again`], if it was.
pub fn role() -> Option<String> {
    std::env::var(ISOLATED).ok()
}

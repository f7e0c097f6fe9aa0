//! The runtime itself: what owns the threads, and how it ends.
//!
//! # Shutdown, in order
//!
//! 0. Only by [`Runtime::shutdown`]: all tasks are told to end, and run on for the grace period.
//! 1. The scheduler closes: tasks spawned from now on are cancelled at once.
//! 2. The workers finish the poll they are in and leave; the last one drops every future that is
//!    left. The pinned threads do the same, each for its own tasks.
//! 3. The driver and the timers are shut down: operations that are still polled elsewhere return an
//!    error.
//! 4. The blocking pool takes no more jobs, drops those for which no thread is free and waits for
//!    the others.
//! 5. The monitor and the reporter end.
//!
//! A plain drop waits for 2 and 4 without limit, and reports every 5 seconds what it waits for. It
//! waits at most 5 seconds for the reporter: a hook that does not return, or a stderr that is not
//! read, must not keep a program from ending. [`Runtime::shutdown`] and
//! [`Runtime::shutdown_timeout`] wait up to a limit and report what is left.
//! [`Runtime::shutdown_background`] does not wait. What has not ended then goes on in the
//! background and ends by itself.
//!
//! # From inside
//!
//! The thread that ends its runtime may be one of those that step 2 waits for: a worker whose task
//! is in `block_in_place`, or a thread in its start hook. It waits for all others. Then it does
//! what the last worker would have done, except for its own task, and goes on with the list. Its
//! task runs to the end of its poll, inside a runtime that is shut down, and is dropped. Then the
//! thread leaves, and after it the monitor; nothing waits for them. On a thread of the blocking
//! pool, step 4 waits for the other jobs ([`Caller`]).

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::task::Poll;
use std::thread::{self, JoinHandle as Thread};
use std::time::{Duration, Instant};

use super::context::{self, EnterGuard};
use super::handle::Handle;
use super::insight::{Insight, attach};
use super::metrics::RuntimeMetrics;
use super::scheduler::Scheduler;
use super::shutdown::{Left, SAY_WITHIN, ShutdownReport, Unfinished};
use super::stall::{LAST_WORDS, Reporter};
use super::starter::Starter;
use super::this_thread::{self, Service};
use super::thread_plan::Body;
use crate::engine::blocking::Remaining;
use crate::engine::clock::NEVER;
use crate::engine::large::{FullSize, large_on_heap};
use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicBool, Ordering};
use crate::engine::process_wide::signal_mask::{deafly, is_deaf};
use crate::engine::scheduler::NAP;
use crate::engine::task::{Census, Id, JoinHandle, PollOwner};
use crate::engine::task_id::current_id;
use crate::engine::timer::{Place, Registration};
use crate::engine::trace::span::of_root;
use crate::engine::wake_list::WakeList;
use crate::engine::{entered, messages, say};

/// The time between two reports of a drop that waits.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// How long [`Runtime::shutdown`] waits at least for running polls and jobs after the stop.
const SETTLE: Duration = Duration::from_millis(100);

/// Runs tasks, and has what they need: worker threads, sockets, timers, and threads for blocking
/// jobs.
///
/// Most programs let [`#[runtime::main]`](crate::main) make it. [The module's
/// page](crate::runtime#which-flavour) says which flavour to choose.
///
/// # How it ends
///
/// | by | tasks are told, and go on for | waits | what has not stopped then |
/// |---|---|---|---|
/// | dropping it | not at all | for running polls and blocking jobs, without limit | nothing; every 5 s a line on stderr says what it waits for |
/// | [`shutdown(grace)`](Runtime::shutdown) | up to `grace` | for what is left of `grace`, 100 ms at least | is in the [`ShutdownReport`] |
/// | [`shutdown_timeout(limit)`](Runtime::shutdown_timeout) | not at all | up to `limit` | is named on stderr |
/// | [`shutdown_background()`](Runtime::shutdown_background) | not at all | not at all | is not named |
///
/// The order is always the same:
///
/// 1. No new task is accepted: a task that is spawned now is cancelled.
/// 2. Each worker finishes its current poll. Every other task is dropped at its `.await`, and its
///    destructors run.
/// 3. Sockets and timers stop. Code that still uses them elsewhere gets an error.
/// 4. It waits for running blocking jobs. Jobs that have no thread, since all are busy, are
///    dropped.
/// 5. The threads end. It waits at most 5 seconds for a hook that does not return, or for a stderr
///    that is not read.
///
/// Nothing can be stopped by force: a poll or a blocking job that does not return keeps its thread.
/// With a limit the runtime stops waiting, and reports what is left: a task by its id, its name and
/// its spawn location.
///
/// For a server use `shutdown`: tasks that listen to
/// [`Scope::cancelled`](crate::task::ScopeHandle::cancelled) finish their work. For a group of
/// tasks inside a program that goes on, use a [`Scope`](crate::task::Scope).
///
/// # Panics
///
/// Dropping it inside async code panics, after everything has been told to stop. `block_in_place`
/// makes it possible: the task that drops its own runtime there is not waited for. All other tasks
/// have ended when the drop returns; that task is dropped at the end of its poll.
///
/// # Examples
///
/// ```
/// let runtime = runtime::Runtime::new()?;
/// let answer = runtime.block_on(async { runtime.spawn(async { 42 }).await.unwrap() });
/// assert_eq!(answer, 42);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Runtime {
    handle: Handle,
    threads: Arc<Threads>,
    shut_down: AtomicBool,
    /// Last: one can look in until all has ended.
    _attached: attach::Attached,
}

/// The threads that run tasks, and the helpers of these threads, without the pinned ones.
pub(super) struct Threads {
    workers: Mutex<Vec<Thread<()>>>,
    monitor: Mutex<Option<Thread<()>>>,
    pub(super) starter: Starter,
    pub(super) reporter: Arc<Reporter>,
}

impl Threads {
    pub(super) fn new(starter: Starter, reporter: Arc<Reporter>) -> Threads {
        let (workers, monitor) = (Mutex::new(Vec::new()), Mutex::new(None));
        Threads { workers, monitor, starter, reporter }
    }

    pub(super) fn add(&self, thread: Thread<()>) {
        let mut threads = self.workers.lock();
        // Spares come and go, so the handles of ended ones are removed.
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
    }

    /// Starts the monitor's thread. It takes no signals. It hands work to the reporter, which
    /// therefore closes after it.
    pub(super) fn start_monitor(&self, watch: Body) -> io::Result<()> {
        let reporter = Arc::clone(&self.reporter);
        let monitor = thread::Builder::new().name("runtime-monitor".to_owned());
        let body = move || {
            is_deaf();
            or_abort(messages::MONITOR_PANICKED, watch);
            reporter.close();
        };
        let thread = deafly(|| monitor.spawn(body))?;
        *self.monitor.lock() = Some(thread);
        Ok(())
    }

    /// Joins the threads, which have left the scheduler already. If the caller is one of them, the
    /// monitor watches it until it leaves, and is not joined.
    fn join(&self, caller_serves: bool) {
        // Joined first, since it starts workers.
        let mut stuck = self.starter.join(Instant::now() + LAST_WORDS);
        loop {
            let Some(thread) = self.workers.lock().pop() else { break };
            end(thread);
        }
        let monitor = self.monitor.lock().take().filter(|_| !caller_serves);
        match monitor {
            Some(monitor) => end(monitor),
            None => self.reporter.close(),
        }
        stuck.extend(self.reporter.join(Instant::now() + LAST_WORDS));
        if !stuck.is_empty() {
            say::line_within(messages::threads_left_behind(&stuck, LAST_WORDS), SAY_WITHIN);
        }
    }

    /// Ends the threads that are no workers. Does not wait for them. A monitor, if there is one or
    /// just is being started, closes the reporter.
    fn close(&self, has_monitor: bool) {
        self.starter.close();
        if !has_monitor {
            self.reporter.close();
        }
    }

    fn has_monitor(&self) -> bool {
        self.monitor.lock().is_some()
    }
}

/// Joins a thread, unless it is this one.
fn end(thread: Thread<()>) {
    if thread.thread().id() != thread::current().id() {
        let _ = thread.join();
    }
}

/// Runs `body`, and aborts the process if it panics. The monitor calls no user code, so its panic
/// is a bug of the runtime. Without a monitor a task that blocks would silently stop the others.
fn or_abort(what: &'static str, body: impl FnOnce()) {
    struct Abort(&'static str);
    impl Drop for Abort {
        fn drop(&mut self) {
            if thread::panicking() {
                say::line_within(self.0.to_owned(), SAY_WITHIN);
                std::process::abort();
            }
        }
    }
    let _abort = Abort(what);
    body();
}

impl Runtime {
    pub(super) fn assemble(handle: Handle, threads: Arc<Threads>, insight: &Insight) -> Runtime {
        let _attached = attach::open(&handle, insight);
        Runtime { handle, threads, shut_down: AtomicBool::new(false), _attached }
    }

    /// A handle to the runtime, which can be cloned and sent to other threads.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Runtime::new()?;
    /// let handle = runtime.handle().clone();
    /// let thread = std::thread::spawn(move || handle.block_on(async { 1 }));
    /// assert_eq!(thread.join().unwrap(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Spawns a task. See [`runtime::spawn`](crate::spawn).
    ///
    /// # Examples
    ///
    /// See [`Runtime`].
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// Runs a closure on the blocking pool. See [`runtime::spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Examples
    ///
    /// See [`new`](Self::new).
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, closure: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.handle.spawn_blocking(closure)
    }

    /// Runs a future to completion on this thread. Tasks that it spawned and did not wait for go on
    /// in the background; on the `current_thread` flavour they wait for the next call.
    ///
    /// # Panics
    ///
    /// Inside async code, and if the future panics.
    ///
    /// # Examples
    ///
    /// See [`Runtime`].
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let (size, location) = (FullSize::of::<F>(), Location::caller());
        large_on_heap!(future: F => self.block_on_sized(future, size, location))
    }

    #[track_caller]
    fn block_on_sized<F: Future>(
        &self,
        future: F,
        size: FullSize,
        location: &'static Location<'static>,
    ) -> F::Output {
        self.handle.assert_not_forked();
        let _inside = entered::enter();
        let _current = context::enter(self.handle.clone());
        let _seeded = self.handle.seeded();
        let future = self.handle.observe_root(of_root(future, size, location), location);
        if self.handle.panics().guards_roots() {
            return self.run(self.handle.panics().guard(future));
        }
        self.run(future)
    }

    fn run<F: Future>(&self, future: F) -> F::Output {
        match self.handle.scheduler() {
            Scheduler::MultiThread(_) => self.handle.run_root(future),
            Scheduler::CurrentThread(shared) => shared.block_on(future),
        }
    }

    /// Makes this the current runtime of the thread. See [`Handle::enter`].
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::time::{Duration, sleep};
    ///
    /// let runtime = runtime::Runtime::new()?;
    /// let nap = {
    ///     let _guard = runtime.enter();
    ///     sleep(Duration::from_millis(1)) // a timer of this runtime
    /// };
    /// runtime.block_on(nap);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// Numbers about the runtime as it runs.
    ///
    /// # Examples
    ///
    /// See [`new`](Self::new).
    pub fn metrics(&self) -> RuntimeMetrics {
        self.handle.metrics()
    }

    /// Shuts down gracefully: tells every task to end, gives them `grace` to do so, drops those
    /// that have not, and returns which those were.
    ///
    /// Tasks that listen to [`Scope::cancelled`](crate::task::ScopeHandle::cancelled), in any
    /// scope, are told. All tasks go on until they have ended or the grace is over. The rest of the
    /// grace is for blocking jobs that have started. It is measured by the runtime's clock, also if
    /// that is paused. After it, this waits another 100 ms for running polls, destructors and jobs.
    ///
    /// # Panics
    ///
    /// Inside async code.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use runtime::task::Scope;
    ///
    /// let runtime = runtime::Runtime::new()?;
    /// runtime.spawn(async {
    ///     Scope::current().cancelled().await;
    ///     println!("in good order");
    /// });
    /// let deaf = runtime.spawn(std::future::pending::<()>());
    ///
    /// let report = runtime.shutdown(Duration::from_millis(50));
    /// assert_eq!(report.tasks().len(), 1);
    /// assert_eq!(report.tasks()[0].id(), Some(deaf.id()));
    /// eprintln!("{report}");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn shutdown(self, grace: Duration) -> ShutdownReport {
        entered::deny_blocking();
        if self.handle.is_in_parent() {
            return ShutdownReport::default();
        }
        let begun = Instant::now();
        self.handle.root().cancel();
        let caller = Caller::of(&self.handle);
        self.drain(grace, &caller);
        let mut alive = Vec::new();
        self.handle.each_list(|tasks| alive.extend(tasks.list()));
        let alive = alive.into_iter().filter(|&(id, _)| Some(id) != caller.task);
        let alive = alive.map(|(id, location)| Unfinished::new(Some(id), Some(location))).collect();
        let left = self.end(Some(grace.saturating_sub(begun.elapsed()).max(SETTLE)));
        ShutdownReport::new(&self.handle, alive, left)
    }

    /// Runs until no task is alive but the caller's, or `grace` is over.
    fn drain(&self, grace: Duration, caller: &Caller) {
        let _inside = entered::enter();
        let _current = context::enter(self.handle.clone());
        let shard = self.handle.shards().outside();
        let nanos = u64::try_from(grace.as_nanos()).unwrap_or(NEVER);
        let deadline = shard.clock().now().saturating_add(nanos);
        let mut timer = Registration::new(Arc::clone(shard), deadline);
        let own = usize::from(caller.task.is_some());
        self.run(poll_fn(|cx| {
            let count = || {
                let mut sum = Census::default();
                self.handle.each_list(|tasks| {
                    let one = tasks.census(own, cx.waker());
                    sum.alive += one.alive;
                    sum.spawned += one.spawned;
                });
                sum
            };
            let first = count();
            if first.alive <= own && count().spawned == first.spawned {
                return Poll::Ready(());
            }
            timer.poll(cx.waker(), false, |_| Place::Foreign)
        }));
        self.handle.each_list(|tasks| tasks.unwatch());
    }

    /// Shuts down, waiting for at most `duration` for polls and blocking jobs. Those that have not
    /// returned by then are named on stderr. Tasks are dropped at their `.await`, without being
    /// told; see [`shutdown`](Runtime::shutdown).
    ///
    /// # Panics
    ///
    /// Inside async code, if `duration` is not zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = runtime::Runtime::new()?;
    /// runtime.spawn_blocking(|| std::thread::sleep(Duration::from_millis(5)));
    /// // Waits for the job, which takes less than a second.
    /// runtime.shutdown_timeout(Duration::from_secs(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn shutdown_timeout(self, duration: Duration) {
        if duration.is_zero() {
            return self.shutdown_background();
        }
        entered::deny_blocking();
        let left = self.end(Some(duration));
        ShutdownReport::new(&self.handle, Vec::new(), left).say();
    }

    /// Shuts down without waiting for anything. May be called anywhere.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Runtime::new()?;
    /// let owner = runtime.handle().clone();
    /// owner.block_on(async move {
    ///     // A drop would wait, which async code must not. This does not.
    ///     runtime.shutdown_background();
    /// });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown_background(self) {
        let _left = self.end(Some(Duration::ZERO));
    }

    /// Does the steps that are listed at the head of this file.
    fn end(&self, limit: Option<Duration>) -> Left {
        let mut left_behind = Left::default();
        if self.shut_down.swap(true, Ordering::Relaxed) {
            return left_behind;
        }
        if self.handle.is_in_parent() {
            // A forked child: the runtime's threads are not here, its locks may be taken for ever,
            // and its epoll is the parent's. Its memory is leaked.
            std::mem::forget(self.handle.clone());
            return left_behind;
        }
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let left = || deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let caller = Caller::of(&self.handle);
        self.handle.pinned().close();
        match self.handle.scheduler() {
            Scheduler::MultiThread(pool) => {
                let is_unwatched = pool.begin_close();
                let running = || caller.others(pool.busy_with());
                let own = caller.is(Service::Worker);
                if is_unwatched {
                    if left().is_none_or(|left| left > NAP) {
                        let _ = pool.wait_closed(Some(NAP), own);
                    }
                    pool.watch_end();
                }
                let have_left = match left() {
                    Some(left) => pool.wait_closed(Some(left), own),
                    None => {
                        while !pool.wait_closed(Some(SAY_EVERY), own) {
                            say::line_within(messages::waiting_for_workers(&running()), SAY_WITHIN);
                        }
                        true
                    }
                };
                if !have_left {
                    left_behind.running = running();
                    left_behind.threads = pool.threads().saturating_sub(own);
                } else if own > 0 && limit != Some(Duration::ZERO) {
                    let _inside = entered::enter();
                    let _current = context::enter(self.handle.clone());
                    pool.cancel_others();
                }
            }
            Scheduler::CurrentThread(shared) => {
                let _current = context::enter(self.handle.clone());
                shared.close();
            }
        }
        self.wait_for_pinned(&left, &caller, &mut left_behind);
        self.handle.driver().shutdown();
        for shard in self.handle.shards().all() {
            let mut ready = WakeList::new();
            shard.close(&mut ready);
            ready.wake_all();
        }
        // Stand-ins have left, or are counted among the workers.
        let jobs = self.handle.blocking_pool().shutdown(left(), |remaining: &Remaining| {
            let remaining = remaining.clone().of_somebody();
            let jobs: Vec<_> = remaining.jobs.iter().map(Unfinished::job).collect();
            say::line_within(messages::waiting_for_jobs(remaining.threads, &jobs), SAY_WITHIN);
        });
        left_behind.jobs = jobs.of_somebody();
        self.threads.close(match self.handle.scheduler() {
            Scheduler::MultiThread(pool) => !pool.had_no_monitor(),
            Scheduler::CurrentThread(_) => self.threads.has_monitor(),
        });
        if limit.is_none() {
            self.handle.pinned().join();
            self.threads.join(caller.service.is_some());
        }
        left_behind
    }
}

impl Runtime {
    /// Waits for the pinned threads; without a limit it reports what it waits for.
    fn wait_for_pinned(
        &self,
        left: &dyn Fn() -> Option<Duration>,
        caller: &Caller,
        left_behind: &mut Left,
    ) {
        let pinned = self.handle.pinned();
        let running = || caller.others(pinned.busy_with());
        let own = caller.is(Service::Pinned);
        if let Some(left) = left() {
            if !pinned.wait_closed(left, own) {
                left_behind.running.extend(running());
                left_behind.threads += pinned.running().saturating_sub(own);
            }
            return;
        }
        while !pinned.wait_closed(SAY_EVERY, own) {
            say::line_within(messages::waiting_for_workers(&running()), SAY_WITHIN);
        }
    }
}

/// The thread that ends a runtime, which does not wait for itself.
struct Caller {
    /// What the thread does for that runtime.
    service: Option<Service>,
    /// The task of that runtime that the thread runs.
    task: Option<Id>,
}

impl Caller {
    fn of(runtime: &Handle) -> Caller {
        // In async code there is no wait at all.
        let service = this_thread::service(runtime.id()).filter(|_| !entered::is_inside());
        Caller { service, task: current_id().filter(|_| service.is_some()) }
    }

    /// 1 if the thread does this, else 0.
    fn is(&self, service: Service) -> usize {
        usize::from(self.service == Some(service))
    }

    /// The running tasks without the caller's own.
    fn others(&self, busy_with: Vec<PollOwner>) -> Vec<Unfinished> {
        let own = self.task.map_or(0, Id::as_u64);
        let others = busy_with.into_iter().filter(|whose| own == 0 || whose.id != own);
        others.map(Unfinished::running).collect()
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if *self.shut_down.get_mut() {
            return;
        }
        let in_async = entered::is_inside();
        let _left = self.end(if in_async { Some(Duration::ZERO) } else { None });
        if in_async && !thread::panicking() {
            // The payload is a plain `&str`, which programs look at.
            std::panic::panic_any(messages::DROPPED_IN_ASYNC);
        }
    }
}

/// Whether an I/O error says that the runtime of a socket, pipe or timer has been shut down.
///
/// # Examples
///
/// ```
/// use runtime::net::TcpListener;
/// use runtime::runtime::{Runtime, is_rt_shutdown_err};
///
/// let first = Runtime::new()?;
/// let listener = first.block_on(TcpListener::bind("127.0.0.1:0"))?;
/// drop(first);
/// let error = Runtime::new()?.block_on(listener.accept()).unwrap_err();
/// assert!(is_rt_shutdown_err(&error));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn is_rt_shutdown_err(error: &io::Error) -> bool {
    messages::is_shut_down(error)
}

// As `Handle`.
impl std::panic::UnwindSafe for Runtime {}
impl std::panic::RefUnwindSafe for Runtime {}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("handle", &self.handle).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs in a process of its own, which ends by it.
    #[test]
    fn a_monitor_that_panics_ends_the_process_and_says_so() {
        const CHILD: &str = "RUNTIME_TEST_ABORTS";
        if std::env::var_os(CHILD).is_some() {
            let threads = Threads::new(Starter::new(1), Arc::new(Reporter::silent()));
            threads.start_monitor(Box::new(|| panic!("a bug"))).unwrap();
            threads.join(false);
            return;
        }
        let test = "runtime::runtime::tests::a_monitor_that_panics_ends_the_process_and_says_so";
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
        assert_eq!(signal, Some(libc::SIGABRT), "{text}");
        assert!(text.contains("a bug") && text.contains(messages::MONITOR_PANICKED), "{text}");
    }
}

//! The runtime itself: what owns the threads, and how it ends.
//!
//! # Shutdown, in order
//!
//! 1. The scheduler closes: tasks spawned from now on are cancelled at once.
//! 2. The workers finish the poll they are in and leave; the last one drops every future that is left.
//!    The pinned threads do the same, each for its own tasks.
//! 3. The driver and the timers are shut: operations that are still polled elsewhere give an error.
//! 4. The blocking pool takes no more jobs, drops those that wait and waits for those that run.
//! 5. The guardian and the reporter end.
//!
//! A plain drop waits for 2 and 4 without limit, and says every 5 seconds for what.
//! [`Runtime::shutdown_timeout`] waits up to a limit, [`Runtime::shutdown_background`] not at all; what
//! has not ended then goes on in the background and ends by itself.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle as Thread};
use std::time::{Duration, Instant};

use super::Builder;
use super::context;
use super::handle::{EnterGuard, Handle, Scheduler};
use super::metrics::RuntimeMetrics;
use super::stall::Reporter;
use crate::engine::blocking::Remaining;
use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicBool, Ordering};
use crate::engine::task::JoinHandle;
use crate::engine::wake_list::WakeList;
use crate::engine::{entered, text};

/// How often a drop that waits says so.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// An executor, a reactor, timers and a pool for blocking work, all running.
///
/// Most programs let [`#[runtime::main]`](crate::main) make it. Dropping it shuts it down: it waits for
/// the poll that each worker is in and for blocking jobs that have started; every other task is
/// dropped where it stands.
///
/// # Panics
///
/// Dropping it inside async code panics, after everything has been told to stop.
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
    guardian: Mutex<Option<Thread<()>>>,
    reporter: Arc<Reporter>,
    shut_down: AtomicBool,
}

/// The workers' threads.
#[derive(Debug, Default)]
pub(super) struct Threads(Mutex<Vec<Thread<()>>>);

impl Threads {
    pub(super) fn add(&self, thread: Thread<()>) {
        let mut threads = self.0.lock();
        // Spares come and go: their handles must not pile up.
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
    }

    /// Waits for the threads' very end; they have left the scheduler already.
    fn join(&self) {
        loop {
            let Some(thread) = self.0.lock().pop() else { return };
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl Runtime {
    pub(super) fn assemble(
        handle: Handle,
        threads: Arc<Threads>,
        reporter: Arc<Reporter>,
    ) -> Runtime {
        Runtime {
            handle,
            threads,
            guardian: Mutex::new(None),
            reporter,
            shut_down: AtomicBool::new(false),
        }
    }

    /// Starts the thread that watches the others.
    pub(super) fn start_guardian(&self, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = thread::Builder::new().name("runtime-guardian".to_owned()).spawn(body)?;
        *self.guardian.lock() = Some(thread);
        Ok(())
    }

    /// A multi-thread runtime with every default, I/O and timers enabled.
    ///
    /// # Errors
    ///
    /// When the system gives no thread or no file descriptor for it.
    pub fn new() -> io::Result<Runtime> {
        Builder::new_multi_thread().enable_all().build()
    }

    /// A handle to the runtime, which can be cloned and sent to other threads.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Spawns a task. See [`runtime::spawn`](crate::spawn).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// Runs a closure on the blocking pool. See [`runtime::spawn_blocking`](crate::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, closure: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.handle.spawn_blocking(closure)
    }

    /// Runs a future on this thread to its end. Tasks that it spawned and did not wait for go on in the
    /// background, and on the `current_thread` flavour wait for the next call.
    ///
    /// # Panics
    ///
    /// Inside async code, and if the future panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.handle.assert_not_forked();
        let _inside = entered::enter();
        let _current = context::enter(self.handle.clone());
        let _seeded = self.handle.seeded();
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
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// Numbers about the runtime as it runs.
    pub fn metrics(&self) -> RuntimeMetrics {
        self.handle.metrics()
    }

    /// Shuts down, waiting for at most `duration` for polls and blocking jobs that have started.
    ///
    /// # Panics
    ///
    /// Inside async code, if `duration` is not zero.
    #[track_caller]
    pub fn shutdown_timeout(self, duration: Duration) {
        if !duration.is_zero() {
            entered::deny_blocking();
        }
        self.shutdown(Some(duration));
    }

    /// Shuts down without waiting for anything. May be called anywhere.
    pub fn shutdown_background(self) {
        self.shutdown(Some(Duration::ZERO));
    }

    /// See the list at the head of this file.
    fn shutdown(&self, limit: Option<Duration>) {
        if self.shut_down.swap(true, Ordering::Relaxed) {
            return;
        }
        if self.handle.is_in_parent() {
            // A child: no thread of it is here, its locks may be taken for ever, and its poll is
            // the parent's. What memory it has is left alone.
            std::mem::forget(self.handle.clone());
            return;
        }
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let left = || deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let mut all_left = true;
        self.handle.pinned().close();
        match self.handle.scheduler() {
            Scheduler::MultiThread(pool) => {
                pool.close();
                all_left = match left() {
                    Some(left) => pool.wait_closed(Some(left)),
                    None => {
                        while !pool.wait_closed(Some(SAY_EVERY)) {
                            eprintln!("{}", text::waiting_for_workers(&pool.busy_with()));
                        }
                        true
                    }
                };
            }
            Scheduler::CurrentThread(shared) => {
                let _current = context::try_enter(self.handle.clone());
                shared.close();
            }
        }
        all_left &= self.wait_for_pinned(&left);
        self.handle.driver().shutdown();
        for shard in self.handle.shards().all() {
            let mut ready = WakeList::new();
            shard.close(&mut ready);
            ready.wake_all();
        }
        self.handle.blocking_pool().shutdown(left(), |remaining: &Remaining| {
            let jobs: Vec<_> = remaining.jobs.iter().filter_map(|job| job.spawned_at).collect();
            eprintln!("{}", text::waiting_for_jobs(remaining.threads, &jobs));
        });
        self.reporter.close();
        if all_left && limit.is_none() {
            self.threads.join();
            self.handle.pinned().join();
            if let Some(guardian) = self.guardian.lock().take() {
                let _ = guardian.join();
            }
            self.reporter.join();
        }
    }
}

impl Runtime {
    /// Waits for the pinned threads; without a limit it says for what.
    fn wait_for_pinned(&self, left: &dyn Fn() -> Option<Duration>) -> bool {
        let pinned = self.handle.pinned();
        if let Some(left) = left() {
            return pinned.wait_closed(left);
        }
        while !pinned.wait_closed(SAY_EVERY) {
            let mut busy_with = Vec::new();
            pinned.each(|thread| busy_with.extend(thread.bound().busy_with()));
            eprintln!("{}", text::waiting_for_workers(&busy_with));
        }
        true
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if *self.shut_down.get_mut() {
            return;
        }
        let in_async = entered::is_inside();
        self.shutdown(if in_async { Some(Duration::ZERO) } else { None });
        if in_async && !thread::panicking() {
            // The payload is a plain `&str`, which programs look at.
            std::panic::panic_any(text::DROPPED_IN_ASYNC);
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
    text::is_shut_down(error)
}

// As `Handle`.
impl std::panic::UnwindSafe for Runtime {}
impl std::panic::RefUnwindSafe for Runtime {}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("handle", &self.handle).finish_non_exhaustive()
    }
}

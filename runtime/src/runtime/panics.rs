//! What a runtime does about tasks that panic.
//!
//! A panic that a [`JoinHandle`](crate::task::JoinHandle) can show belongs to the handle's owner. A
//! panic that no handle can show any more comes here, from the thread that noticed it: the one that
//! polled the task, or the one that dropped the handle later.
//!
//! Under [`UnhandledPanic::ShutdownRuntime`] each panic of a task ends the runtime. That must wake
//! the futures in `block_on`, wherever they wait: each is wrapped so that it leaves its waker here
//! ([`Panics::guard`]). Under the other policies nothing is wrapped.

use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::pin;
use std::sync::{Arc, OnceLock, Weak};

use crate::engine::catch_panic::{catch_panic, forget_panic};
use crate::engine::insight::Recorder;
use crate::engine::insight::recorder::{Kind, subject_of};
use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicBool, Ordering};
use crate::engine::task::{Id, PanicSink, UnseenPanic, message};
use crate::engine::waker_cell::WakerCell;
use crate::engine::{messages, say};

use super::trace_files::TraceFiles;

/// What a runtime does when a spawned task panics.
///
/// See [`Builder::unhandled_panic`](crate::Builder::unhandled_panic).
///
/// # Examples
///
/// See [`Builder::unhandled_panic`](crate::Builder::unhandled_panic).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnhandledPanic {
    /// A panic that no handle can show is reported, once: to the function given to
    /// [`on_unhandled_panic`](crate::Builder::on_unhandled_panic), or as a line on stderr. The
    /// default.
    #[default]
    Report,
    /// As `Report`, without the line on stderr: only the panic hook of the process shows it.
    Ignore,
    /// Each panic of a spawned task stops the runtime, whether or not a handle shows it: all tasks
    /// are dropped, those spawned later are cancelled at once, and `block_on` panics, now and
    /// later. Jobs of `spawn_blocking` do not count as tasks here.
    ShutdownRuntime,
    /// A panic that no handle can show is reported, and the process aborts.
    Abort,
}

/// A panic of a task whose [`JoinHandle`](crate::task::JoinHandle) was dropped before it yielded
/// the panic.
///
/// Given to [`Builder::on_unhandled_panic`](crate::Builder::on_unhandled_panic).
///
/// # Examples
///
/// ```
/// let runtime = runtime::Builder::new_multi_thread()
///     .on_unhandled_panic(|report| {
///         eprintln!("{} ({:?}) has panicked", report.task_id(), report.name());
///         eprintln!("spawned at {}", report.spawn_location());
///         eprintln!("{}", report.message().unwrap_or("without words"));
///         if report.payload().is::<std::io::Error>() {
///             eprintln!("with an I/O error");
///         }
///     })
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PanicReport {
    panic: UnseenPanic,
}

impl PanicReport {
    /// The id of the task.
    ///
    /// # Examples
    ///
    /// See [`PanicReport`].
    pub fn task_id(&self) -> Id {
        self.panic.id
    }

    /// The name of the task, if it was given one.
    ///
    /// # Examples
    ///
    /// See [`PanicReport`].
    pub fn name(&self) -> Option<&str> {
        self.panic.name.as_deref()
    }

    /// Where the task was spawned.
    ///
    /// # Examples
    ///
    /// See [`PanicReport`].
    pub fn spawn_location(&self) -> &'static Location<'static> {
        self.panic.location
    }

    /// The panic message, if the payload is a string.
    ///
    /// # Examples
    ///
    /// See [`PanicReport`].
    pub fn message(&self) -> Option<&str> {
        message(self.payload())
    }

    /// What the task panicked with.
    ///
    /// # Examples
    ///
    /// See [`PanicReport`].
    pub fn payload(&self) -> &(dyn Any + Send) {
        &*self.panic.payload
    }
}

impl fmt::Display for PanicReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.task_id())?;
        if let Some(name) = self.name() {
            write!(f, " {name:?}")?;
        }
        write!(f, " spawned at {} panicked", self.spawn_location())?;
        // Only one line, since the panic hook has shown all of it.
        match self.message().and_then(|message| message.lines().next()) {
            Some(line) => write!(f, " with {line:?}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for PanicReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PanicReport")
            .field("task_id", &self.task_id())
            .field("name", &self.name())
            .field("spawn_location", &self.spawn_location())
            .field("message", &self.message())
            .finish_non_exhaustive()
    }
}

/// A function that is told of panics.
pub(super) type OnPanic = Arc<dyn Fn(&PanicReport) + Send + Sync>;

/// A runtime that a panic can end.
pub(crate) trait Stops: Send + Sync + 'static {
    /// Refuses new tasks, and drops those that exist.
    fn stop(&self);
}

/// The policy of the runtime `R`.
pub(crate) struct Panics<R> {
    policy: UnhandledPanic,
    hook: Option<OnPanic>,
    /// The name of the runtime.
    name: Option<String>,
    /// The runtime to stop, whichever part of it the task was in.
    runtime: Arc<OnceLock<Weak<R>>>,
    ended: AtomicBool,
    /// The wakers of futures in `block_on`, under `ShutdownRuntime`.
    roots: Mutex<Vec<Arc<WakerCell>>>,
    recorder: Option<Arc<Recorder>>,
    traces: Option<Arc<TraceFiles>>,
}

impl<R> Panics<R> {
    pub(super) fn new(
        policy: UnhandledPanic,
        hook: Option<OnPanic>,
        name: Option<String>,
        runtime: Arc<OnceLock<Weak<R>>>,
        (recorder, traces): (Option<Arc<Recorder>>, Option<Arc<TraceFiles>>),
    ) -> Arc<Panics<R>> {
        let (ended, roots) = (AtomicBool::new(false), Mutex::new(Vec::new()));
        Arc::new(Panics { policy, hook, name, runtime, ended, roots, recorder, traces })
    }

    /// The runtime of this policy, if it still exists.
    pub(super) fn runtime(&self) -> Option<Arc<R>> {
        self.runtime.get().and_then(Weak::upgrade)
    }

    /// Whether `block_on` must use [`guard`](Panics::guard).
    pub(super) fn guards_roots(&self) -> bool {
        self.policy == UnhandledPanic::ShutdownRuntime
    }

    /// Runs the future of a `block_on`.
    ///
    /// # Panics
    ///
    /// If a panic has ended the runtime, or does so meanwhile.
    pub(super) async fn guard<F: Future>(&self, future: F) -> F::Output {
        let waker = Arc::new(WakerCell::new());
        self.roots.lock().push(Arc::clone(&waker));
        let _listed = Listed { roots: &self.roots, waker: &waker };
        let mut future = pin!(future);
        poll_fn(|cx| {
            waker.register(cx.waker());
            // No pair: the lock of the cell is between the store and the wake.
            assert!(!self.ended.load(Ordering::Relaxed), "{}", messages::TASK_PANICKED);
            future.as_mut().poll(cx)
        })
        .await
    }

    /// Reports a panic by another policy than the runtime's own.
    pub(crate) fn report(&self, panic: UnseenPanic, policy: UnhandledPanic) {
        report(panic, policy, self.hook.as_ref(), self.name.as_deref());
    }

    /// What the runtime does about panics.
    pub(crate) fn policy(&self) -> UnhandledPanic {
        self.policy
    }
}

struct Listed<'a> {
    roots: &'a Mutex<Vec<Arc<WakerCell>>>,
    waker: &'a Arc<WakerCell>,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.roots.lock().retain(|other| !Arc::ptr_eq(other, self.waker));
    }
}

impl<R: Stops> PanicSink for Panics<R> {
    fn ends_scheduler(&self) -> bool {
        self.policy == UnhandledPanic::ShutdownRuntime
    }

    fn ended(&self) {
        if let Some(runtime) = self.runtime() {
            runtime.stop();
        }
        self.ended.store(true, Ordering::Relaxed);
        let roots = self.roots.lock().clone();
        for root in roots {
            catch_panic(|| root.wake()); // wake: the runtime has ended
        }
    }

    fn panicked(&self, task: Id) {
        if let Some(recorder) = &self.recorder {
            recorder.now(Kind::Panic, subject_of(task), 0);
        }
        if let Some(traces) = &self.traces {
            traces.write("panic");
        }
    }

    fn unseen(&self, panic: UnseenPanic) {
        self.report(panic, self.policy);
    }
}

/// Reports a panic where there is no runtime.
pub(crate) fn report_alone(panic: UnseenPanic, policy: UnhandledPanic) {
    report(panic, policy, None, None);
}

fn report(
    panic: UnseenPanic,
    policy: UnhandledPanic,
    hook: Option<&OnPanic>,
    runtime: Option<&str>,
) {
    let report = PanicReport { panic };
    match hook {
        Some(hook) => catch_panic(|| hook(&report)),
        None if policy == UnhandledPanic::Ignore => {}
        None => say::line(&messages::unseen_panic(runtime, &report)),
    }
    if policy == UnhandledPanic::Abort {
        std::process::abort();
    }
    forget_panic(report.panic.payload);
}

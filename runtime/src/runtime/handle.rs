//! Handles to a runtime.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::thread::ThreadId;
use std::time::Duration;

use super::blocking::BlockingJob;
use super::context::{self, Restore};
use super::metrics::RuntimeMetrics;
use super::panics::Panics;
use super::pinned::Pinned;
use super::stall::Reporter;
use crate::engine::activity::Activity;
use crate::engine::blocking::Pool as BlockingPool;
use crate::engine::clock::Clock;
use crate::engine::driver::Driver;
use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicU64, Ordering};
use crate::engine::process_wide::fork::Birth;
use crate::engine::rng::{FastRand, Seeded};
use crate::engine::scheduler::{CurrentThread, Guardian, Observe, Pool};
use crate::engine::task::scope::{Membership, Node};
use crate::engine::task::{FullSize, Identity, JoinHandle, Owned, large_on_heap, of_root};
use crate::engine::timer::{Shard, Shards};
use crate::engine::wake_list::WakeList;
use crate::engine::{coop, entered, park_on, text};

/// A reference to a [`Runtime`](super::Runtime), to spawn on it and to enter it from other threads.
///
/// A handle does not keep the runtime running: once the [`Runtime`](super::Runtime) is dropped, tasks
/// spawned through a handle are cancelled at once.
///
/// # Examples
///
/// ```
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() {
/// let handle = runtime::Handle::current();
/// let sum = std::thread::spawn(move || handle.block_on(async { 1 + 1 })).join().unwrap();
/// assert_eq!(sum, 2);
/// # }
/// ```
#[derive(Clone)]
pub struct Handle {
    inner: Arc<Inner>,
}

/// What all handles of a runtime share.
pub(super) struct Inner {
    pub(super) scheduler: Scheduler,
    pub(super) root: Node,
    pub(super) blocking: BlockingPool<BlockingJob>,
    pub(super) driver: Arc<Driver>,
    pub(super) io_enabled: bool,
    pub(super) time_enabled: bool,
    pub(super) shards: Arc<Shards>,
    /// What blocking jobs are counted in, so that paused time waits for them.
    pub(super) jobs: Option<Arc<Activity>>,
    /// What everything else is counted in.
    pub(super) activity: Option<Arc<Activity>>,
    pub(super) panics: Arc<Panics>,
    pub(super) pinned: Pinned,
    pub(super) reporter: Arc<Reporter>,
    /// Polls that ran out of budget on threads that blocked on the runtime.
    pub(super) forced_yields: AtomicU64,
    /// Where the buckets of the histogram of poll times begin.
    pub(super) poll_times: Arc<[u64]>,
    pub(super) measures_polls: bool,
    /// Seeds for the threads that block on the runtime, if they were fixed.
    pub(super) seeds: Option<Mutex<FastRand>>,
    /// The thread of a local runtime: its tasks need not be `Send`.
    pub(super) local_to: Option<ThreadId>,
    pub(super) name: Option<String>,
    pub(super) id: RuntimeId,
    pub(super) birth: Birth,
}

/// The flavours.
pub(super) enum Scheduler {
    MultiThread(Arc<Pool>),
    CurrentThread(Arc<CurrentThread>),
}

/// Which scheduler a runtime has.
///
/// # Examples
///
/// See [`Handle::current`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeFlavor {
    /// Everything runs on the thread that calls `block_on`.
    CurrentThread,
    /// Tasks run on several workers, which steal from each other.
    MultiThread,
}

impl Handle {
    pub(super) fn new(inner: Inner) -> Handle {
        Handle { inner: Arc::new(inner) }
    }

    /// Panics, with advice, in a child that was forked.
    #[track_caller]
    pub(crate) fn assert_not_forked(&self) {
        assert!(!self.is_in_parent(), "{}", text::FORKED);
    }

    /// Whether this process was forked from the one that the runtime is in.
    pub(super) fn is_in_parent(&self) -> bool {
        self.inner.birth.is_in_parent()
    }

    pub(super) fn downgrade(&self) -> std::sync::Weak<Inner> {
        Arc::downgrade(&self.inner)
    }

    pub(super) fn upgrade(weak: &std::sync::Weak<Inner>) -> Option<Handle> {
        weak.upgrade().map(|inner| Handle { inner })
    }

    pub(super) fn scheduler(&self) -> &Scheduler {
        &self.inner.scheduler
    }

    pub(super) fn blocking_pool(&self) -> &BlockingPool<BlockingJob> {
        &self.inner.blocking
    }

    /// What blocking jobs are counted in, if paused time is to wait for them.
    pub(super) fn jobs(&self) -> Option<&Arc<Activity>> {
        self.inner.jobs.as_ref()
    }

    pub(crate) fn panics(&self) -> &Arc<Panics> {
        &self.inner.panics
    }

    /// This thread makes the runtime's random choices until the guard is dropped.
    pub(super) fn seeded(&self) -> Option<Seeded> {
        self.inner.seeds.as_ref().map(|seeds| Seeded::new(&seeds.lock()))
    }

    /// Where the buckets of the histogram of poll times begin, and whether it is in use.
    pub(super) fn poll_times(&self) -> (&[u64], bool) {
        (&self.inner.poll_times, self.inner.measures_polls)
    }

    pub(super) fn pinned(&self) -> &Pinned {
        &self.inner.pinned
    }

    /// Stalls that were counted and not reported.
    pub(super) fn reports_left_out(&self) -> u64 {
        self.inner.reporter.left_out()
    }

    /// From now on somebody watches the threads of this runtime, if anybody ever does.
    pub(crate) fn have_watched(&self) {
        if let Scheduler::CurrentThread(shared) = &self.inner.scheduler {
            shared.have_watched();
        }
    }

    pub(super) fn guardian(&self) -> &Guardian {
        match &self.inner.scheduler {
            Scheduler::MultiThread(pool) => pool.guardian(),
            Scheduler::CurrentThread(shared) => shared.guardian(),
        }
    }

    /// In reports the pinned threads come after workers and spares.
    pub(super) fn first_pinned_number(&self) -> usize {
        match &self.inner.scheduler {
            Scheduler::MultiThread(pool) => pool.all_seats(),
            Scheduler::CurrentThread(_) => 1,
        }
    }

    /// A panic has ended the runtime: nothing is taken any more, and what is there is dropped.
    pub(super) fn stop(&self) {
        match &self.inner.scheduler {
            Scheduler::MultiThread(pool) => pool.close(),
            Scheduler::CurrentThread(shared) => shared.stop(),
        }
        self.pinned().close();
    }

    /// The driver, for metrics and the shutdown.
    pub(super) fn driver(&self) -> &Arc<Driver> {
        &self.inner.driver
    }

    /// The driver, if the runtime was built with I/O.
    pub(super) fn io(&self) -> Option<&Arc<Driver>> {
        self.inner.io_enabled.then_some(&self.inner.driver)
    }

    pub(super) fn shards(&self) -> &Shards {
        &self.inner.shards
    }

    /// The shard for the timers of threads that are no workers, if the runtime was built with timers.
    pub(super) fn outside_shard(&self) -> Option<&Arc<Shard>> {
        self.inner.time_enabled.then(|| self.inner.shards.outside())
    }

    pub(super) fn time_enabled(&self) -> bool {
        self.inner.time_enabled
    }

    pub(super) fn clock(&self) -> &Arc<Clock> {
        self.inner.shards.clock()
    }

    /// Stops the clock.
    pub(crate) fn pause_time(&self) -> Result<(), &'static str> {
        self.clock().pause()?;
        // Whoever sleeps until a deadline begins anew.
        self.inner.driver.wake(); // wake: time stops
        Ok(())
    }

    /// Lets the clock go on.
    pub(crate) fn resume_time(&self) -> Result<(), &'static str> {
        self.clock().resume()?;
        self.inner.driver.wake(); // wake: time goes on
        Ok(())
    }

    /// Moves the frozen clock, and wakes everything that is then due.
    pub(crate) fn advance_time(&self, by: Duration) -> Result<(), &'static str> {
        let _active = self.inner.activity.as_ref().map(|activity| activity.enter());
        let mut ready = WakeList::new();
        self.inner.shards.move_by(by, &mut ready)?;
        ready.wake_all(); // wake: time was moved
        Ok(())
    }

    /// Moves the frozen clock. Timers take note when the driver is looked at next, or at
    /// [`Handle::settle_time`].
    pub(crate) fn move_time(&self, by: Duration) -> Result<(), &'static str> {
        self.clock().move_ahead(by)?;
        // Whoever sleeps looks anew.
        self.inner.driver.wake(); // wake: time moves
        Ok(())
    }

    /// Wakes everything that is due after [`Handle::move_time`].
    pub(crate) fn settle_time(&self) {
        self.clock().settle();
        let mut ready = WakeList::new();
        self.inner.shards.due(&mut ready);
        ready.wake_all(); // wake: what is due
    }

    /// Runs the root future of a `block_on` that drives nothing else.
    pub(super) fn run_root<F: Future>(&self, future: F) -> F::Output {
        let output = match &self.inner.activity {
            None => park_on::run(future),
            Some(activity) => {
                // A worker in `block_in_place` and a blocking job are counted already.
                let own = (!context::is_counted_for(self.inner.id)).then(|| activity.enter());
                let output = park_on::run_counted(future, activity);
                drop(own);
                output
            }
        };
        let forced = coop::take_forced();
        if forced > 0 {
            // No pair: a number.
            self.inner.forced_yields.fetch_add(forced, Ordering::Relaxed);
        }
        output
    }

    /// Polls that ran out of budget on threads that blocked on the runtime.
    pub(super) fn forced_yields_of_roots(&self) -> u64 {
        self.inner.forced_yields.load(Ordering::Relaxed)
    }

    /// What users want to see of tasks.
    pub(super) fn observe(&self) -> &Observe {
        match &self.inner.scheduler {
            Scheduler::MultiThread(pool) => pool.observe(),
            Scheduler::CurrentThread(shared) => shared.observe(),
        }
    }

    /// The handle of the runtime that this code runs in.
    ///
    /// # Panics
    ///
    /// Outside a runtime; see [`try_current`](Handle::try_current).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::runtime::{Handle, RuntimeFlavor};
    ///
    /// let handle = Handle::current();
    /// assert_eq!(handle.runtime_flavor(), RuntimeFlavor::MultiThread);
    /// // The handle can go where there is no runtime, and spawn from there.
    /// let thread = std::thread::spawn(move || handle.spawn(async { 1 }));
    /// assert_eq!(thread.join().unwrap().await.unwrap(), 1);
    /// # }
    /// ```
    #[track_caller]
    pub fn current() -> Handle {
        context::expect_current(Handle::clone)
    }

    /// The handle of the runtime that this code runs in.
    ///
    /// # Errors
    ///
    /// Outside a runtime, or while the thread's locals are being destroyed.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::runtime::Handle;
    ///
    /// let error = Handle::try_current().unwrap_err();
    /// assert!(error.is_missing_context() && !error.is_thread_local_destroyed());
    ///
    /// let runtime = runtime::Runtime::new()?;
    /// let inside = runtime.block_on(async { Handle::try_current().is_ok() });
    /// assert!(inside);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_current() -> Result<Handle, TryCurrentError> {
        context::with_current(Handle::clone)
    }

    /// Makes this the current runtime of the thread until the guard is dropped: `runtime::spawn`,
    /// sockets and timers belong to it.
    ///
    /// # Panics
    ///
    /// When guards are dropped in another order than the reverse of how they were made.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Runtime::new()?;
    /// let handle = runtime.handle();
    /// let task = {
    ///     let _guard = handle.enter();
    ///     runtime::spawn(async { 1 })
    /// };
    /// assert_eq!(runtime.block_on(task).unwrap(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn enter(&self) -> EnterGuard<'_> {
        EnterGuard { _restore: context::enter(self.clone()), _handle: std::marker::PhantomData }
    }

    /// Spawns a task on the runtime. See [`runtime::spawn`](crate::spawn).
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Runtime::new()?;
    /// let handle = runtime.handle().clone();
    /// let task = handle.spawn(async { 1 });
    /// let job = handle.spawn_blocking(|| 2);
    /// assert_eq!(handle.block_on(async { task.await.unwrap() + job.await.unwrap() }), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_named(future, None, Location::caller())
    }

    pub(crate) fn spawn_named<F>(
        &self,
        future: F,
        name: Option<&str>,
        location: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let size = FullSize::of::<F>();
        large_on_heap!(future: F => self.spawn_sized(future, name, location, size))
    }

    /// As [`spawn_named`](Handle::spawn_named). A large future is in its box.
    pub(crate) fn spawn_sized<F>(
        &self,
        future: F,
        name: Option<&str>,
        location: &'static Location<'static>,
        size: FullSize,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.assert_not_forked();
        let identity = Identity::new(name, location).of_size(size);
        match &self.inner.scheduler {
            Scheduler::MultiThread(pool) => pool.spawn(future, identity),
            Scheduler::CurrentThread(shared) => shared.spawn(future, identity),
        }
    }

    /// Spawns a task that has a place in a scope of this runtime.
    pub(crate) fn spawn_in<F>(
        &self,
        membership: Membership,
        future: F,
        identity: Identity,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match &self.inner.scheduler {
            Scheduler::MultiThread(pool) => pool.spawn_in(membership, future, identity),
            Scheduler::CurrentThread(shared) => shared.spawn_in(membership, future, identity),
        }
    }

    /// Calls `f` with each list of tasks.
    pub(super) fn each_list(&self, mut f: impl FnMut(&Owned)) {
        match &self.inner.scheduler {
            Scheduler::MultiThread(pool) => f(pool.tasks()),
            Scheduler::CurrentThread(shared) => f(shared.tasks()),
        }
        self.inner.pinned.each(|thread| f(thread.tasks()));
    }

    /// The scope around all others of this runtime.
    pub(crate) fn root(&self) -> &Node {
        &self.inner.root
    }

    /// Runs a closure that may block on a thread of the blocking pool. See
    /// [`runtime::spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Examples
    ///
    /// See [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, closure: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.spawn_blocking_at(closure, None, Location::caller())
    }

    pub(crate) fn spawn_blocking_at<F, R>(
        &self,
        closure: F,
        name: Option<&str>,
        location: &'static Location<'static>,
    ) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let size = FullSize::of::<F>();
        large_on_heap!(closure closure: F => self.spawn_blocking_sized(closure, name, location, size))
    }

    /// As [`spawn_blocking_at`](Handle::spawn_blocking_at). A large closure is in its box.
    pub(crate) fn spawn_blocking_sized<F, R>(
        &self,
        closure: F,
        name: Option<&str>,
        location: &'static Location<'static>,
        size: FullSize,
    ) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.assert_not_forked();
        self.spawn_blocking_in(None, closure, Identity::new(name, location).of_size(size))
    }

    /// The same for a closure that may have a place in a scope.
    pub(crate) fn spawn_blocking_in<F, R>(
        &self,
        membership: Option<Membership>,
        closure: F,
        identity: Identity,
    ) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        match self.submit_blocking(membership, closure, identity, false) {
            Ok(job) | Err(job) => job,
        }
    }

    /// Whether this is a local runtime, and this its thread.
    pub(crate) fn is_local_here(&self) -> bool {
        self.inner.local_to == Some(std::thread::current().id())
    }

    /// Spawns a task that need not be `Send`, into a scope if it has a place in one.
    ///
    /// # Panics
    ///
    /// Unless this is a local runtime, and its thread.
    pub(crate) fn spawn_local_in<F>(
        &self,
        membership: Option<Membership>,
        future: F,
        identity: Identity,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        assert!(self.is_local_here(), "{}", text::NO_LOCAL_SET);
        match &self.inner.scheduler {
            Scheduler::CurrentThread(shared) => shared.spawn_local(membership, future, identity),
            Scheduler::MultiThread(_) => unreachable!("a local runtime has one thread"),
        }
    }

    /// Like [`spawn_blocking`](Handle::spawn_blocking), for who has to know at once that the runtime
    /// takes no more jobs. A mandatory one runs even if the runtime is shut down while all threads are busy:
    /// what a program wrote last.
    pub(crate) fn try_spawn_blocking<F, R>(
        &self,
        closure: F,
        location: &'static Location<'static>,
        mandatory: bool,
    ) -> Option<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.submit_blocking(None, closure, Identity::new(None, location), mandatory).ok()
    }

    /// Whether the shutdown has begun.
    pub(crate) fn is_shut_down(&self) -> bool {
        match &self.inner.scheduler {
            Scheduler::MultiThread(pool) => pool.is_closed(),
            Scheduler::CurrentThread(shared) => shared.is_closed(),
        }
    }

    /// Whether this is a local runtime, of whatever thread.
    pub(crate) fn is_local(&self) -> bool {
        self.inner.local_to.is_some()
    }

    pub(crate) fn is_multi_thread(&self) -> bool {
        matches!(self.inner.scheduler, Scheduler::MultiThread(_))
    }

    /// Runs a future on this thread, inside the runtime, to its end.
    ///
    /// On the `current_thread` flavour this drives neither tasks, nor I/O, nor timers: somebody must
    /// be in [`Runtime::block_on`](super::Runtime::block_on) for them to go on.
    ///
    /// # Panics
    ///
    /// Inside async code, and if the future panics.
    ///
    /// # Examples
    ///
    /// See [`Handle`].
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
        self.assert_not_forked();
        let _inside = entered::enter_alone();
        let _current = self.enter();
        let _seeded = self.seeded();
        let future = of_root(future, size, location);
        if self.panics().guards_roots() {
            return self.run_root(self.panics().guard(future));
        }
        self.run_root(future)
    }

    /// Which scheduler the runtime has.
    ///
    /// # Examples
    ///
    /// See [`current`](Self::current).
    pub fn runtime_flavor(&self) -> RuntimeFlavor {
        match &self.inner.scheduler {
            Scheduler::MultiThread(_) => RuntimeFlavor::MultiThread,
            Scheduler::CurrentThread(_) => RuntimeFlavor::CurrentThread,
        }
    }

    /// Numbers about the runtime as it runs.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread().name("search").build()?;
    /// let handle = runtime.handle();
    /// assert_eq!(handle.name(), Some("search"));
    /// assert_eq!(handle.metrics().num_alive_tasks(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn metrics(&self) -> RuntimeMetrics {
        RuntimeMetrics::new(self.clone())
    }

    /// The name given by [`Builder::name`](super::Builder::name).
    ///
    /// # Examples
    ///
    /// See [`metrics`](Self::metrics).
    pub fn name(&self) -> Option<&str> {
        self.inner.name.as_deref()
    }

    /// The number of the runtime, unique in this process.
    ///
    /// # Examples
    ///
    /// ```
    /// let one = runtime::Runtime::new()?;
    /// let other = runtime::Runtime::new()?;
    /// assert_eq!(one.handle().id(), one.handle().clone().id());
    /// assert_ne!(one.handle().id(), other.handle().id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn id(&self) -> RuntimeId {
        self.inner.id
    }
}

/// The number of a runtime, unique in this process.
///
/// # Examples
///
/// See [`Handle::id`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RuntimeId(u64);

/// Numbers the runtimes of this process.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl RuntimeId {
    pub(crate) fn next() -> RuntimeId {
        RuntimeId(NEXT_ID.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for RuntimeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// No user code runs between the steps of a change: after a panic all is as it was before it.
impl std::panic::UnwindSafe for Handle {}
impl std::panic::RefUnwindSafe for Handle {}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("id", &self.inner.id)
            .field("flavor", &self.runtime_flavor())
            .finish_non_exhaustive()
    }
}

/// Keeps a runtime current on this thread. Made by [`Handle::enter`].
///
/// # Examples
///
/// See [`Handle::enter`].
#[derive(Debug)]
#[must_use = "the runtime is current only as long as the guard is kept"]
pub struct EnterGuard<'a> {
    _restore: Restore,
    _handle: std::marker::PhantomData<&'a Handle>,
}

/// Why there is no current runtime.
///
/// # Examples
///
/// See [`Handle::try_current`].
pub struct TryCurrentError {
    destroyed: bool,
}

impl TryCurrentError {
    pub(super) fn missing() -> TryCurrentError {
        TryCurrentError { destroyed: false }
    }

    pub(super) fn destroyed() -> TryCurrentError {
        TryCurrentError { destroyed: true }
    }

    /// This thread is in no runtime.
    ///
    /// # Examples
    ///
    /// See [`Handle::try_current`].
    pub fn is_missing_context(&self) -> bool {
        !self.destroyed
    }

    /// The thread is ending, and its locals are gone.
    ///
    /// # Examples
    ///
    /// See [`Handle::try_current`].
    pub fn is_thread_local_destroyed(&self) -> bool {
        self.destroyed
    }
}

impl fmt::Debug for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.destroyed { "ThreadLocalDestroyed" } else { "NoContext" };
        f.debug_tuple("TryCurrentError").field(&what).finish()
    }
}

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.destroyed { text::THREAD_ENDING } else { text::NO_RUNTIME })
    }
}

impl std::error::Error for TryCurrentError {}

//! Handles to a runtime.

use std::fmt;
use std::future::{Future, poll_fn};
use std::os::fd::RawFd;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use super::id::RuntimeId;
use super::job::BlockingJob;
use super::panics::{Panics, Stops};
use super::pinned::Pinned;
use super::roots::{Observed, Roots};
use super::scheduler::{RuntimeFlavor, Scheduler};
use super::stall::Reporter;
use super::this_thread;
use crate::engine::activity::Activity;
use crate::engine::blocking::Pool as BlockingPool;
use crate::engine::clock::Clock;
use crate::engine::driver::IoDriver;
use crate::engine::idle_spin::IdleSpin;
use crate::engine::large::{FullSize, large_on_heap};
use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicU64, Ordering};
use crate::engine::process_wide::fork::ForkGeneration;
use crate::engine::rng::{FastRand, Seeded};
use crate::engine::scheduler::{Monitor, Observe};
use crate::engine::task::scope::{Membership, Node};
use crate::engine::task::{Identity, JoinHandle, Owned};
use crate::engine::timer::{Shard, Shards};
use crate::engine::wake_list::WakeList;
use crate::engine::{coop, messages, park_on};

/// A reference to a [`Runtime`](super::Runtime), to spawn on it and to enter it from other threads.
///
/// A handle does not keep the runtime running: once the [`Runtime`](super::Runtime) is dropped,
/// tasks spawned through a handle are cancelled at once.
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
pub(crate) struct Inner {
    pub(super) scheduler: Scheduler,
    pub(super) root: Node,
    pub(super) blocking: BlockingPool<BlockingJob>,
    pub(super) driver: Arc<IoDriver>,
    pub(super) io_enabled: bool,
    pub(super) time_enabled: bool,
    pub(super) shards: Arc<Shards>,
    /// Where blocking jobs are counted, so that paused time waits for them.
    pub(super) jobs: Option<Arc<Activity>>,
    /// Where everything else is counted.
    pub(super) activity: Option<Arc<Activity>>,
    pub(super) panics: Arc<Panics<Inner>>,
    pub(super) pinned: Pinned,
    pub(super) reporter: Arc<Reporter>,
    /// Whether threads that block on the runtime look again before they sleep.
    pub(super) idle_spin: IdleSpin,
    /// Polls that ran out of budget on threads that blocked on the runtime.
    pub(super) forced_yields: AtomicU64,
    /// Where the buckets of the histogram of poll times begin.
    pub(super) poll_times: Arc<[u64]>,
    pub(super) measures_polls: bool,
    /// Seeds for the threads that block on the runtime, if they were fixed.
    pub(super) seeds: Option<Mutex<FastRand>>,
    /// The thread of a local runtime: its tasks need not be `Send`.
    pub(super) roots: Arc<Roots>,
    pub(super) local_to: Option<ThreadId>,
    pub(super) name: Option<String>,
    pub(super) id: RuntimeId,
    pub(super) generation: ForkGeneration,
}

impl Stops for Inner {
    fn stop(&self) {
        self.scheduler.stop();
        self.pinned.close();
    }
}

impl Handle {
    pub(super) fn new(inner: Inner) -> Handle {
        Handle::of(Arc::new(inner))
    }

    /// Panics, with advice, in a child that was forked.
    #[track_caller]
    pub(crate) fn assert_not_forked(&self) {
        assert!(!self.is_in_parent(), "{}", messages::FORKED);
    }

    /// Whether this process was forked from the one that the runtime is in.
    pub(super) fn is_in_parent(&self) -> bool {
        self.inner.generation.is_in_parent()
    }

    pub(super) fn downgrade(&self) -> std::sync::Weak<Inner> {
        Arc::downgrade(&self.inner)
    }

    pub(super) fn upgrade(weak: &std::sync::Weak<Inner>) -> Option<Handle> {
        weak.upgrade().map(Handle::of)
    }

    pub(super) fn of(inner: Arc<Inner>) -> Handle {
        Handle { inner }
    }

    pub(in crate::runtime) fn scheduler(&self) -> &Scheduler {
        &self.inner.scheduler
    }

    pub(super) fn blocking_pool(&self) -> &BlockingPool<BlockingJob> {
        &self.inner.blocking
    }

    /// Where blocking jobs are counted, if paused time must wait for them.
    pub(super) fn jobs(&self) -> Option<&Arc<Activity>> {
        self.inner.jobs.as_ref()
    }

    pub(crate) fn panics(&self) -> &Arc<Panics<Inner>> {
        &self.inner.panics
    }

    /// Seeds this thread's random choices from the runtime's seed until the guard is dropped.
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
    /// The futures that threads block on, while the runtime is observed.
    pub(super) fn roots(&self) -> &Arc<Roots> {
        &self.inner.roots
    }

    /// A root future, as a dump sees it.
    pub(super) fn observe_root<F: Future>(
        &self,
        future: F,
        called_at: &'static Location<'static>,
    ) -> Observed<F> {
        self.inner.roots.observe(self.is_insight_on(), future, called_at)
    }

    pub(super) fn reporter(&self) -> &Reporter {
        &self.inner.reporter
    }

    pub(super) fn reports_left_out(&self) -> u64 {
        self.inner.reporter.left_out()
    }

    /// Starts the monitor of a `current_thread` runtime, if it has one and it is not running.
    pub(crate) fn have_watched(&self) {
        if let Some(shared) = self.inner.scheduler.current_thread() {
            shared.have_watched();
        }
    }

    pub(super) fn monitor(&self) -> &Monitor {
        self.inner.scheduler.monitor()
    }

    /// The first pinned thread's number in reports, which number workers and spares first.
    pub(super) fn first_pinned_number(&self) -> usize {
        self.inner.scheduler.threads_in_reports()
    }

    /// The driver, for metrics and the shutdown.
    pub(super) fn driver(&self) -> &Arc<IoDriver> {
        &self.inner.driver
    }

    /// The driver, if the runtime was built with I/O.
    pub(super) fn io(&self) -> Option<&Arc<IoDriver>> {
        self.inner.io_enabled.then_some(&self.inner.driver)
    }

    pub(super) fn shards(&self) -> &Shards {
        &self.inner.shards
    }

    /// The shard for the timers of threads that are no workers, if the runtime was built with
    /// timers.
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
        // A thread that sleeps until a deadline starts anew.
        self.inner.driver.wake(); // wake: time stops
        Ok(())
    }

    /// Resumes the clock.
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

    /// Moves the frozen clock. Timers see it at the next look at the driver, or at
    /// [`Handle::settle_time`].
    pub(crate) fn move_time(&self, by: Duration) -> Result<(), &'static str> {
        self.clock().move_ahead(by)?;
        // A thread that sleeps looks again.
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
        // A root that yields until a task has done something must let that task run: a mere
        // scheduling point may let the same thread go on for ever.
        let is_simulated = self.observe().is_simulated;
        let mut future = pin!(future);
        let future = poll_fn(|cx| {
            if is_simulated {
                std::thread::yield_now();
            }
            future.as_mut().poll(cx)
        });
        let output = match &self.inner.activity {
            None => park_on::run_root(future, &self.inner.idle_spin, Instant::now),
            Some(activity) => {
                // A worker in `block_in_place` and a blocking job are counted already.
                let own = (!this_thread::is_counted_for(self.inner.id)).then(|| activity.enter());
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

    /// What users observe of tasks.
    pub(super) fn observe(&self) -> &Observe {
        self.inner.scheduler.tasks().observe()
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
        self.spawn_as(future, Identity::at(Location::caller()))
    }

    pub(crate) fn spawn_as<F>(&self, future: F, identity: Identity<'_>) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let size = FullSize::of::<F>();
        large_on_heap!(future: F => self.spawn_boxed(future, identity.of_size(size)))
    }

    /// As [`spawn_as`](Handle::spawn_as). A large future is already boxed.
    pub(crate) fn spawn_boxed<F>(&self, future: F, identity: Identity<'_>) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.assert_not_forked();
        self.inner.scheduler.spawn(future, identity)
    }

    /// Spawns a task into a scope of this runtime.
    pub(crate) fn spawn_in<F>(
        &self,
        membership: Membership,
        future: F,
        identity: Identity<'_>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.inner.scheduler.spawn_in(membership, future, identity)
    }

    /// Calls `f` with each list of tasks.
    pub(super) fn each_list(&self, mut f: impl FnMut(&Owned)) {
        f(self.inner.scheduler.tasks().owned());
        self.inner.pinned.each(|thread| f(thread.tasks()));
    }

    /// The outermost scope of this runtime.
    pub(crate) fn root(&self) -> &Node {
        &self.inner.root
    }

    /// Whether this is a local runtime, and this its thread.
    pub(crate) fn is_local_here(&self) -> bool {
        self.inner.local_to == Some(std::thread::current().id())
    }

    /// Spawns a task that need not be `Send`, into a scope if there is a membership.
    ///
    /// # Panics
    ///
    /// Unless this is a local runtime, and its thread.
    pub(crate) fn spawn_local_in<F>(
        &self,
        membership: Option<Membership>,
        future: F,
        identity: Identity<'_>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        assert!(self.is_local_here(), "{}", messages::NO_LOCAL_SET);
        let shared = self.inner.scheduler.current_thread();
        shared.expect("a local runtime has one thread").spawn_local(membership, future, identity)
    }

    /// Sets how many threads run blocking jobs at one time:
    /// [`max_blocking_threads`](crate::Builder::max_blocking_threads) of a runtime that is there.
    ///
    /// A higher limit holds at once, also for jobs that wait. With a lower one no thread is
    /// interrupted: those beyond it end when they have had nothing to do for the keep-alive. The
    /// limit of [`block_in_place`](crate::task::block_in_place) stays what it was.
    ///
    /// # Panics
    ///
    /// If `count` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread().max_blocking_threads(1).build()?;
    /// runtime.handle().set_max_blocking_threads(2);
    /// // Two jobs that wait for each other.
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let received = runtime.spawn_blocking(move || receiver.recv());
    /// runtime.spawn_blocking(move || sender.send(1));
    /// assert_eq!(runtime.block_on(received).unwrap(), Ok(1));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn set_max_blocking_threads(&self, count: usize) {
        assert!(count > 0, "{}", messages::NO_BLOCKING_THREADS);
        self.inner.blocking.set_max_threads(count);
    }

    /// The descriptor of the system's poll (epoll or kqueue) in which the runtime waits for events,
    /// or `None` if it was built without I/O.
    ///
    /// For a foreign event loop that wants to wake up when sockets of the runtime may be ready: it
    /// is readable then. Only watch it: the runtime's own threads take the events, so it may be
    /// unreadable again when the loop looks. Timers do not show there. It is open as long as a
    /// handle of the runtime is there.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Runtime::new()?;
    /// assert!(runtime.handle().poll_fd().is_some());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn poll_fd(&self) -> Option<RawFd> {
        self.io().map(|driver| driver.poll_fd())
    }

    /// Whether the shutdown of the runtime has begun: what is spawned from now on never runs.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_current_thread().build()?;
    /// let handle = runtime.handle().clone();
    /// assert!(!handle.is_shut_down());
    /// drop(runtime);
    /// assert!(handle.is_shut_down());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_shut_down(&self) -> bool {
        self.inner.scheduler.is_closed()
    }

    /// Whether this is a local runtime, of whatever thread.
    pub(crate) fn is_local(&self) -> bool {
        self.inner.local_to.is_some()
    }

    pub(crate) fn is_multi_thread(&self) -> bool {
        self.inner.scheduler.pool().is_some()
    }

    /// Which scheduler the runtime has.
    ///
    /// # Examples
    ///
    /// See [`current`](Self::current).
    pub fn runtime_flavor(&self) -> RuntimeFlavor {
        self.inner.scheduler.flavor()
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

// No user code runs between the steps of a change, so a panic leaves no change half done.
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

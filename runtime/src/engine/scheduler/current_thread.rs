//! The scheduler that runs everything on the thread that blocks on it.
//!
//! # Parts
//!
//! [`CurrentThread`] is what all threads see: the injector, the driver, the list of tasks. [`Core`]
//! is what only the running thread uses: the queue. The first thread that blocks on the runtime
//! takes the core. A second one polls only its own future meanwhile, and waits for the core.
//!
//! # No lost wake
//!
//! The running thread sleeps on one parker. Every push from outside and every wake of the root
//! future publishes its work and then gives the token. The thread takes the token before it sleeps,
//! so it either sees the work or does not sleep.
//!
//! # The monitor
//!
//! While the root future is all there is, there is no monitor. The process then has no thread but
//! its own, and may do what only a single-threaded process may (`unshare` and `setns` with a user
//! namespace, a `fork` that copies everything). The running thread starts the monitor's thread
//! before it first polls or drops a task ([`CurrentThread::have_watched`]): from then on a stall
//! can keep something waiting. If the thread cannot be started, that is reported, and the next
//! `block_on` tries again.
//!
//! # Background tasks
//!
//! They have a queue of their own, behind the others (`behind.rs`). After each of their polls the
//! thread looks at the driver, since a task that is waited for may be about to become ready.
//!
//! # By hand
//!
//! [`CurrentThread::by_hand`] gives the core to a caller that decides what runs next, and when: the
//! executor for tests. The executor sleeps only when it is told to. Tasks run in the order in which
//! they became ready, whichever thread woke them.
#![allow(unsafe_code, reason = "tasks point to their scheduler uncounted; docs/unsafe.md, P1")]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use super::behind::Behind;
use super::closing::cancel_down_to;
use super::core_handoff::{CoreHandoff, Root};
use super::here::{self, Here};
use super::in_flight::InFlight;
use super::metrics::{NOTE_INTERVAL, WorkerCounters};
use super::monitor::Monitor;
use super::observe::Hook;
use super::park::{self, Park};
use super::tasks::{HasTasks, Of, Tasks, Uncounted};
use super::watched_thread::WatchedThread;
use crate::engine::catch_panic::catch_panic;
use crate::engine::coop::{self, Budget};
use crate::engine::idle_spin::IdleSpin;
use crate::engine::insight::AsDriver;
use crate::engine::insight::recorder::{Kind, OnThread, Owner, record_here, record_here_with};
use crate::engine::primitive::atomic::{AtomicBool, AtomicU8, Ordering};
use crate::engine::primitive::{Mutex, Parker};
use crate::engine::process_wide::fork::ForkGeneration;
use crate::engine::task::scope::Membership;
use crate::engine::task::{Identity, JoinHandle, Outcome, Runnable, StallPolicy, spawn_cell};
use crate::engine::wake_list::WakeList;
use crate::engine::{messages, say};

/// Polls between two looks at the driver when all of them have only yielded. It is lower than on a
/// worker, since no other thread looks at the driver meanwhile.
const YIELD_INTERVAL: u32 = 4;

/// The scheduler's settings.
pub(crate) struct CurrentThreadConfig {
    pub(crate) global_queue_interval: u32,
    pub(crate) event_interval: u32,
    /// How long the idle thread looks again before it sleeps.
    pub(crate) idle_spin: Duration,
    pub(crate) on_park: Option<Hook>,
    pub(crate) on_unpark: Option<Hook>,
    /// `None` if stalls are not reported.
    pub(crate) start_watch: Option<StartWatch>,
}

/// Starts a thread that calls [`CurrentThread::watch`].
pub(crate) type StartWatch = Box<dyn Fn() -> io::Result<()> + Send + Sync>;

/// No thread has been started to watch.
const UNWATCHED: u8 = 0;
/// A thread watches, or none ever will.
const WATCHED: u8 = 1;
/// The thread could not be started. The next `block_on` tries again.
const NO_WATCH: u8 = 2;

/// What all threads see.
pub(crate) struct CurrentThread {
    core: CoreHandoff<Box<Core>>,
    injector: Mutex<VecDeque<Runnable>>,
    /// Background tasks that are ready, and whether there may be some: a hint for the running
    /// thread, which is unparked after a change.
    behind: Mutex<Behind>,
    has_behind: AtomicBool,
    parker: Parker,
    idle_spin: IdleSpin,
    driver: Box<dyn Park>,
    tasks: Tasks,
    in_flight: InFlight,
    closed: AtomicBool,
    /// The shutdown has dropped the last task.
    over: AtomicBool,
    /// A task has panicked under the policy that ends the runtime: the running thread drops all
    /// tasks.
    stopped: AtomicBool,
    counters: WorkerCounters,
    /// The thread that has the core, as the monitor sees it.
    runner: WatchedThread,
    // No pair: the thread that changes it to WATCHED starts the monitor's thread.
    watched: AtomicU8,
    /// The thread that has the core.
    thread: Mutex<Option<ThreadId>>,
    monitor: Monitor,
    generation: ForkGeneration,
    config: CurrentThreadConfig,
}

/// What only the running thread uses.
pub(crate) struct Core {
    queue: RefCell<VecDeque<Runnable>>,
    tick: Cell<u32>,
    /// Polls in a row that ended with the task having woken itself.
    yields: Cell<u32>,
    /// How many polls come before the root's turn. The root runs after the tasks that are ready and
    /// before the first one that has only yielded. About [`Core::ALL`] while none has yielded.
    ahead: Cell<u32>,
    /// When busy time was counted last, and at which tick.
    busy_since: Cell<Instant>,
    noted_at: Cell<u32>,
    ready: RefCell<WakeList>,
    /// The scheduler that the core belongs to. Compared, never dereferenced.
    owner: *const CurrentThread,
}

// SAFETY: the pointer is compared only; everything else in a core is `Send`.
unsafe impl Send for Core {}

impl Core {
    /// The value of `ahead` while no task has yielded.
    const ALL: u32 = u32::MAX;

    fn nobody_has_yielded(&self) -> bool {
        self.ahead.get() > Core::ALL / 2
    }

    fn is_roots_turn(&self) -> bool {
        self.ahead.get() == 0 || self.nobody_has_yielded()
    }
}

/// The waker of a root future.
struct RootWaker {
    root: Arc<Root>,
    shared: Arc<CurrentThread>,
}

impl Wake for RootWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.root.wake();
        self.shared.unpark(); // wake: root
    }
}

impl HasTasks for CurrentThread {
    fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    fn push(&self, task: Runnable) {
        self.schedule(task);
    }

    fn stop(&self) {
        CurrentThread::stop(self);
    }
}

impl CurrentThread {
    pub(crate) fn new(
        config: CurrentThreadConfig,
        tasks: Tasks,
        driver: Box<dyn Park>,
        monitor: Monitor,
    ) -> Arc<CurrentThread> {
        let counters = tasks.observe().counters(0, Owner::CurrentThread);
        let shared = Arc::new(CurrentThread {
            core: CoreHandoff::new(),
            injector: Mutex::new(VecDeque::new()),
            behind: Mutex::default(),
            has_behind: AtomicBool::new(false),
            parker: Parker::new(),
            idle_spin: IdleSpin::new(config.idle_spin),
            driver,
            tasks,
            in_flight: InFlight::default(),
            closed: AtomicBool::new(false),
            over: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            counters,
            runner: WatchedThread::new(0),
            watched: AtomicU8::new(if config.start_watch.is_some() { UNWATCHED } else { WATCHED }),
            thread: Mutex::new(None),
            monitor,
            generation: ForkGeneration::here(),
            config,
        });
        let core = Core {
            queue: RefCell::new(VecDeque::new()),
            tick: Cell::new(0),
            yields: Cell::new(0),
            ahead: Cell::new(Core::ALL),
            busy_since: Cell::new(Instant::now()),
            noted_at: Cell::new(0),
            ready: RefCell::new(WakeList::new()),
            owner: Arc::as_ptr(&shared),
        };
        shared.core.put(Box::new(core));
        shared
    }

    /// Spawns a task. It runs when somebody blocks on the runtime.
    pub(crate) fn spawn<F>(
        self: &Arc<CurrentThread>,
        future: F,
        identity: Identity<'_>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        // SAFETY: both are `Send`.
        unsafe { self.spawn_anything(future, identity) }
    }

    /// Makes a task that becomes runnable with the others of the batch:
    /// [`schedule_all`](CurrentThread::schedule_all).
    pub(crate) fn spawn_into<F>(
        self: &Arc<CurrentThread>,
        batch: &mut Vec<Runnable>,
        future: F,
        identity: Identity<'_>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (task, handle) = spawn_cell(future, self.of_a_task(), identity);
        self.tasks.take_in(task, None, |task| batch.push(task));
        handle
    }

    /// Queues tasks that have become runnable.
    pub(crate) fn schedule_all(&self, batch: &mut Vec<Runnable>) {
        batch.drain(..).for_each(|task| self.schedule(task));
    }

    /// Spawns a task into a scope.
    pub(crate) fn spawn_in<F>(
        self: &Arc<CurrentThread>,
        membership: Membership,
        future: F,
        identity: Identity<'_>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        // SAFETY: both are `Send`.
        unsafe { self.spawn_anything_in(&membership, future, identity) }
    }

    /// Spawns a task of a local runtime, into a scope if there is a membership.
    pub(crate) fn spawn_local<F>(
        self: &Arc<CurrentThread>,
        membership: Option<Membership>,
        future: F,
        identity: Identity<'_>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        match membership {
            // SAFETY: `Handle::spawn_local_in` has checked that this is the thread of a
            // `LocalRuntime`, which neither leaves that thread nor lets another block on it.
            None => unsafe { self.spawn_anything(future, identity) },
            // SAFETY: as above.
            Some(membership) => unsafe { self.spawn_anything_in(&membership, future, identity) },
        }
    }

    /// Spawns a task.
    ///
    /// # Safety
    ///
    /// If the future or its output is not `Send`, the caller is on the one thread that ever blocks
    /// on this scheduler and drops it.
    unsafe fn spawn_anything<F>(
        self: &Arc<CurrentThread>,
        future: F,
        identity: Identity<'_>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let scheduler = self.of_a_task();
        let (task, handle) = spawn_cell(future, scheduler, identity);
        self.take_in(task, None);
        handle
    }

    /// Spawns a task into a scope.
    ///
    /// # Safety
    ///
    /// As for [`spawn_anything`](CurrentThread::spawn_anything).
    unsafe fn spawn_anything_in<F>(
        self: &Arc<CurrentThread>,
        membership: &Membership,
        future: F,
        identity: Identity<'_>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let scheduler = self.of_a_task();
        let (task, handle) = membership.spawn_cell(future, scheduler, identity);
        self.take_in(task, Some(membership));
        handle
    }

    /// A task's pointer to this scheduler.
    fn of_a_task(&self) -> Of<Uncounted<CurrentThread>> {
        // SAFETY: `close` waits for all tasks and for the wakes in flight before the scheduler can
        // go.
        Of(unsafe { Uncounted::new(self) })
    }

    /// Adds a new task to the list and schedules it.
    fn take_in(&self, task: Runnable, membership: Option<&Membership>) {
        self.tasks.take_in(task, membership, |task| self.schedule(task));
    }

    fn schedule(&self, task: Runnable) {
        if task.is_background() {
            return self.schedule_behind(task);
        }
        here::with(|here| match here {
            Here::Core(core) if std::ptr::eq(core.owner, self) => {
                self.counters.local_schedules.add(1);
                core.queue.borrow_mut().push_back(task);
            }
            // After a fork, in the child: no thread runs tasks here, and the sleeper is the
            // parent's.
            _ if self.generation.is_in_parent() => std::mem::forget(task),
            _ => {
                let _inside = self.in_flight.enter();
                self.injector.lock().push_back(task);
                self.unpark(); // wake: current thread
            }
        });
    }

    #[cold]
    fn schedule_behind(&self, task: Runnable) {
        if self.generation.is_in_parent() {
            // As in `schedule`.
            return std::mem::forget(task);
        }
        let _inside = self.in_flight.enter();
        self.push_behind(task);
        self.unpark(); // wake: background task
    }

    fn push_behind(&self, task: Runnable) {
        let mut behind = self.behind.lock();
        behind.push(task);
        // No pair: the token of the parker is between this and the look at it.
        self.has_behind.store(true, Ordering::Relaxed);
    }

    /// Polls a background task: any, if no ordinary task is ready, else one that is due. Returns
    /// whether there was one.
    #[cold]
    fn run_behind(&self, core: &Core, is_only: bool) -> bool {
        let began = Instant::now();
        let task = {
            let mut behind = self.behind.lock();
            let task = if is_only { behind.pop() } else { behind.pop_if_due(began) };
            self.has_behind.store(!behind.is_empty(), Ordering::Relaxed);
            task
        };
        let Some(task) = task else { return false };
        let outcome = self.run_one(task);
        core.yields.set(0);
        if let Outcome::Woken(task) = outcome {
            self.push_behind(task);
        }
        self.behind.lock().polled(began, Instant::now());
        self.counters.between_polls();
        true
    }

    /// Wakes the thread that runs the tasks. If it is awake, its next sleep ends at once.
    pub(crate) fn unpark(&self) {
        park::unpark(&self.parker, &*self.driver);
    }

    /// Runs `future` to completion on this thread. If no other thread runs the runtime's tasks, I/O
    /// and timers, this one does.
    pub(crate) fn block_on<F: Future>(self: &Arc<CurrentThread>, future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        let root = Root::new();
        let waker = RootWaker { root: Arc::clone(&root), shared: Arc::clone(self) };
        let waker = Waker::from(Arc::new(waker));
        let mut cx = Context::from_waker(&waker);
        loop {
            if let Some(core) = self.core.take(&root) {
                let turn = CoreGuard::new(self, core);
                return turn.run(future, &root, &mut cx);
            }
            let waiting = Waiting { shared: self, root: &root };
            if root.take_woken() {
                if let Poll::Ready(output) = self.poll_root(future.as_mut(), &mut cx) {
                    return output;
                }
            }
            root.wait();
            std::mem::forget(waiting);
        }
    }

    #[inline]
    fn poll_root<F: Future>(&self, future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // In a simulation a root that yields until another thread has done something must let that
        // thread run.
        if self.tasks.observe().is_simulated {
            std::thread::yield_now();
        }
        let _budget = coop::set(Budget::FULL);
        future.poll(cx)
    }

    /// Lets `f` decide what runs on this thread: see [`Steps`].
    ///
    /// # Panics
    ///
    /// When another thread runs the tasks.
    pub(crate) fn by_hand<R>(&self, f: impl FnOnce(&Steps<'_>) -> R) -> R {
        let core = self.core.take_last().expect("nobody else blocks on what is moved by hand");
        let turn = CoreGuard::new(self, core);
        turn.with(|core| f(&Steps { shared: self, core }))
    }

    /// Whether the shutdown has begun.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Drops every task. Called once, by the thread that drops the runtime.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.tasks.owned().close();
        let core = self.core.take_last();
        if let Some(core) = core {
            let entered = here::enter_core(&core);
            let recorded = self.record_on_this_thread();
            self.runner.set_tid();
            self.awake();
            cancel_down_to(0, self.tasks.owned(), || self.cancel_tasks(&core));
            self.in_flight.wait();
            drop((entered, recorded));
        }
        self.over.store(true, Ordering::Relaxed);
        self.monitor.wake();
    }

    /// Refuses new tasks from here on. The running thread drops those that exist.
    pub(crate) fn stop(&self) {
        self.tasks.owned().close();
        self.stopped.store(true, Ordering::Relaxed);
        self.unpark(); // wake: stop
    }

    /// Drops idle and queued tasks while the monitor watches. Called by the thread that has the
    /// core.
    fn cancel_tasks(&self, core: &Core) {
        let cancel = |task: Runnable| {
            self.have_watched();
            self.runner.watch().begin(task.id().as_u64(), Some(task.location()));
            task.cancel();
            let _ = self.runner.watch().end();
        };
        let queued = std::iter::from_fn(|| {
            let task = core.queue.borrow_mut().pop_front();
            let task = task.or_else(|| self.injector.lock().pop_front());
            task.or_else(|| self.behind.lock().pop())
        });
        self.tasks.cancel_each(queued, cancel);
    }

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Starts the monitor for the running thread if there is none yet.
    #[inline]
    pub(crate) fn have_watched(&self) {
        if self.watched.load(Ordering::Relaxed) == UNWATCHED {
            self.start_watch();
        }
    }

    #[cold]
    fn start_watch(&self) {
        if self.watched.swap(WATCHED, Ordering::Relaxed) != UNWATCHED {
            return;
        }
        let Some(start) = &self.config.start_watch else { return };
        if let Err(error) = start() {
            self.watched.store(NO_WATCH, Ordering::Relaxed);
            say::line(&messages::no_thread_to_watch(&error));
        }
    }

    /// Watches the running thread until the runtime closes. Run by the monitor's thread.
    pub(crate) fn watch(self: &Arc<CurrentThread>) {
        self.monitor.watch_one(
            &self.runner,
            || self.over.load(Ordering::Relaxed),
            |seen| {
                let shared = Arc::clone(self);
                Box::new(move || shared.runner.watch().look() == Some(seen))
            },
        );
    }

    /// Tasks in the local queue if this is the running thread, else 0: other threads may not look
    /// into the queue.
    pub(crate) fn queue_len(&self) -> usize {
        self.queued_here().unwrap_or(0)
    }

    /// As [`queue_len`](CurrentThread::queue_len), but `None` on another thread.
    pub(crate) fn queued_here(&self) -> Option<usize> {
        here::with(|here| match here {
            Here::Core(core) if std::ptr::eq(core.owner, self) => {
                core.queue.try_borrow().map(|queue| queue.len()).ok()
            }
            _ => None,
        })
    }

    /// The thread that runs the tasks, or was the last to do so.
    pub(crate) fn thread_id(&self) -> Option<ThreadId> {
        *self.thread.lock()
    }

    pub(crate) fn counters(&self) -> &WorkerCounters {
        &self.counters
    }

    pub(crate) fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// Background tasks that wait for a poll, and threads for them.
    pub(crate) fn background_counts(&self) -> (usize, usize) {
        (self.behind.lock().len(), 0)
    }

    pub(crate) fn injected(&self) -> usize {
        self.injector.lock().len()
    }

    /// The kernel's number of the thread that has the core; 0 if none had it yet.
    pub(crate) fn tid(&self) -> u32 {
        self.runner.tid()
    }

    /// Tasks that other threads have made runnable.
    pub(crate) fn remote_schedules(&self) -> u64 {
        self.in_flight.ever()
    }
}

/// A thread that waits for the core. Dropped when the thread finishes without the core, also by a
/// panic.
struct Waiting<'a> {
    shared: &'a CurrentThread,
    root: &'a Arc<Root>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shared.core.give_up(self.root);
    }
}

/// Puts the core back when dropped, also when the root future panics.
struct CoreGuard<'a> {
    shared: &'a CurrentThread,
    core: Option<Box<Core>>,
    recorded: Option<OnThread>,
}

impl Drop for CoreGuard<'_> {
    fn drop(&mut self) {
        self.shared.runner.set_awake(false);
        record_here(Kind::Park);
        // Before another thread can have the core.
        drop(self.recorded.take());
        if let Some(core) = self.core.take() {
            self.shared.note_busy(&core);
            self.shared.core.put(core);
        }
    }
}

impl CoreGuard<'_> {
    fn new(shared: &CurrentThread, core: Box<Core>) -> CoreGuard<'_> {
        let recorded = shared.record_on_this_thread();
        record_here(Kind::Unpark);
        CoreGuard { shared, core: Some(core), recorded }
    }

    fn run<F: Future>(
        self,
        mut future: Pin<&mut F>,
        root: &Root,
        cx: &mut Context<'_>,
    ) -> F::Output {
        let shared = self.shared;
        let core: &Core = self.core.as_ref().expect("put in when the turn was made");
        let entered = here::enter_core(core);
        // The thread must not keep the rest of a poll's budget.
        let _budget = coop::set(Budget::UNLIMITED);
        shared.begin_turn();
        if shared.watched.load(Ordering::Relaxed) == NO_WATCH {
            shared.watched.store(UNWATCHED, Ordering::Relaxed);
        }
        core.busy_since.set(Instant::now());
        let output = loop {
            if core.is_roots_turn() && root.take_woken() {
                core.ahead.set(Core::ALL);
                let polled = shared.runner.bracket(|| shared.poll_root(future.as_mut(), cx));
                if let Poll::Ready(output) = polled {
                    break output;
                }
                // The root may wait for an event: after the first task that only yields, the
                // thread looks at the driver.
                core.yields.set(YIELD_INTERVAL - 1);
            }
            let ran_out = shared.run_tasks(core, root);
            if shared.stopped.load(Ordering::Relaxed) {
                shared.cancel_tasks(core);
            }
            if ran_out && !root.is_woken() {
                shared.sleep(core);
            } else {
                shared.look(core);
                if core.tick.get().wrapping_sub(core.noted_at.get()) >= NOTE_INTERVAL {
                    shared.note_busy(core);
                }
            }
        };
        drop(entered);
        output
    }

    /// Gives the core to a caller that decides what runs.
    fn with<R>(self, f: impl FnOnce(&Core) -> R) -> R {
        let core: &Core = self.core.as_ref().expect("put in when the turn was made");
        let entered = here::enter_core(core);
        let _budget = coop::set(Budget::UNLIMITED);
        self.shared.begin_turn();
        core.busy_since.set(Instant::now());
        let result = f(core);
        drop(entered);
        result
    }
}

/// The single steps of an executor that is driven by hand. Each runs only what it says.
pub(crate) struct Steps<'a> {
    shared: &'a CurrentThread,
    core: &'a Core,
}

impl Steps<'_> {
    /// How many tasks are ready. Moves injected tasks behind those in the queue, so that all tasks
    /// are in one order.
    pub(crate) fn ready(&self) -> usize {
        let mut injected = self.shared.injector.lock();
        let mut queue = self.core.queue.borrow_mut();
        queue.append(&mut injected);
        queue.len() + self.shared.behind.lock().len()
    }

    /// Polls the first ready task. Returns false if there is none.
    pub(crate) fn run_next(&self) -> bool {
        self.ready();
        let Some(task) = self.core.queue.borrow_mut().pop_front() else {
            return self.shared.run_behind(self.core, true);
        };
        self.shared.counters.between_polls();
        if let Outcome::Woken(task) = self.shared.run_one(task) {
            self.core.queue.borrow_mut().push_back(task);
        }
        true
    }

    /// Polls a root future.
    pub(crate) fn poll<F: Future>(
        &self,
        future: Pin<&mut F>,
        cx: &mut Context<'_>,
    ) -> Poll<F::Output> {
        self.shared.runner.bracket(|| self.shared.poll_root(future, cx))
    }

    /// Looks at events and timers without waiting, and calls the wakers of those that are due.
    pub(crate) fn look(&self) {
        self.shared.look(self.core);
    }

    /// Blocks until an event or another thread's wake: [`Park::wait_for_others`].
    pub(crate) fn wait(&self, jobs_only: bool) {
        let shared = self.shared;
        shared.note_busy(self.core);
        let mut ready = self.core.ready.take();
        shared.driver.wait_for_others(&shared.parker, jobs_only, &mut ready);
        self.core.busy_since.set(Instant::now());
        shared.wake(self.core, ready);
    }
}

impl CurrentThread {
    /// Records that this thread has the core from now on.
    #[inline(always)]
    fn begin_turn(&self) {
        self.runner.set_tid();
        *self.thread.lock() = Some(std::thread::current().id());
        self.awake();
    }

    /// This thread writes to the ring, as the one that has the core.
    fn record_on_this_thread(&self) -> Option<OnThread> {
        self.tasks.observe().record_on_this_thread(self.counters.ring.as_ref())
    }

    /// Polls a task once.
    #[inline(always)]
    fn run_one(&self, task: Runnable) -> Outcome {
        self.have_watched();
        self.runner.watch().begin(task.id().as_u64(), Some(task.location()));
        let outcome = {
            let _budget = coop::set(Budget::FULL);
            self.tasks.observe().run(task, &StallPolicy::Nobody, Some(&self.counters))
        };
        let _ = self.runner.watch().end();
        self.counters.polls.add(1);
        outcome
    }

    /// Runs tasks until it is time to look at the driver or to poll the root. Returns whether no
    /// task was left.
    fn run_tasks(&self, core: &Core, root: &Root) -> bool {
        self.counters.between_polls();
        if self.has_behind.load(Ordering::Relaxed) {
            self.run_behind(core, false);
        }
        for _ in 0..self.config.event_interval {
            let ahead = core.ahead.get();
            if ahead == 0 && root.is_woken() {
                return false;
            }
            let Some(task) = self.next_task(core) else {
                core.ahead.set(Core::ALL);
                return !self.has_behind.load(Ordering::Relaxed) || !self.run_behind(core, true);
            };
            core.ahead.set(ahead.saturating_sub(1));
            if let Outcome::Woken(task) = self.run_one(task) {
                let mut queue = core.queue.borrow_mut();
                if core.nobody_has_yielded() {
                    core.ahead.set(queue.len().try_into().unwrap_or(0));
                }
                queue.push_back(task);
                // Tasks that yield usually wait for an event.
                let yields = core.yields.get() + 1;
                core.yields.set(if yields < YIELD_INTERVAL { yields } else { 0 });
                if yields == YIELD_INTERVAL {
                    return false;
                }
            } else {
                core.yields.set(0);
                // Tasks from other threads can wait for one poll of the root.
                if root.is_woken() && core.queue.borrow().is_empty() {
                    break;
                }
            }
        }
        core.ahead.set(Core::ALL);
        false
    }

    fn next_task(&self, core: &Core) -> Option<Runnable> {
        let tick = core.tick.get().wrapping_add(1);
        core.tick.set(tick);
        let local = || core.queue.borrow_mut().pop_front();
        let injected = || self.injector.lock().pop_front();
        if tick % self.config.global_queue_interval == 0 {
            injected().or_else(local)
        } else {
            local().or_else(injected)
        }
    }

    fn look(&self, core: &Core) {
        let mut ready = core.ready.take();
        self.driver.look(0, &mut ready);
        self.wake(core, ready);
    }

    fn sleep(&self, core: &Core) {
        if let Some(hook) = &self.config.on_park {
            self.runner.bracket(|| catch_panic(|| hook()));
        }
        // The hook may have spawned.
        let mut looked = false;
        if core.queue.borrow().is_empty() {
            self.counters.parks.add(1);
            self.note_busy(core);
            self.runner.set_awake(false);
            let mut ready = core.ready.take();
            record_here(Kind::Park);
            let idle_since = core.busy_since.get();
            if let Some(until) = self.idle_spin.until(|| idle_since) {
                let goes_on = &mut || Instant::now() < until;
                self.driver.look_again(&self.parker, goes_on, &mut ready);
            }
            looked = !ready.is_empty() || self.driver.sleep(0, &self.parker, None, &mut ready);
            record_here(Kind::Unpark);
            self.counters.unparks.add(1);
            let now = Instant::now();
            self.idle_spin.note(now - idle_since);
            core.busy_since.set(now);
            self.awake();
            self.wake(core, ready);
        }
        // The sleep was skipped, since the hook or another thread has woken something. That may
        // happen every time, and events must not wait for it to stop.
        if !looked {
            self.look(core);
        }
        if let Some(hook) = &self.config.on_unpark {
            self.runner.bracket(|| catch_panic(|| hook()));
        }
    }

    fn note_busy(&self, core: &Core) {
        let now = Instant::now();
        self.counters.note(now - core.busy_since.replace(now));
        core.noted_at.set(core.tick.get());
        record_here_with(Kind::Queues, || {
            let queued = core.queue.try_borrow().map_or(0, |queue| queue.len());
            (self.injector.lock().len() as u64, queued as u64)
        });
    }

    fn awake(&self) {
        self.runner.set_awake(true);
        self.monitor.awake();
    }

    fn wake(&self, core: &Core, mut ready: WakeList) {
        if !ready.is_empty() {
            self.runner.bracket(|| {
                let driver = AsDriver::enter();
                for waker in ready.drain_with(|| driver.timers()) {
                    catch_panic(|| waker.wake());
                }
            });
        }
        core.ready.replace(ready);
    }
}

//! A worker: what one thread of the pool does.
//!
//! # The policy, in order
//!
//! 1. A *visit* (`visit.rs`), every 200 microseconds or so. Also a look at the driver when all
//!    tasks that ran have only yielded, for such tasks usually wait for an event: once each task in
//!    the queue has had its turn, but at most every 6 polls.
//! 2. The LIFO slot, at most [`SLOT_RUNS`] times in a row.
//! 3. The own queue, first in, first out.
//! 4. A batch from the injector.
//! 5. A marked task (`marked.rs`).
//! 6. A search: other workers' queues, beginning at a random one; then their slots.
//! 7. Sleep, by the protocol of `sleep.rs`. The order of the steps of 6 and 7: `idle.rs`.
//!
//! # Batches
//!
//! One look at the driver can make a hundred tasks runnable. Each push would be published by
//! itself, and the first one wakes a sleeper. On a busy machine the kernel then often runs the
//! woken thread in the waker's place, and what has not been pushed yet lies in a list that nobody
//! can steal from, until the waker runs again. So the tasks of one look are pushed first and
//! published once: `wake`. No user code runs between the first push and the publication, so it is
//! not put off by more than the pushes themselves: wakers that are not a task's are called after
//! it.
//!
//! Counted on 2026-11-27 with `perf stat`, 50 connections on two cores that others used too, per
//! 1,000 requests, in turns from one binary, medians of 7:
//!
//! |                    | context switches | forced ones | epoll_wait | tokio's context switches |
//! |--------------------|------------------|-------------|------------|--------------------------|
//! | echo, one by one   | 196              | 40          | 150        | 135                      |
//! | echo, at once      | 88               | 7           | 78         |                          |
//! | HTTP, one by one   | 239              | 30          | 206        | 138                      |
//! | HTTP, at once      | 88               | 8           | 93         |                          |
//!
//! # Deferred yields
//!
//! A task that woke itself goes straight to the back of the queue, where thieves see it. A list on
//! the side could get stuck behind a poll that does not return.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fan_in::FanIn;
use super::here;
use super::idle::{Idle, Sleeper};
use super::marked::Offer;
use super::metrics::WorkerCounters;
use super::monitor_park;
use super::observe::Hook;
use super::pace::Visits;
use super::pool::Pool;
use super::queue::Local;
use super::sleep::{Place, Sleep, Withdrawn};
use super::worker_shared::WorkerShared;
use super::worker_table::WorkerRef;
use crate::engine::activity::Activity;
use crate::engine::catch_panic::catch_panic;
use crate::engine::coop::{self, Budget};
use crate::engine::entered;
use crate::engine::idle_spin::IdleSpin;
use crate::engine::insight::AsDriver;
use crate::engine::insight::recorder::{Kind, record_here, record_here_with};
use crate::engine::rng::FastRand;
use crate::engine::task::{self, Absence, Outcome, Runnable, StallPolicy};
use crate::engine::wake_list::WakeList;

/// How often in a row the LIFO slot goes before the queue.
const SLOT_RUNS: u8 = 3;
/// The least number of polls between two looks at the driver when all of them have only yielded.
/// With more tasks than that in the queue each has its turn first: a look is a system call, and
/// every few polls of 40 ns it took a quarter of the time (`yield-200`, 2026-11-27). Not 8: whoever
/// yields ten times in the hope of an event needs one poll more when its budget is spent, and one
/// to see what the event has made ready.
const YIELD_INTERVAL: u32 = 6;

/// A worker that wakes up less often than this calls the monitor off when it goes to sleep, which
/// costs one more system call, some 300 ns. One that wakes up more often does not: a look of the
/// monitor each 2 ms costs less.
const SELDOM: Duration = Duration::from_micros(500);

/// How far a worker's first sleep has come, if it is a nap (`monitor_start.rs`).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nap {
    No,
    /// It has not slept yet.
    Begun,
    Slept,
}

/// A slot that has been taken for a thread to be started.
pub(crate) struct NewWorker {
    pool: Arc<Pool>,
    slot: usize,
    ran: bool,
}

impl NewWorker {
    pub(super) fn new(pool: Arc<Pool>, slot: usize) -> NewWorker {
        pool.count_starting(true);
        NewWorker { pool, slot, ran: false }
    }

    /// Which slot of the pool it is.
    pub(crate) fn slot_index(&self) -> usize {
        self.slot
    }

    /// The function to call with the error if no thread can be started for this worker. The next
    /// report of a shortage then gives the reason. Dropping the worker gives its slot back.
    pub(crate) fn on_failure(&self) -> impl FnOnce(io::Error) + Send + 'static {
        let pool = Arc::clone(&self.pool);
        move |error| pool.thread_refused(error)
    }

    /// Works until the pool closes or, on another slot than a worker's, until it has not been
    /// needed for a while. To be called by the new thread. `set_up` is called first: it may be user
    /// code, and is watched like a poll.
    pub(crate) fn run(mut self, set_up: &dyn Fn()) {
        self.ran = true;
        self.pool.count_starting(false);
        Worker::new(Arc::clone(&self.pool), self.slot).run(set_up);
    }
}

impl Drop for NewWorker {
    /// Gives the slot back if the thread could not be started, or ended before `run`.
    fn drop(&mut self) {
        if !self.ran {
            self.pool.count_starting(false);
            self.pool.never_came(self.slot);
        }
    }
}

/// A worker at work, on its thread's stack.
pub(super) struct Worker {
    pub(super) pool: Arc<Pool>,
    pub(super) slot: usize,
    pub(super) own: WorkerRef,
    pub(super) queue: Local,
    pub(super) rng: FastRand,
    pub(super) tick: Cell<u32>,
    pub(super) visits: Visits,
    slot_runs: Cell<u8>,
    /// Whether a task that the running one wakes goes into the LIFO slot: not while polls are long.
    uses_slot: Cell<bool>,
    fan_in: FanIn,
    /// Polls in a row that ended with the task having woken itself.
    pub(super) yields: Cell<u32>,
    ready: RefCell<WakeList>,
    publishing: Cell<Publishing>,
    /// When the busy time was last noted.
    busy_since: Cell<Instant>,
    pub(super) noted_at: Cell<u32>,
    woke_at: Cell<Instant>,
    /// Whether the last wake-up came long after the one before it.
    wakes_seldom: Cell<bool>,
    nap: Cell<Nap>,
    idle_spin: IdleSpin,
}

/// Aborts if a worker unwinds. Panics of user code are caught wherever a worker calls it, so this
/// is a bug of the engine. A worker that ended without shutting down would leave tasks behind that
/// point to its pool.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

/// When other workers learn of a task that is pushed here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Publishing {
    /// At each push.
    AtOnce,
    /// At the end of the batch; nothing has been pushed so far.
    Later,
    /// At the end of the batch; something has been pushed.
    Due,
}

impl Worker {
    fn new(pool: Arc<Pool>, slot: usize) -> Worker {
        let own = pool.take_slot(slot);
        let queue = own.take_queue();
        let pool_seed = pool.config.seed;
        let uses_slot = !pool.config.no_lifo_slot;
        let idle_spin = IdleSpin::new(pool.config.idle_spin);
        Worker {
            pool,
            slot,
            own,
            queue,
            rng: match pool_seed {
                // Each worker has its own seed, the same each time.
                Some(pool_seed) => FastRand::from_seed(pool_seed.wrapping_add(slot as u64)),
                None => FastRand::new(),
            },
            tick: Cell::new(0),
            visits: Visits::new(),
            slot_runs: Cell::new(SLOT_RUNS),
            uses_slot: Cell::new(uses_slot),
            fan_in: FanIn::default(),
            yields: Cell::new(0),
            ready: RefCell::new(WakeList::new()),
            publishing: Cell::new(Publishing::AtOnce),
            busy_since: Cell::new(Instant::now()),
            noted_at: Cell::new(0),
            woke_at: Cell::new(Instant::now()),
            wakes_seldom: Cell::new(false),
            nap: Cell::new(Nap::No),
            idle_spin,
        }
    }

    fn is_extra(&self) -> bool {
        self.pool.spares.is_extra(self.slot)
    }

    pub(super) fn shared(&self) -> &WorkerShared {
        &self.own
    }

    pub(super) fn counters(&self) -> &WorkerCounters {
        &self.shared().counters
    }

    fn run(self, set_up: &dyn Fn()) {
        let _abort = AbortOnUnwind;
        let entered = here::enter_worker(&self);
        self.shared().set_tid();
        self.counters().between_polls();
        let ring = self.counters().ring.as_ref();
        let recorded = self.pool.tasks.observe().record_on_this_thread(ring);
        self.bracket(|| catch_panic(set_up));
        let _inside = entered::enter();
        if !self.pool.monitor_start.is_over() {
            self.settle();
        }
        loop {
            self.busy_since.set(Instant::now());
            if self.is_extra() {
                record_here_with(Kind::Spare, || (self.slot as u64, 0));
            }
            let active = self.pool.active();
            self.work();
            self.note_busy();
            drop(active);
            if self.pool.is_closed() || !self.rest() {
                break;
            }
        }
        self.pool.leave(self.slot);
        // Dropped before another thread can have the slot.
        drop((entered, recorded));
        let Worker { pool, slot, own, queue, .. } = self;
        pool.vacate(slot, &own, queue);
    }

    /// Begins with a poll or with a sleep, and says which before it does: `monitor_start.rs`.
    #[cold]
    fn settle(&self) {
        let start = &self.pool.monitor_start;
        if self.is_extra() || self.pool.is_closed() {
            return;
        }
        let first = match self.search() {
            Some(task) => {
                start.polls();
                Some(task)
            }
            // Something else waits, which may be user code.
            None if self.pool.has_work() => {
                start.polls();
                None
            }
            None if start.sleeps() => {
                self.nap.set(Nap::Begun);
                match self.sleep_unless_needed() {
                    Idle::Run(task) => Some(task),
                    Idle::LookAgain | Idle::Leave => None,
                }
            }
            None => None,
        };
        self.counters().between_polls();
        if let Some(task) = first {
            // It is run by `work`. A second call of `run_task` would not be inlined there.
            self.queue.push(task);
        }
    }

    /// Takes the worker out of its nap, before it does anything else.
    #[cold]
    fn has_napped(&self, withdrawn: Withdrawn) {
        let has_slept = self.nap.replace(Nap::No) == Nap::Slept;
        self.pool.monitor_start.has_napped(has_slept && withdrawn == Withdrawn::Alone);
    }

    /// Works until the pool closes or, on an extra slot, until the worker is not needed any more.
    fn work(&self) {
        loop {
            if self.pool.is_closed() {
                return;
            }
            let spares = &self.pool.spares;
            if self.is_extra() && spares.has_surplus(self.slot) && spares.dismiss(self.slot) {
                self.give_away();
                return;
            }
            if self.is_extra() {
                if let Some(given) = self.pool.marked.take_given() {
                    self.run_given(given);
                    continue;
                }
            }
            let task = match self.next_task() {
                Some(task) => task,
                None => {
                    let idle = self.idle();
                    self.counters().between_polls();
                    match idle {
                        Idle::Run(task) => task,
                        Idle::LookAgain => continue,
                        Idle::Leave => return,
                    }
                }
            };
            self.run_task(task);
        }
    }

    /// Points 1 to 5 of the policy.
    #[inline]
    fn next_task(&self) -> Option<Runnable> {
        let tick = self.tick.get().wrapping_add(1);
        self.tick.set(tick);
        let is_due = tick.wrapping_sub(self.visits.next.get()) < u32::MAX / 2;
        if is_due || self.shared().is_called() {
            let first = self.visit(tick);
            self.counters().between_polls();
            if first.is_some() {
                self.fan_in.runs_from_queue();
                return first;
            }
        } else if self.all_have_yielded() {
            self.look();
        }
        let lifo_slot = &self.shared().lifo_slot;
        if self.slot_runs.get() > 0 {
            if let Some(task) = lifo_slot.take() {
                self.slot_runs.set(self.slot_runs.get() - 1);
                self.fan_in.runs_from_slot();
                return Some(task);
            }
        }
        self.fan_in.runs_from_queue();
        if let Some(task) = self.queue.pop() {
            self.slot_runs.set(SLOT_RUNS);
            return Some(task);
        }
        self.slot_runs.set(SLOT_RUNS);
        lifo_slot.take().or_else(|| self.pool.injector.steal_into(&self.queue))
    }

    /// Whether tasks do nothing but yield, and each in the queue has had its turn since the last
    /// look.
    #[inline]
    fn all_have_yielded(&self) -> bool {
        let yields = self.yields.get();
        yields >= YIELD_INTERVAL && yields as usize >= self.queue.len()
    }

    #[inline]
    fn run_task(&self, task: Runnable) {
        let slot = self.shared();
        coop::refill(Budget::FULL);
        slot.watch.begin(task.id().as_u64(), Some(task.location()));
        let policy = StallPolicy::Watch(&slot.watch);
        let outcome = self.pool.tasks.observe().run(task, &policy, Some(&slot.counters));
        let absence = slot.watch.end();
        slot.counters.polls.add(1);
        if let Some(absence) = absence {
            self.recovered(absence);
        }
        match outcome {
            Outcome::Woken(task) => {
                self.yields.set(self.yields.get() + 1);
                self.requeue(task);
            }
            Outcome::Idle | Outcome::Complete => self.yields.set(0),
        }
    }

    /// Whether this worker has something else to do.
    pub(super) fn has_queued(&self) -> bool {
        self.queue.len() > 0
            || !self.shared().lifo_slot.is_empty()
            || !self.pool.injector.is_empty()
    }

    /// Puts a task that woke itself at the back of the queue.
    #[inline]
    pub(super) fn requeue(&self, task: Runnable) {
        if task.is_ordinary() {
            self.queue.push(task);
        } else {
            self.pool.push_elsewhere(task);
        }
    }

    /// Queues a task that was made runnable by the task that runs here.
    #[inline]
    pub(super) fn schedule(&self, task: Runnable) {
        self.counters().local_schedules.add(1);
        if !task.is_ordinary() {
            return self.schedule_elsewhere(task);
        }
        if !self.uses_slot.get() && self.passes_slot_by() {
            self.queue.push(task);
            return self.publish();
        }
        if self.fan_in.is_same_again(task.id().as_u64()) && self.queue.len() > 0 {
            return self.push_behind(task);
        }
        // The owner will run what is in the LIFO slot next; thieves are called for what it
        // displaces.
        if let Some(displaced) = self.shared().lifo_slot.put(task) {
            self.queue.push(displaced);
            self.publish();
        }
    }

    /// Queues new tasks behind the others, and publishes them at once.
    pub(super) fn schedule_all(&self, batch: &mut Vec<Runnable>) {
        self.counters().local_schedules.add(batch.len() as u64);
        for task in batch.drain(..) {
            if task.is_ordinary() {
                self.queue.push(task);
            } else {
                self.pool.push_elsewhere(task);
            }
        }
        self.publish();
    }

    /// Queues a task that is not ordinary.
    #[cold]
    fn schedule_elsewhere(&self, task: Runnable) {
        if self.pool.push_elsewhere(task) {
            self.publish();
        }
    }

    /// Whether a task is to be queued although the LIFO slot has room. If only polls are long, not
    /// in a batch: then no poll is going on, and this worker takes the task next.
    #[cold]
    fn passes_slot_by(&self) -> bool {
        self.pool.config.no_lifo_slot || self.publishing.get() == Publishing::AtOnce
    }

    /// Called at a visit: whether the LIFO slot is used until the next one. A task in it waits for
    /// the end of the poll that has woken it.
    pub(super) fn choose_slot_use(&self) {
        self.uses_slot.set(!self.pool.config.no_lifo_slot && !self.visits.polls_are_long());
    }

    /// Puts a task that several tasks of the queue wake behind them.
    #[cold]
    fn push_behind(&self, task: Runnable) {
        self.queue.push(task);
        self.publish();
    }

    /// Tells others of a push: now, or at the end of the batch.
    #[inline]
    fn publish(&self) {
        match self.publishing.get() {
            Publishing::AtOnce => self.pool.work_published(),
            Publishing::Later | Publishing::Due => self.publishing.set(Publishing::Due),
        }
    }

    /// The number of the slot.
    pub(super) fn index(&self) -> usize {
        self.slot
    }

    /// Whether this is a worker of `pool`.
    #[inline]
    pub(super) fn is_of(&self, pool: &Pool) -> bool {
        std::ptr::eq(&*self.pool, pool)
    }

    /// Whether a task that is put on this slot now might lie there for long.
    #[inline]
    pub(super) fn is_stalled(&self) -> bool {
        self.shared().watch.is_stalled()
    }

    /// Counts a stall that is over: the monitor's verdict has been taken back.
    #[cold]
    pub(super) fn recovered(&self, absence: Absence) {
        self.counters().stalls.add(1);
        if absence == Absence::Stalled {
            record_here(Kind::Recovered);
        }
        self.pool.spares.returned(absence);
    }

    /// Looks at the driver between two polls.
    pub(super) fn look(&self) {
        self.yields.set(0);
        self.counters().between_polls();
        let mut ready = self.ready.take();
        self.pool.driver.look(self.slot, &mut ready);
        self.wake(ready);
    }

    /// Calls wakers while the monitor watches. Those of tasks come first, as one batch. The others
    /// are user code, and lie where other workers can take them (`foreign_wakers.rs`).
    fn wake(&self, mut ready: WakeList) {
        if !ready.is_empty() {
            let mut others = WakeList::new();
            self.bracket(|| {
                let driver = AsDriver::enter();
                self.publishing.set(Publishing::Later);
                for waker in ready.drain_with(|| driver.timers()) {
                    if task::is_task_waker(&waker) {
                        waker.wake();
                    } else {
                        others.push(waker);
                    }
                }
                if self.publishing.replace(Publishing::AtOnce) == Publishing::Due {
                    self.pool.work_published();
                }
            });
            if !others.is_empty() {
                self.pool.foreign.put(others.drain());
                self.call_foreign();
            }
        }
        self.ready.replace(ready);
    }

    /// Calls the wakers that are user code, until none is left.
    #[cold]
    pub(super) fn call_foreign(&self) {
        while let Some(waker) = self.pool.foreign.take() {
            self.bracket(|| catch_panic(|| waker.wake()));
        }
    }

    fn bracket(&self, user_code: impl FnOnce()) {
        let watch = &self.shared().watch;
        watch.begin(0, None);
        coop::refill(Budget::UNLIMITED);
        user_code();
        if let Some(absence) = watch.end() {
            self.recovered(absence);
        }
    }

    fn call(&self, hook: Option<&Hook>) {
        if let Some(hook) = hook {
            self.bracket(|| catch_panic(|| hook()));
        }
    }

    /// If user code comes first, puts a task that was found where other workers can take it.
    fn with_empty_hands(&self, idle: Idle<Runnable>) -> Idle<Runnable> {
        match idle {
            Idle::Run(task) if self.pool.config.on_unpark.is_some() => {
                self.queue.push(task);
                self.pool.work_published();
                Idle::LookAgain
            }
            idle => idle,
        }
    }

    /// Calls the monitor off if this is the last worker to go to sleep: nothing is left to watch.
    fn call_monitor_off(&self) {
        if self.wakes_seldom.get() {
            let (spares, monitor) = (&self.pool.spares, &self.pool.monitor);
            // The poll this worker takes itself, or it sleeps beside one who has it.
            monitor.park().call_off(|| {
                self.pool.is_closed() || !spares.is_quiet(|| true) || monitor.is_bound_awake()
            });
        }
    }

    pub(super) fn count_stolen(&self, tasks: usize) {
        self.counters().steal_operations.add(1);
        self.counters().steals.add(tasks as u64);
        record_here_with(Kind::Steal, || (tasks as u64, 0));
    }

    /// Gives all queued tasks away, since this worker has been dismissed.
    fn give_away(&self) {
        if let Some(task) = self.shared().lifo_slot.take() {
            self.pool.injector.push(task);
        }
        while let Some(task) = self.queue.pop() {
            self.pool.injector.push(task);
        }
        if self.pool.has_work() {
            self.pool.work_published();
        }
    }

    /// Lets a dismissed spare's thread wait to be called again. Returns false if nobody has called
    /// for a while. A stand-in's thread waits in the blocking pool instead.
    fn rest(&self) -> bool {
        if self.pool.spares.is_stand_in(self.slot) {
            return false;
        }
        let deadline = Instant::now().checked_add(self.pool.config.keep_alive);
        let parker = &self.shared().parker;
        self.pool.spares.rest(
            self.slot,
            || self.pool.is_closed(),
            || match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => {
                    parker.park();
                    true
                }
                Some(Duration::ZERO) => false,
                Some(left) => {
                    parker.park_timeout(left);
                    true
                }
            },
        )
    }

    #[cold]
    pub(super) fn note_busy(&self) {
        let now = Instant::now();
        self.counters().note(now - self.busy_since.replace(now));
        self.noted_at.set(self.tick.get());
        self.pool.monitor_start.retry();
    }
}

/// Points 6 and 7 of the policy.
impl Sleeper for Worker {
    type Task = Runnable;

    fn slot(&self) -> usize {
        self.slot
    }

    fn protocol(&self) -> &Sleep {
        &self.pool.spares.sleep
    }

    /// If nobody waits in the driver, this worker is going to.
    fn place(&self) -> Place {
        if self.pool.driver.has_holder() { Place::Next } else { Place::Last }
    }

    fn activity(&self) -> Option<&Activity> {
        self.pool.config.activity.as_deref()
    }

    fn is_closed(&self) -> bool {
        self.pool.is_closed()
    }

    fn has_work(&self) -> bool {
        self.pool.has_work()
    }

    fn work_published(&self) {
        self.pool.work_published();
    }

    /// One look at everything that others could take. Not several: decision 0014.
    fn search(&self) -> Option<Runnable> {
        if let Some(task) = self.pool.injector.steal_into(&self.queue) {
            return Some(task);
        }
        let start = self.rng.below(self.pool.workers() as u32) as usize;
        let others = self.pool.awake_slots(start).filter(|&(slot, _)| slot != self.slot);
        for (_, slot) in others.clone() {
            // Looking at an empty queue costs two loads. Trying to steal from it is a step that
            // others wait for.
            let Some(stealer) = slot.stealer().filter(|stealer| !stealer.is_empty()) else {
                continue;
            };
            if let Some(task) = stealer.steal_into(&self.queue) {
                self.count_stolen(1 + self.queue.len());
                return Some(task);
            }
        }
        for (_, slot) in others {
            if let Some(task) = slot.lifo_slot.take() {
                self.count_stolen(1);
                return Some(task);
            }
        }
        None
    }

    fn before_sleep(&self) -> Option<Idle<Runnable>> {
        if !self.pool.foreign.is_empty() {
            self.call_foreign();
            return Some(Idle::LookAgain);
        }
        if let Some(given) = self.pool.marked.take_given() {
            self.run_given(given);
            return Some(Idle::LookAgain);
        }
        if self.pool.marked.is_ready() {
            let offer = Offer { now: Instant::now(), wait: Duration::ZERO, may_run: true };
            if let Some(taken) = self.pool.marked.take(offer) {
                self.run_marked(taken);
                return Some(Idle::LookAgain);
            }
        }
        if self.is_extra() && self.pool.spares.dismiss(self.slot) {
            self.give_away();
            return Some(Idle::Leave);
        }
        self.call(self.pool.config.on_park.as_ref());
        // The hook may have spawned tasks.
        let has_own = !self.shared().lifo_slot.is_empty() || self.queue.len() > 0;
        has_own.then_some(Idle::LookAgain)
    }

    fn sleep(&self) -> WakeList {
        self.counters().parks.add(1);
        self.note_busy();
        self.call_monitor_off();
        self.pool.background.worker_sleeps();
        let mut ready = self.ready.take();
        record_here(Kind::Park);
        let limit = match self.nap.get() {
            Nap::No => None,
            Nap::Begun | Nap::Slept => {
                self.nap.set(Nap::Slept);
                Some(monitor_park::DELAY)
            }
        };
        let (driver, parker) = (&self.pool.driver, &self.shared().parker);
        let idle_since = self.busy_since.get();
        if let Some(until) = self.idle_spin.until(|| idle_since) {
            driver.look_again(parker, &mut || Instant::now() < until, &mut ready);
        }
        if ready.is_empty() {
            driver.sleep(self.slot, parker, limit, &mut ready);
        }
        record_here(Kind::Unpark);
        self.counters().unparks.add(1);
        let now = Instant::now();
        self.idle_spin.note(now - idle_since);
        let before = self.woke_at.replace(now);
        self.wakes_seldom.set(now - before >= SELDOM);
        self.busy_since.set(now);
        self.visits.awake(now, self.tick.get());
        ready
    }

    fn withdraw(&self) -> Withdrawn {
        let withdrawn = self.pool.spares.withdraw(self.slot, self.pool.monitor.park());
        if self.nap.get() != Nap::No {
            self.has_napped(withdrawn);
        }
        withdrawn
    }

    fn after_sleep(
        &self,
        ready: WakeList,
        withdrawn: Withdrawn,
        idle: Idle<Runnable>,
    ) -> Idle<Runnable> {
        if ready.is_empty() && withdrawn == Withdrawn::Alone {
            self.counters().noops.add(1);
        }
        // Wakers may be user code, so the worker holds no task meanwhile.
        self.wake(ready);
        let idle = self.with_empty_hands(idle);
        self.call(self.pool.config.on_unpark.as_ref());
        idle
    }
}

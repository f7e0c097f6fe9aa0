//! The multi-thread scheduler: what its workers share.
//!
//! # Where a task goes
//!
//! | woken or spawned by                  | goes to                                         |
//! |--------------------------------------|-------------------------------------------------|
//! | the task that runs on a worker       | that worker's LIFO slot; what was there, to the |
//! |                                      | back of its queue. If several wake one task:    |
//! |                                      | `fan_in.rs`                                     |
//! | itself, in its own poll              | the back of the worker's queue                  |
//! | a worker that does not serve         | the injector                                    |
//! | any other thread                     | the injector                                    |
//!
//! A background task always goes to the queue of `background.rs`, and never to a worker.
//!
//! A marked task (one that has stalled a worker before) always goes to the queues of `marked.rs`.
//! The worker that takes it announces itself as stalled before the poll, so that a spare already
//! serves in its place.
//!
//! # Spares and stand-ins
//!
//! A slot whose thread is stalled or in `block_in_place` does not serve. A spare, or a stand-in on
//! a thread of the blocking pool, serves in its place. `spares.rs` says who counts, calls and
//! retires them, and why no slot is left without one.
//!
//! # Shutdown
//!
//! 1. `close` closes the owned list (spawns are cancelled from here on), sets `closed`, wakes
//!    everybody.
//! 2. Each worker, after its current poll, cancels every idle task and empties the queues.
//! 3. The last worker to leave empties all queues until no task is alive, and waits for wakes in
//!    flight. From here on only counted references point to the pool.
//!
//! `closing.rs` has the protocol, and says why no task is left behind. Each future that is dropped
//! on the way is watched like a poll, since a destructor may block, too. The monitor watches until
//! the last thread has left.
#![allow(unsafe_code, reason = "tasks point to their pool uncounted; docs/unsafe.md, P1")]

use std::future::Future;
use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::background::{Background, Workers};
use super::background_thread::{BackgroundThread, Host};
use super::closing::{Closing, cancel_down_to};
use super::foreign_wakers::ForeignWakers;
use super::here::{self, Here};
use super::idle::work_published;
use super::in_flight::InFlight;
use super::marked::MarkedTasks;
use super::monitor::Monitor;
use super::monitor_park;
use super::monitor_start::MonitorStart;
use super::observe::{Hook, Observe};
use super::park::{self, Park};
use super::queue::{Injector, Local};
use super::spares::{Call, Shortage, Spares};
use super::tasks::{HasTasks, Of, Tasks, Uncounted};
use super::worker::NewWorker;
use super::worker_shared::WorkerShared;
use super::worker_table::{WorkerRef, WorkerTable};
use crate::engine::activity::{Active, Activity};
use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::engine::process_wide::fork::ForkGeneration;
use crate::engine::task::scope::Membership;
use crate::engine::task::{Absence, Identity, JoinHandle, PollOwner, Runnable, Watch, spawn_cell};
use crate::engine::{messages, say};

/// How long a thread that closes the pool may wait before it has others watched.
pub(crate) const NAP: Duration = monitor_park::DELAY;

/// Starts a thread that calls [`NewWorker::run`], or has it started soon. In the second case an
/// error comes later, through [`NewWorker::on_failure`]. The monitor calls this function for
/// spares; it must then neither wait nor call user code.
pub(crate) type StartThread = Box<dyn Fn(NewWorker) -> io::Result<()> + Send + Sync>;

/// Gives the blocking pool a job that calls [`StandIn::arrive`].
pub(crate) type AskForStandIn = Box<dyn Fn(StandIn, Asked) + Send + Sync>;

/// Has a thread started that calls [`BackgroundThread::run`]. As for [`StartThread`] an error may
/// come later, and the function neither waits nor calls user code.
pub(crate) type StartBackground = Box<dyn Fn(BackgroundThread) -> io::Result<()> + Send + Sync>;

/// Which thread asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A worker. It may wait for a thread to start, and call the user's function that names it.
    ByWorker,
    /// The monitor, which may do neither.
    ByMonitor,
}

/// A pool's settings.
pub(crate) struct PoolConfig {
    /// Slots for workers; at least one.
    pub(crate) workers: usize,
    /// Slots for spares.
    pub(crate) spares: usize,
    /// The most stand-ins: as many as the blocking pool may have threads.
    pub(crate) stand_ins: usize,
    /// The most threads for background tasks.
    pub(crate) background_threads: usize,
    /// Whether the blocking pool has no thread for a stand-in.
    pub(crate) no_stand_in: Arc<AtomicBool>,
    /// The most polls between two looks at the injector.
    pub(crate) global_queue_interval: u32,
    /// The most polls between two looks at the driver.
    pub(crate) event_interval: u32,
    /// How long a retired spare's thread waits to be used again.
    pub(crate) keep_alive: Duration,
    /// How long an idle worker looks again before it sleeps.
    pub(crate) idle_spin: Duration,
    /// Called by a worker before it sleeps.
    pub(crate) on_park: Option<Hook>,
    /// Called by a worker after it slept.
    pub(crate) on_unpark: Option<Hook>,
    /// Whether a task that the running one wakes goes to the back of the queue, not to the LIFO
    /// slot.
    pub(crate) no_lifo_slot: bool,
    /// The seed of the workers' random choices.
    pub(crate) seed: Option<u64>,
    /// Where active workers are counted, if time can be paused: see `engine/activity.rs`.
    pub(crate) activity: Option<Arc<Activity>>,
}

/// What the workers share.
pub(crate) struct Pool {
    /// For threads that are started by a thread that has only a task's pointer to the pool.
    this: Weak<Pool>,
    slots: WorkerTable,
    pub(super) spares: Spares,
    pub(super) injector: Injector,
    pub(super) marked: MarkedTasks,
    pub(super) foreign: ForeignWakers,
    pub(super) background: Background,
    pub(super) driver: Box<dyn Park>,
    pub(super) config: PoolConfig,
    pub(super) monitor: Monitor,
    pub(super) monitor_start: MonitorStart,
    pub(super) tasks: Tasks,
    in_flight: InFlight,
    closing: Closing,
    start_thread: StartThread,
    ask_for_stand_in: AskForStandIn,
    start_background: StartBackground,
    /// Why the last thread could not be started, until that has been reported.
    no_thread: Mutex<Option<io::Error>>,
    /// Spares whose threads have not begun.
    starting: AtomicUsize,
    generation: ForkGeneration,
}

/// A request for a thread of the blocking pool to serve in the place of a worker in
/// `block_in_place`.
pub(crate) struct StandIn(Option<Arc<Pool>>);

impl StandIn {
    /// Called on a thread that has come. Returns the slot to serve on, or `None` if it is no longer
    /// needed.
    pub(crate) fn arrive(mut self) -> Option<NewWorker> {
        let pool = self.0.take()?;
        let slot = pool.spares.arrive()?;
        if !pool.closing.enter() {
            pool.spares.never_came(slot);
            return None;
        }
        Some(NewWorker::new(pool, slot))
    }

    /// No thread could be started, for this reason.
    pub(crate) fn failed(self, error: io::Error) {
        if let Some(pool) = &self.0 {
            pool.thread_refused(error);
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        if let Some(pool) = self.0.take() {
            pool.spares.not_coming();
        }
    }
}

impl HasTasks for Pool {
    fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    #[inline]
    fn push(&self, task: Runnable) {
        self.schedule(task);
    }

    fn stop(&self) {
        self.close();
    }
}

impl Workers for Pool {
    fn sleeping(&self) -> usize {
        self.spares.sleep.sleeping().min(self.config.workers)
    }

    fn is_closed(&self) -> bool {
        Pool::is_closed(self)
    }
}

impl Host for Pool {
    fn background(&self) -> &Background {
        &self.background
    }

    fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    fn observe(&self) -> &Observe {
        self.tasks.observe()
    }

    fn keep_alive(&self) -> Duration {
        self.config.keep_alive
    }

    fn start(&self, place: usize) {
        self.start_background(place);
    }

    fn requeue(&self, task: Runnable) {
        self.push_background(task);
    }

    fn polled(&self) {
        self.background_done();
    }

    fn left(&self, place: usize) {
        let finish = || self.finish_watched(self.background.watched(place).watch());
        if self.closing.leave(finish) && self.is_closed() {
            self.monitor.wake();
        }
    }

    fn refused(&self, error: &io::Error) {
        self.no_background_thread(error);
    }
}

impl Pool {
    /// A pool without threads; [`start`](Pool::start) starts them.
    pub(crate) fn new(
        config: PoolConfig,
        tasks: Tasks,
        driver: Box<dyn Park>,
        (monitor, monitor_start): (Monitor, MonitorStart),
        start_thread: StartThread,
        ask_for_stand_in: AskForStandIn,
        start_background: StartBackground,
    ) -> Arc<Pool> {
        let extra = config.spares + config.stand_ins;
        let background = Background::new(config.background_threads, config.workers + extra);
        Arc::new_cyclic(|this| Pool {
            this: Weak::clone(this),
            slots: WorkerTable::new(config.workers, extra, tasks.observe()),
            spares: Spares::new(config.workers, config.spares, config.stand_ins),
            injector: Injector::new(),
            marked: MarkedTasks::new(config.workers),
            foreign: ForeignWakers::default(),
            background,
            driver,
            monitor,
            monitor_start,
            tasks,
            in_flight: InFlight::default(),
            closing: Closing::new(),
            start_thread,
            ask_for_stand_in,
            start_background,
            starting: AtomicUsize::new(0),
            no_thread: Mutex::new(None),
            generation: ForkGeneration::here(),
            config,
        })
    }

    /// Starts the workers' threads. On an error the threads that were started are told to leave.
    pub(crate) fn start(self: &Arc<Pool>) -> io::Result<()> {
        for slot in 0..self.config.workers {
            self.spares.take_worker(slot);
            if let Err(error) = self.start_on(slot) {
                self.close();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Starts a thread on a slot that has been taken for it.
    fn start_on(self: &Arc<Pool>, slot: usize) -> io::Result<()> {
        if !self.closing.enter() {
            self.spares.never_came(slot);
            return Err(messages::shut_down());
        }
        // If no thread starts, dropping the worker undoes what was done here.
        (self.start_thread)(NewWorker::new(Arc::clone(self), slot))
    }

    /// Undoes the taking of a slot whose thread did not start.
    pub(super) fn never_came(&self, slot: usize) {
        self.thread_left(slot);
        self.spares.never_came(slot);
        if self.marked.has_given() {
            self.work_published();
        }
    }

    /// Counts a spare's thread that is being started (`up`), or no longer is.
    pub(super) fn count_starting(&self, up: bool) {
        // No pair: it only keeps a report from being made twice.
        match up {
            true => self.starting.fetch_add(1, Ordering::Relaxed),
            false => self.starting.fetch_sub(1, Ordering::Relaxed),
        };
    }

    pub(super) fn are_starting(&self) -> bool {
        self.starting.load(Ordering::Relaxed) > 0
    }

    /// Spawns a task.
    pub(crate) fn spawn<F>(
        self: &Arc<Pool>,
        future: F,
        identity: Identity<'_>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (task, handle) = spawn_cell(future, self.of_a_task(), identity);
        self.take_in(task, None);
        handle
    }

    /// Makes a task that becomes runnable with the others of the batch:
    /// [`schedule_all`](Pool::schedule_all).
    pub(crate) fn spawn_into<F>(
        self: &Arc<Pool>,
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

    /// Queues tasks that have become runnable, and publishes them at once.
    pub(crate) fn schedule_all(&self, batch: &mut Vec<Runnable>) {
        here::with(|here| match here {
            Here::Worker(worker) if worker.is_of(self) && !worker.is_stalled() => {
                worker.schedule_all(batch);
            }
            _ => self.inject_all(batch),
        });
    }

    /// Spawns a task into a scope.
    pub(crate) fn spawn_in<F>(
        self: &Arc<Pool>,
        membership: Membership,
        future: F,
        identity: Identity<'_>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let pool = self.of_a_task();
        let (task, handle) = membership.spawn_cell(future, pool, identity);
        self.take_in(task, Some(&membership));
        handle
    }

    /// A task's pointer to this pool.
    fn of_a_task(&self) -> Of<Uncounted<Pool>> {
        // SAFETY: the last worker keeps the pool until step 3 of the shutdown has ended, which
        // waits for all tasks and for the wakes in flight.
        Of(unsafe { Uncounted::new(self) })
    }

    /// Adds a new task to the list and schedules it.
    fn take_in(&self, task: Runnable, membership: Option<&Membership>) {
        self.tasks.take_in(task, membership, |task| self.schedule(task));
    }

    /// Queues a task that has become runnable.
    #[inline]
    fn schedule(&self, task: Runnable) {
        here::with(|here| match here {
            Here::Worker(worker) if worker.is_of(self) && !worker.is_stalled() => {
                worker.schedule(task);
            }
            _ => self.inject(task),
        });
    }

    fn inject(&self, task: Runnable) {
        if self.generation.is_in_parent() {
            // After a fork, in the child: it has no workers, and the sleepers are the parent's.
            return std::mem::forget(task);
        }
        let _inside = self.in_flight.enter();
        let _active = self.active();
        if task.is_ordinary() {
            self.injector.push(task);
        } else if !self.push_elsewhere(task) {
            return;
        }
        self.work_published();
    }

    /// As [`inject`](Pool::inject) for many.
    fn inject_all(&self, batch: &mut Vec<Runnable>) {
        if self.generation.is_in_parent() {
            return batch.drain(..).for_each(std::mem::forget);
        }
        let _inside = self.in_flight.enter();
        let _active = self.active();
        for task in batch.drain(..) {
            if task.is_ordinary() {
                self.injector.push(task);
            } else {
                self.push_elsewhere(task);
            }
        }
        self.work_published();
    }

    /// Queues a task that is not ordinary. Returns whether it is work for workers: then the caller
    /// publishes.
    #[cold]
    pub(super) fn push_elsewhere(&self, task: Runnable) -> bool {
        let is_background = task.is_background();
        if is_background {
            self.push_background(task);
        } else {
            self.marked.push(task);
        }
        !is_background
    }

    /// Queues a background task.
    pub(super) fn push_background(&self, task: Runnable) {
        if let Some(activity) = &self.config.activity {
            // Until its poll has ended: see `background_done`.
            activity.begin();
        }
        if let Some(place) = self.background.push(task) {
            self.start_background(place);
        }
    }

    /// A background task is no longer queued or polled.
    pub(super) fn background_done(&self) {
        if let Some(activity) = &self.config.activity {
            activity.end();
        }
    }

    /// Has a thread started for a place that has been taken for it.
    pub(super) fn start_background(&self, place: usize) {
        let pool = self.this.upgrade().filter(|_| self.closing.enter());
        let Some(pool) = pool else { return self.background.never_came(place) };
        // If no thread starts, dropping this undoes what was done here.
        let thread = BackgroundThread::new(pool, place);
        if let Err(error) = (self.start_background)(thread) {
            self.no_background_thread(&error);
        }
    }

    /// No thread could be started for background tasks. If there is none, workers poll them once.
    pub(super) fn no_background_thread(&self, error: &io::Error) {
        let stranded = self.background.take_stranded();
        if stranded.is_empty() || self.is_closed() {
            return stranded.into_iter().for_each(|task| self.push_background(task));
        }
        say::line(&messages::no_thread_for_background(error));
        for task in stranded {
            let _active = self.active();
            self.background_done();
            self.injector.push(task);
        }
        self.work_published();
    }

    /// Wakes a sleeper for work that has just been published, if one is needed.
    #[inline]
    pub(super) fn work_published(&self) {
        let activity = self.config.activity.as_deref();
        work_published(&self.spares.sleep, activity, |slot| self.unpark(slot));
    }

    /// Counts the caller as active until the guard is dropped. See `engine/activity.rs`.
    pub(super) fn active(&self) -> Option<Active<'_>> {
        self.config.activity.as_deref().map(Activity::enter)
    }

    pub(super) fn unpark(&self, slot: usize) {
        if let Some(slot) = self.slots.get(slot) {
            park::unpark(&slot.parker, &*self.driver);
        }
    }

    /// The slot, for the thread that is going to hold it.
    pub(super) fn take_slot(&self, slot: usize) -> WorkerRef {
        self.slots.take(slot, self.tasks.observe())
    }

    /// The number of slots of all kinds.
    pub(crate) fn all_slots(&self) -> usize {
        self.spares.slots() as usize
    }

    /// A slot, whether or not a thread has ever held it.
    pub(crate) fn any_slot(&self, slot: usize) -> Option<WorkerRef> {
        (slot < self.all_slots()).then(|| self.take_slot(slot))
    }

    /// A slot that a thread holds or has held.
    pub(crate) fn shared(&self, slot: usize) -> Option<&WorkerShared> {
        self.slots.get(slot)
    }

    /// One more than the last slot on which there may be work; at least 1.
    pub(super) fn awake_bound(&self) -> u32 {
        self.spares.sleep.awake().bound().max(1)
    }

    /// The slots on which there may be work, from one on and around the end.
    pub(super) fn awake_slots(
        &self,
        start: usize,
    ) -> impl Iterator<Item = (usize, &WorkerShared)> + Clone {
        let awake = self.spares.sleep.awake().from(start);
        awake.filter_map(|number| Some((number, self.slots.get(number)?)))
    }

    /// Whether there is work that any worker could take.
    pub(super) fn has_work(&self) -> bool {
        !self.injector.is_empty()
            || self.marked.is_ready()
            || self.marked.has_given()
            || !self.foreign.is_empty()
            || self.awake_slots(0).any(|(_, slot)| slot.has_queued())
    }

    /// The number of waiting tasks that any worker could take, counted up to `enough`.
    pub(super) fn waiting(&self, enough: usize) -> usize {
        let mut waiting = self.injector.len() + self.marked.len();
        for (_, slot) in self.awake_slots(0) {
            if waiting >= enough {
                break;
            }
            waiting += slot.queue_len();
        }
        waiting
    }

    /// Calls a spare if fewer serve than slots are stalled. Returns whether one was called.
    ///
    /// # Errors
    ///
    /// A spare is needed, and none is available.
    pub(super) fn call_spare(self: &Arc<Pool>) -> Result<bool, Shortage> {
        if self.is_closed() {
            return Ok(false);
        }
        match self.spares.call(|slot| self.unpark(slot)) {
            Call::NotNeeded | Call::NotYet => Ok(false),
            Call::Back => Ok(true),
            Call::Start(slot) => match self.start_on(slot) {
                Ok(()) => Ok(true),
                Err(error) => Err(self.shortage(Absence::Stalled, Some(error))),
            },
            Call::Limit => Err(self.shortage(Absence::Stalled, None)),
        }
    }

    /// Asks the blocking pool for a stand-in if fewer serve or are coming than slots are in
    /// `block_in_place`. Returns whether it was asked.
    pub(super) fn call_stand_in(self: &Arc<Pool>, asked: Asked) -> bool {
        let wanted = !self.is_closed() && self.spares.ask_for_stand_in();
        if wanted {
            (self.ask_for_stand_in)(StandIn(Some(Arc::clone(self))), asked);
        }
        wanted
    }

    /// Whether a stand-in that was asked for cannot come: the blocking pool is at its limit.
    pub(super) fn no_stand_in(&self) -> bool {
        self.config.no_stand_in.load(Ordering::Relaxed)
    }

    /// Records that the thread of a spare or stand-in could not be started.
    pub(super) fn thread_refused(&self, error: io::Error) {
        *self.no_thread.lock() = Some(error);
    }

    /// Takes the last such error, if it has not been taken yet.
    pub(super) fn take_refusal(&self) -> Option<io::Error> {
        self.no_thread.lock().take()
    }

    pub(super) fn shortage(&self, absence: Absence, no_thread: Option<io::Error>) -> Shortage {
        let (missing, serving) =
            (self.spares.count_missing(absence), self.spares.count_serving(absence));
        let limit = match absence {
            Absence::Stalled => self.spares.limit(),
            Absence::InPlace => self.config.stand_ins,
        };
        Shortage { absence, missing, serving, limit, no_thread }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closing.is_closed()
    }

    /// Whether all threads of a closed pool have left.
    pub(super) fn is_over(&self) -> bool {
        self.closing.is_over()
    }

    /// Step 1 of the shutdown. Does not wait for the threads.
    pub(crate) fn close(&self) {
        if self.begin_close() {
            self.watch_end();
        }
    }

    /// The same. If it returns true there is no monitor yet, and the caller must call
    /// [`watch_end`](Pool::watch_end) after it has waited for [`NAP`], or at once.
    #[must_use]
    pub(crate) fn begin_close(&self) -> bool {
        self.closing.close(self.tasks.owned(), || {
            self.slots.used().for_each(|(slot, _)| self.unpark(slot));
            self.background.close();
            self.monitor.wake();
            // The monitor may be waiting in the driver.
            self.driver.wake();
        });
        self.monitor_start.close()
    }

    /// Has the threads that have not left watched, if they have anything to drop.
    pub(crate) fn watch_end(&self) {
        self.monitor_start.last(self.tasks.owned().alive() > 0 || self.monitor.has_bound());
    }

    /// Step 2, on each worker that leaves. Called while `here` still names the worker.
    pub(super) fn leave(&self, slot: usize) {
        if self.is_closed() {
            let own = self.take_slot(slot);
            self.cancel_tasks(&own.watch);
        }
    }

    /// A thread leaves its slot.
    pub(super) fn vacate(&self, slot: usize, own: &WorkerShared, queue: Local) {
        // The monitor watches the slot until it is vacated.
        self.thread_left(slot);
        own.put_queue(queue);
        self.spares.vacate(slot);
    }

    /// Counts off a thread that leaves or never started. The last one does step 3.
    fn thread_left(&self, slot: usize) {
        if self.closing.leave(|| self.finish(slot)) && self.is_closed() {
            self.monitor.wake();
        }
    }

    /// Step 3, on the thread of a slot.
    fn finish(&self, slot: usize) {
        let own = self.take_slot(slot);
        self.finish_watched(&own.watch);
    }

    /// Step 3.
    fn finish_watched(&self, watch: &Watch) {
        cancel_down_to(0, self.tasks.owned(), || self.cancel_tasks(watch));
        self.in_flight.wait();
    }

    /// Cancels idle tasks and those in all queues, on the thread with this watch.
    fn cancel_tasks(&self, watch: &Watch) {
        self.cancel_each(|task: Runnable| {
            watch.begin(task.id().as_u64(), Some(task.location()));
            task.cancel();
            if let Some(absence) = watch.end() {
                self.spares.returned(absence);
            }
        });
    }

    /// Drops all tasks but the running one. Called in a task, on a thread of the closed pool that
    /// has waited for all other threads.
    pub(crate) fn cancel_others(&self) {
        cancel_down_to(1, self.tasks.owned(), || self.cancel_each(Runnable::cancel));
    }

    fn cancel_each(&self, cancel: impl FnMut(Runnable)) {
        let of_slot = |slot: &WorkerShared| {
            slot.lifo_slot.take().or_else(|| slot.stealer().and_then(|stealer| stealer.steal()))
        };
        let of_slots = self.slots.used();
        let of_slots = of_slots.flat_map(|(_, slot)| std::iter::from_fn(move || of_slot(slot)));
        let background = || self.background.pop().inspect(|_| self.background_done());
        let others = std::iter::from_fn(|| {
            self.injector.pop().or_else(|| self.marked.pop()).or_else(background)
        });
        self.tasks.cancel_each(of_slots.chain(others), cancel);
    }

    /// Waits until at most `own` threads are left: 1 if the caller is one of them, else 0. Returns
    /// false if `limit` ended first.
    pub(crate) fn wait_closed(&self, limit: Option<Duration>, own: usize) -> bool {
        self.closing.wait(limit, own)
    }

    /// Threads that have not left.
    pub(crate) fn threads(&self) -> usize {
        self.closing.threads()
    }

    /// The tasks whose polls, or destructors, have not returned.
    pub(crate) fn busy_with(&self) -> Vec<PollOwner> {
        let watches = self.slots.used().map(|(_, slot)| &slot.watch);
        let of_slots = watches.filter_map(|watch| watch.whose(watch.look()?));
        of_slots.chain(self.background.busy_with()).collect()
    }

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// The slots that a thread holds or has held: those of workers, then of spares, then of
    /// stand-ins.
    pub(crate) fn slots(&self) -> impl Iterator<Item = &WorkerShared> {
        self.slots.used().map(|(_, slot)| slot)
    }

    pub(crate) fn workers(&self) -> usize {
        self.config.workers
    }

    pub(crate) fn injected(&self) -> usize {
        self.injector.len() + self.marked.len()
    }

    pub(crate) fn most_background_threads(&self) -> usize {
        self.config.background_threads
    }

    /// Background tasks that wait for a poll, and threads for them.
    pub(crate) fn background_counts(&self) -> (usize, usize) {
        (self.background.len(), self.background.count_threads())
    }

    /// Polls on threads for background tasks that ran out of budget.
    pub(crate) fn background_forced_yields(&self) -> u64 {
        self.background.forced_yields()
    }

    /// Times that a task was made runnable by a thread that is no worker.
    pub(crate) fn remote_schedules(&self) -> u64 {
        self.in_flight.ever()
    }

    /// Spares that serve, and how often none was available.
    pub(crate) fn spare_counts(&self) -> (usize, u64) {
        (self.spares.count_serving(Absence::Stalled), self.spares.count_refused())
    }

    pub(crate) fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// Whether the pool is closed, and has had no monitor.
    pub(crate) fn had_no_monitor(&self) -> bool {
        self.monitor_start.is_needless()
    }
}

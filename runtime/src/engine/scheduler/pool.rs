//! The multi-thread scheduler: what its workers share.
//!
//! # Where a task goes
//!
//! | woken or spawned by                  | goes to                                         |
//! |--------------------------------------|-------------------------------------------------|
//! | the task that runs on a worker       | that worker's next slot; what was there, to the |
//! |                                      | back of its queue                               |
//! | itself, in its own poll              | the back of the worker's queue                  |
//! | a worker that has announced blocking | the injector                                    |
//! | any other thread                     | the injector                                    |
//!
//! A task whose poll has stalled a worker before (a *hog*) goes to a queue of its own in every
//! case, and a worker that takes it from there announces itself as blocked beforehand, so that
//! a spare is in its place before the damage is done.
//!
//! # Spares
//!
//! A seat whose thread is stalled or has announced blocking counts as stalled. As many spares
//! are wanted as seats are stalled, up to a limit; a spare retires when there are more than that.
//! Who counts, calls and retires, and why no stall is left without its spare: `crew.rs`.
//!
//! # Shutdown
//!
//! 1. `close` closes the owned list (spawns are cancelled from here on), sets `closed`, wakes everybody.
//! 2. Each worker, after its current poll, cancels every idle task and empties the queues.
//! 3. The last worker to leave empties all queues until no task is alive, and waits for wakes in
//!    flight. From here on nothing points to the pool but counted references.
//!
//! Who closes, spawns and leaves, and why no task is left behind: `closing.rs`. Every future that is
//! dropped on the way is dropped under its worker's watch, like a poll: a destructor may block, too, and
//! the guardian looks on until the last thread has left.
#![allow(unsafe_code, reason = "tasks point to their pool uncounted; docs/unsafe.md, P1")]

use std::future::Future;
use std::io;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use super::Driver;
use super::closing::Closing;
use super::crew::{Call, Crew};
use super::guardian::Guardian;
use super::here::{self, Here};
use super::in_flight::InFlight;
use super::observe::Observe;
use super::queue::{Injector, Local};
use super::seat::Seat;
use super::worker::NewWorker;
use crate::engine::activity::{Active, Activity};
use crate::engine::primitive::atomic::{AtomicUsize, Ordering};
use crate::engine::primitive::{Backoff, Mutex, Unparked};
use crate::engine::process_wide::fork::Birth;
use crate::engine::task::scope::Membership;
use crate::engine::task::{
    Header, Identity, JoinHandle, Owned, PanicSink, Runnable, Schedule, Whose, spawn_cell,
};
use crate::engine::text;

/// Starts a thread that calls [`NewWorker::run`], or sees to it that it is started soon. In the second case an
/// error comes later, by [`NewWorker::on_failure`]. The guardian calls it for spares, so it must not wait then, nor
/// call what is the user's.
pub(crate) type StartThread = Box<dyn Fn(NewWorker) -> io::Result<()> + Send + Sync>;

/// How a pool is made.
pub(crate) struct PoolConfig {
    /// Seats for workers; at least one.
    pub(crate) workers: usize,
    /// Seats for spares.
    pub(crate) spares: usize,
    /// Polls between two looks at the injector.
    pub(crate) global_queue_interval: u32,
    /// Polls between two looks at the driver.
    pub(crate) event_interval: u32,
    /// How long a retired spare's thread waits to be used again.
    pub(crate) keep_alive: Duration,
    /// Called by a worker before it sleeps.
    pub(crate) on_park: Option<Hook>,
    /// Called by a worker after it slept.
    pub(crate) on_unpark: Option<Hook>,
    /// A task that is woken by the running one goes to the back of the queue, not to the next slot.
    pub(crate) no_slot: bool,
    /// What begins the workers' random choices.
    pub(crate) seed: Option<u64>,
    /// What users want to see of tasks.
    pub(crate) observe: Observe,
    /// Hears of the tasks' panics.
    pub(crate) panics: Arc<dyn PanicSink>,
    /// Where to count what goes on, if anybody wants to know.
    pub(crate) activity: Option<Arc<Activity>>,
}

/// User code to be called at a point of a worker's life.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;

/// What the workers share.
pub(crate) struct Pool {
    pub(super) seats: Box<[CachePadded<Seat>]>,
    pub(super) crew: Crew,
    pub(super) injector: Injector,
    pub(super) hogs: Injector,
    pub(super) driver: Box<dyn Driver>,
    pub(super) config: PoolConfig,
    pub(super) guardian: Guardian,
    owned: Owned,
    in_flight: InFlight,
    closing: Closing,
    start_thread: StartThread,
    /// Spares whose threads have not begun.
    starting: AtomicUsize,
    /// Why the last thread for a spare could not be had, and when that was, until it is reported.
    no_thread: Mutex<Option<(Instant, io::Error)>>,
    birth: Birth,
}

/// A spare is wanted and not to be had.
#[derive(Debug)]
pub(crate) struct Shortage {
    /// Seats that do not serve.
    pub(crate) stalled: usize,
    /// Spares that serve in their place.
    pub(crate) spares: usize,
    /// How many there may be.
    pub(crate) limit: usize,
    /// Why the system gave no thread, if the limit has not been reached.
    pub(crate) no_thread: Option<io::Error>,
}

/// A task's pointer to its pool.
///
/// Uncounted. While a task is not complete, its pool has not finished step 3 of its shutdown, and
/// until then the last worker keeps the pool; afterwards tasks do not use the pointer.
struct PoolRef(NonNull<Pool>);

impl PoolRef {
    fn get(&self) -> &Pool {
        // SAFETY: called through `Schedule` only, that is on behalf of a task that is not complete
        // (`schedule`, `panics`, `stop`) or has not yet been taken off the owned list
        // (`release`); until then the pool is kept, see the type.
        unsafe { self.0.as_ref() }
    }
}

impl Schedule for PoolRef {
    #[inline]
    fn schedule(&self, task: Runnable) {
        self.get().schedule(task);
    }

    #[inline]
    fn origin(&self) -> Option<Instant> {
        self.get().config.observe.origin
    }

    fn release(&self, task: &Header) {
        let pool = self.get();
        // First: once released, the task does not keep the pool.
        pool.config.observe.terminated(task);
        pool.owned.release(task);
    }

    fn panics(&self) -> Option<Arc<dyn PanicSink>> {
        Some(Arc::clone(&self.get().config.panics))
    }

    fn stop(&self) -> bool {
        self.get().close();
        true
    }
}

impl Pool {
    /// A pool without threads; [`start`](Pool::start) starts them.
    pub(crate) fn new(
        config: PoolConfig,
        driver: Box<dyn Driver>,
        guardian: Guardian,
        start_thread: StartThread,
    ) -> Arc<Pool> {
        let seats = config.workers + config.spares;
        Arc::new(Pool {
            seats: (0..seats).map(|_| CachePadded::new(Seat::new(&config.observe))).collect(),
            crew: Crew::new(config.workers, config.spares),
            injector: Injector::new(),
            hogs: Injector::new(),
            driver,
            guardian,
            owned: Owned::new(config.workers * 4),
            in_flight: InFlight::default(),
            closing: Closing::new(),
            start_thread,
            starting: AtomicUsize::new(0),
            no_thread: Mutex::new(None),
            birth: Birth::here(),
            config,
        })
    }

    /// Starts the workers' threads. On an error those that were started are told to leave.
    pub(crate) fn start(self: &Arc<Pool>) -> io::Result<()> {
        for seat in 0..self.config.workers {
            self.crew.take_worker(seat);
            if let Err(error) = self.start_on(seat) {
                self.close();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Starts a thread on a seat that has been taken for it.
    fn start_on(self: &Arc<Pool>, seat: usize) -> io::Result<()> {
        if !self.closing.enter() {
            self.crew.never_came(seat);
            return Err(text::shut_down());
        }
        // If no thread comes of it, dropping the worker takes back what was done here.
        (self.start_thread)(NewWorker::new(Arc::clone(self), seat))
    }

    /// No thread came to a seat that was taken for it.
    pub(super) fn never_came(&self, seat: usize) {
        self.thread_left(seat);
        self.crew.never_came(seat);
    }

    /// A thread is on its way to a spare's seat, or is not any more.
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

    /// No thread could be had for a spare: to be reported with the next shortage.
    pub(super) fn failed_to_start(&self, error: io::Error) {
        *self.no_thread.lock() = Some((Instant::now(), error));
    }

    /// The shortage that is left by the last attempt to start a thread, if it was just now: what comes of the next
    /// one is not known before it is over.
    fn shortage_before(&self) -> Option<Shortage> {
        let (at, error) = self.no_thread.lock().take()?;
        (at.elapsed() < Duration::from_secs(1)).then(|| self.shortage(Some(error)))
    }

    /// Spawns a task.
    pub(crate) fn spawn<F>(self: &Arc<Pool>, future: F, identity: Identity) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (task, handle) = spawn_cell(future, PoolRef(NonNull::from(&**self)), identity);
        self.take_in(task, None);
        handle
    }

    /// Spawns a task that has a place in a scope.
    pub(crate) fn spawn_in<F>(
        self: &Arc<Pool>,
        membership: Membership,
        future: F,
        identity: Identity,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let pool = PoolRef(NonNull::from(&**self));
        let (task, handle) = membership.spawn_cell(future, pool, identity);
        self.take_in(task, Some(&membership));
        handle
    }

    /// Takes a new task in and makes it run.
    fn take_in(&self, task: Runnable, membership: Option<&Membership>) {
        self.config.observe.spawned(&task);
        self.owned.take_in(task, membership, |task| self.schedule(task));
    }

    /// A task has become runnable.
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
        if self.birth.is_in_parent() {
            // A child: nobody is there to run it, and the sleepers are the parent's.
            return std::mem::forget(task);
        }
        let _inside = self.in_flight.enter();
        let _active = self.active();
        let queue = if task.is_hog() { &self.hogs } else { &self.injector };
        queue.push(task);
        self.work_published();
    }

    /// Wakes a sleeper for work that has just been published, if one is needed.
    #[inline]
    pub(super) fn work_published(&self) {
        if let Some(seat) = self.crew.sleep.published() {
            // On behalf of the woken worker, while the caller is counted itself.
            if let Some(activity) = &self.config.activity {
                activity.begin();
            }
            self.unpark(seat);
        }
    }

    /// Counts the caller in until the guard is dropped. See `engine/activity.rs`.
    pub(super) fn active(&self) -> Option<Active<'_>> {
        self.config.activity.as_deref().map(Activity::enter)
    }

    pub(super) fn unpark(&self, seat: usize) {
        if self.seats[seat].parker.unpark() == Unparked::Elsewhere {
            self.driver.wake();
        }
    }

    /// The seats on which somebody works or has worked.
    pub(super) fn open_seats(&self) -> &[CachePadded<Seat>] {
        &self.seats[..self.crew.open()]
    }

    /// Whether anything waits that any worker could take.
    pub(super) fn has_work(&self) -> bool {
        !self.injector.is_empty()
            || !self.hogs.is_empty()
            || self.open_seats().iter().any(|seat| seat.has_queued())
    }

    /// Puts a spare to work, if fewer serve than seats are stalled.
    ///
    /// # Errors
    ///
    /// One is wanted and cannot be had.
    pub(super) fn call_spare(self: &Arc<Pool>) -> Result<(), Shortage> {
        if self.is_closed() {
            return Ok(());
        }
        let before = self.shortage_before();
        match self.crew.call(|seat| self.unpark(seat)) {
            Call::NotNeeded | Call::Back | Call::NotYet => Ok(()),
            Call::Start(seat) => {
                self.start_on(seat).map_err(|error| self.shortage(Some(error)))?;
                before.map_or(Ok(()), Err)
            }
            Call::Limit => Err(self.shortage(None)),
        }
    }

    fn shortage(&self, no_thread: Option<io::Error>) -> Shortage {
        let crew = &self.crew;
        let (stalled, spares) = (crew.count_stalled(), crew.count_spares());
        Shortage { stalled, spares, limit: crew.limit(), no_thread }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closing.is_closed()
    }

    /// Whether all threads of a closed pool have left.
    pub(super) fn is_over(&self) -> bool {
        self.closing.is_over()
    }

    /// Step 1 of the shutdown. Waits for nobody.
    pub(crate) fn close(&self) {
        self.closing.close(&self.owned, || {
            for seat in 0..self.seats.len() {
                self.unpark(seat);
            }
            self.guardian.wake();
            // Perhaps the guardian stands in at the poll.
            self.driver.wake();
        });
    }

    /// Step 2, on each worker that leaves. Called while it is still this thread's worker.
    pub(super) fn leave(&self, seat: usize) {
        if self.is_closed() {
            self.cancel_tasks(seat);
        }
    }

    /// A thread goes, and leaves its seat.
    pub(super) fn vacate(&self, seat: usize, queue: Local) {
        // The seat is watched as long as it is taken.
        self.thread_left(seat);
        self.seats[seat].put_queue(queue);
        self.crew.vacate(seat);
    }

    /// A thread that was counted is there no more, or never came. The last one does step 3.
    fn thread_left(&self, seat: usize) {
        if self.closing.leave(|| self.finish(seat)) && self.is_closed() {
            self.guardian.wake();
        }
    }

    /// Step 3.
    fn finish(&self, seat: usize) {
        let backoff = Backoff::new();
        loop {
            self.cancel_tasks(seat);
            if self.owned.alive() == 0 {
                break;
            }
            backoff.snooze();
        }
        self.in_flight.wait();
    }

    /// Cancels the tasks that wait and whatever is queued anywhere, on the thread of a seat.
    fn cancel_tasks(&self, seat: usize) {
        let watch = &self.seats[seat].watch;
        let cancel = |task: Runnable| {
            watch.begin(task.id().as_u64(), Some(task.location()));
            task.cancel();
            if watch.end() {
                self.crew.recovered();
            }
        };
        self.owned.cancel_all(cancel);
        for seat in &self.seats {
            seat.slot.take().into_iter().for_each(cancel);
            while let Some(task) = seat.stealer().and_then(|stealer| stealer.steal()) {
                cancel(task);
            }
        }
        while let Some(task) = self.injector.pop().or_else(|| self.hogs.pop()) {
            cancel(task);
        }
    }

    /// Waits until all threads have left. False if `limit` ended first.
    pub(crate) fn wait_closed(&self, limit: Option<Duration>) -> bool {
        self.closing.wait(limit)
    }

    /// Threads that have not left.
    pub(crate) fn threads(&self) -> usize {
        self.closing.threads()
    }

    /// The tasks whose polls, or destructors, have not returned.
    pub(crate) fn busy_with(&self) -> Vec<Whose> {
        let watches = self.seats.iter().map(|seat| &seat.watch);
        watches.filter_map(|watch| watch.whose(watch.look()?)).collect()
    }

    /// The list of all tasks.
    pub(crate) fn tasks(&self) -> &Owned {
        &self.owned
    }

    /// The seats of the workers and then of the spares.
    pub(crate) fn seats(&self) -> impl Iterator<Item = &Seat> {
        self.seats.iter().map(|seat| &**seat)
    }

    pub(crate) fn workers(&self) -> usize {
        self.config.workers
    }

    pub(crate) fn alive_tasks(&self) -> usize {
        self.owned.alive()
    }

    pub(crate) fn spawned_tasks(&self) -> u64 {
        self.owned.spawned()
    }

    pub(crate) fn injected(&self) -> usize {
        self.injector.len() + self.hogs.len()
    }

    /// Tasks that were made runnable elsewhere than on a worker.
    pub(crate) fn remote_schedules(&self) -> u64 {
        self.in_flight.ever()
    }

    /// What users want to see of tasks.
    pub(crate) fn observe(&self) -> &Observe {
        &self.config.observe
    }

    /// Spares at work, and refusals so far.
    pub(crate) fn spare_counts(&self) -> (usize, u64) {
        (self.crew.count_spares(), self.crew.count_refused())
    }

    pub(crate) fn guardian(&self) -> &Guardian {
        &self.guardian
    }
}

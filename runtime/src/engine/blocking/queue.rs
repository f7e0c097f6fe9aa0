//! The queue of the blocking pool and the account of its threads.
//!
//! # Problem
//!
//! Jobs block. So a job in the queue must not depend on a thread that is inside another job, as
//! long as one more thread can be started. On the other hand most jobs are short, come in bursts,
//! and a wake-up costs more than they do. The *designated waker* balances the two.
//!
//! # Words
//!
//! A *slot* is a place for one thread; there are as many as there were ever threads at one time. A
//! thread is, at any moment:
//!
//! ```text
//!             start_one                arrive                 take
//!    (none) ------------> starting --------------> at the queue <-----> in a job
//!                            |                        |    ^
//!                    abandon |                   idle |    | popped and woken, or timed out
//!                            v                        v    |
//!                         (none) <--- retire ------  idle -+
//! ```
//!
//! The *designated waker* is the one thread that is on its way to the queue: started, woken, or
//! looking in vain for a moment before it goes idle ([`Queue::linger`]). While there is a
//! designated waker, a submission wakes nobody. A thread that takes a job and leaves others behind
//! with no designated waker appoints the next one before it runs its job ([`Queue::recruit`]). So n
//! jobs that all block get n threads, one after the other. For n short jobs there is at most one
//! wake-up on its way at a time, not one for each job.
//!
//! # Invariants (all under the one lock)
//!
//! 1. `threads` counts the slots in use: starting + idle + at the queue + in a job. No thread is
//!    started while it is at `limit` or, since the limit was lowered, above it. `starting` counts
//!    those whose creation is neither known to have succeeded (the claimer said so, or the thread
//!    arrived) nor known to have failed.
//! 2. A slot is on the idle stack exactly while its thread is parked and no thread has decided to
//!    wake it. A thread that pops a slot gives its parker one token after unlocking. The popped
//!    thread takes exactly that token before it does anything else. So no token is left over.
//! 3. If the queue is not empty, then there is a designated waker, or no more threads are
//!    available: the idle stack is empty, and `threads >= limit` or the last attempt to start a
//!    thread failed.
//! 4. A thread that was started leaves only when the queue is empty. A job is queued only when
//!    there is a thread that was started, or along with the claim for the first one.
//! 5. `threads == 0` implies that the queue is empty.
//!
//! # No job is lost
//!
//! (3) holds initially. It could break where the queue becomes non-empty (submit: recruits), where
//! the designated waker goes (arrive: the thread is at the queue, takes a job, and recruits if some
//! are left; abandon: wakes an idle thread if there is one, and notes the failed attempt if not),
//! where a thread goes idle (only with an empty queue), where a slot becomes free (leave: only with
//! an empty queue), or where the limit is raised (set_limit: recruits). In the second case of (3)
//! all threads are in jobs or at the queue, and each looks at the queue before it goes idle or
//! leaves; by (5) there is at least one.
//!
//! (5) could break in `abandon` alone. By (4), a job that was queued while a started thread was
//! there has kept that thread there. What is left is the job that was queued along with the claim
//! for the first thread: every other submission has waited (`settled`) until the attempt was
//! decided, so the queue holds that job and nothing else, and it is handed back (unless it was
//! taken back). The wait is as long as one thread takes to create, and happens only while the pool
//! has no thread at all.
//!
//! # Jobs that are taken back
//!
//! A submitter may take its job out of the queue again, also from the middle
//! ([`Queue::take_back`]). That only makes the queue shorter: no invariant needs the job to be
//! there, and a designated waker that comes for it finds another job or goes idle. Under the lock
//! either the thread or the taker gets the job. A taker that comes before the job is queued finds
//! nothing. Both take the lock, so the submitter then sees what the taker did before (the abort),
//! and takes the job back itself.
//!
//! # Orderings
//!
//! None: everything is under the lock, and a parker's token is itself a release and an acquire.
//! `depth` is a hint for a thread that lingers, which then looks under the lock; it publishes
//! nothing.
//!
//! # Rejected
//!
//! - A condition variable for the idle threads: it wakes in the order of arrival, so with a job now
//!   and then every thread is used in turn and none ever idles long enough to leave. The stack
//!   reuses the thread that was used last, whose cache is warm too.
//! - A queue in shards: wake-ups were the cost, not the lock. Other pools have lost jobs because
//!   their counts were separate from the queue.
//! - Starting a thread for each job that finds no idle thread: ten thousand short jobs make
//!   hundreds of threads.
//! - Handing the job to the woken thread in its slot: a thread that finishes meanwhile would run it
//!   sooner.

use std::collections::VecDeque;
use std::time::Duration;

use super::job::{Job, Note};
use crate::engine::primitive::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::engine::primitive::{Arc, Condvar, Mutex, MutexGuard, Parker, hint};

/// For hints that are read outside the lock. Publishes nothing, so it has no pair.
const HINT: Ordering = Ordering::Relaxed;

/// How many jobs in a row a thread must have found before it lingers at an empty queue. If jobs
/// come one at a time, no thread lingers.
const STREAK_TO_LINGER: u32 = 2;

/// The keep-alive that never ends.
const FOREVER: Duration = Duration::MAX;

/// Jobs that wait, and the account of the threads that serve them.
pub(crate) struct Queue<J> {
    state: Mutex<State<J>>,
    /// The length of the queue at the last change: a hint for lingering threads.
    depth: AtomicUsize,
    /// [`Queue::at_limit`].
    at_limit: Arc<AtomicBool>,
    /// Notified when `starting` falls.
    settled: Condvar,
    /// Notified when `present` falls after the pool was closed.
    gone: Condvar,
    keep_alive: Duration,
    linger: u32,
}

struct State<J> {
    jobs: Line<J>,
    slots: Vec<ThreadSlot>,
    free: Vec<usize>,
    /// Parked threads; the last one parked is woken first.
    idle: Vec<usize>,
    designated_waker: Option<usize>,
    threads: usize,
    /// How many threads there may be.
    limit: usize,
    starting: usize,
    /// Threads that have not finished, including those that have left and run their last hook.
    present: usize,
    /// The last attempt to start a thread failed, and nothing has been submitted since.
    growth_failed: bool,
    closed: bool,
    /// [`Queue::wait_gone`] ends when no more than this many threads are left.
    awaited: usize,
    started: u64,
    failed: u64,
}

/// The waiting jobs, in the order in which they came. A job that is taken out of the middle leaves
/// its place empty until the front reaches it, or until more places are empty than full.
struct Line<J> {
    /// Sorted by the numbers of the places, none of which is used twice.
    places: VecDeque<(u64, Option<J>)>,
    waiting: usize,
    last: u64,
}

/// This many empty places are always allowed.
const EMPTY_PLACES: usize = 16;

impl<J: Job> Line<J> {
    fn new() -> Line<J> {
        Line { places: VecDeque::new(), waiting: 0, last: 0 }
    }

    fn len(&self) -> usize {
        self.waiting
    }

    fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    fn push_back(&mut self, job: J) {
        self.last += 1;
        job.queued_at(self.last);
        self.places.push_back((self.last, Some(job)));
        self.waiting += 1;
    }

    fn pop_front(&mut self) -> Option<J> {
        self.pop(VecDeque::pop_front)
    }

    fn pop_back(&mut self) -> Option<J> {
        self.pop(VecDeque::pop_back)
    }

    fn pop(
        &mut self,
        one: impl Fn(&mut VecDeque<(u64, Option<J>)>) -> Option<(u64, Option<J>)>,
    ) -> Option<J> {
        while let Some((_, job)) = one(&mut self.places) {
            if job.is_some() {
                self.waiting -= 1;
                return job;
            }
        }
        None
    }

    fn take(&mut self, place: u64) -> Option<J> {
        let index = self.places.binary_search_by_key(&place, |&(place, _)| place).ok()?;
        let job = self.places[index].1.take()?;
        self.waiting -= 1;
        if self.places.len() > 2 * self.waiting + EMPTY_PLACES {
            self.places.retain(|(_, job)| job.is_some());
        }
        Some(job)
    }

    fn iter(&self) -> impl Iterator<Item = &J> {
        self.places.iter().filter_map(|(_, job)| job.as_ref())
    }
}

struct ThreadSlot {
    parker: Arc<Parker>,
    /// The claim in progress, until it is known to have succeeded.
    unsettled: Option<u64>,
    running: Option<Note>,
}

/// A thread to be started. The holder starts it and calls [`Queue::settle`], or
/// [`Queue::abandon`] if that failed.
#[derive(Debug)]
#[must_use = "the account counts this thread already"]
pub(crate) struct Claim {
    id: u64,
    slot: usize,
    /// Whether there was no other thread when this one was claimed.
    first: bool,
}

impl Claim {
    /// A number that no other thread of this pool has had.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}

/// A thread's own side of its slot: made by [`Queue::member`] on the started thread.
#[derive(Debug)]
pub(crate) struct Member {
    slot: usize,
    parker: Arc<Parker>,
    /// Jobs taken since the thread last slept.
    streak: u32,
}

impl Member {
    /// The slot's number.
    pub(crate) fn slot(&self) -> usize {
        self.slot
    }
}

/// What a thread does next.
pub(crate) enum Next<J> {
    /// Start the claimed thread, if there is one, and run the job.
    Run(J, Option<Claim>),
    /// Finish. The thread's last call to the queue is [`Queue::left`].
    Leave,
}

/// Numbers for metrics, all of one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Metrics {
    /// Threads that serve the queue, including those being started.
    pub(crate) threads: usize,
    /// Threads that are parked.
    pub(crate) idle_threads: usize,
    /// Jobs that wait.
    pub(crate) queue_depth: usize,
    /// Threads ever started.
    pub(crate) threads_started: u64,
    /// Attempts to start a thread that failed.
    pub(crate) threads_failed: u64,
}

/// The thread that [`Queue::recruit`] chose to be the designated waker.
#[must_use]
enum Recruit {
    Nobody,
    Wake(Arc<Parker>),
    Start(Claim),
}

impl Recruit {
    /// Wakes the chosen thread, or returns the claim for a new one. Called without the lock.
    fn carry_out(self) -> Option<Claim> {
        match self {
            Recruit::Nobody => None,
            Recruit::Wake(parker) => {
                parker.unpark(); // wake: the designated waker
                None
            }
            Recruit::Start(claim) => Some(claim),
        }
    }
}

impl<J: Job> Queue<J> {
    /// A queue served by at most `limit` threads that leave after `keep_alive` without work. A
    /// thread in a burst looks `linger` times at an empty queue before it goes idle.
    pub(crate) fn new(limit: usize, keep_alive: Duration, linger: u32) -> Queue<J> {
        assert!(limit > 0, "a blocking pool needs at least one thread");
        Queue {
            state: Mutex::new(State {
                jobs: Line::new(),
                slots: Vec::new(),
                free: Vec::new(),
                idle: Vec::new(),
                designated_waker: None,
                threads: 0,
                limit,
                starting: 0,
                present: 0,
                growth_failed: false,
                closed: false,
                awaited: 0,
                started: 0,
                failed: 0,
            }),
            depth: AtomicUsize::new(0),
            at_limit: Arc::new(AtomicBool::new(false)),
            settled: Condvar::new(),
            gone: Condvar::new(),
            keep_alive,
            linger,
        }
    }

    /// Queues a job, or gives it back if the queue is closed. The caller must start the thread of a
    /// returned claim.
    pub(crate) fn submit(&self, job: J) -> Result<Option<Claim>, J> {
        let mut state = self.state.lock();
        while state.threads > 0 && state.threads == state.starting {
            self.settled.wait(&mut state);
        }
        if state.closed {
            return Err(job);
        }
        state.jobs.push_back(job);
        state.growth_failed = false;
        self.publish_depth(&state);
        let recruit = self.recruit(&mut state);
        drop(state);
        Ok(recruit.carry_out())
    }

    /// Whether a job waits and no thread is available for it, as of the last job that came or was
    /// taken. A thread that is still starting counts as available.
    pub(crate) fn at_limit(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.at_limit)
    }

    /// Sets how many threads there may be. Threads beyond a lowered limit end as others do, when
    /// they find nothing to do. The caller must start the thread of a returned claim; it is never
    /// the first.
    pub(crate) fn set_limit(&self, limit: usize) -> Option<Claim> {
        assert!(limit > 0, "a blocking pool needs at least one thread");
        let mut state = self.state.lock();
        state.limit = limit;
        state.growth_failed = false;
        let recruit = self.recruit(&mut state);
        drop(state);
        recruit.carry_out()
    }

    /// Takes a waiting job out; `place` is called under the lock. Returns `None` if the job is not
    /// in the queue (any more, or yet).
    pub(crate) fn take_back(&self, place: impl FnOnce() -> u64) -> Option<J> {
        let mut state = self.state.lock();
        let job = state.jobs.take(place());
        self.publish_depth(&state);
        job
    }

    /// Records that the claimed thread was created.
    pub(crate) fn settle(&self, claim: Claim) {
        let mut state = self.state.lock();
        if state.slots[claim.slot].unsettled == Some(claim.id) {
            self.mark_settled(&mut state, claim.slot);
        }
    }

    /// Records that the claimed thread could not be created. If the pool has no other thread,
    /// returns the job for which it was claimed (unless the job was taken back, or the pool was
    /// closed meanwhile and dropped it).
    pub(crate) fn abandon(&self, claim: Claim) -> Option<J> {
        let mut state = self.state.lock();
        debug_assert_eq!(state.slots[claim.slot].unsettled, Some(claim.id));
        self.mark_settled(&mut state, claim.slot);
        state.started -= 1;
        state.failed += 1;
        state.growth_failed = true;
        if state.designated_waker == Some(claim.slot) {
            state.designated_waker = None;
        }
        self.leave_slot(&mut state, claim.slot);
        let own = if claim.first { state.jobs.pop_back() } else { None };
        self.publish_depth(&state);
        debug_assert!(state.threads > 0 || state.jobs.is_empty());
        let recruit = self.recruit(&mut state);
        self.left_locked(&mut state);
        drop(state);
        let claim = recruit.carry_out();
        debug_assert!(claim.is_none(), "no second attempt after a failed one");
        own
    }

    /// The slot of a thread that was started for `claim`.
    pub(crate) fn member(&self, claim: &Claim) -> Member {
        let parker = Arc::clone(&self.state.lock().slots[claim.slot].parker);
        Member { slot: claim.slot, parker, streak: 0 }
    }

    /// Waits for a job, or for the time to leave.
    pub(crate) fn next(&self, me: &mut Member) -> Next<J> {
        let mut state = self.state.lock();
        state.slots[me.slot].running = None;
        self.arrive(&mut state, me.slot);
        let mut may_linger = self.linger > 0;
        loop {
            if let Some(job) = state.jobs.pop_front() {
                me.streak += 1;
                state.slots[me.slot].running = Some(job.note());
                self.publish_depth(&state);
                let recruit = self.recruit(&mut state);
                drop(state);
                return Next::Run(job, recruit.carry_out());
            }
            if state.closed {
                self.leave_slot(&mut state, me.slot);
                return Next::Leave;
            }
            if may_linger && me.streak >= STREAK_TO_LINGER && state.designated_waker.is_none() {
                may_linger = false;
                state.designated_waker = Some(me.slot);
                drop(state);
                self.linger();
                state = self.state.lock();
                self.arrive(&mut state, me.slot);
                continue;
            }
            match self.idle(state, me) {
                Woken::ForWork(locked) => state = locked,
                Woken::ToLeave => return Next::Leave,
            }
            may_linger = self.linger > 0;
        }
    }

    /// Parks until another thread pops the slot or the keep-alive ends.
    fn idle<'a>(&'a self, mut state: MutexGuard<'a, State<J>>, me: &mut Member) -> Woken<'a, J> {
        state.idle.push(me.slot);
        drop(state);
        me.streak = 0;
        let token = if self.keep_alive == FOREVER {
            me.parker.park();
            true
        } else {
            me.parker.park_timeout(self.keep_alive)
        };
        let mut state = self.state.lock();
        if !token {
            if let Some(place) = state.idle.iter().position(|&slot| slot == me.slot) {
                state.idle.remove(place);
                // Invariant 4. A job may wait here: no thread is woken while a designated waker is
                // on its way.
                if state.jobs.is_empty() && !state.closed {
                    self.leave_slot(&mut state, me.slot);
                    return Woken::ToLeave;
                }
                return Woken::ForWork(state);
            }
            // Popped at the last moment: the token will come (invariant 2).
            drop(state);
            me.parker.park();
            state = self.state.lock();
        }
        self.arrive(&mut state, me.slot);
        Woken::ForWork(state)
    }

    /// As the designated waker, spins for a moment to see whether the burst goes on.
    fn linger(&self) {
        for _ in 0..self.linger {
            if self.depth.load(HINT) > 0 {
                return;
            }
            hint::spin_loop();
        }
    }

    /// The last call of a thread that was told to leave.
    pub(crate) fn left(&self) {
        self.left_locked(&mut self.state.lock());
    }

    /// Takes no more jobs and tells the threads to leave once the queue is empty. Returns the jobs
    /// that will not run. Jobs for which a thread is free or can be started stay and run: they wait
    /// only because threads come one after the other. Mandatory jobs stay, too.
    pub(crate) fn close(&self) -> Vec<J> {
        let mut state = self.state.lock();
        state.closed = true;
        let busy = state.slots.iter().filter(|slot| slot.running.is_some()).count();
        // After a failed start no thread can be started, and with jobs in the queue none is free
        // (invariant 3).
        let mut free = if state.growth_failed { 0 } else { state.limit.saturating_sub(busy) };
        let mut unrun = Vec::new();
        // Jobs that stay keep their places.
        for (_, place) in &mut state.jobs.places {
            let Some(job) = place else { continue };
            if free > 0 {
                free -= 1;
            } else if !job.is_mandatory() {
                unrun.extend(place.take());
            }
        }
        state.jobs.waiting -= unrun.len();
        self.publish_depth(&state);
        let idle = std::mem::take(&mut state.idle);
        let parkers: Vec<_> = idle.iter().map(|&i| Arc::clone(&state.slots[i].parker)).collect();
        drop(state);
        for parker in parkers {
            parker.unpark(); // wake: everybody idle, to leave
        }
        unrun
    }

    /// After [`close`](Queue::close): waits until no more than `others` threads are present, for
    /// `timeout` at most. Returns whether that was reached.
    pub(crate) fn wait_gone(&self, others: usize, timeout: Option<Duration>) -> bool {
        let mut state = self.state.lock();
        state.awaited = state.awaited.max(others);
        while state.present > others {
            match timeout {
                None => self.gone.wait(&mut state),
                // There is no notification before the number is reached, so the time need not be
                // measured anew.
                Some(timeout) => {
                    if self.gone.wait_for(&mut state, timeout) {
                        return state.present <= others;
                    }
                }
            }
        }
        true
    }

    /// Threads that are not gone yet, and the jobs that they run or, after
    /// [`close`](Queue::close), have yet to run, without the thread of slot `except`.
    pub(crate) fn remaining(&self, except: Option<usize>) -> (usize, Vec<Note>) {
        let state = self.state.lock();
        let others = state.slots.iter().enumerate().filter(|(slot, _)| Some(*slot) != except);
        let running = others.filter_map(|(_, slot)| slot.running);
        let jobs = running.chain(state.jobs.iter().map(Job::note)).collect();
        (state.present - usize::from(except.is_some()), jobs)
    }

    /// The jobs that run, and those that wait for a thread.
    pub(crate) fn jobs(&self) -> (Vec<Note>, Vec<Note>) {
        let state = self.state.lock();
        let running = state.slots.iter().filter_map(|slot| slot.running).collect();
        (running, state.jobs.iter().map(Job::note).collect())
    }

    /// Places in the queue, empty ones included.
    #[cfg(test)]
    pub(crate) fn places(&self) -> usize {
        self.state.lock().jobs.places.len()
    }

    pub(crate) fn metrics(&self) -> Metrics {
        let state = self.state.lock();
        Metrics {
            threads: state.threads,
            idle_threads: state.idle.len(),
            queue_depth: state.jobs.len(),
            threads_started: state.started,
            threads_failed: state.failed,
        }
    }

    /// Appoints a designated waker if the queue needs one and a thread is available (invariant 3).
    fn recruit(&self, state: &mut State<J>) -> Recruit {
        let recruit = self.choose(state);
        // Relaxed, no pair: it is only read now and then, for a report.
        let at_limit = !state.jobs.is_empty() && state.designated_waker.is_none();
        self.at_limit.store(at_limit, Ordering::Relaxed);
        recruit
    }

    fn choose(&self, state: &mut State<J>) -> Recruit {
        if state.jobs.is_empty() || state.designated_waker.is_some() {
            return Recruit::Nobody;
        }
        if let Some(slot) = state.idle.pop() {
            state.designated_waker = Some(slot);
            return Recruit::Wake(Arc::clone(&state.slots[slot].parker));
        }
        if state.threads < state.limit && !state.growth_failed {
            return Recruit::Start(self.start_one(state));
        }
        Recruit::Nobody
    }

    #[cold]
    fn start_one(&self, state: &mut State<J>) -> Claim {
        let first = state.threads == 0;
        let id = state.started + state.failed;
        let slot = state.free.pop().unwrap_or_else(|| {
            let parker = Arc::new(Parker::new());
            state.slots.push(ThreadSlot { parker, unsettled: None, running: None });
            state.slots.len() - 1
        });
        state.slots[slot].unsettled = Some(id);
        state.designated_waker = Some(slot);
        state.threads += 1;
        state.present += 1;
        state.starting += 1;
        state.started += 1;
        Claim { id, slot, first }
    }

    /// The thread of `slot` has reached the queue: it exists, and is no longer on its way.
    fn arrive(&self, state: &mut State<J>, slot: usize) {
        if state.slots[slot].unsettled.is_some() {
            self.mark_settled(state, slot);
        }
        if state.designated_waker == Some(slot) {
            state.designated_waker = None;
        }
    }

    fn mark_settled(&self, state: &mut State<J>, slot: usize) {
        state.slots[slot].unsettled = None;
        state.starting -= 1;
        self.settled.notify_all(); // wake: who waits for the creation of a thread to be decided
    }

    /// The thread of `slot` no longer serves. It has yet to call [`left`](Queue::left).
    fn leave_slot(&self, state: &mut State<J>, slot: usize) {
        state.threads -= 1;
        state.free.push(slot);
    }

    fn left_locked(&self, state: &mut State<J>) {
        state.present -= 1;
        if state.closed && state.present <= state.awaited {
            self.gone.notify_all(); // wake: who waits for the threads to go
        }
    }

    fn publish_depth(&self, state: &State<J>) {
        self.depth.store(state.jobs.len(), HINT);
    }
}

/// Why a parked thread goes on.
enum Woken<'a, J> {
    ForWork(MutexGuard<'a, State<J>>),
    ToLeave,
}

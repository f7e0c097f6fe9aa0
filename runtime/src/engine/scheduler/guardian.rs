//! The guardian: watches the workers, stands in at the poll, calls spares, has stalls reported.
//!
//! # Problem
//!
//! A task that blocks its thread, or computes without returning, takes with it whatever its worker
//! has in its queue, its slot and its timers; and when every worker is in such a poll, nobody
//! looks at I/O and timers at all. The thread that notices must not be one of those that run tasks.
//!
//! # What a look does, in order
//!
//! 0. Threads that have tasks bound to them ([`Bound`]) are looked at: their stalls are reported.
//! 1. Each taken seat's [`Watch`] is read. A poll seen unchanged for the takeover threshold is
//!    *condemned*: its seat counts as stalled, its slot is emptied into the injector, and a sleeper is
//!    called for what it holds. At the
//!    report threshold the poll is handed to the [`StallSink`], once.
//! 2. If a worker sleeps and nobody has the poll, it is unparked to take it. If a spare sleeps that is one
//!    too many, it is sent home.
//! 3. If nobody sleeps, fewer spares work than seats are stalled, and something waits to be run or
//!    nobody has the poll, a spare is called: one a look. If there is none to be had that is reported.
//! 4. If nobody has looked at the poll since the last look, the guardian waits in it until the
//!    next one; else it waits on its own parker.
//!
//! A look that came much later than it was meant to (the process was stopped, its quota spent, the
//! machine overloaded) says nothing about the workers in the time by which it was late: that does not count
//! into the age of a poll. The age does not begin anew either, or a machine that is always busy would
//! never hear of a stall.
//!
//! # Sleep of the guardian
//!
//! While any worker is awake it looks every [`LOOK`], more often while something is amiss. When all
//! sleep it goes on for [`LINGER`] and then parks for good (`nap.rs`), if it owes nothing: `crew.rs` says
//! what that is, and proves that none of it arises unseen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::nap::Nap;
use super::pool::{Pool, Shortage};
use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::engine::stall::{self, Tid};
use crate::engine::task::{Id, Seen, Watch, Whose};
use crate::engine::wake_list::WakeList;

/// Time between two looks while workers are awake.
const LOOK: Duration = Duration::from_millis(2);
/// Time between two looks while a poll is suspicious or a seat is stalled.
const CLOSE_LOOK: Duration = Duration::from_millis(1);
/// The most between two looks while all sleep.
const SLOW_LOOK: Duration = Duration::from_millis(10);
/// At most one shortage of spares is reported in this time.
const SHORTAGE_EVERY: Duration = Duration::from_secs(1);
/// How long it goes on after all workers have gone to sleep.
const LINGER: Duration = Duration::from_millis(100);

/// A poll that has not returned for the report threshold.
pub(crate) struct Stall {
    pub(crate) worker: usize,
    /// The kernel's number of the thread; 0 if unknown.
    pub(crate) tid: u32,
    pub(crate) task: Option<Id>,
    pub(crate) location: Option<&'static std::panic::Location<'static>>,
    pub(crate) duration: Duration,
    /// For which part of that time the thread had a processor, if the system tells.
    pub(crate) processor_share: Option<f64>,
    /// Whether the poll is still going on: what is learnt of the thread says something only then.
    pub(crate) goes_on: Box<dyn Fn() -> bool + Send>,
}

/// Takes stalls, and wakers that are not ours, off the guardian's hands. Must not block.
pub(crate) trait StallSink: Send + Sync + 'static {
    fn stalled(&self, stall: Stall);
    /// Work waits behind stalled seats, and there is no spare for it. False if nobody could be told.
    fn short_of_spares(&self, shortage: Shortage) -> bool;
    /// Calls wakers that may be user code on a thread that may block.
    fn wake(&self, ready: &mut WakeList);
    /// Whether wakers wait for a thread that could not be had: [`wake`](StallSink::wake) tries again.
    fn owes_wakes(&self) -> bool;
}

/// The part of the guardian that others see.
pub(crate) struct Guardian {
    nap: Nap,
    takeover: Duration,
    report: Option<Duration>,
    sink: Box<dyn StallSink>,
    stalls: AtomicU64,
    bound: Mutex<Vec<Arc<Bound>>>,
}

/// A thread that runs tasks bound to it, beside the workers: it is watched, and nobody can stand in for it.
pub(crate) struct Bound {
    watch: Watch,
    /// The kernel's number of the thread; 0 if unknown.
    tid: AtomicU32,
    awake: AtomicBool,
    /// What reports call it.
    number: usize,
}

impl Bound {
    pub(super) fn new(number: usize) -> Bound {
        let (tid, awake) = (AtomicU32::new(0), AtomicBool::new(false));
        Bound { watch: Watch::new(), tid, awake, number }
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    pub(super) fn set_tid(&self) {
        self.tid.store(crate::engine::primitive::thread::os_id(), Ordering::Relaxed);
    }

    /// To be followed by [`Guardian::awake`].
    pub(super) fn set_awake(&self, awake: bool) {
        self.awake.store(awake, Ordering::Relaxed);
    }

    /// The task whose poll, or destructor, has not returned.
    pub(crate) fn busy_with(&self) -> Option<Whose> {
        self.watch.whose(self.watch.look()?)
    }
}

/// What is known of one seat's poll.
#[derive(Clone, Copy)]
struct Known {
    seen: Seen,
    since: Instant,
    reported: bool,
    /// What its thread had used when the poll became suspicious.
    used: Option<Used>,
}

/// The processor time that a thread had used at a moment.
#[derive(Clone, Copy)]
struct Used {
    time: Duration,
    at: Instant,
}

impl Used {
    fn now(tid: u32) -> Option<Used> {
        let time = stall::processor_time(Tid(i32::try_from(tid).ok()?)).ok()?;
        Some(Used { time, at: Instant::now() })
    }

    /// The part of the time since `before` for which the thread had a processor.
    fn share_since(self, before: Used) -> Option<f64> {
        let passed = self.at.duration_since(before.at);
        let used = self.time.saturating_sub(before.time);
        (!passed.is_zero())
            .then(|| used.as_secs_f64() / passed.as_secs_f64())
            .map(|share| share.min(1.0))
    }
}

impl Guardian {
    /// `report: None` reports nothing.
    pub(crate) fn new(
        takeover: Duration,
        report: Option<Duration>,
        sink: Box<dyn StallSink>,
    ) -> Guardian {
        let (stalls, bound) = (AtomicU64::new(0), Mutex::new(Vec::new()));
        Guardian { nap: Nap::new(), takeover, report, sink, stalls, bound }
    }

    /// Watches a thread from now on.
    pub(crate) fn watch_bound(&self, bound: Arc<Bound>) {
        self.bound.lock().push(bound);
    }

    /// Looks at the threads with tasks bound to them; each has an eye in `eyes`. Says whether a poll is
    /// going on in one of them.
    fn look_at_bound(&self, eyes: &mut Vec<Eye>, now: Instant) -> bool {
        let all = self.bound.lock();
        eyes.resize(all.len(), Eye::default());
        let mut amiss = false;
        for (bound, eye) in all.iter().zip(eyes) {
            let age = eye.look(&bound.watch, now);
            amiss |= !age.is_zero();
            let tid = bound.tid.load(Ordering::Relaxed);
            self.report_if_due(eye, &bound.watch, bound.number, tid, age, |seen| {
                let bound = Arc::clone(bound);
                Box::new(move || bound.watch.look() == Some(seen))
            });
        }
        amiss
    }

    fn is_bound_awake(&self) -> bool {
        self.bound.lock().iter().any(|bound| bound.awake.load(Ordering::Relaxed))
    }

    pub(super) fn takeover(&self) -> Duration {
        self.takeover
    }

    /// Polls reported so far.
    pub(crate) fn stalls(&self) -> u64 {
        self.stalls.load(Ordering::Relaxed)
    }

    /// A thread with tasks bound to it has woken up.
    #[inline]
    pub(super) fn awake(&self) {
        self.nap.busy();
    }

    /// Where the guardian sleeps when it owes nothing.
    #[inline]
    pub(super) fn nap(&self) -> &Nap {
        &self.nap
    }

    /// Ends the guardian's wait.
    pub(super) fn wake(&self) {
        self.nap.end();
    }

    /// Watches `pool` until its threads have left. Run by the reactor thread.
    pub(crate) fn run(pool: &Arc<Pool>) {
        Rounds::new(pool).run();
    }

    /// Watches one thread that runs tasks bound to it: stalls are reported, nothing else can be
    /// done. Runs until `closed` says so.
    pub(crate) fn watch_one(
        &self,
        watch: &Watch,
        tid: &AtomicU32,
        busy: impl Fn() -> bool,
        closed: impl Fn() -> bool,
        goes_on: impl Fn(Seen) -> Box<dyn Fn() -> bool + Send>,
    ) {
        let mut eye = Eye::default();
        let mut bound_eyes = Vec::new();
        let busy = || busy() || self.is_bound_awake();
        let closed = || closed() && !self.is_bound_awake();
        let mut idle_since = None;
        let mut last = Instant::now();
        while !closed() {
            let now = Instant::now();
            if now.duration_since(last) > SLOW_LOOK * 4 {
                let late = now.duration_since(last) - SLOW_LOOK;
                eye.excuse(late);
                bound_eyes.iter_mut().for_each(|eye: &mut Eye| eye.excuse(late));
            }
            last = now;
            self.look_at_bound(&mut bound_eyes, now);
            let age = eye.look(watch, now);
            let tid = tid.load(Ordering::Relaxed);
            self.report_if_due(&mut eye, watch, 0, tid, age, &goes_on);
            if busy() {
                idle_since = None;
            } else if now.duration_since(*idle_since.get_or_insert(now)) >= LINGER {
                self.nap.sleep_unless(|| busy() || closed());
                idle_since = None;
                last = Instant::now();
                continue;
            }
            self.nap.pause(SLOW_LOOK);
        }
    }

    /// Reports the poll that is going on, once, when it has taken long enough.
    fn report_if_due(
        &self,
        eye: &mut Eye,
        watch: &Watch,
        worker: usize,
        tid: u32,
        age: Duration,
        goes_on: impl Fn(Seen) -> Box<dyn Fn() -> bool + Send>,
    ) {
        let Some(threshold) = self.report.filter(|&threshold| age >= threshold / 10) else {
            return;
        };
        let Some(known) = eye.known.as_mut().filter(|known| !known.reported) else { return };
        known.used = known.used.or_else(|| Used::now(tid));
        if age < threshold {
            return;
        }
        let Some(whose) = watch.whose(known.seen) else { return };
        known.reported = true;
        let processor_share =
            known.used.and_then(|before| Used::now(tid).and_then(|now| now.share_since(before)));
        self.stalls.fetch_add(1, Ordering::Relaxed);
        self.sink.stalled(Stall {
            worker,
            tid,
            task: Id::from_u64(whose.id),
            location: whose.location,
            duration: age,
            processor_share,
            goes_on: goes_on(known.seen),
        });
    }
}

/// The eye on one seat.
#[derive(Default, Clone, Copy)]
struct Eye {
    known: Option<Known>,
}

impl Eye {
    /// How long the present poll has been seen going on; zero if there is none.
    fn look(&mut self, watch: &Watch, now: Instant) -> Duration {
        let Some(seen) = watch.look() else {
            self.known = None;
            return Duration::ZERO;
        };
        match self.known {
            Some(known) if known.seen == seen => now.duration_since(known.since),
            _ => {
                self.known = Some(Known { seen, since: now, reported: false, used: None });
                Duration::ZERO
            }
        }
    }

    fn forget(&mut self) {
        self.known = None;
    }

    /// A look came so late: that time says nothing about the poll.
    fn excuse(&mut self, late: Duration) {
        if let Some(known) = &mut self.known {
            known.since += late;
        }
    }
}

/// The guardian's own state, on its thread.
struct Rounds<'a> {
    pool: &'a Arc<Pool>,
    eyes: Vec<Eye>,
    bound_eyes: Vec<Eye>,
    looks_before: u64,
    ready: WakeList,
    /// The present shortage of spares has been reported.
    told: bool,
    told_last: Option<Instant>,
}

impl Rounds<'_> {
    fn new(pool: &Arc<Pool>) -> Rounds<'_> {
        Rounds {
            pool,
            eyes: vec![Eye::default(); pool.seats.len()],
            bound_eyes: Vec::new(),
            // As if somebody had looked: workers that have just been started come to the poll by themselves.
            looks_before: u64::MAX,
            ready: WakeList::new(),
            told: false,
            told_last: None,
        }
    }

    fn run(&mut self) {
        let guardian = &self.pool.guardian;
        let mut all_asleep_since = None;
        let mut pause = LOOK;
        let mut last = Instant::now();
        while !self.pool.is_over() || guardian.is_bound_awake() {
            let now = Instant::now();
            if now.duration_since(last) > (pause * 4).saturating_add(guardian.takeover) {
                let late = now.duration_since(last) - pause;
                let eyes = self.eyes.iter_mut().chain(&mut self.bound_eyes);
                eyes.for_each(|eye| eye.excuse(late));
            }
            last = now;
            let amiss = guardian.look_at_bound(&mut self.bound_eyes, now) | self.look_at_seats(now);
            let sleeping = self.pool.crew.sleep.sleeping();
            let shortage = if sleeping > 0 {
                self.look_after_sleepers();
                None
            } else {
                self.call_spare_if_needed()
            };
            self.tell(shortage, now);
            let asleep = self.all_asleep();
            if !asleep {
                all_asleep_since = None;
                pause = if amiss { CLOSE_LOOK } else { LOOK };
            } else if now.duration_since(*all_asleep_since.get_or_insert(now)) >= LINGER
                && !self.is_needed()
            {
                // What was so before counts for nothing: all of it is looked at again behind the fence.
                guardian.nap.sleep_unless(|| self.is_needed());
                all_asleep_since = None;
                last = Instant::now();
                continue;
            } else {
                pause = (pause * 2).min(SLOW_LOOK);
            }
            self.wait(pause, sleeping);
        }
    }

    fn all_asleep(&self) -> bool {
        self.pool.crew.all_asleep() && !self.pool.guardian.is_bound_awake()
    }

    /// Whether anything keeps the guardian from sleeping for good.
    fn is_needed(&self) -> bool {
        !self.pool.crew.is_quiet(|| self.pool.driver.has_holder())
            || self.pool.guardian.is_bound_awake()
            || self.pool.guardian.sink.owes_wakes()
            || self.pool.is_closed()
    }

    /// Point 1. Says whether something is amiss.
    fn look_at_seats(&mut self, now: Instant) -> bool {
        let guardian = &self.pool.guardian;
        let mut amiss = false;
        for (index, (seat, eye)) in self.pool.seats.iter().zip(&mut self.eyes).enumerate() {
            if seat.watch.pardon() {
                self.pool.crew.recovered();
            }
            if !self.pool.crew.is_taken(index) {
                eye.forget();
                continue;
            }
            let age = eye.look(&seat.watch, now);
            amiss |= !age.is_zero();
            let Some(known) = eye.known else { continue };
            if age >= guardian.takeover && self.pool.config.spares > 0 {
                // Counted before the verdict can be seen and taken back.
                self.pool.crew.stalled();
                if seat.watch.condemn(known.seen) {
                    self.pool.work_published();
                } else {
                    self.pool.crew.recovered();
                }
                // What was put there while the verdict was on its way, too.
                let _active = self.pool.active();
                if let Some(task) = seat.slot.take() {
                    self.pool.injector.push(task);
                    self.pool.work_published();
                }
            }
            let silent = seat.silent.load(Ordering::Relaxed);
            if !silent {
                guardian.report_if_due(eye, &seat.watch, index, seat.tid(), age, |seen| {
                    let pool = Arc::clone(self.pool);
                    Box::new(move || pool.seats[index].watch.look() == Some(seen))
                });
            }
        }
        amiss
    }

    /// Point 2.
    fn look_after_sleepers(&self) {
        let unpark = |seat| self.pool.unpark(seat);
        self.pool.crew.send_home(unpark);
        if !self.pool.driver.has_holder() {
            self.pool.crew.give_poll_back(unpark);
        }
    }

    /// Point 3.
    fn call_spare_if_needed(&self) -> Option<Shortage> {
        let pool = self.pool;
        let needed =
            pool.crew.count_stalled() > 0 && (pool.has_work() || !pool.driver.has_holder());
        needed.then(|| pool.call_spare().err()).flatten()
    }

    /// Has a shortage of spares reported, once as long as it lasts. Without spares (a limit of 0) there is none to
    /// speak of.
    fn tell(&mut self, shortage: Option<Shortage>, now: Instant) {
        let guardian = &self.pool.guardian;
        let Some(shortage) = shortage.filter(|shortage| shortage.limit > 0) else {
            // While a thread is being started nobody knows whether the shortage is over.
            self.told &= self.pool.are_starting();
            return;
        };
        let too_soon = self.told_last.is_some_and(|last| now.duration_since(last) < SHORTAGE_EVERY);
        if !self.told && !too_soon && guardian.report.is_some() {
            self.told = guardian.sink.short_of_spares(shortage);
            self.told_last = self.told.then_some(now).or(self.told_last);
        }
    }

    /// Point 4.
    fn wait(&mut self, pause: Duration, sleeping: usize) {
        let driver = &*self.pool.driver;
        let active = self.pool.active();
        driver.advance_overdue(CLOSE_LOOK, &mut self.ready);
        if !self.ready.is_empty() || self.pool.guardian.sink.owes_wakes() {
            self.pool.guardian.sink.wake(&mut self.ready);
        }
        // When the next one is overdue, if nobody has seen to it by then.
        let pause = driver.next_timer().map_or(pause, |timer| pause.min(timer + CLOSE_LOOK));
        let looks = driver.looks();
        let looked = looks != self.looks_before;
        self.looks_before = looks;
        let needed = sleeping == 0 && !looked && !self.pool.is_closed();
        if needed && driver.stand_in(pause, &mut self.ready) {
            self.looks_before = driver.looks();
            self.pool.guardian.sink.wake(&mut self.ready);
            return;
        }
        drop(active);
        self.pool.guardian.nap.pause(pause.max(Duration::from_micros(50)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_that_are_always_late_still_add_up_to_an_age() {
        let (watch, mut eye) = (Watch::new(), Eye::default());
        let (begin, late) = (Instant::now(), Duration::from_secs(1));
        watch.begin(1, None);
        assert_eq!(eye.look(&watch, begin), Duration::ZERO);
        for looks in 1..=100 {
            eye.excuse(late);
            let now = begin + (LOOK + late) * looks;
            assert_eq!(eye.look(&watch, now), LOOK * looks);
        }
    }
}

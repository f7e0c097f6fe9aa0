//! What the monitor does for a pool: takes over from stalled workers, calls spares, keeps a thread
//! waiting in the driver, and has stalls reported.
//!
//! # What a look does, in order
//!
//! 0. It looks at the threads that have tasks bound to them (`watched_thread.rs`), and has their
//!    stalls reported.
//! 1. It reads the [`Watch`] of each slot whose thread is awake. A poll that has reached the
//!    takeover threshold is *condemned*: its slot counts as stalled, its LIFO slot is emptied into
//!    the injector, and a sleeper is called for its tasks. At the report threshold the poll is
//!    handed to the [`StallSink`], once. The age of a poll is the time that its thread has computed
//!    or waited by itself: `poll_age.rs`. If the injector held tasks at the last look and does so
//!    now, all workers are told to make a visit after their current poll.
//! 2. If a worker sleeps and no thread waits in the driver, it is unparked to do so. If a surplus
//!    spare sleeps, it is told to retire.
//! 3. If nobody sleeps, fewer threads serve than slots are missing, and a task waits or no thread
//!    waits in the driver, spares are called and stand-ins are asked for: as many as are wanted and
//!    have tasks, at most [`CALLS`] a look. If none is available, that is reported.
//! 4. If no thread has looked at the driver since the last look, the monitor waits in the driver
//!    until the next one; else it waits on its own parker.
//!
//! # Sleep of the monitor
//!
//! While any worker is awake the monitor looks every [`LOOK`], and more often while a poll is
//! suspicious. When all sleep and it has no duty, it parks without a time limit. `spares.rs` lists
//! its duties and proves that none arises unseen; `monitor_park.rs` says how it is called.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::monitor::{Punctuality, SLOW_LOOK};
use super::monitor_park;
use super::poll_age::Eye;
use super::pool::{Asked, Pool};
use super::spares::Shortage;
use super::worker_shared::WorkerShared;
use crate::engine::task::{self, Absence};
use crate::engine::wake_list::WakeList;

/// Time between two looks while workers are awake.
const LOOK: Duration = monitor_park::DELAY;
/// Time between two looks while a poll is suspicious or a slot is stalled.
const CLOSE_LOOK: Duration = Duration::from_millis(1);
/// The shortest time between two reports of a shortage of spares.
const SHORTAGE_EVERY: Duration = Duration::from_secs(1);
/// The most spares, and stand-ins, that are called at one look. Another thread starts them one
/// after the other, in 30 to 70 microseconds each: more would not be there before the next look.
const CALLS: usize = 32;
/// How long the blocking pool may have no thread for a stand-in before that counts as a shortage,
/// and not as a short burst. An idle thread comes in some 50 microseconds, a new one in 100.
const OVERDUE: Duration = Duration::from_millis(20);

/// The monitor's own state, on its thread.
struct Rounds<'a> {
    pool: &'a Arc<Pool>,
    eyes: Vec<Eye>,
    /// The slots whose polls were condemned, until the verdict has been taken back.
    condemned: Vec<usize>,
    bound_eyes: Vec<Eye>,
    looks_before: u64,
    ready: WakeList,
    /// Wakers were left for the workers at the last look.
    foreign: bool,
    /// Something was in the injector at the last look.
    injected: bool,
    /// Since when stand-ins have been wanted and have not come.
    overdue: Option<Instant>,
    /// The present shortage has been reported.
    told: bool,
    told_last: Option<Instant>,
}

/// Watches `pool` until its threads have left. Run by the monitor's thread.
pub(crate) fn watch_pool(pool: &Arc<Pool>) {
    Rounds::new(pool).run();
}

impl Rounds<'_> {
    fn new(pool: &Arc<Pool>) -> Rounds<'_> {
        Rounds {
            pool,
            eyes: Vec::new(),
            condemned: Vec::new(),
            bound_eyes: Vec::new(),
            // As if a thread had looked: workers that were just started reach the driver by
            // themselves.
            looks_before: u64::MAX,
            ready: WakeList::new(),
            foreign: false,
            injected: false,
            overdue: None,
            told: false,
            told_last: None,
        }
    }

    fn run(&mut self) {
        let monitor = &self.pool.monitor;
        let mut pause = LOOK;
        let mut punctuality = Punctuality::new();
        while !self.pool.is_over() || monitor.is_bound_awake() {
            let now = Instant::now();
            if let Some(stopped) = punctuality.stopped(now, pause, monitor.takeover()) {
                let eyes = self.eyes.iter_mut().chain(&mut self.bound_eyes);
                eyes.for_each(|eye| eye.excuse(stopped));
            }
            let amiss = monitor.look_at_bound(&mut self.bound_eyes, now) | self.look_at_slots(now);
            let sleeping = self.pool.spares.sleep.sleeping();
            let shortage = if sleeping > 0 {
                // Point 2.
                let pool = self.pool;
                let has_holder = || pool.driver.has_holder();
                pool.spares.look_after_sleepers(has_holder, |slot| pool.unpark(slot));
                self.overdue = None;
                None
            } else {
                self.call_who_is_needed(now)
            };
            self.tell(shortage, now);
            if !self.all_asleep() {
                pause = if amiss { CLOSE_LOOK } else { LOOK };
            } else if !self.is_needed() {
                // The condition must be checked again behind the fence.
                monitor.park().sleep_unless(|| self.is_needed());
                pause = LOOK;
                punctuality = Punctuality::new();
                continue;
            } else {
                pause = (pause * 2).min(SLOW_LOOK);
            }
            self.wait(pause, sleeping);
        }
        // No worker is left to call the remaining wakers.
        self.hand_foreign_over();
    }

    fn all_asleep(&self) -> bool {
        self.pool.spares.all_asleep() && !self.pool.monitor.is_bound_awake()
    }

    /// Whether anything keeps the monitor from sleeping for good.
    fn is_needed(&self) -> bool {
        !self.pool.spares.is_quiet(|| self.pool.driver.has_holder())
            || !self.condemned.is_empty()
            || self.pool.monitor.is_bound_awake()
            || self.pool.monitor.sink().owes_wakes()
            || self.pool.is_closed()
    }

    /// Point 1. Returns whether a poll is suspicious or stalled.
    fn look_at_slots(&mut self, now: Instant) -> bool {
        let pool = self.pool;
        self.take_back_late_verdicts();
        let injected = !pool.injector.is_empty();
        let waits = std::mem::replace(&mut self.injected, injected) && injected;
        let mut amiss = false;
        for (index, slot) in pool.awake_slots(0) {
            if index >= self.eyes.len() {
                self.eyes.resize_with(index + 1, Eye::default);
            }
            if waits {
                slot.call(true);
            }
            // Read before the poll: an announcement that ends later belongs to a later poll.
            let is_silent = slot.silence.lasts();
            let eye = &mut self.eyes[index];
            let takeover = pool.monitor.takeover();
            let report = pool.monitor.report().filter(|_| !is_silent);
            let age = eye.look(&slot.watch, slot.tid(), now, takeover, report);
            amiss |= !age.is_zero();
            let Some(seen) = eye.seen() else { continue };
            if age >= takeover && !slot.watch.is_announced() {
                // The poll counts as stalled. What its slot holds is others' from now on.
                if pool.spares.condemn(&slot.watch, seen, eye.how()) {
                    pool.work_published();
                }
            }
            if slot.watch.is_judged() {
                // Also takes a task that was put there just before the verdict was seen.
                empty_slot(pool, slot);
                if !self.condemned.contains(&index) {
                    self.condemned.push(index);
                }
            }
            if !is_silent {
                pool.monitor.report_if_due(eye, &slot.watch, index, slot.tid(), now, |seen| {
                    let pool = Arc::clone(pool);
                    Box::new(move || {
                        pool.shared(index).is_some_and(|slot| slot.watch.look() == Some(seen))
                    })
                });
            }
        }
        amiss
    }

    /// Takes back verdicts that came just after their poll had ended. The thread may sleep by now.
    fn take_back_late_verdicts(&mut self) {
        let pool = self.pool;
        self.condemned.retain(|&index| {
            let Some(slot) = pool.shared(index) else { return false };
            pool.spares.pardon(&slot.watch);
            slot.watch.is_judged()
        });
    }

    /// Point 3.
    fn call_who_is_needed(&mut self, now: Instant) -> Option<Shortage> {
        let pool = self.pool;
        let stalled = pool.spares.count_wanted(Absence::Stalled);
        let in_place = pool.spares.count_wanted(Absence::InPlace);
        let is_wanted = stalled + in_place > 0 && (pool.has_work() || !pool.driver.has_holder());
        if !is_wanted {
            self.overdue = None;
            return None;
        }
        // The result of the last calls, before the next ones are counted.
        let absence = if in_place > 0 { Absence::InPlace } else { Absence::Stalled };
        let refused = pool.take_refusal();
        let before = refused.map(|error| pool.shortage(absence, Some(error)));
        // One for the driver, and one for each task that waits.
        let most = (1 + pool.waiting(CALLS)).min(CALLS);
        let shortage = (0..stalled.clamp(1, most)).find_map(|_| pool.call_spare().err());
        for _ in 0..in_place.min(most) {
            if !pool.call_stand_in(Asked::ByMonitor) {
                break;
            }
        }
        if in_place == 0 {
            self.overdue = None;
            return before.or(shortage);
        }
        let since = *self.overdue.get_or_insert(now);
        let overdue = now.duration_since(since) >= OVERDUE
            && pool.no_stand_in()
            && pool.spares.count_wanted(Absence::InPlace) > 0;
        before.or(shortage).or_else(|| overdue.then(|| pool.shortage(Absence::InPlace, None)))
    }

    /// Has a shortage reported, once while it lasts. With a limit of 0 spares nothing is reported.
    fn tell(&mut self, shortage: Option<Shortage>, now: Instant) {
        let monitor = &self.pool.monitor;
        let Some(shortage) = shortage.filter(|shortage| shortage.limit > 0) else {
            // While a thread is being started the shortage may not be over.
            self.told &= self.pool.are_starting();
            return;
        };
        let too_soon = self.told_last.is_some_and(|last| now.duration_since(last) < SHORTAGE_EVERY);
        if !self.told && !too_soon && monitor.report().is_some() {
            self.told = monitor.sink().short_of_spares(shortage);
            self.told_last = self.told.then_some(now).or(self.told_last);
        }
    }

    /// Point 4.
    fn wait(&mut self, pause: Duration, sleeping: usize) {
        let driver = &*self.pool.driver;
        let active = self.pool.active();
        driver.advance_overdue(CLOSE_LOOK, &mut self.ready);
        self.wake();
        // Not longer than until the next timer is overdue.
        let pause = driver.next_timer().map_or(pause, |timer| pause.min(timer + CLOSE_LOOK));
        let looks = driver.looks();
        let looked = looks != self.looks_before;
        self.looks_before = looks;
        let needed = sleeping == 0 && !looked && !self.pool.is_closed();
        if needed && driver.stand_in(pause, &mut self.ready) {
            self.looks_before = driver.looks();
            self.wake();
            return;
        }
        drop(active);
        self.pool.monitor.park().pause(pause.max(Duration::from_micros(50)));
    }

    /// Calls the wakers that are ready. Wakers of our tasks are called here: they only push. Others
    /// may be user code and go to a queue from which any thread of the pool takes them. If none has
    /// by the next look, a separate thread calls them.
    fn wake(&mut self) {
        let pool = self.pool;
        if std::mem::take(&mut self.foreign) || pool.monitor.sink().owes_wakes() {
            self.hand_foreign_over();
        }
        let mut others = WakeList::new();
        for waker in self.ready.drain() {
            if task::is_task_waker(&waker) {
                waker.wake();
            } else {
                others.push(waker);
            }
        }
        if !others.is_empty() {
            pool.foreign.put(others.drain());
            pool.work_published();
        }
        self.foreign = !pool.foreign.is_empty();
        if self.foreign && pool.is_closed() {
            // The workers are leaving.
            self.hand_foreign_over();
        }
    }

    /// Has a separate thread call the wakers that no worker has called.
    fn hand_foreign_over(&mut self) {
        let pool = self.pool;
        let mut left = WakeList::new();
        std::iter::from_fn(|| pool.foreign.take()).for_each(|waker| left.push(waker));
        pool.monitor.sink().wake(&mut left);
    }
}

fn empty_slot(pool: &Arc<Pool>, slot: &WorkerShared) {
    let _active = pool.active();
    if let Some(task) = slot.lifo_slot.take() {
        pool.injector.push(task);
        pool.work_published();
    }
}

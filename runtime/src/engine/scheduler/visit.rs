//! Visits: what a worker looks at between its own tasks, and how often.
//!
//! # Problem
//!
//! A worker's own queue keeps it from everything else. So now and then it makes a visit: it looks
//! at the driver, the injector, marked tasks, and the queues of other workers. Visits are timed by
//! the clock, not by polls: 61 polls are 3 microseconds or a minute. So each visit reads the clock
//! and sets the next one: after as many polls as take [`VISIT_EVERY`] at the pace since the last
//! visit, and after `global_queue_interval` or `event_interval` at most. If polls have become
//! longer since then, the monitor finds tasks in the injector at two looks in a row, and calls for
//! a visit.
//!
//! *The injector.* The worker moves its share (the injected tasks divided by the number of workers)
//! to the back of its own queue. So a task from outside waits as long as a local one of its age.
//! Sometimes the oldest injected task goes first ([`FIRST`]): a task that is spawned occasionally
//! on a busy runtime begins at once, and those in the queue are hardly delayed.
//!
//! *The queues of others.* Tasks that yield stay where they are, and a worker that has work does
//! not steal. So 168 tasks could share one worker, and 32 another one, for ever. A worker that
//! finds another queue whose last task will wait much longer than its own takes part of the
//! difference. The wait counts (tasks times pace), not the length: a worker whose thread gets half
//! of a processor should have half of the tasks. A worker that has ended no poll from one visit to
//! the next is in a long poll, or the kernel runs another thread in its place: its tasks are taken,
//! half of them at each visit, for they wait at least as long as that lasts.
//!
//! Its effect on 200 equal tasks: `docs/performance.md`, "Under load".

use std::time::{Duration, Instant};

use super::marked::Offer;
use super::metrics::NOTE_INTERVAL;
use super::pace::RECENT;
use super::worker::Worker;
use super::worker_shared::WorkerShared;
use crate::engine::insight::recorder::{Kind, record_here_with};
use crate::engine::task::{Absence, Runnable};

/// The time between visits of a worker that always has work. A visit reads the clock and looks at
/// the driver, some 300 ns: at this rate less than two thousandths of the time. tokio looks at its
/// injector as often.
const VISIT_EVERY: Duration = Duration::from_micros(200);
/// How many tasks from outside may go first while a task waits in the queue. In a queue of a
/// hundred tasks it waits a twelfth longer.
const FIRST: u32 = 8;
/// The difference in wait between two queues below which no tasks are moved, since a move loses
/// their cached data. Servers stay below it until they are overloaded.
const UNEVEN: Duration = Duration::from_millis(4);

/// How many other workers a worker compares itself with. A random choice of two would do
/// (Mitzenmacher, "The power of two choices", 2001); up to this number a look at all costs no more.
const LOOKS_AT: usize = 8;

impl Worker {
    /// Makes a visit. Returns a task from outside that goes first.
    #[cold]
    pub(super) fn visit(&self, tick: u32) -> Option<Runnable> {
        let now = Instant::now();
        self.shared().call(false);
        let config = &self.pool.config;
        let (pace, recent) = self.visits.pace(now, tick);
        self.shared().set_pace(recent);
        self.choose_slot_use();
        let most = config.global_queue_interval.min(config.event_interval);
        // A short poll among long ones predicts little; a long poll shows that there are long ones.
        let expected = pace.max(self.visits.expected.get() / 2);
        self.visits.expected.set(expected);
        let polls = VISIT_EVERY.as_nanos() as u64 / expected.max(1);
        self.visits.next.set(tick.wrapping_add(polls.clamp(1, most.into()) as u32));
        if tick.wrapping_sub(self.noted_at.get()) >= NOTE_INTERVAL {
            self.note_busy();
        }
        self.look();
        if !self.pool.foreign.is_empty() {
            self.call_foreign();
        }
        let wait = Duration::from_nanos(self.shared().queued().saturating_mul(recent));
        // The task may be polled here, so the worker must hold no other.
        if self.pool.marked.has_given() {
            self.run_what_nobody_took(now);
        }
        if self.pool.marked.is_ready() {
            let may_run = self.pool.spares.has_spare() || now >= self.visits.marked_from.get();
            if let Some(taken) = self.pool.marked.take(Offer { now, wait, may_run }) {
                self.give_or_run(taken);
            }
        }
        let first = self.take_first(now, wait);
        self.take_share();
        self.even_out(now);
        record_here_with(Kind::Queues, || {
            (self.pool.injector.len() as u64, self.shared().queued())
        });
        first
    }

    /// Runs a task here that was given away, if the system had no thread for it.
    fn run_what_nobody_took(&self, now: Instant) {
        let nobody_comes =
            !self.pool.are_starting() && self.pool.spares.count_wanted(Absence::Stalled) > 0;
        if nobody_comes && now >= self.visits.marked_from.get() {
            if let Some(given) = self.pool.marked.take_given() {
                self.run_given(given);
                let after = Instant::now();
                self.visits.marked_from.set(after + (after - now));
            }
        }
    }

    /// Takes a task from outside to run before those in the queue, where it would wait for `wait`.
    fn take_first(&self, now: Instant, wait: Duration) -> Option<Runnable> {
        if self.pool.injector.is_empty() || now < self.visits.first_from.get() {
            return None;
        }
        let first = self.pool.injector.pop()?;
        self.visits.first_from.set(now + (wait / FIRST).min(RECENT));
        Some(first)
    }

    /// Moves this worker's share of the injector to the back of its queue.
    fn take_share(&self) {
        let injector = &self.pool.injector;
        if !injector.is_empty() {
            injector.move_into(&self.queue, injector.len().div_ceil(self.pool.config.workers));
        }
    }

    /// Takes this worker's share of the tasks of slots that do not serve, as from the injector:
    /// workers that have work do not steal. Also takes tasks from another worker's queue if they
    /// wait there much longer than here, or that worker stands still.
    fn even_out(&self, now: Instant) {
        let compares = self.visits.may_compare(now);
        let start = self.rng.below(self.pool.awake_bound()) as usize;
        let others = self.pool.awake_slots(start).filter(|&(slot, _)| slot != self.slot);
        let (mut longest, mut from) = (0, None);
        for (number, slot) in others.take(LOOKS_AT) {
            let queued = slot.queued();
            let stands_still = compares && {
                let ended = slot.counters.polls.get();
                self.visits.has_not_moved(number, ended, queued)
            };
            if queued == 0 {
                continue;
            }
            if slot.watch.is_stalled() {
                self.take_from(slot, (queued as usize).div_ceil(self.pool.config.workers));
                continue;
            }
            if stands_still {
                self.take_from(slot, (queued as usize).div_ceil(2));
                continue;
            }
            let wait = queued.saturating_mul(slot.pace());
            if wait > longest {
                (longest, from) = (wait, Some(slot));
            }
        }
        let Some(other) = from else { return };
        let own = self.shared().queued().saturating_mul(self.shared().pace());
        let uneven = own.saturating_add(own / 2).saturating_add(UNEVEN.as_nanos() as u64);
        if longest >= uneven {
            // After moving this many, tasks wait equally long in both queues.
            let both = self.shared().pace().saturating_add(other.pace()).max(1);
            let tasks = (longest - own) / both;
            self.take_from(other, tasks as usize);
        }
    }

    fn take_from(&self, other: &WorkerShared, tasks: usize) {
        if let Some(stealer) = other.stealer() {
            let before = self.queue.len();
            stealer.move_into(&self.queue, tasks);
            let moved = self.queue.len().saturating_sub(before);
            if moved > 0 {
                self.count_stolen(moved);
            }
        }
    }
}

//! Visits: what a worker looks at between its own tasks, and how often.
//!
//! # Problem
//!
//! What a worker has in its own queue keeps it from all else, so every so often it looks around: at
//! the driver, at the injector, at marked tasks, and at the queues of others. How often is a matter
//! of time, not of polls: 61 polls are 3 microseconds or a minute. So each visit reads the clock
//! and sets the next one: after as many polls as take [`VISIT_EVERY`] at the pace since the last
//! one, and after `global_queue_interval` and `event_interval` at most. If polls have become longer
//! since then, the monitor sees a task in the injector at two looks, and calls for a visit.
//!
//! *The injector.* Its share (the tasks in it by the number of workers) goes to the back of the own
//! queue. So a task from outside stands behind those that were here before it, and before those
//! that come after: it waits as long as one of its age inside, and no longer. Now and then the one
//! that has waited longest goes first ([`FIRST`]): whoever spawns a task now and then on a busy
//! runtime has it begin at once, and those in the queue hardly notice.
//!
//! *The others' queues.* Tasks that yield stay where they are, and nobody who has work steals. So
//! 168 tasks could share one worker, and 32 another one, for ever. A worker that finds another one
//! whose last task will wait much longer than its own takes some of what makes the difference. What
//! counts is the wait, tasks by the pace: a worker whose thread gets half of the processor should
//! have half of the tasks.
//!
//! What it does for 200 equal tasks: `docs/performance.md`, "Under load".

use std::time::{Duration, Instant};

use super::marked::Offer;
use super::metrics::NOTE_INTERVAL;
use super::pace::RECENT;
use super::worker::Worker;
use super::worker_shared::WorkerShared;
use crate::engine::insight::recorder::{Kind, record_here_with};
use crate::engine::task::{Absence, Runnable};

/// How often a worker that always has work looks around. A visit costs a look at the clock and one
/// at the driver, some 300 ns: at this rate less than two thousandths. tokio looks at its injector
/// as often.
const VISIT_EVERY: Duration = Duration::from_micros(200);
/// So many tasks from outside may go first while a task waits in the queue: with a hundred in it,
/// it waits for a twelfth longer.
const FIRST: u32 = 8;
/// A difference between two workers' queues that is not worth a move: it moves tasks away from what
/// they have in the cache. Servers stay below it until they are overloaded.
const UNEVEN: Duration = Duration::from_millis(4);

/// Among how many others a worker looks for one whose tasks wait longer. A choice of two at random
/// would do (Mitzenmacher, "The power of two choices", 2001); up to here a look at all costs no
/// more.
const LOOKS_AT: usize = 8;

impl Worker {
    /// Looks around. Returns a task from outside that goes first.
    #[cold]
    pub(super) fn visit(&self, tick: u32) -> Option<Runnable> {
        let now = Instant::now();
        self.shared().call(false);
        let config = &self.pool.config;
        let (pace, recent) = self.visits.pace(now, tick);
        self.shared().set_pace(recent);
        let most = config.global_queue_interval.min(config.event_interval);
        // One short poll among long ones says little of the next; one long poll says that there are
        // some.
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
        // With empty hands: it may be polled here.
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
        self.even_out();
        record_here_with(Kind::Queues, || {
            (self.pool.injector.len() as u64, self.shared().queued())
        });
        first
    }

    /// A task was given away, and no thread came for it: the system had none. Then it has its turn
    /// here.
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

    /// A task from outside that goes before those in the queue, in which it would wait for so long.
    fn take_first(&self, now: Instant, wait: Duration) -> Option<Runnable> {
        if self.pool.injector.is_empty() || now < self.visits.first_from.get() {
            return None;
        }
        let first = self.pool.injector.pop()?;
        self.visits.first_from.set(now + (wait / FIRST).min(RECENT));
        Some(first)
    }

    /// Takes what is this worker's of the injector, to the back of its queue.
    fn take_share(&self) {
        let injector = &self.pool.injector;
        if !injector.is_empty() {
            injector.move_into(&self.queue, injector.len().div_ceil(self.pool.config.workers));
        }
    }

    /// Takes its share of what slots hold that do not serve, as of the injector: nobody who has
    /// work steals. And takes tasks from another worker's queue, if they wait there for much longer
    /// than here.
    fn even_out(&self) {
        let start = self.rng.below(self.pool.awake_bound()) as usize;
        let others = self.pool.awake_slots(start).filter(|&(slot, _)| slot != self.slot);
        let (mut longest, mut from) = (0, None);
        for (_, slot) in others.take(LOOKS_AT) {
            let queued = slot.queued();
            if queued == 0 {
                continue;
            }
            if slot.watch.is_stalled() {
                self.take_from(slot, (queued as usize).div_ceil(self.pool.config.workers));
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
            // With so many moved, both wait equally long.
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

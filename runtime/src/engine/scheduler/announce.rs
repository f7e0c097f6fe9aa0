//! What a worker does before it stops serving on purpose: `block_in_place`, and the polls of marked
//! tasks.
//!
//! Everything that its slot holds is given to others beforehand, and if nobody is free, somebody is
//! called. The states that a slot goes through, and who serves instead, are in `docs/scheduler.md`.

use std::time::Instant;

use super::marked::Taken;
use super::pool::Asked;
use super::worker::Worker;
use super::worker_shared::WorkerShared;
use crate::engine::coop::{self, Budget};
use crate::engine::task::{Absence, Outcome, Probation, StallPolicy};

impl Worker {
    /// `block_in_place`: what follows is not to be reported, and somebody from the blocking pool
    /// stands in.
    pub(super) fn block_in_place<R>(&self, f: impl FnOnce() -> R) -> R {
        let _announced = self.announce_in_place();
        let _silent = Silent::new(self.shared());
        f()
    }

    #[cold]
    fn announce_in_place(&self) -> Announced<'_> {
        let counted = self.pool.spares.announce(&self.shared().watch);
        self.hand_over(|| {
            self.pool.call_stand_in(Asked::ByWorker);
        });
        Announced { worker: self, counted }
    }

    /// The poll that begins is expected to stall, until the guard is dropped: a spare comes
    /// beforehand.
    #[cold]
    fn expect_stall(&self) -> Announced<'_> {
        let counted = self.shared().watch.expect_stall();
        if counted {
            self.pool.spares.missing(Absence::Stalled);
        }
        self.hand_over(|| {
            // The monitor tries again, and says so if there is none to be had.
            let _ = self.pool.call_spare();
        });
        Announced { worker: self, counted }
    }

    /// Everything that this slot holds is given to others. If nobody is free, somebody is called.
    fn hand_over(&self, call: impl FnOnce()) {
        if let Some(task) = self.shared().lifo_slot.take() {
            self.queue.push(task);
        }
        if self.pool.spares.sleep.sleeping() == 0 {
            call();
        }
        // Also for one that has just gone to sleep.
        if self.pool.has_work() {
            self.pool.work_published();
        }
    }

    /// A task that has stalled a worker before has its turn: on a spare, if there is one and others
    /// are waiting here.
    #[cold]
    pub(super) fn give_or_run(&self, taken: Taken) {
        let spares = &self.pool.spares;
        if !spares.has_spare() || !self.has_queued() {
            return self.run_marked(taken);
        }
        spares.missing(Absence::Stalled);
        self.pool.marked.give(taken);
        if !self.pool.call_spare().is_ok_and(|called| called) {
            // Whoever has taken it meanwhile needs nobody.
            if let Some(given) = self.pool.marked.take_given() {
                self.run_given(given);
            }
        }
    }

    /// A task has been given away, and its poll has been counted as a stall.
    #[cold]
    pub(super) fn run_given(&self, given: Taken) {
        self.poll_marked(given, || {
            let counted = self.shared().watch.expect_stall();
            if !counted {
                // Another verdict stands, which counts until the monitor sees that its poll has
                // ended.
                self.pool.spares.returned(Absence::Stalled);
            }
            self.hand_over(|| ());
            Announced { worker: self, counted }
        });
    }

    /// A marked task is polled here. Without a spare for that, the others then have as long before
    /// the next one.
    #[cold]
    pub(super) fn run_marked(&self, taken: Taken) {
        let begun = Instant::now();
        let has_spare = self.pool.spares.has_spare();
        self.poll_marked(taken, || self.expect_stall());
        if !has_spare {
            let now = Instant::now();
            self.visits.marked_from.set(now + (now - begun));
        }
    }

    /// It is polled like a call that announces that it blocks. One poll that does not take long
    /// clears its name.
    fn poll_marked<'a>(&'a self, taken: Taken, announce: impl FnOnce() -> Announced<'a>) {
        let (mark, task) = (taken.mark(), taken.task);
        let slot = self.shared();
        slot.watch.begin(task.id().as_u64(), Some(task.location()));
        let announced = announce();
        coop::refill(Budget::FULL);
        let limit = self.pool.monitor.takeover();
        let policy = StallPolicy::Probation(Probation::begin(Instant::now(), limit));
        let outcome = self.pool.tasks.observe().run(task, &policy, Some(&slot.counters));
        drop(announced);
        if let Some(absence) = slot.watch.end() {
            self.recovered(absence);
        }
        self.pool.marked.ended(mark);
        slot.counters.polls.add(1);
        self.yields.set(0);
        // The others' pace is not that of marked tasks.
        self.visits.awake(Instant::now(), self.tick.get());
        if let Outcome::Woken(task) = outcome {
            self.requeue(task);
        }
    }
}

/// Nothing that the slot does is reported as a stall until this is dropped.
struct Silent<'a> {
    slot: &'a WorkerShared,
    /// In a `block_in_place` already.
    nested: bool,
}

impl Silent<'_> {
    fn new(slot: &WorkerShared) -> Silent<'_> {
        let nested = slot.silence.fall();
        Silent { slot, nested }
    }
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        if !self.nested {
            // What follows in this poll is watched from now on.
            self.slot.silence.end(&self.slot.watch);
        }
    }
}

/// The worker does not serve until this is dropped.
struct Announced<'a> {
    worker: &'a Worker,
    counted: bool,
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        if !self.counted {
            return;
        }
        // Perhaps it announced something else meanwhile, and has taken that back.
        if let Some(absence) = self.worker.shared().watch.take_verdict() {
            self.worker.pool.spares.returned(absence);
        }
    }
}

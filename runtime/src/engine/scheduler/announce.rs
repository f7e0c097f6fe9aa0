//! What a worker does before it stops serving on purpose: `block_in_place`, and the polls of marked
//! tasks.
//!
//! The worker first gives its tasks to the other workers. If none of them is idle, it calls a spare
//! or a stand-in. `docs/scheduler.md` has the states of a slot and says who serves in its place.

use std::time::Instant;

use super::marked::Taken;
use super::pool::Asked;
use super::worker::Worker;
use super::worker_shared::WorkerShared;
use crate::engine::coop::{self, Budget};
use crate::engine::task::{Absence, Outcome, Probation, StallPolicy};

impl Worker {
    /// `block_in_place`: runs `f` without stall reports, while a thread of the blocking pool stands
    /// in.
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

    /// Announces that the poll that begins is expected to stall, until the guard is dropped. A
    /// spare is called beforehand.
    #[cold]
    fn expect_stall(&self) -> Announced<'_> {
        let counted = self.shared().watch.expect_stall();
        if counted {
            self.pool.spares.missing(Absence::Stalled);
        }
        self.hand_over(|| {
            // On failure the monitor tries again, and reports the shortage.
            let _ = self.pool.call_spare();
        });
        Announced { worker: self, counted }
    }

    /// Leaves this slot's tasks to other workers. If none of them sleeps, `call` is called.
    fn hand_over(&self, call: impl FnOnce()) {
        if let Some(task) = self.shared().lifo_slot.take() {
            self.queue.push(task);
        }
        if self.pool.spares.sleep.sleeping() == 0 {
            call();
        }
        // A worker may just have gone to sleep: this wakes it.
        if self.pool.has_work() {
            self.pool.work_published();
        }
    }

    /// Runs a marked task: on a spare if there is one and other tasks wait here, else on this
    /// worker.
    #[cold]
    pub(super) fn give_or_run(&self, taken: Taken) {
        let spares = &self.pool.spares;
        if !spares.has_spare() || !self.has_queued() {
            return self.run_marked(taken);
        }
        spares.missing(Absence::Stalled);
        self.pool.marked.give(taken);
        if !self.pool.call_spare().is_ok_and(|called| called) {
            // If another thread has taken the task meanwhile, there is nothing left to do.
            if let Some(given) = self.pool.marked.take_given() {
                self.run_given(given);
            }
        }
    }

    /// Polls a task that was given away. Its poll has been counted as a stall already.
    #[cold]
    pub(super) fn run_given(&self, given: Taken) {
        self.poll_marked(given, || {
            let counted = self.shared().watch.expect_stall();
            if !counted {
                // An earlier verdict still stands and keeps its own count until the monitor sees
                // that its poll has ended. So this count is taken back.
                self.pool.spares.returned(Absence::Stalled);
            }
            self.hand_over(|| ());
            Announced { worker: self, counted }
        });
    }

    /// Polls a marked task here. If there is no spare, the next marked task waits at least as long
    /// as this poll took.
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

    /// Polls a marked task as an announced stall. One poll that does not take long removes the
    /// mark.
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
        // The pace of ordinary tasks must not include the time of a marked one.
        self.visits.awake(Instant::now(), self.tick.get());
        if let Outcome::Woken(task) = outcome {
            self.requeue(task);
        }
    }
}

/// Nothing that the slot does is reported as a stall until this is dropped.
struct Silent<'a> {
    slot: &'a WorkerShared,
    /// Whether this is inside another `block_in_place`.
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
            // The rest of this poll is watched again.
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
        // None if a nested announcement has replaced the verdict and taken it back.
        if let Some(absence) = self.worker.shared().watch.take_verdict() {
            self.worker.pool.spares.returned(absence);
        }
    }
}

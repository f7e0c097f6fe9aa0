//! Fan-in: tasks of the queue that wake, one after another, the same task.
//!
//! # Problem
//!
//! The task that owns a connection is woken by each task that sends something. In the LIFO slot it
//! would run after each of them, and write each message by itself. Behind them in the queue it
//! writes what all of them have sent with one system call. The others are ready anyway and go on at
//! once; what they have sent comes later by the time of the queue before it, which is also what
//! every other task waits.
//!
//! # Rule
//!
//! A task goes to the back of the queue, not to the LIFO slot, if
//!
//! 1. the task that wakes it came from the queue, not from the slot;
//! 2. the last task that was woken by one from the queue was the same;
//! 3. other tasks wait in the queue.
//!
//! So the first wake of a burst still goes to the slot. Two tasks that wake each other in turn stay
//! there, since the one woken in the slot wakes the other from the slot. A task alone with those
//! that wake it does, too, since the queue is empty. Decision 0020 has the figures.

use std::cell::Cell;

/// What a worker remembers. Only its thread touches it.
#[derive(Debug, Default)]
pub(super) struct FanIn {
    /// Whether the task that runs came from elsewhere than the LIFO slot.
    from_queue: Cell<bool>,
    /// The last task that was woken by such a one. No task has the number 0.
    last: Cell<u64>,
}

impl FanIn {
    /// A task from the LIFO slot runs next.
    #[inline]
    pub(super) fn runs_from_slot(&self) {
        self.from_queue.set(false);
    }

    /// A task from the queue, or from elsewhere, runs next.
    #[inline]
    pub(super) fn runs_from_queue(&self) {
        self.from_queue.set(true);
    }

    /// The task that runs wakes the task with this number. Returns whether that one goes behind the
    /// tasks in the queue, of which there are some if `has_queued` says so.
    #[inline]
    pub(super) fn goes_behind(&self, task: u64, has_queued: impl FnOnce() -> bool) -> bool {
        self.from_queue.get() && self.last.replace(task) == task && has_queued()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_wake_in_a_row_goes_behind_the_others() {
        let fan_in = FanIn::default();
        fan_in.runs_from_queue();
        assert!(!fan_in.goes_behind(7, || true));
        fan_in.runs_from_queue();
        assert!(fan_in.goes_behind(7, || true));
        assert!(fan_in.goes_behind(7, || true));
    }

    #[test]
    fn another_task_or_an_empty_queue_ends_it() {
        let fan_in = FanIn::default();
        fan_in.runs_from_queue();
        assert!(!fan_in.goes_behind(7, || true));
        assert!(!fan_in.goes_behind(7, || false));
        assert!(!fan_in.goes_behind(8, || true));
        assert!(!fan_in.goes_behind(7, || true));
    }

    #[test]
    fn tasks_from_the_slot_neither_count_nor_are_sent_behind() {
        let fan_in = FanIn::default();
        fan_in.runs_from_queue();
        assert!(!fan_in.goes_behind(7, || true));
        fan_in.runs_from_slot();
        assert!(!fan_in.goes_behind(7, || true));
        assert!(!fan_in.goes_behind(8, || true));
        fan_in.runs_from_queue();
        assert!(fan_in.goes_behind(7, || true));
    }
}

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

    /// The task that runs wakes the task with this number. Returns whether rules 1 and 2 hold.
    #[inline]
    pub(super) fn is_same_again(&self, task: u64) -> bool {
        self.from_queue.get() && self.last.replace(task) == task
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_wake_in_a_row_is_the_same_again() {
        let fan_in = FanIn::default();
        fan_in.runs_from_queue();
        assert!(!fan_in.is_same_again(7));
        fan_in.runs_from_queue();
        assert!(fan_in.is_same_again(7));
        assert!(fan_in.is_same_again(7));
        // Another task ends it.
        assert!(!fan_in.is_same_again(8));
        assert!(!fan_in.is_same_again(7));
    }

    #[test]
    fn wakes_by_tasks_from_the_slot_neither_count_nor_are_the_same_again() {
        let fan_in = FanIn::default();
        fan_in.runs_from_queue();
        assert!(!fan_in.is_same_again(7));
        fan_in.runs_from_slot();
        assert!(!fan_in.is_same_again(7));
        assert!(!fan_in.is_same_again(8));
        fan_in.runs_from_queue();
        assert!(fan_in.is_same_again(7));
    }
}

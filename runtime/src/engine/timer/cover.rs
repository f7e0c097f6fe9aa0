//! The wake-up time published by the thread that is parked in the driver.
//!
//! # Problem
//!
//! One thread sleeps in the poll until the earliest deadline of all shards. Another thread that has
//! set an earlier one, for itself or for a third, must not go to sleep trusting it.
//!
//! | who has set a timer                | who sleeps for all               |
//! |------------------------------------|----------------------------------|
//! | the deadline, in its shard         | `asleep_until` = earliest seen   |
//! | fence                              | fence                            |
//! | read `asleep_until`                | read the deadlines again         |
//!
//! The fences are SeqCst, hence in one order: one of the two sees the other's store.

use crate::engine::primitive::atomic::{AtomicU64, Ordering, fence};

/// See the table above.
const BETWEEN: Ordering = Ordering::SeqCst;

/// Nobody sleeps for all.
const NOBODY: u64 = 0;

/// The published time.
#[derive(Debug)]
pub(crate) struct Cover {
    asleep_until: AtomicU64,
}

impl Cover {
    pub(crate) fn new() -> Cover {
        Cover { asleep_until: AtomicU64::new(NOBODY) }
    }

    /// The caller is about to sleep for all: returns until when it may. `earliest` reads the
    /// earliest deadline.
    pub(crate) fn publish(&self, earliest: impl Fn() -> u64) -> u64 {
        let mut deadline = earliest();
        loop {
            // Never NOBODY: a deadline of 0 is one that has passed.
            self.asleep_until.store(deadline.max(1), Ordering::Relaxed);
            fence(BETWEEN);
            let again = earliest();
            if again >= deadline {
                return deadline;
            }
            deadline = again;
        }
    }

    /// The caller sleeps no longer.
    pub(crate) fn retract(&self) {
        self.asleep_until.store(NOBODY, Ordering::Relaxed);
    }

    /// Whether nobody is known to wake up for `deadline`, which the caller has set: nobody sleeps
    /// for all, or whoever does, sleeps longer.
    pub(crate) fn leaves_out(&self, deadline: u64) -> bool {
        fence(BETWEEN);
        let until = self.asleep_until.load(Ordering::Relaxed);
        until == NOBODY || deadline < until
    }

    /// Whether somebody sleeps for all.
    pub(crate) fn is_anybody(&self) -> bool {
        fence(BETWEEN);
        self.asleep_until.load(Ordering::Relaxed) != NOBODY
    }
}

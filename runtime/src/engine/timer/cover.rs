//! The wake-up time published by the thread that is parked in the driver.
//!
//! # Problem
//!
//! One thread sleeps in the driver until the earliest deadline of all shards. Another thread that
//! then sets an earlier deadline must not rely on the sleeping thread.
//!
//! | a thread that sets a timer         | the thread that sleeps for all   |
//! |------------------------------------|----------------------------------|
//! | the deadline, in its shard         | `asleep_until` = earliest seen   |
//! | fence                              | fence                            |
//! | read `asleep_until`                | read the deadlines again         |
//!
//! The fences are SeqCst, hence in one order: one of the two sees the other's store.

use crate::engine::primitive::atomic::{AtomicU64, Ordering, fence};

/// See the table above.
const BETWEEN: Ordering = Ordering::SeqCst;

/// No thread sleeps for all.
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

    /// Called by the thread that is about to sleep for all. Returns until when it may sleep.
    /// `earliest` reads the earliest deadline.
    pub(crate) fn publish(&self, earliest: impl Fn() -> u64) -> u64 {
        let mut deadline = earliest();
        loop {
            // Not 0, which is NOBODY. A deadline of 0 has passed.
            self.asleep_until.store(deadline.max(1), Ordering::Relaxed);
            fence(BETWEEN);
            let again = earliest();
            if again >= deadline {
                return deadline;
            }
            deadline = again;
        }
    }

    /// Called when that thread no longer sleeps.
    pub(crate) fn retract(&self) {
        self.asleep_until.store(NOBODY, Ordering::Relaxed);
    }

    /// Whether no thread is known to wake up for `deadline`, which the caller has set: either none
    /// sleeps for all, or it sleeps longer.
    pub(crate) fn leaves_out(&self, deadline: u64) -> bool {
        fence(BETWEEN);
        let until = self.asleep_until.load(Ordering::Relaxed);
        until == NOBODY || deadline < until
    }

    /// Whether a thread sleeps for all.
    pub(crate) fn is_anybody(&self) -> bool {
        fence(BETWEEN);
        self.asleep_until.load(Ordering::Relaxed) != NOBODY
    }
}

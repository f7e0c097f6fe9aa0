//! What the thread that is parked in the driver promises to the others.
//!
//! # Problem
//!
//! One thread sleeps in the driver for the timers of all shards. Another thread that then sets an
//! earlier deadline must not rely on the sleeping thread.
//!
//! | a thread that sets a timer         | the thread that sleeps for all   |
//! |------------------------------------|----------------------------------|
//! | the deadline, in its shard         | `serves_from`, by what it has read |
//! | fence                              | fence                            |
//! | read `serves_from`                 | read the deadlines again         |
//!
//! The fences are SeqCst, hence in one order: one of the two sees the other's store.
//!
//! # Slack
//!
//! The thread sleeps until `until`, which is not later than the earliest deadline and the runtime's
//! slack (`shard.rs`, "Groups"). It publishes `until` less the slack: whatever is due from that
//! time on is fired in time, that is, at most by the slack late. So a deadline that is set
//! meanwhile and is only a little earlier than the earliest one shares the wake-up, too.

use crate::engine::clock::NEVER;
use crate::engine::primitive::atomic::{AtomicU64, Ordering, fence};

/// See the table above.
const BETWEEN: Ordering = Ordering::SeqCst;

/// No thread sleeps for all.
const NOBODY: u64 = 0;

/// The published time.
#[derive(Debug)]
pub(crate) struct Cover {
    serves_from: AtomicU64,
    slack: u64,
}

impl Cover {
    /// `slack`: how late a timer may be fired, in nanoseconds.
    pub(crate) fn new(slack: u64) -> Cover {
        Cover { serves_from: AtomicU64::new(NOBODY), slack }
    }

    /// Called by the thread that is about to sleep for all. Returns until when it may sleep.
    /// `earliest` reads the earliest deadline. `until` says until when a thread may sleep that
    /// serves it: not earlier than that, and at most the slack later.
    pub(crate) fn publish(&self, earliest: impl Fn() -> u64, until: impl Fn(u64) -> u64) -> u64 {
        let mut deadline = earliest();
        loop {
            let until = until(deadline);
            // Who sleeps for ever serves nobody.
            let serves_from = if until == NEVER { NEVER } else { until.saturating_sub(self.slack) };
            // Not 0, which is NOBODY. A deadline of 0 has passed.
            self.serves_from.store(serves_from.max(1), Ordering::Relaxed);
            fence(BETWEEN);
            let again = earliest();
            if again >= serves_from {
                return until;
            }
            deadline = again;
        }
    }

    /// Called when that thread no longer sleeps.
    pub(crate) fn retract(&self) {
        self.serves_from.store(NOBODY, Ordering::Relaxed);
    }

    /// Whether no thread is known to wake up for `deadline`, which the caller has set: either none
    /// sleeps for all, or it sleeps longer.
    pub(crate) fn leaves_out(&self, deadline: u64) -> bool {
        fence(BETWEEN);
        let serves_from = self.serves_from.load(Ordering::Relaxed);
        serves_from == NOBODY || deadline < serves_from
    }

    /// Whether a thread sleeps for all, and too long for `deadline`, which the caller has set.
    pub(crate) fn is_too_long_for(&self, deadline: u64) -> bool {
        fence(BETWEEN);
        // NOBODY is not after any deadline.
        deadline < self.serves_from.load(Ordering::Relaxed)
    }

    /// Whether a thread sleeps for all.
    pub(crate) fn is_anybody(&self) -> bool {
        fence(BETWEEN);
        self.serves_from.load(Ordering::Relaxed) != NOBODY
    }
}

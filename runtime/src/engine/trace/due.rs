//! When a task became ready: measures how long tasks wait for their polls.
//!
//! The thread that makes the task's `Runnable` writes the number, and the thread that runs the task
//! reads it. The handover of the `Runnable` orders the two. So the number is Relaxed.

use std::time::{Duration, Instant};

use crate::engine::primitive::atomic::{AtomicU64, Ordering};

/// Nothing is measured.
const UNKNOWN: u64 = 0;

/// Nanoseconds from the scheduler's origin until the task became ready.
#[derive(Debug)]
pub(crate) struct Due(AtomicU64);

impl Due {
    /// The task is ready now. `origin` is `None` if the scheduler does not measure.
    #[inline]
    pub(crate) fn now(origin: impl FnOnce() -> Option<Instant>) -> Due {
        let due = Due(AtomicU64::new(UNKNOWN));
        due.again(origin);
        due
    }

    /// The task is ready again.
    #[inline]
    pub(crate) fn again(&self, origin: impl FnOnce() -> Option<Instant>) {
        if let Some(origin) = origin() {
            self.0.store(ns(origin.elapsed()).max(1), Ordering::Relaxed);
        }
    }

    /// How long the task has been ready, if that was measured from `origin`.
    pub(crate) fn waited(&self, origin: Instant) -> Option<Duration> {
        match self.0.load(Ordering::Relaxed) {
            UNKNOWN => None,
            due => Some(Duration::from_nanos(ns(origin.elapsed()).saturating_sub(due))),
        }
    }
}

fn ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

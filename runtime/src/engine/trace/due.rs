//! When a task became due: measures how long tasks wait for their polls.
//!
//! Written by whoever has just made the task's `Runnable`, read by whoever takes it to run the
//! task: the two are one after the other, and the `Runnable` orders them on its way. So the number
//! is Relaxed.

use std::time::{Duration, Instant};

use crate::engine::primitive::atomic::{AtomicU64, Ordering};

/// Nothing is measured.
const UNKNOWN: u64 = 0;

/// Nanoseconds from the scheduler's origin until the task became due.
#[derive(Debug)]
pub(crate) struct Due(AtomicU64);

impl Due {
    /// Due now. `origin`: of a scheduler that measures.
    #[inline]
    pub(crate) fn now(origin: impl FnOnce() -> Option<Instant>) -> Due {
        let due = Due(AtomicU64::new(UNKNOWN));
        due.again(origin);
        due
    }

    /// Due again.
    #[inline]
    pub(crate) fn again(&self, origin: impl FnOnce() -> Option<Instant>) {
        if let Some(origin) = origin() {
            self.0.store(ns(origin.elapsed()).max(1), Ordering::Relaxed);
        }
    }

    /// How long it has been due, if that was measured from `origin`.
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

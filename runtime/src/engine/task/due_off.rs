//! In place of `due.rs` without the feature `schedule-latency`: nothing is measured, and a task
//! holds no word for it.

use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Due;

impl Due {
    #[inline]
    pub(super) fn now(_: impl FnOnce() -> Option<Instant>) -> Due {
        Due
    }

    #[inline]
    pub(super) fn again(&self, _: impl FnOnce() -> Option<Instant>) {}

    #[inline]
    pub(super) fn waited(&self, _: Instant) -> Option<Duration> {
        None
    }
}

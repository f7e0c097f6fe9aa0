//! A clock whose time a model sets.

use std::time::Duration;

use super::primitive::atomic::{AtomicBool, AtomicU64, Ordering};

pub(crate) const NEVER: u64 = u64::MAX;
pub(crate) const LAST: u64 = NEVER - 1;

#[derive(Debug)]
pub(crate) struct Clock {
    now: AtomicU64,
    /// Whether it was built to be paused. Such a clock moves only by `advance` while it is paused.
    is_virtual: bool,
    paused: AtomicBool,
}

impl Clock {
    /// A clock that is paused.
    pub(crate) fn at_zero() -> Clock {
        Clock { now: AtomicU64::new(0), is_virtual: true, paused: AtomicBool::new(true) }
    }

    /// A clock that cannot be paused. It moves when a thread has slept as long as it meant to.
    pub(crate) fn real() -> Clock {
        Clock { now: AtomicU64::new(0), is_virtual: false, paused: AtomicBool::new(false) }
    }

    pub(crate) fn set(&self, now: u64) {
        self.now.store(now, Ordering::Relaxed);
    }

    pub(crate) fn is_virtual(&self) -> bool {
        self.is_virtual
    }

    pub(crate) fn may_pause(&self) -> bool {
        self.is_virtual
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.is_virtual && self.paused.load(Ordering::Relaxed)
    }

    pub(crate) fn pause(&self) -> Result<(), &'static str> {
        self.paused.store(true, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn resume(&self) -> Result<(), &'static str> {
        self.paused.store(false, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn advance(&self, by: Duration) -> Result<(), &'static str> {
        self.now.fetch_add(by.as_nanos() as u64, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn advance_to(&self, at: u64) {
        if at != NEVER {
            self.now.fetch_max(at, Ordering::Relaxed);
        }
    }

    pub(crate) fn timers_now(&self) -> u64 {
        self.now()
    }

    pub(crate) fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }
}

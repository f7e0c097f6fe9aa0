//! A clock whose time a model sets.

use super::primitive::atomic::{AtomicU64, Ordering};

pub(crate) const NEVER: u64 = u64::MAX;
pub(crate) const LAST: u64 = NEVER - 1;

#[derive(Debug)]
pub(crate) struct Clock(AtomicU64);

impl Clock {
    pub(crate) fn at_zero() -> Clock {
        Clock(AtomicU64::new(0))
    }

    pub(crate) fn set(&self, now: u64) {
        self.0.store(now, Ordering::Relaxed);
    }

    pub(crate) fn is_virtual(&self) -> bool {
        true
    }

    pub(crate) fn advance(&self, by: std::time::Duration) -> Result<(), &'static str> {
        self.0.fetch_add(by.as_nanos() as u64, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn advance_to(&self, at: u64) {
        if at != NEVER {
            self.0.fetch_max(at, Ordering::Relaxed);
        }
    }

    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

//! The right to the value: a reader takes one permit, a writer all of them.
#![allow(unsafe_code, reason = "what was held for a writer goes on to a reader")]

use std::future::Future;
use std::mem::ManuallyDrop;

use crate::engine::fair_semaphore::{Closed, FairSemaphore};
use crate::sync::TryLockError;

/// The permits of a lock.
pub(super) struct Permits {
    pub(super) semaphore: FairSemaphore,
    /// How many there are.
    pub(super) max_readers: u32,
}

impl Permits {
    /// Waits for `count` permits. `source` is the method that was called.
    #[inline]
    pub(super) fn wait(
        &self,
        source: &'static str,
        count: u32,
    ) -> impl Future<Output = Result<(), Closed>> {
        let make = move || self.semaphore.acquire(count as usize);
        self.semaphore.resource().wait_later(source, "poll", make)
    }

    #[inline]
    pub(super) fn try_acquire(&self, count: u32) -> Result<(), TryLockError> {
        self.semaphore.try_acquire(count as usize).map_err(|_| TryLockError(()))
    }

    /// One permit has been taken.
    #[inline]
    pub(super) fn begin_read(&self) {
        self.semaphore.resource().reader_came();
        self.semaphore.object().taken();
    }

    /// All permits have been taken.
    #[inline]
    pub(super) fn begin_write(&self) {
        self.semaphore.resource().write_locked(true);
        self.semaphore.object().taken();
    }

    #[inline]
    fn end_read(&self) {
        // Sent before the release: afterwards another task may send a new state.
        self.semaphore.resource().reader_left();
        self.semaphore.object().given_back();
        self.semaphore.release(1);
    }

    #[inline]
    fn end_write(&self) {
        self.semaphore.resource().write_locked(false);
        self.semaphore.object().given_back();
        self.semaphore.release(self.max_readers as usize);
    }

    #[inline]
    fn downgrade(&self) {
        self.semaphore.resource().write_locked(false);
        self.semaphore.resource().reader_came();
        self.semaphore.release(self.max_readers as usize - 1);
    }
}

/// The permits were waited for.
#[inline]
pub(super) fn taken(permits: Result<(), Closed>) {
    debug_assert!(permits.is_ok(), "nobody closes a lock");
}

/// What leads to the permits: a borrow of them, or a share of the lock.
pub(super) trait Source {
    fn permits(&self) -> &Permits;
}

impl Source for &Permits {
    #[inline]
    fn permits(&self) -> &Permits {
        self
    }
}

/// One permit. Dropping it ends reading.
pub(super) struct Reading<S: Source> {
    pub(super) source: S,
}

impl<S: Source> Reading<S> {
    /// The caller has just taken one permit.
    #[inline]
    pub(super) fn begin(source: S) -> Reading<S> {
        source.permits().begin_read();
        Reading { source }
    }
}

impl<S: Source> Drop for Reading<S> {
    #[inline]
    fn drop(&mut self) {
        self.source.permits().end_read();
    }
}

/// All permits. Dropping it ends writing.
pub(super) struct Writing<S: Source> {
    pub(super) source: S,
}

impl<S: Source> Writing<S> {
    /// The caller has just taken all permits.
    #[inline]
    pub(super) fn begin(source: S) -> Writing<S> {
        source.permits().begin_write();
        Writing { source }
    }

    /// Goes on reading: nobody writes in between.
    #[inline]
    pub(super) fn downgrade(self) -> Reading<S> {
        self.source.permits().downgrade();
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is never used or dropped again, so the source has one owner.
        Reading { source: unsafe { std::ptr::read(&this.source) } }
    }
}

impl<S: Source> Drop for Writing<S> {
    #[inline]
    fn drop(&mut self) {
        self.source.permits().end_write();
    }
}

//! A lock that many readers or one writer hold, and that may be held across an `.await`.
//!
//! It is a fair semaphore (`engine/fair_semaphore.rs`): a reader takes one permit, a writer all of
//! them. Permits are given in order, so a writer waits only for the readers before it, and the
//! readers behind it wait for the writer.
//!
//! Guards:
//!
//! 1. A read guard exists only while one permit is held for it, a write guard only while all are.
//!    Each gives back what is held for it when it is dropped.
//! 2. A mapped guard points into the value and stands for the same permits.
//!
//! `permits.rs` has what is held (rule 1), `lock.rs` the value, `guards.rs` and `owned_guards.rs`
//! what the user gets, and what hands out the latter. Here is what hands out the former.

mod guards;
mod lock;
mod owned_guards;
mod permits;

use std::fmt;

pub use self::guards::{RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard};
pub use self::lock::RwLock;
pub use self::owned_guards::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard,
};
use self::permits::taken;
use super::TryLockError;
use crate::engine::park_on::park_on;

impl<T: ?Sized> RwLock<T> {
    /// Waits to read.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, it loses its place in line. A lock that it was
    /// given in the meantime goes to the next task.
    ///
    /// # Examples
    ///
    /// See [`RwLock`].
    pub async fn read(&self) -> RwLockReadGuard<'_, T> {
        taken(self.permits.wait("RwLock::read", 1).await);
        RwLockReadGuard::begin(self)
    }

    /// Waits to write.
    ///
    /// # Cancel safety
    ///
    /// As [`read`](RwLock::read).
    ///
    /// # Examples
    ///
    /// See [`RwLock`].
    pub async fn write(&self) -> RwLockWriteGuard<'_, T> {
        taken(self.permits.wait("RwLock::write", self.permits.max_readers).await);
        RwLockWriteGuard::begin(self)
    }

    /// Waits to read on this thread, which sleeps. For code outside async.
    ///
    /// # Panics
    ///
    /// Panics in an async context.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::RwLock;
    ///
    /// // A plain thread, outside async.
    /// let lock = RwLock::new(1);
    /// *lock.blocking_write() += 1;
    /// assert_eq!(*lock.blocking_read(), 2);
    /// ```
    #[track_caller]
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T> {
        park_on(self.read())
    }

    /// Waits to write on this thread, which sleeps. For code outside async.
    ///
    /// # Panics
    ///
    /// Panics in an async context.
    ///
    /// # Examples
    ///
    /// See [`blocking_read`](Self::blocking_read).
    #[track_caller]
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T> {
        park_on(self.write())
    }

    /// Takes the read lock, if no task writes or waits.
    ///
    /// # Errors
    ///
    /// If another task writes or waits.
    ///
    /// # Examples
    ///
    /// See [`RwLock`].
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        self.permits.try_acquire(1)?;
        Ok(RwLockReadGuard::begin(self))
    }

    /// Begins to write, if nobody holds the lock or waits.
    ///
    /// # Errors
    ///
    /// If another task holds the lock or waits.
    ///
    /// # Examples
    ///
    /// See [`RwLock`].
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        self.permits.try_acquire(self.permits.max_readers)?;
        Ok(RwLockWriteGuard::begin(self))
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => shown.field("data", &&*guard),
            Err(_) => shown.field("data", &format_args!("<locked>")),
        };
        shown.finish()
    }
}

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
//! `permits.rs` has the permits that are held (rule 1), `lock.rs` the value, `guards.rs` and
//! `owned_guards.rs` the guards. This file waits for permits and makes guards.

mod guards;
mod lock;
mod owned_guards;
mod permits;

use std::fmt;
use std::sync::Arc;

pub use self::guards::{RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard};
pub use self::lock::RwLock;
pub use self::owned_guards::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard,
};
use super::TryLockError;
use crate::engine::fair_semaphore::Closed;
use crate::engine::park_on::park_on;

/// Asserts that the wait for permits succeeded.
#[inline]
fn taken(permits: Result<(), Closed>) {
    debug_assert!(permits.is_ok(), "nobody closes a lock");
}

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

    /// Waits to read; the guard keeps the lock alive.
    ///
    /// # Cancel safety
    ///
    /// As [`read`](RwLock::read).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use runtime::sync::RwLock;
    ///
    /// let lock = Arc::new(RwLock::new("shared"));
    /// let guard = lock.clone().read_owned().await;
    /// let task = runtime::spawn(async move { guard.len() });
    /// assert_eq!(task.await.unwrap(), 6);
    /// # }
    /// ```
    pub async fn read_owned(self: Arc<Self>) -> OwnedRwLockReadGuard<T> {
        taken(self.permits.wait("RwLock::read_owned", 1).await);
        OwnedRwLockReadGuard::begin(self)
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

    /// Waits to write; the guard keeps the lock alive.
    ///
    /// # Cancel safety
    ///
    /// As [`read`](RwLock::read).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use runtime::sync::RwLock;
    ///
    /// let lock = Arc::new(RwLock::new(1));
    /// let mut guard = lock.clone().write_owned().await;
    /// runtime::spawn(async move { *guard += 1 }).await.unwrap();
    /// assert_eq!(*lock.read().await, 2);
    /// # }
    /// ```
    pub async fn write_owned(self: Arc<Self>) -> OwnedRwLockWriteGuard<T> {
        taken(self.permits.wait("RwLock::write_owned", self.permits.max_readers).await);
        OwnedRwLockWriteGuard::begin(self)
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

    /// Takes the read lock, if no task writes or waits; the guard keeps the lock alive.
    ///
    /// # Errors
    ///
    /// If another task writes or waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use runtime::sync::RwLock;
    ///
    /// let lock = Arc::new(RwLock::new(1));
    /// let reader = lock.clone().try_read_owned().unwrap();
    /// assert!(lock.clone().try_write_owned().is_err());
    /// drop(reader);
    /// assert!(lock.try_write_owned().is_ok());
    /// ```
    pub fn try_read_owned(self: Arc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        self.permits.try_acquire(1)?;
        Ok(OwnedRwLockReadGuard::begin(self))
    }

    /// Takes the write lock, if no task holds the lock or waits.
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

    /// Takes the write lock, if no task holds the lock or waits; the guard keeps the lock alive.
    ///
    /// # Errors
    ///
    /// If another task holds the lock or waits.
    ///
    /// # Examples
    ///
    /// See [`try_read_owned`](Self::try_read_owned).
    pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        self.permits.try_acquire(self.permits.max_readers)?;
        Ok(OwnedRwLockWriteGuard::begin(self))
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

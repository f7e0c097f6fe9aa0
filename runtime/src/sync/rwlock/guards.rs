//! Guards that borrow the lock.
#![allow(unsafe_code, reason = "they point into the value; they hold permits (rules 1 and 2)")]

use std::marker::PhantomData;

use super::lock::RwLock;
use super::permits::{Permits, Reading, Writing};
use crate::sync::guard_macros::{guard, mappable};

/// Shared access to the value of an [`RwLock`]. Dropping it unlocks.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::sync::{RwLock, RwLockReadGuard};
///
/// let lock = RwLock::new(("host", Some(80)));
/// let host = RwLockReadGuard::map(lock.read().await, |server| &server.0);
/// assert_eq!(*host, "host");
/// let port = RwLockReadGuard::try_map(lock.read().await, |server| server.1.as_ref());
/// assert_eq!(*port.unwrap(), 80);
/// # }
/// ```
#[must_use = "the lock is given up at once unless the guard is held"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    right: Reading<&'a Permits>,
    part: *const T,
    marker: PhantomData<&'a T>,
}

/// Exclusive access to the value of an [`RwLock`]. Dropping it unlocks.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::sync::{RwLock, RwLockWriteGuard};
///
/// let lock = RwLock::new((1, Some(2)));
/// let mut first = RwLockWriteGuard::map(lock.write().await, |pair| &mut pair.0);
/// *first = 10;
/// drop(first);
/// let second = RwLockWriteGuard::try_map(lock.write().await, |pair| pair.1.as_mut());
/// *second.unwrap() = 20;
/// let whole = RwLockWriteGuard::into_mapped(lock.write().await);
/// assert_eq!(*whole, (10, Some(20)));
/// # }
/// ```
#[must_use = "the lock is given up at once unless the guard is held"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    right: Writing<&'a Permits>,
    part: *mut T,
    marker: PhantomData<&'a mut T>,
}

/// Exclusive access to a part of the value of an [`RwLock`]: made by [`RwLockWriteGuard::map`].
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::sync::{RwLock, RwLockMappedWriteGuard, RwLockWriteGuard};
///
/// let lock = RwLock::new((("host", 80), true));
/// let server = RwLockWriteGuard::map(lock.write().await, |config| &mut config.0);
/// let mut port = RwLockMappedWriteGuard::map(server, |server| &mut server.1);
/// *port = 8080;
/// drop(port);
///
/// let server = RwLockWriteGuard::map(lock.write().await, |config| &mut config.0);
/// let none = RwLockMappedWriteGuard::try_map(server, |_| None::<&mut u16>);
/// assert_eq!(none.err().unwrap().1, 8080);
/// # }
/// ```
#[must_use = "the lock is given up at once unless the guard is held"]
pub struct RwLockMappedWriteGuard<'a, T: ?Sized> {
    right: Writing<&'a Permits>,
    part: *mut T,
    marker: PhantomData<&'a mut T>,
}

// A read guard is a `&T` with a permit.
// SAFETY: a `&T` is sendable where `T` is shareable.
unsafe impl<T: ?Sized + Sync> Send for RwLockReadGuard<'_, T> {}
// SAFETY: shared, it lends `&T`.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockReadGuard<'_, T> {}

// A write guard is a `&mut T` with all permits; it can become a read guard, so where it is sent `T`
// must be shareable as well.
// SAFETY: a `&mut T` is sendable where `T` is.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockWriteGuard<'_, T> {}
// SAFETY: shared, it lends `&T`.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockWriteGuard<'_, T> {}
// SAFETY: as `RwLockWriteGuard`.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockMappedWriteGuard<'_, T> {}
// SAFETY: as `RwLockWriteGuard`.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockMappedWriteGuard<'_, T> {}

guard!([T: ?Sized] RwLockReadGuard<'_, T>, T, this => this.part);
guard!(mut [T: ?Sized] RwLockWriteGuard<'_, T>, T, this => this.part);
guard!(mut [T: ?Sized] RwLockMappedWriteGuard<'_, T>, T, this => this.part);

mappable! {
    const ['a, T: ?Sized] RwLockReadGuard<'a, T>, T => [F, U] RwLockReadGuard<'a, U>, U;
    this, part => RwLockReadGuard { right: this.right, part, marker: PhantomData }
}
mappable! {
    mut ['a, T: ?Sized] RwLockWriteGuard<'a, T>, T => [F, U] RwLockMappedWriteGuard<'a, U>, U;
    this, part => RwLockMappedWriteGuard { right: this.right, part, marker: PhantomData }
}
mappable! {
    mut ['a, T: ?Sized] RwLockMappedWriteGuard<'a, T>, T => [F, U] RwLockMappedWriteGuard<'a, U>, U;
    this, part => RwLockMappedWriteGuard { right: this.right, part, marker: PhantomData }
}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// Makes the guard. The caller has just taken the permits.
    pub(super) fn begin(lock: &'a RwLock<T>) -> RwLockReadGuard<'a, T> {
        let right = Reading::begin(&lock.permits);
        RwLockReadGuard { right, part: lock.place(), marker: PhantomData }
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Makes the guard. The caller has just taken the permits.
    pub(super) fn begin(lock: &'a RwLock<T>) -> RwLockWriteGuard<'a, T> {
        let right = Writing::begin(&lock.permits);
        RwLockWriteGuard { right, part: lock.place_mut(), marker: PhantomData }
    }

    /// A guard of the whole value, of the type that [`map`](RwLockWriteGuard::map) returns.
    ///
    /// # Examples
    ///
    /// See [`RwLockWriteGuard`].
    pub fn into_mapped(this: Self) -> RwLockMappedWriteGuard<'a, T> {
        RwLockWriteGuard::map(this, |value| value)
    }

    /// Turns the write lock into a read lock, with no writer in between.
    ///
    /// # Examples
    ///
    /// From the one writer to a reader, with no other writer between:
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::RwLock;
    ///
    /// let lock = RwLock::new(1);
    /// let mut writer = lock.write().await;
    /// *writer = 2;
    /// let reader = writer.downgrade();
    /// assert!(lock.try_read().is_ok());
    /// assert_eq!(*reader, 2);
    /// # }
    /// ```
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        RwLockWriteGuard::downgrade_map(self, |value| value)
    }

    /// Turns it into a read lock of a part of the value, with no writer in between.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::{RwLock, RwLockWriteGuard};
    ///
    /// let lock = RwLock::new((1, 2));
    /// let mut writer = lock.write().await;
    /// writer.1 = 20;
    /// let second = RwLockWriteGuard::downgrade_map(writer, |pair| &pair.1);
    /// assert_eq!(*second, 20);
    /// # }
    /// ```
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let part: *const U = f(&*this);
        RwLockReadGuard { right: this.right.downgrade(), part, marker: PhantomData }
    }

    /// Turns it into a read lock of a part of the value, if `f` finds one; otherwise returns this
    /// guard.
    ///
    /// # Errors
    ///
    /// `f` returned `None`.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::{RwLock, RwLockWriteGuard};
    ///
    /// let lock = RwLock::new(vec![1, 2]);
    /// let writer = lock.write().await;
    /// let second = RwLockWriteGuard::try_downgrade_map(writer, |list| list.get(1));
    /// assert_eq!(*second.unwrap(), 2);
    /// // With no such part the write guard comes back.
    /// let tenth = RwLockWriteGuard::try_downgrade_map(lock.write().await, |list| list.get(9));
    /// tenth.unwrap_err().push(3);
    /// # }
    /// ```
    pub fn try_downgrade_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        match f(&*this).map(std::ptr::from_ref) {
            Some(part) => {
                Ok(RwLockReadGuard { right: this.right.downgrade(), part, marker: PhantomData })
            }
            None => Err(this),
        }
    }
}

//! Guards that keep the lock alive.
#![allow(unsafe_code, reason = "they point into the value; they hold permits (rules 1 and 2)")]

use std::marker::PhantomData;
use std::sync::Arc;

use super::lock::RwLock;
use super::permits::{Reading, Writing};
use crate::sync::guard_macros::guard;

/// Shared access to the value, or a part of it, of an [`RwLock`] in an [`Arc`]. Dropping it
/// unlocks.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use std::sync::Arc;
/// use runtime::sync::{OwnedRwLockReadGuard, RwLock};
///
/// let lock = Arc::new(RwLock::new(("host", Some(80))));
/// let guard = lock.clone().read_owned().await;
/// assert!(Arc::ptr_eq(OwnedRwLockReadGuard::rwlock(&guard), &lock));
/// let host = OwnedRwLockReadGuard::map(guard, |server| &server.0);
/// assert_eq!(*host, "host");
/// let port = OwnedRwLockReadGuard::try_map(lock.read_owned().await, |s| s.1.as_ref());
/// assert_eq!(*port.ok().unwrap(), 80);
/// # }
/// ```
#[must_use = "the lock is given up at once unless the guard is held"]
pub struct OwnedRwLockReadGuard<T: ?Sized, U: ?Sized = T> {
    right: Reading<Arc<RwLock<T>>>,
    part: *const U,
    marker: PhantomData<T>,
}

/// Exclusive access to the value of an [`RwLock`] in an [`Arc`]. Dropping it unlocks.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use std::sync::Arc;
/// use runtime::sync::{OwnedRwLockWriteGuard, RwLock};
///
/// let lock = Arc::new(RwLock::new((1, Some(2))));
/// let guard = lock.clone().write_owned().await;
/// assert!(Arc::ptr_eq(OwnedRwLockWriteGuard::rwlock(&guard), &lock));
/// *OwnedRwLockWriteGuard::map(guard, |pair| &mut pair.0) = 10;
///
/// let guard = lock.clone().write_owned().await;
/// let second = OwnedRwLockWriteGuard::try_map(guard, |pair| pair.1.as_mut());
/// *second.ok().unwrap() = 20;
/// let whole = OwnedRwLockWriteGuard::into_mapped(lock.write_owned().await);
/// assert_eq!(*whole, (10, Some(20)));
/// # }
/// ```
///
/// From the one writer to a reader, with no other writer between:
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use std::sync::Arc;
/// use runtime::sync::{OwnedRwLockWriteGuard, RwLock};
///
/// let lock = Arc::new(RwLock::new(vec![1, 2]));
/// let reader = lock.clone().write_owned().await.downgrade();
/// assert_eq!(reader[0], 1);
/// drop(reader);
/// let guard = lock.clone().write_owned().await;
/// assert_eq!(*OwnedRwLockWriteGuard::downgrade_map(guard, |list| &list[1]), 2);
/// let guard = lock.write_owned().await;
/// assert!(OwnedRwLockWriteGuard::try_downgrade_map(guard, |list| list.get(9)).is_err());
/// # }
/// ```
#[must_use = "the lock is given up at once unless the guard is held"]
pub struct OwnedRwLockWriteGuard<T: ?Sized> {
    right: Writing<Arc<RwLock<T>>>,
    marker: PhantomData<T>,
}

/// Exclusive access to a part of the value of an [`RwLock`] in an [`Arc`]: made by
/// [`OwnedRwLockWriteGuard::map`].
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use std::sync::Arc;
/// use runtime::sync::{OwnedRwLockMappedWriteGuard, OwnedRwLockWriteGuard, RwLock};
///
/// let lock = Arc::new(RwLock::new((("host", 80), true)));
/// let guard = lock.clone().write_owned().await;
/// let server = OwnedRwLockWriteGuard::map(guard, |config| &mut config.0);
/// assert!(Arc::ptr_eq(OwnedRwLockMappedWriteGuard::rwlock(&server), &lock));
/// *OwnedRwLockMappedWriteGuard::map(server, |server| &mut server.1) = 8080;
///
/// let server = OwnedRwLockWriteGuard::map(lock.write_owned().await, |config| &mut config.0);
/// let none = OwnedRwLockMappedWriteGuard::try_map(server, |_| None::<&mut u16>);
/// assert_eq!(none.err().unwrap().1, 8080);
/// # }
/// ```
#[must_use = "the lock is given up at once unless the guard is held"]
pub struct OwnedRwLockMappedWriteGuard<T: ?Sized, U: ?Sized = T> {
    right: Writing<Arc<RwLock<T>>>,
    part: *mut U,
    marker: PhantomData<U>,
}

// The part stays where it is when the guard moves.
impl<T: ?Sized, U: ?Sized> Unpin for OwnedRwLockMappedWriteGuard<T, U> {}

// SAFETY: as the borrowed one; it also owns a share of the lock, whose last owner drops `T`.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Sync> Send for OwnedRwLockReadGuard<T, U> {}
// SAFETY: shared, it lends `&U` and `&Arc<RwLock<T>>`.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync for OwnedRwLockReadGuard<T, U> {}

// SAFETY: as `RwLockWriteGuard`; it also owns a share of the lock, whose last owner drops `T`.
unsafe impl<T: ?Sized + Send + Sync> Send for OwnedRwLockWriteGuard<T> {}
// SAFETY: shared, it lends `&T` and `&Arc<RwLock<T>>`.
unsafe impl<T: ?Sized + Send + Sync> Sync for OwnedRwLockWriteGuard<T> {}
// SAFETY: as `OwnedRwLockWriteGuard`, with a part in the value's place.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Send
    for OwnedRwLockMappedWriteGuard<T, U>
{
}
// SAFETY: as `OwnedRwLockWriteGuard`, with a part in the value's place.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync
    for OwnedRwLockMappedWriteGuard<T, U>
{
}

guard!([T: ?Sized, U: ?Sized] OwnedRwLockReadGuard<T, U>, U, this => this.part);
guard!(mut [T: ?Sized] OwnedRwLockWriteGuard<T>, T, this => this.right.source().place_mut());
guard!(mut [T: ?Sized, U: ?Sized] OwnedRwLockMappedWriteGuard<T, U>, U, this => this.part);

impl<T: ?Sized> OwnedRwLockReadGuard<T> {
    /// Makes the guard. The caller has just taken the permits.
    pub(super) fn begin(lock: Arc<RwLock<T>>) -> OwnedRwLockReadGuard<T> {
        let part = lock.place();
        OwnedRwLockReadGuard { right: Reading::begin(lock), part, marker: PhantomData }
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockReadGuard<T, U> {
    /// A guard of a part of the value.
    ///
    /// # Examples
    ///
    /// See [`OwnedRwLockReadGuard`].
    pub fn map<F, V: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, V>
    where
        F: FnOnce(&U) -> &V,
    {
        let part: *const V = f(&*this);
        OwnedRwLockReadGuard { right: this.right, part, marker: PhantomData }
    }

    /// A guard of a part of the value, if `f` finds one; otherwise this guard.
    ///
    /// # Errors
    ///
    /// `f` returned `None`.
    ///
    /// # Examples
    ///
    /// See [`OwnedRwLockReadGuard`].
    pub fn try_map<F, V: ?Sized>(this: Self, f: F) -> Result<OwnedRwLockReadGuard<T, V>, Self>
    where
        F: FnOnce(&U) -> Option<&V>,
    {
        match f(&*this).map(std::ptr::from_ref) {
            Some(part) => Ok(OwnedRwLockReadGuard { right: this.right, part, marker: PhantomData }),
            None => Err(this),
        }
    }

    /// The lock.
    ///
    /// # Examples
    ///
    /// See [`OwnedRwLockReadGuard`].
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.right.source()
    }
}

impl<T: ?Sized> OwnedRwLockWriteGuard<T> {
    /// Makes the guard. The caller has just taken the permits.
    pub(super) fn begin(lock: Arc<RwLock<T>>) -> OwnedRwLockWriteGuard<T> {
        OwnedRwLockWriteGuard { right: Writing::begin(lock), marker: PhantomData }
    }

    /// A guard of a part of the value.
    ///
    /// # Examples
    ///
    /// See [`OwnedRwLockWriteGuard`].
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let part: *mut U = f(&mut *this);
        OwnedRwLockMappedWriteGuard { right: this.right, part, marker: PhantomData }
    }

    /// A guard of a part of the value, if `f` finds one; otherwise this guard.
    ///
    /// # Errors
    ///
    /// `f` returned `None`.
    ///
    /// # Examples
    ///
    /// See [`OwnedRwLockWriteGuard`].
    pub fn try_map<F, U: ?Sized>(
        mut this: Self,
        f: F,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        match f(&mut *this).map(std::ptr::from_mut) {
            Some(part) => {
                Ok(OwnedRwLockMappedWriteGuard { right: this.right, part, marker: PhantomData })
            }
            None => Err(this),
        }
    }

    /// A guard of the whole value, of the type that [`map`](OwnedRwLockWriteGuard::map) returns.
    ///
    /// # Examples
    ///
    /// See [`OwnedRwLockWriteGuard`].
    pub fn into_mapped(this: Self) -> OwnedRwLockMappedWriteGuard<T> {
        OwnedRwLockWriteGuard::map(this, |value| value)
    }

    /// Turns the write lock into a read lock, with no writer in between.
    ///
    /// # Examples
    ///
    /// See [`OwnedRwLockWriteGuard`].
    pub fn downgrade(self) -> OwnedRwLockReadGuard<T> {
        OwnedRwLockWriteGuard::downgrade_map(self, |value| value)
    }

    /// Turns it into a read lock of a part of the value, with no writer in between.
    ///
    /// # Examples
    ///
    /// See [`OwnedRwLockWriteGuard`].
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let part: *const U = f(&*this);
        OwnedRwLockReadGuard { right: this.right.downgrade(), part, marker: PhantomData }
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
    /// See [`OwnedRwLockWriteGuard`].
    pub fn try_downgrade_map<F, U: ?Sized>(
        this: Self,
        f: F,
    ) -> Result<OwnedRwLockReadGuard<T, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        match f(&*this).map(std::ptr::from_ref) {
            Some(part) => Ok(OwnedRwLockReadGuard {
                right: this.right.downgrade(),
                part,
                marker: PhantomData,
            }),
            None => Err(this),
        }
    }

    /// The lock.
    ///
    /// # Examples
    ///
    /// See [`OwnedRwLockWriteGuard`].
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.right.source()
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockMappedWriteGuard<T, U> {
    /// A guard of a part of the part.
    ///
    /// # Examples
    ///
    /// See [`OwnedRwLockMappedWriteGuard`].
    pub fn map<F, V: ?Sized>(mut this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, V>
    where
        F: FnOnce(&mut U) -> &mut V,
    {
        let part: *mut V = f(&mut *this);
        OwnedRwLockMappedWriteGuard { right: this.right, part, marker: PhantomData }
    }

    /// A guard of a part of the part, if `f` finds one; otherwise this guard.
    ///
    /// # Errors
    ///
    /// `f` returned `None`.
    ///
    /// # Examples
    ///
    /// See [`OwnedRwLockMappedWriteGuard`].
    pub fn try_map<F, V: ?Sized>(
        mut this: Self,
        f: F,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, V>, Self>
    where
        F: FnOnce(&mut U) -> Option<&mut V>,
    {
        match f(&mut *this).map(std::ptr::from_mut) {
            Some(part) => {
                Ok(OwnedRwLockMappedWriteGuard { right: this.right, part, marker: PhantomData })
            }
            None => Err(this),
        }
    }

    /// The lock.
    ///
    /// # Examples
    ///
    /// See [`OwnedRwLockMappedWriteGuard`].
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.right.source()
    }
}

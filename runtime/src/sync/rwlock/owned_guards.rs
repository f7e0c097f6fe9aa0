//! Guards that keep the lock alive, and what hands them out.
#![allow(unsafe_code, reason = "they point into the value; they hold permits (rules 1 and 2)")]

use std::marker::PhantomData;
use std::sync::Arc;

use super::lock::RwLock;
use super::permits::{Reading, Writing, taken};
use crate::sync::TryLockError;
use crate::sync::guard_macros::{guard, mappable};

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
guard!(mut [T: ?Sized] OwnedRwLockWriteGuard<T>, T, this => this.right.source.place_mut());
guard!(mut [T: ?Sized, U: ?Sized] OwnedRwLockMappedWriteGuard<T, U>, U, this => this.part);

mappable! {
    const [T: ?Sized, U: ?Sized] OwnedRwLockReadGuard<T, U>, U =>
    [F, V] OwnedRwLockReadGuard<T, V>, V;
    this, part => OwnedRwLockReadGuard { right: this.right, part, marker: PhantomData }
}
mappable! {
    mut [T: ?Sized] OwnedRwLockWriteGuard<T>, T => [F, U] OwnedRwLockMappedWriteGuard<T, U>, U;
    this, part => OwnedRwLockMappedWriteGuard { right: this.right, part, marker: PhantomData }
}
mappable! {
    mut [T: ?Sized, U: ?Sized] OwnedRwLockMappedWriteGuard<T, U>, U =>
    [F, V] OwnedRwLockMappedWriteGuard<T, V>, V;
    this, part => OwnedRwLockMappedWriteGuard { right: this.right, part, marker: PhantomData }
}

impl<T: ?Sized> RwLock<T> {
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
        self.permits.begin_read();
        // Written out: a call that is given the `Arc` might unwind with it, and the compiler does
        // not inline the drop of a future with such a call: 23 of 108 instructions (2026-11-28). A
        // tuple in between costs as much.
        OwnedRwLockReadGuard {
            part: self.place(),
            right: Reading { source: self },
            marker: PhantomData,
        }
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
        self.permits.begin_write();
        // As in `read_owned`.
        OwnedRwLockWriteGuard { right: Writing { source: self }, marker: PhantomData }
    }

    /// Begins to read, if nobody writes or waits; the guard keeps the lock alive.
    ///
    /// # Errors
    ///
    /// Somebody writes or waits.
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

    /// Begins to write, if nobody holds the lock or waits; the guard keeps the lock alive.
    ///
    /// # Errors
    ///
    /// Somebody holds the lock or waits.
    ///
    /// # Examples
    ///
    /// See [`try_read_owned`](Self::try_read_owned).
    pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        self.permits.try_acquire(self.permits.max_readers)?;
        Ok(OwnedRwLockWriteGuard::begin(self))
    }
}

impl<T: ?Sized> OwnedRwLockReadGuard<T> {
    /// Begins. The caller has just taken the permits.
    fn begin(lock: Arc<RwLock<T>>) -> OwnedRwLockReadGuard<T> {
        let part = lock.place();
        OwnedRwLockReadGuard { right: Reading::begin(lock), part, marker: PhantomData }
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockReadGuard<T, U> {
    /// The lock.
    ///
    /// # Examples
    ///
    /// See [`OwnedRwLockReadGuard`].
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.right.source
    }
}

impl<T: ?Sized> OwnedRwLockWriteGuard<T> {
    /// Begins. The caller has just taken the permits.
    fn begin(lock: Arc<RwLock<T>>) -> OwnedRwLockWriteGuard<T> {
        OwnedRwLockWriteGuard { right: Writing::begin(lock), marker: PhantomData }
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
        &this.right.source
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockMappedWriteGuard<T, U> {
    /// The lock.
    ///
    /// # Examples
    ///
    /// See [`OwnedRwLockMappedWriteGuard`].
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.right.source
    }
}

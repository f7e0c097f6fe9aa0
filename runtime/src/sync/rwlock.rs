//! A lock that many readers or one writer hold, and that may be held across an `.await`.
//!
//! It is a fair semaphore (`engine/fair_semaphore.rs`): a reader takes one permit, a writer all of
//! them. Permits are handed out in order, so a writer waits for the readers before it only, and the
//! readers behind it wait for it.
//!
//! Guards:
//!
//! 1. A read guard exists only while one permit is held for it, a write guard only while all are.
//!    Each gives back what is held for it when it is dropped.
//! 2. A mapped guard points into the value and stands for the same permits.
#![allow(unsafe_code, reason = "the value's cell; whoever holds permits may use it (rule 1)")]

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::Arc;

use super::TryLockError;
use crate::engine::fair_semaphore::{Closed, FairSemaphore};
use crate::engine::messages;
use crate::engine::park_on::park_on;
use crate::engine::primitive::{UnsafeCell, const_fn};
use crate::engine::trace::resource::Resource;

/// Readers at a time, unless the user says otherwise.
const MAX_READERS: u32 = u32::MAX >> 3;

/// A lock for a value, fair, that many readers or one writer hold across `.await`.
///
/// Those who wait get it in the order in which they asked (their first poll). So a task that holds
/// it for reading and asks for reading again may wait for ever: for a writer that waits for the
/// task. There is no poison.
///
/// # Examples
///
/// ```
/// # runtime::Runtime::new().unwrap().block_on(async {
/// use runtime::sync::RwLock;
///
/// let config = RwLock::new(1);
/// {
///     let (a, b) = (config.read().await, config.read().await);
///     assert_eq!(*a + *b, 2);
/// }
/// *config.write().await += 1;
/// assert_eq!(config.into_inner(), 2);
/// # });
/// ```
///
/// Without waiting, and without a lock:
///
/// ```
/// let mut config = runtime::sync::RwLock::new(vec!["fast"]);
/// let reader = config.try_read().unwrap();
/// assert!(config.try_read().is_ok());
/// assert!(config.try_write().is_err());
/// drop(reader);
/// config.get_mut().push("cheap");
/// assert_eq!(config.into_inner(), ["fast", "cheap"]);
/// ```
pub struct RwLock<T: ?Sized> {
    permits: FairSemaphore,
    max_readers: u32,
    value: UnsafeCell<T>,
}

// SAFETY: the value goes with the lock; nothing else in it is bound to a thread.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: a writer reaches the value alone and readers share it (rule 1), so `T` must be both.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

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
    permits: &'a FairSemaphore,
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
    lock: &'a RwLock<T>,
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
    permits: &'a FairSemaphore,
    max_readers: u32,
    part: *mut T,
    marker: PhantomData<&'a mut T>,
}

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
    lock: Arc<RwLock<T>>,
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
    lock: Arc<RwLock<T>>,
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
    lock: Arc<RwLock<T>>,
    part: *mut U,
    marker: PhantomData<U>,
}

// The part stays where it is when the guard moves.
impl<T: ?Sized, U: ?Sized> Unpin for OwnedRwLockMappedWriteGuard<T, U> {}

// A read guard is a `&T` with a permit.
// SAFETY: a `&T` is sendable where `T` is shareable.
unsafe impl<T: ?Sized + Sync> Send for RwLockReadGuard<'_, T> {}
// SAFETY: shared, it lends `&T`.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockReadGuard<'_, T> {}
// SAFETY: as the borrowed one; it also owns a share of the lock, whose last owner drops `T`.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Sync> Send for OwnedRwLockReadGuard<T, U> {}
// SAFETY: shared, it lends `&U` and `&Arc<RwLock<T>>`.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync for OwnedRwLockReadGuard<T, U> {}

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

#[track_caller]
const fn check(max_readers: u32) {
    assert!(max_readers != 0, "{}", messages::NO_READERS);
    assert!(max_readers <= MAX_READERS, "{}", messages::TOO_MANY_READERS);
}

impl<T: ?Sized> RwLock<T> {
    /// An unlocked lock.
    ///
    /// # Examples
    ///
    /// See [`RwLock`].
    #[track_caller]
    pub fn new(value: T) -> RwLock<T>
    where
        T: Sized,
    {
        RwLock::with_max_readers(value, MAX_READERS)
    }

    /// An unlocked lock for at most `max_readers` readers at a time.
    ///
    /// # Panics
    ///
    /// Panics if `max_readers` is 0 or exceeds `u32::MAX >> 3`.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::RwLock;
    ///
    /// let lock = RwLock::with_max_readers(1, 2);
    /// let readers = (lock.read().await, lock.read().await);
    /// assert!(lock.try_read().is_err());
    /// # drop(readers);
    /// # }
    /// ```
    #[track_caller]
    pub fn with_max_readers(value: T, max_readers: u32) -> RwLock<T>
    where
        T: Sized,
    {
        check(max_readers);
        let make = || FairSemaphore::seen(max_readers as usize);
        let (resource, permits) = Resource::rwlock(Location::caller(), max_readers, make);
        RwLock { permits: permits.inside(resource), max_readers, value: UnsafeCell::new(value) }
    }

    const_fn! {
    /// An unlocked lock, for a `static`.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::RwLock;
    ///
    /// static MODE: RwLock<&str> = RwLock::const_new("slow");
    ///
    /// *MODE.write().await = "fast";
    /// assert_eq!(*MODE.read().await, "fast");
    /// # }
    /// ```
    pub const fn const_new(value: T) -> RwLock<T>
    where
        T: Sized,
    {
        RwLock::const_with_max_readers(value, MAX_READERS)
    }
    }

    const_fn! {
    /// An unlocked lock for at most `max_readers` readers at a time, for a `static`.
    ///
    /// # Panics
    ///
    /// Panics if `max_readers` is 0 or exceeds `u32::MAX >> 3`.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::RwLock;
    ///
    /// static TABLE: RwLock<u32> = RwLock::const_with_max_readers(7, 2);
    ///
    /// assert_eq!(*TABLE.read().await, 7);
    /// # }
    /// ```
    #[track_caller]
    pub const fn const_with_max_readers(value: T, max_readers: u32) -> RwLock<T>
    where
        T: Sized,
    {
        check(max_readers);
        RwLock {
            permits: FairSemaphore::new(max_readers as usize),
            max_readers,
            value: UnsafeCell::new(value),
        }
    }
    }

    /// Waits to read.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the future loses its place in line; what it was given in the
    /// meantime goes to the next.
    ///
    /// # Examples
    ///
    /// See [`RwLock`].
    pub async fn read(&self) -> RwLockReadGuard<'_, T> {
        self.begins_to_read(self.wait("RwLock::read", 1).await);
        self.read_guard()
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
        self.begins_to_read(self.wait("RwLock::read_owned", 1).await);
        OwnedRwLockReadGuard { part: self.place(), lock: self, marker: PhantomData }
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
        self.begins_to_write(self.wait("RwLock::write", self.max_readers).await);
        RwLockWriteGuard { lock: self, marker: PhantomData }
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
        self.begins_to_write(self.wait("RwLock::write_owned", self.max_readers).await);
        OwnedRwLockWriteGuard { lock: self, marker: PhantomData }
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

    /// Begins to read, if nobody writes or waits.
    ///
    /// # Errors
    ///
    /// Somebody writes or waits.
    ///
    /// # Examples
    ///
    /// See [`RwLock`].
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        self.try_acquire(1)?;
        self.permits.resource().reader_came();
        Ok(self.read_guard())
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
        self.try_acquire(1)?;
        self.permits.resource().reader_came();
        Ok(OwnedRwLockReadGuard { part: self.place(), lock: self, marker: PhantomData })
    }

    /// Begins to write, if nobody holds the lock or waits.
    ///
    /// # Errors
    ///
    /// Somebody holds the lock or waits.
    ///
    /// # Examples
    ///
    /// See [`RwLock`].
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        self.try_acquire(self.max_readers)?;
        self.permits.resource().write_locked(true);
        Ok(RwLockWriteGuard { lock: self, marker: PhantomData })
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
        self.try_acquire(self.max_readers)?;
        self.permits.resource().write_locked(true);
        Ok(OwnedRwLockWriteGuard { lock: self, marker: PhantomData })
    }

    /// The value, without locking: the exclusive borrow is enough.
    ///
    /// # Examples
    ///
    /// See [`RwLock`].
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// The value.
    ///
    /// # Examples
    ///
    /// See [`RwLock`].
    pub fn into_inner(self) -> T
    where
        T: Sized,
    {
        self.value.into_inner()
    }

    fn wait(&self, source: &'static str, count: u32) -> impl Future<Output = Result<(), Closed>> {
        let make = move || self.permits.acquire(count as usize);
        self.permits.resource().wait_later(source, "poll", make)
    }

    fn begins_to_read(&self, taken: Result<(), Closed>) {
        debug_assert!(taken.is_ok(), "nobody closes a lock");
        self.permits.resource().reader_came();
    }

    fn begins_to_write(&self, taken: Result<(), Closed>) {
        debug_assert!(taken.is_ok(), "nobody closes a lock");
        self.permits.resource().write_locked(true);
    }

    fn try_acquire(&self, count: u32) -> Result<(), TryLockError> {
        self.permits.try_acquire(count as usize).map_err(|_| TryLockError(()))
    }

    /// Goes from writing to reading.
    fn downgrade(&self) {
        self.permits.resource().write_locked(false);
        self.permits.resource().reader_came();
        self.permits.release(self.max_readers as usize - 1);
    }

    /// The guard for one permit that was just taken.
    fn read_guard(&self) -> RwLockReadGuard<'_, T> {
        RwLockReadGuard { permits: &self.permits, part: self.place(), marker: PhantomData }
    }

    /// Where the value lies, for a read guard.
    fn place(&self) -> *const T {
        self.value.with(|value| value)
    }

    /// Where the value lies, for a write guard.
    fn place_mut(&self) -> *mut T {
        self.value.with_mut(|value| value)
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> RwLock<T> {
        RwLock::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> RwLock<T> {
        RwLock::new(T::default())
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

/// Takes the share of the lock out of a guard, without giving its permits back.
macro_rules! into_lock {
    ($guard:expr) => {{
        let guard = ManuallyDrop::new($guard);
        // SAFETY: the guard is never used or dropped again, so the share has one owner.
        unsafe { std::ptr::read(&guard.lock) }
    }};
}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// A guard of a part of the value.
    ///
    /// # Examples
    ///
    /// See [`RwLockReadGuard`].
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let part: *const U = f(&*this);
        this.into_part(part)
    }

    /// A guard of a part of the value, if `f` finds one; otherwise this guard.
    ///
    /// # Errors
    ///
    /// `f` returned `None`.
    ///
    /// # Examples
    ///
    /// See [`RwLockReadGuard`].
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        match f(&*this).map(std::ptr::from_ref) {
            Some(part) => Ok(this.into_part(part)),
            None => Err(this),
        }
    }

    fn into_part<U: ?Sized>(self, part: *const U) -> RwLockReadGuard<'a, U> {
        let this = ManuallyDrop::new(self);
        RwLockReadGuard { permits: this.permits, part, marker: PhantomData }
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// A guard of a part of the value.
    ///
    /// # Examples
    ///
    /// See [`RwLockWriteGuard`].
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let part: *mut U = f(&mut *this);
        this.into_part(part)
    }

    /// A guard of a part of the value, if `f` finds one; otherwise this guard.
    ///
    /// # Errors
    ///
    /// `f` returned `None`.
    ///
    /// # Examples
    ///
    /// See [`RwLockWriteGuard`].
    pub fn try_map<F, U: ?Sized>(
        mut this: Self,
        f: F,
    ) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        match f(&mut *this).map(std::ptr::from_mut) {
            Some(part) => Ok(this.into_part(part)),
            None => Err(this),
        }
    }

    /// A guard of the whole value, of the type that [`map`](RwLockWriteGuard::map) returns.
    ///
    /// # Examples
    ///
    /// See [`RwLockWriteGuard`].
    pub fn into_mapped(this: Self) -> RwLockMappedWriteGuard<'a, T> {
        RwLockWriteGuard::map(this, |value| value)
    }

    /// Goes on reading: nobody writes in between.
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

    /// Goes on reading a part of the value: nobody writes in between.
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
        this.into_read(part)
    }

    /// Goes on reading a part of the value, if `f` finds one; otherwise this guard.
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
            Some(part) => Ok(this.into_read(part)),
            None => Err(this),
        }
    }

    fn into_part<U: ?Sized>(self, part: *mut U) -> RwLockMappedWriteGuard<'a, U> {
        let this = ManuallyDrop::new(self);
        let RwLock { permits, max_readers, .. } = this.lock;
        RwLockMappedWriteGuard { permits, max_readers: *max_readers, part, marker: PhantomData }
    }

    fn into_read<U: ?Sized>(self, part: *const U) -> RwLockReadGuard<'a, U> {
        let this = ManuallyDrop::new(self);
        this.lock.downgrade();
        RwLockReadGuard { permits: &this.lock.permits, part, marker: PhantomData }
    }
}

impl<'a, T: ?Sized> RwLockMappedWriteGuard<'a, T> {
    /// A guard of a part of the part.
    ///
    /// # Examples
    ///
    /// See [`RwLockMappedWriteGuard`].
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let part: *mut U = f(&mut *this);
        this.into_part(part)
    }

    /// A guard of a part of the part, if `f` finds one; otherwise this guard.
    ///
    /// # Errors
    ///
    /// `f` returned `None`.
    ///
    /// # Examples
    ///
    /// See [`RwLockMappedWriteGuard`].
    pub fn try_map<F, U: ?Sized>(
        mut this: Self,
        f: F,
    ) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        match f(&mut *this).map(std::ptr::from_mut) {
            Some(part) => Ok(this.into_part(part)),
            None => Err(this),
        }
    }

    fn into_part<U: ?Sized>(self, part: *mut U) -> RwLockMappedWriteGuard<'a, U> {
        let this = ManuallyDrop::new(self);
        let (permits, max_readers) = (this.permits, this.max_readers);
        RwLockMappedWriteGuard { permits, max_readers, part, marker: PhantomData }
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
        OwnedRwLockReadGuard { lock: into_lock!(this), part, marker: PhantomData }
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
            Some(part) => {
                Ok(OwnedRwLockReadGuard { lock: into_lock!(this), part, marker: PhantomData })
            }
            None => Err(this),
        }
    }

    /// The lock.
    ///
    /// # Examples
    ///
    /// See [`OwnedRwLockReadGuard`].
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.lock
    }
}

impl<T: ?Sized> OwnedRwLockWriteGuard<T> {
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
        OwnedRwLockMappedWriteGuard { lock: into_lock!(this), part, marker: PhantomData }
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
            Some(part) => Ok(OwnedRwLockMappedWriteGuard {
                lock: into_lock!(this),
                part,
                marker: PhantomData,
            }),
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

    /// Goes on reading: nobody writes in between.
    ///
    /// # Examples
    ///
    /// See [`OwnedRwLockWriteGuard`].
    pub fn downgrade(self) -> OwnedRwLockReadGuard<T> {
        OwnedRwLockWriteGuard::downgrade_map(self, |value| value)
    }

    /// Goes on reading a part of the value: nobody writes in between.
    ///
    /// # Examples
    ///
    /// See [`OwnedRwLockWriteGuard`].
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let part: *const U = f(&*this);
        this.into_read(part)
    }

    /// Goes on reading a part of the value, if `f` finds one; otherwise this guard.
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
            Some(part) => Ok(this.into_read(part)),
            None => Err(this),
        }
    }

    /// The lock.
    ///
    /// # Examples
    ///
    /// See [`OwnedRwLockWriteGuard`].
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.lock
    }

    fn into_read<U: ?Sized>(self, part: *const U) -> OwnedRwLockReadGuard<T, U> {
        let lock: Arc<RwLock<T>> = into_lock!(self);
        lock.downgrade();
        OwnedRwLockReadGuard { lock, part, marker: PhantomData }
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
        OwnedRwLockMappedWriteGuard { lock: into_lock!(this), part, marker: PhantomData }
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
            Some(part) => Ok(OwnedRwLockMappedWriteGuard {
                lock: into_lock!(this),
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
    /// See [`OwnedRwLockMappedWriteGuard`].
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.lock
    }
}

/// Ends reading. The caller held the permit.
fn end_read(permits: &FairSemaphore) {
    // Said first: afterwards somebody else may say what it is.
    permits.resource().reader_left();
    permits.release(1);
}

/// Ends writing. The caller held all permits.
fn end_write(permits: &FairSemaphore, max_readers: u32) {
    permits.resource().write_locked(false);
    permits.release(max_readers as usize);
}

/// What a guard is to its user: a `&` or `&mut` that can be shown.
macro_rules! guard {
    ([$($parameters:tt)*] $guard:ty, $target:ident, $this:ident => $place:expr, $release:expr) => {
        impl<$($parameters)*> Deref for $guard {
            type Target = $target;

            fn deref(&self) -> &$target {
                let $this = self;
                // SAFETY: the guard holds permits, so nobody else writes to the value (rules 1 and
                // 2); this borrow is bound to one of the guard.
                unsafe { &*$place }
            }
        }

        impl<$($parameters)*> Drop for $guard {
            fn drop(&mut self) {
                let $this = self;
                $release;
            }
        }

        impl<$($parameters)*> fmt::Debug for $guard where $target: fmt::Debug {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<$($parameters)*> fmt::Display for $guard where $target: fmt::Display {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }
    };
    (mut [$($parameters:tt)*] $guard:ty, $target:ident, $this:ident => $place:expr, $release:expr) => {
        guard!([$($parameters)*] $guard, $target, $this => $place, $release);

        impl<$($parameters)*> DerefMut for $guard {
            fn deref_mut(&mut self) -> &mut $target {
                let $this = self;
                // SAFETY: the guard holds all permits, so only its borrowers reach the value (rules
                // 1 and 2); this borrow of it is exclusive.
                unsafe { &mut *$place }
            }
        }
    };
}

guard!([T: ?Sized] RwLockReadGuard<'_, T>, T, this => this.part, end_read(this.permits));
guard!([T: ?Sized, U: ?Sized] OwnedRwLockReadGuard<T, U>, U, this => this.part,
    end_read(&this.lock.permits));
guard!(mut [T: ?Sized] RwLockWriteGuard<'_, T>, T, this => this.lock.place_mut(),
    end_write(&this.lock.permits, this.lock.max_readers));
guard!(mut [T: ?Sized] OwnedRwLockWriteGuard<T>, T, this => this.lock.place_mut(),
    end_write(&this.lock.permits, this.lock.max_readers));
guard!(mut [T: ?Sized] RwLockMappedWriteGuard<'_, T>, T, this => this.part,
    end_write(this.permits, this.max_readers));
guard!(mut [T: ?Sized, U: ?Sized] OwnedRwLockMappedWriteGuard<T, U>, U, this => this.part,
    end_write(&this.lock.permits, this.lock.max_readers));

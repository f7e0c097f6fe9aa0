//! The lock: a value and its permits.
#![allow(unsafe_code, reason = "the value goes from thread to thread with the permits")]

use std::panic::Location;
use std::sync::Arc;

use super::permits::{Permits, Source};
use crate::engine::fair_semaphore::FairSemaphore;
use crate::engine::insight::{Kind, Object};
use crate::engine::messages;
use crate::engine::primitive::{UnsafeCell, const_fn};
use crate::engine::trace::resource::Resource;

/// The most readers at a time, by default.
const MAX_READERS: u32 = u32::MAX >> 3;

/// A fair read-write lock, which may be held across `.await`, by many readers or one writer.
///
/// Tasks get the lock in the order of their first polls. So a task that holds it for reading and
/// asks to read again may wait for ever: for a writer that waits for that task. There is no
/// poisoning.
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
    pub(super) permits: Permits,
    value: UnsafeCell<T>,
}

// SAFETY: the value goes with the lock; nothing else in it is bound to a thread.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: a writer reaches the value alone and readers share it (rule 1), so `T` must be both.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T: ?Sized> Source for Arc<RwLock<T>> {
    #[inline]
    fn permits(&self) -> &Permits {
        &self.permits
    }
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
        let place = Location::caller();
        let object = Object::new(Kind::RwLock, place);
        let make = || FairSemaphore::seen(max_readers as usize, object);
        let (resource, semaphore) = Resource::rwlock(place, max_readers, make);
        let permits = Permits { semaphore: semaphore.inside(resource), max_readers };
        RwLock { permits, value: UnsafeCell::new(value) }
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
    #[track_caller]
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
        let object = Object::new(Kind::RwLock, Location::caller());
        let semaphore = FairSemaphore::new(max_readers as usize, object);
        RwLock { permits: Permits { semaphore, max_readers }, value: UnsafeCell::new(value) }
    }
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

    /// A pointer to the value, for a read guard.
    pub(super) fn place(&self) -> *const T {
        self.value.with(|value| value)
    }

    /// A pointer to the value, for a write guard.
    pub(super) fn place_mut(&self) -> *mut T {
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

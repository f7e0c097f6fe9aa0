//! A lock that may be held across an `.await`.
//!
//! A permit of a fair semaphore (`engine/fair_semaphore.rs`) is the right to the value: holding the
//! only one is holding the lock. Taking it publishes what earlier holders did.
//!
//! Guards:
//!
//! 1. A guard exists only while its permit is held, and gives it back when dropped.
//! 2. A mapped guard points into the value and stands for the same permit.
#![allow(unsafe_code, reason = "the value's cell; whoever holds the permit may use it (rule 1)")]

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::sync::Arc;

use super::guard_macros::{guard, mappable};
use crate::engine::fair_semaphore::{Closed, FairSemaphore};
use crate::engine::insight::{Kind, Object};
use crate::engine::park_on::park_on;
use crate::engine::primitive::{UnsafeCell, const_fn};
use crate::engine::trace::resource::Resource;

/// A fair mutex, which may be held across `.await`.
///
/// Tasks get the lock in the order of their first polls. A panic while it is held leaves the value
/// as it is and unlocks: there is no poisoning. If there is no `.await` between lock and unlock,
/// `std::sync::Mutex` is the better choice.
///
/// # Examples
///
/// ```
/// # runtime::Runtime::new().unwrap().block_on(async {
/// use runtime::sync::Mutex;
///
/// let names = Mutex::new(Vec::new());
/// names.lock().await.push("ada");
/// assert_eq!(*names.lock().await, ["ada"]);
/// # });
/// ```
///
/// Without a lock, if the mutex is borrowed exclusively or owned:
///
/// ```
/// let mut names = runtime::sync::Mutex::new(vec!["ada"]);
/// names.get_mut().push("grace");
/// assert_eq!(names.into_inner(), ["ada", "grace"]);
/// ```
pub struct Mutex<T: ?Sized> {
    permit: FairSemaphore,
    value: UnsafeCell<T>,
}

// SAFETY: the value goes with the lock; nothing else in it is bound to a thread.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: one thread at a time reaches the value (rule 1), so `T` moves but is never shared.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

/// [`try_lock`](Mutex::try_lock) failed: the lock is held, or other tasks wait for it.
///
/// # Examples
///
/// See [`Mutex::try_lock`].
#[derive(Debug)]
pub struct TryLockError(pub(super) ());

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lock is held by somebody else")
    }
}

impl std::error::Error for TryLockError {}

/// Access to the value of a locked [`Mutex`]. Dropping it unlocks.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::sync::{Mutex, MutexGuard};
///
/// let list = Mutex::new(vec![1, 2, 3]);
/// let mut last = MutexGuard::map(list.lock().await, |list| &mut list[2]);
/// *last = 30;
/// drop(last);
/// let first = MutexGuard::try_map(list.lock().await, |list| list.first_mut());
/// *first.unwrap() = 10;
/// // Gives the guard back if there is no such part.
/// let tenth = MutexGuard::try_map(list.lock().await, |list| list.get_mut(9));
/// assert_eq!(tenth.unwrap_err()[..], [10, 2, 30]);
/// # }
/// ```
#[must_use = "the lock is given up at once unless the guard is held"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    /// Makes the guard `Sync` only if `T` is, as `&mut T` would be.
    marker: PhantomData<&'a mut T>,
}

/// Access to the value of a locked [`Mutex`] in an [`Arc`]. Dropping it unlocks.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use std::sync::Arc;
/// use runtime::sync::{Mutex, OwnedMutexGuard};
///
/// let pair = Arc::new(Mutex::new((1, Some(2))));
/// let guard = pair.clone().lock_owned().await;
/// assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &pair));
/// let mut left = OwnedMutexGuard::map(guard, |pair| &mut pair.0);
/// *left = 5;
/// drop(left);
///
/// let right = OwnedMutexGuard::try_map(pair.lock_owned().await, |pair| pair.1.as_mut());
/// assert_eq!(*right.unwrap(), 2);
/// # }
/// ```
#[must_use = "the lock is given up at once unless the guard is held"]
pub struct OwnedMutexGuard<T: ?Sized> {
    locked: Locked<T>,
}

/// Access to a part of the value of a locked [`Mutex`]: made by [`MutexGuard::map`].
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::sync::{MappedMutexGuard, Mutex, MutexGuard};
///
/// let config = Mutex::new((("host", 80), true));
/// let server = MutexGuard::map(config.lock().await, |config| &mut config.0);
/// let mut port = MappedMutexGuard::map(server, |server| &mut server.1);
/// *port = 8080;
/// drop(port);
///
/// let server = MutexGuard::map(config.lock().await, |config| &mut config.0);
/// let none = MappedMutexGuard::try_map(server, |_| None::<&mut u16>);
/// assert_eq!(*none.unwrap_err(), ("host", 8080));
/// # }
/// ```
#[must_use = "the lock is given up at once unless the guard is held"]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    permit: &'a FairSemaphore,
    part: *mut T,
    marker: PhantomData<&'a mut T>,
}

/// Access to a part of the value of a locked [`Mutex`] in an [`Arc`]: made by
/// [`OwnedMutexGuard::map`].
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use std::sync::Arc;
/// use runtime::sync::{Mutex, OwnedMappedMutexGuard, OwnedMutexGuard};
///
/// let config = Arc::new(Mutex::new((("host", 80), true)));
/// let guard = config.clone().lock_owned().await;
/// let server = OwnedMutexGuard::map(guard, |config| &mut config.0);
/// let port = OwnedMappedMutexGuard::map(server, |server| &mut server.1);
/// assert_eq!(*port, 80);
/// drop(port);
///
/// let server = OwnedMutexGuard::map(config.lock_owned().await, |config| &mut config.0);
/// let none = OwnedMappedMutexGuard::try_map(server, |_| None::<&mut u16>);
/// assert!(none.is_err());
/// # }
/// ```
#[must_use = "the lock is given up at once unless the guard is held"]
pub struct OwnedMappedMutexGuard<T: ?Sized, U: ?Sized = T> {
    locked: Locked<T>,
    part: *mut U,
    marker: PhantomData<U>,
}

/// A counted reference to a mutex, with its permit. Dropping it unlocks.
struct Locked<T: ?Sized> {
    mutex: Arc<Mutex<T>>,
}

// The part stays where it is when the guard moves.
impl<T: ?Sized, U: ?Sized> Unpin for OwnedMappedMutexGuard<T, U> {}

// SAFETY: an owned guard lends `&T`, so `T` must be shareable; it also owns a share of the mutex,
// whose last owner drops `T`, so `T` must be sendable.
unsafe impl<T: ?Sized + Send + Sync> Sync for OwnedMutexGuard<T> {}
// SAFETY: it is a `&mut T` with a permit (rule 2), and a `&mut T` is sendable where `T` is.
unsafe impl<T: ?Sized + Send> Send for MappedMutexGuard<'_, T> {}
// SAFETY: shared, it lends `&T`.
unsafe impl<T: ?Sized + Sync> Sync for MappedMutexGuard<'_, T> {}
// SAFETY: it is a `&mut U` with a permit and a share of the mutex (rule 2), whose last owner drops
// `T`.
unsafe impl<T: ?Sized + Send, U: ?Sized + Send> Send for OwnedMappedMutexGuard<T, U> {}
// SAFETY: shared, it lends `&U`; the share of the mutex is sendable where `T` is.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync for OwnedMappedMutexGuard<T, U> {}

impl<T: ?Sized> Mutex<T> {
    /// An unlocked mutex.
    ///
    /// # Examples
    ///
    /// See [`Mutex`].
    #[track_caller]
    pub fn new(value: T) -> Mutex<T>
    where
        T: Sized,
    {
        let place = Location::caller();
        let make = || FairSemaphore::seen(1, Object::new(Kind::Mutex, place));
        let (resource, permit) = Resource::mutex(place, make);
        Mutex { permit: permit.inside(resource), value: UnsafeCell::new(value) }
    }

    const_fn! {
    /// An unlocked mutex, for a `static`.
    ///
    /// # Examples
    ///
    /// ```
    /// static COUNT: runtime::sync::Mutex<u32> = runtime::sync::Mutex::const_new(0);
    /// *COUNT.try_lock().unwrap() += 1;
    /// ```
    #[track_caller]
    pub const fn const_new(value: T) -> Mutex<T>
    where
        T: Sized,
    {
        let object = Object::new(Kind::Mutex, Location::caller());
        Mutex { permit: FairSemaphore::new(1, object), value: UnsafeCell::new(value) }
    }
    }

    /// Waits for the lock.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, it loses its place in line. A lock that it was
    /// given in the meantime goes to the next task.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use runtime::sync::Mutex;
    ///
    /// let count = Arc::new(Mutex::new(0));
    /// let tasks: Vec<_> = (0..4)
    ///     .map(|_| count.clone())
    ///     .map(|count| runtime::spawn(async move { *count.lock().await += 1 }))
    ///     .collect();
    /// for task in tasks {
    ///     task.await.unwrap();
    /// }
    /// assert_eq!(*count.lock().await, 4);
    /// # }
    /// ```
    pub async fn lock(&self) -> MutexGuard<'_, T> {
        self.has_waited(self.wait("Mutex::lock").await);
        self.guard()
    }

    /// Waits for the lock; the guard keeps the mutex alive.
    ///
    /// # Cancel safety
    ///
    /// As [`lock`](Mutex::lock).
    ///
    /// # Examples
    ///
    /// The guard keeps the mutex alive, so it may move to another task:
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use runtime::sync::Mutex;
    ///
    /// let log = Arc::new(Mutex::new(Vec::new()));
    /// let mut guard = log.clone().lock_owned().await;
    /// let task = runtime::spawn(async move { guard.push("written elsewhere") });
    /// task.await.unwrap();
    /// assert_eq!(log.lock().await.len(), 1);
    /// # }
    /// ```
    pub async fn lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        self.has_waited(self.wait("Mutex::lock_owned").await);
        OwnedMutexGuard { locked: Locked { mutex: self } }
    }

    /// Waits for the lock on this thread, which sleeps. For code outside async.
    ///
    /// # Panics
    ///
    /// Panics in an async context.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::Mutex;
    ///
    /// // A plain thread, outside async.
    /// let count = Mutex::new(1);
    /// *count.blocking_lock() += 1;
    /// assert_eq!(*count.blocking_lock(), 2);
    /// ```
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        park_on(self.lock())
    }

    /// Waits for the lock on this thread, which sleeps; the guard keeps the mutex alive.
    ///
    /// # Panics
    ///
    /// Panics in an async context.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use runtime::sync::Mutex;
    ///
    /// let count = Arc::new(Mutex::new(1));
    /// let mut guard = count.clone().blocking_lock_owned();
    /// let thread = std::thread::spawn(move || *guard += 1);
    /// thread.join().unwrap();
    /// assert_eq!(*count.blocking_lock(), 2);
    /// ```
    #[track_caller]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        park_on(self.lock_owned())
    }

    /// Takes the lock if it is free and no task waits for it.
    ///
    /// # Errors
    ///
    /// If the lock is held, or other tasks wait for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::Mutex;
    ///
    /// let mutex = Mutex::new(1);
    /// let guard = mutex.try_lock().unwrap();
    /// assert!(mutex.try_lock().is_err());
    /// drop(guard);
    /// assert_eq!(*mutex.try_lock().unwrap(), 1);
    /// ```
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        self.try_acquire()?;
        Ok(self.guard())
    }

    /// Takes the lock if it is free and no task waits for it; the guard keeps the mutex alive.
    ///
    /// # Errors
    ///
    /// If the lock is held, or other tasks wait for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use runtime::sync::Mutex;
    ///
    /// let mutex = Arc::new(Mutex::new(1));
    /// let guard = mutex.clone().try_lock_owned().unwrap();
    /// assert!(mutex.clone().try_lock_owned().is_err());
    /// # drop(guard);
    /// ```
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        self.try_acquire()?;
        Ok(OwnedMutexGuard { locked: Locked { mutex: self } })
    }

    /// The value, without locking: the exclusive borrow is enough.
    ///
    /// # Examples
    ///
    /// See [`Mutex`].
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// The value.
    ///
    /// # Examples
    ///
    /// See [`Mutex`].
    pub fn into_inner(self) -> T
    where
        T: Sized,
    {
        self.value.into_inner()
    }

    fn wait(&self, source: &'static str) -> impl Future<Output = Result<(), Closed>> {
        self.permit.resource().wait_later(source, "poll", || self.permit.acquire(1))
    }

    fn has_waited(&self, taken: Result<(), Closed>) {
        debug_assert!(taken.is_ok(), "nobody closes a mutex");
        self.permit.resource().locked(true);
        self.permit.object().taken();
    }

    fn try_acquire(&self) -> Result<(), TryLockError> {
        self.permit.try_acquire(1).map_err(|_| TryLockError(()))?;
        self.permit.resource().locked(true);
        self.permit.object().taken();
        Ok(())
    }

    /// The guard for a permit that was just taken.
    fn guard(&self) -> MutexGuard<'_, T> {
        MutexGuard { mutex: self, marker: PhantomData }
    }

    /// A pointer to the value, for guards only.
    fn place(&self) -> *mut T {
        self.value.with_mut(|value| value)
    }

    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result
    where
        T: fmt::Debug,
    {
        let mut shown = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => shown.field("data", &&*guard),
            Err(_) => shown.field("data", &format_args!("<locked>")),
        };
        shown.finish()
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Mutex<T> {
        Mutex::new(value)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.debug(f)
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The mutex.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::{Mutex, MutexGuard};
    ///
    /// let mutex = Mutex::new(1);
    /// let guard = mutex.lock().await;
    /// assert!(std::ptr::eq(MutexGuard::mutex(&guard), &mutex));
    /// # }
    /// ```
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.mutex
    }

    fn into_part<U: ?Sized>(self, part: *mut U) -> MappedMutexGuard<'a, U> {
        let this = ManuallyDrop::new(self);
        MappedMutexGuard { permit: &this.mutex.permit, part, marker: PhantomData }
    }
}

impl<T: ?Sized> OwnedMutexGuard<T> {
    /// The mutex.
    ///
    /// # Examples
    ///
    /// See [`OwnedMutexGuard`].
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        &this.locked.mutex
    }
}

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    fn into_part<U: ?Sized>(self, part: *mut U) -> MappedMutexGuard<'a, U> {
        let this = ManuallyDrop::new(self);
        MappedMutexGuard { permit: this.permit, part, marker: PhantomData }
    }
}

/// Unlocks. The caller held the permit.
#[inline]
fn release(permit: &FairSemaphore) {
    // Sent before the release: afterwards another task may send that it has locked it.
    permit.resource().locked(false);
    permit.object().given_back();
    permit.release(1);
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        release(&self.mutex.permit);
    }
}

impl<T: ?Sized> Drop for Locked<T> {
    fn drop(&mut self) {
        release(&self.mutex.permit);
    }
}

impl<T: ?Sized> Drop for MappedMutexGuard<'_, T> {
    fn drop(&mut self) {
        release(self.permit);
    }
}

guard!(mut [T: ?Sized] MutexGuard<'_, T>, T, this => this.mutex.place());
guard!(mut [T: ?Sized] OwnedMutexGuard<T>, T, this => this.locked.mutex.place());
guard!(mut [T: ?Sized] MappedMutexGuard<'_, T>, T, this => this.part);
guard!(mut [T: ?Sized, U: ?Sized] OwnedMappedMutexGuard<T, U>, U, this => this.part);

mappable! {
    mut ['a, T: ?Sized] MutexGuard<'a, T>, T => [U, F] MappedMutexGuard<'a, U>, U;
    this, part => this.into_part(part)
}
mappable! {
    mut [T: ?Sized] OwnedMutexGuard<T>, T => [U, F] OwnedMappedMutexGuard<T, U>, U;
    this, part => OwnedMappedMutexGuard { locked: this.locked, part, marker: PhantomData }
}
mappable! {
    mut ['a, T: ?Sized] MappedMutexGuard<'a, T>, T => [U, F] MappedMutexGuard<'a, U>, U;
    this, part => this.into_part(part)
}
mappable! {
    mut [T: ?Sized, U: ?Sized] OwnedMappedMutexGuard<T, U>, U => [S, F] OwnedMappedMutexGuard<T, S>, S;
    this, part => OwnedMappedMutexGuard { locked: this.locked, part, marker: PhantomData }
}

//! A limit on how many tasks do something at once.
//!
//! The permits and the line of waiters are in `engine/fair_semaphore.rs`; the guards are here.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use crate::engine::fair_semaphore::{Closed, FairSemaphore, Refusal};
use crate::engine::insight::{Kind, Object};
use crate::engine::messages;
use crate::engine::park_on::park_on;
use crate::engine::primitive::const_fn;
use crate::engine::trace::resource::Resource;

/// The semaphore was closed, so no permit will come.
///
/// # Examples
///
/// See [`Semaphore::acquire`].
#[derive(Debug)]
pub struct AcquireError(());

impl From<Closed> for AcquireError {
    fn from(Closed: Closed) -> AcquireError {
        AcquireError(())
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the semaphore is closed")
    }
}

impl std::error::Error for AcquireError {}

/// Why no permit was given at once.
///
/// # Examples
///
/// See [`Semaphore::try_acquire`].
#[derive(Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore was closed.
    Closed,
    /// There are too few permits, or other tasks wait for them.
    NoPermits,
}

impl From<Refusal> for TryAcquireError {
    fn from(refusal: Refusal) -> TryAcquireError {
        match refusal {
            Refusal::Closed => TryAcquireError::Closed,
            Refusal::TooFew => TryAcquireError::NoPermits,
        }
    }
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryAcquireError::Closed => "the semaphore is closed",
            TryAcquireError::NoPermits => "too few permits are available",
        })
    }
}

impl std::error::Error for TryAcquireError {}

/// Permits that tasks take, hold and give back.
///
/// It is fair: tasks get permits in the order of their first polls. A task that asks for many is
/// not overtaken by tasks that ask for one.
///
/// # Examples
///
/// ```
/// # runtime::Runtime::new().unwrap().block_on(async {
/// use runtime::sync::Semaphore;
///
/// // At most two requests to the server at a time.
/// let connections = Semaphore::new(2);
/// let permit = connections.acquire().await.unwrap();
/// assert_eq!(connections.available_permits(), 1);
/// drop(permit);
/// assert_eq!(connections.available_permits(), 2);
/// # });
/// ```
///
/// Permits can be added and taken away:
///
/// ```
/// use runtime::sync::Semaphore;
///
/// let semaphore = Semaphore::new(2);
/// semaphore.add_permits(3);
/// assert_eq!(semaphore.available_permits(), 5);
/// assert_eq!(semaphore.forget_permits(4), 4);
/// assert_eq!(semaphore.available_permits(), 1);
/// ```
#[derive(Debug)]
pub struct Semaphore {
    permits: FairSemaphore,
}

/// Permits of a [`Semaphore`] that is borrowed. Dropping it gives them back.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::sync::Semaphore;
///
/// let semaphore = Semaphore::new(4);
/// let mut permit = semaphore.acquire_many(3).await.unwrap();
/// assert!(std::ptr::eq(permit.semaphore(), &semaphore));
/// let one = permit.split(1).unwrap();
/// assert_eq!((permit.num_permits(), one.num_permits()), (2, 1));
/// permit.merge(one);
/// assert_eq!(permit.num_permits(), 3);
///
/// // These three never come back.
/// permit.forget();
/// assert_eq!(semaphore.available_permits(), 1);
/// # }
/// ```
#[must_use = "the permit is given back at once unless it is held"]
#[derive(Debug)]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    count: usize,
}

/// Permits of a [`Semaphore`] in an [`Arc`]. Dropping it gives them back.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use std::sync::Arc;
/// use runtime::sync::Semaphore;
///
/// let semaphore = Arc::new(Semaphore::new(4));
/// let mut permit = semaphore.clone().acquire_many_owned(3).await.unwrap();
/// assert!(Arc::ptr_eq(permit.semaphore(), &semaphore));
/// let one = permit.split(1).unwrap();
/// assert_eq!((permit.num_permits(), one.num_permits()), (2, 1));
/// permit.merge(one);
///
/// // These three never come back.
/// permit.forget();
/// assert_eq!(semaphore.available_permits(), 1);
/// # }
/// ```
#[must_use = "the permit is given back at once unless it is held"]
#[derive(Debug)]
pub struct OwnedSemaphorePermit {
    semaphore: Arc<Semaphore>,
    count: usize,
}

impl Semaphore {
    /// The largest number of permits: `usize::MAX >> 3`.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::Semaphore;
    ///
    /// let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    /// assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
    /// ```
    pub const MAX_PERMITS: usize = FairSemaphore::MAX_PERMITS;

    /// A semaphore with `permits` permits.
    ///
    /// # Panics
    ///
    /// Panics if `permits` exceeds [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    ///
    /// # Examples
    ///
    /// See [`Semaphore`].
    #[track_caller]
    pub fn new(permits: usize) -> Semaphore {
        assert!(permits <= Semaphore::MAX_PERMITS, "{}", messages::TOO_MANY_PERMITS);
        let place = Location::caller();
        let make = || FairSemaphore::seen(permits, Object::new(Kind::Semaphore, place));
        let (resource, permits) = Resource::semaphore(place, make);
        Semaphore { permits: permits.inside(resource) }
    }

    const_fn! {
    /// A semaphore with `permits` permits, for a `static`.
    ///
    /// # Panics
    ///
    /// Panics if `permits` exceeds [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::Semaphore;
    ///
    /// static UPLOADS: Semaphore = Semaphore::const_new(4);
    ///
    /// let _permit = UPLOADS.acquire().await.unwrap();
    /// assert_eq!(UPLOADS.available_permits(), 3);
    /// # }
    /// ```
    #[track_caller]
    pub const fn const_new(permits: usize) -> Semaphore {
        assert!(permits <= Semaphore::MAX_PERMITS, "{}", messages::TOO_MANY_PERMITS);
        Semaphore::part_of(permits, Object::new(Kind::Semaphore, Location::caller()))
    }
    }

    const_fn! {
    /// What something else is made of, which is that object to a dump.
    pub(crate) const fn part_of(permits: usize, object: Object) -> Semaphore {
        Semaphore { permits: FairSemaphore::new(permits, object) }
    }
    }

    /// How many permits could be taken now: none while tasks wait.
    ///
    /// # Examples
    ///
    /// See [`Semaphore`].
    pub fn available_permits(&self) -> usize {
        self.permits.available()
    }

    /// Adds `n` permits.
    ///
    /// # Panics
    ///
    /// Panics if there would be more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS); then none is
    /// added.
    ///
    /// # Examples
    ///
    /// See [`Semaphore`].
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        assert!(self.permits.add(n), "{}", messages::TOO_MANY_PERMITS);
    }

    /// Removes up to `n` of the available permits for good, and returns how many.
    ///
    /// # Examples
    ///
    /// See [`Semaphore`].
    pub fn forget_permits(&self, n: usize) -> usize {
        self.permits.forget(n)
    }

    /// Waits for a permit.
    ///
    /// # Errors
    ///
    /// The semaphore was [closed](Semaphore::close).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, it loses its place in line. A permit that it
    /// was given in the meantime goes to the next task.
    ///
    /// # Examples
    ///
    /// No more than two at once:
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use runtime::sync::Semaphore;
    ///
    /// let limit = Arc::new(Semaphore::new(2));
    /// let mut tasks = runtime::task::JoinSet::new();
    /// for n in 0..8 {
    ///     let limit = limit.clone();
    ///     tasks.spawn(async move {
    ///         let _permit = limit.acquire().await.unwrap();
    ///         n * n // work of which two may run at a time
    ///     });
    /// }
    /// assert_eq!(tasks.join_all().await.len(), 8);
    /// # }
    /// ```
    pub async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.wait("Semaphore::acquire", 1).await?;
        self.permits.object().taken();
        Ok(SemaphorePermit { semaphore: self, count: 1 })
    }

    /// Waits for `n` permits, which come together.
    ///
    /// # Errors
    ///
    /// The semaphore was [closed](Semaphore::close).
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Semaphore::acquire).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::Semaphore;
    ///
    /// // One permit for each megabyte in use.
    /// let memory = Semaphore::new(64);
    /// let big = memory.acquire_many(48).await.unwrap();
    /// assert!(memory.try_acquire_many(32).is_err());
    /// drop(big);
    /// assert!(memory.try_acquire_many(32).is_ok());
    /// # }
    /// ```
    pub async fn acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.wait("Semaphore::acquire_many", n).await?;
        self.permits.object().taken();
        Ok(SemaphorePermit { semaphore: self, count: n as usize })
    }

    /// Takes a permit if one is there.
    ///
    /// # Errors
    ///
    /// `NoPermits` if none is there or other tasks wait, `Closed` if the semaphore was closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::{Semaphore, TryAcquireError};
    ///
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.try_acquire().unwrap();
    /// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    /// drop(permit);
    /// assert!(semaphore.try_acquire().is_ok());
    /// ```
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if they are there.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Semaphore::try_acquire).
    ///
    /// # Examples
    ///
    /// See [`acquire_many`](Self::acquire_many).
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_take(n)?;
        self.permits.object().taken();
        Ok(SemaphorePermit { semaphore: self, count: n as usize })
    }

    /// Waits for a permit on this thread, which sleeps. For code outside async.
    ///
    /// # Panics
    ///
    /// Panics in an async context.
    ///
    /// # Errors
    ///
    /// The semaphore was closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::Semaphore;
    ///
    /// // A plain thread, outside async.
    /// let semaphore = Semaphore::new(3);
    /// let one = semaphore.blocking_acquire().unwrap();
    /// let two = semaphore.blocking_acquire_many(2).unwrap();
    /// assert_eq!(semaphore.available_permits(), 0);
    /// # drop((one, two));
    /// ```
    #[track_caller]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        park_on(self.acquire())
    }

    /// Waits for `n` permits on this thread, which sleeps.
    ///
    /// # Panics
    ///
    /// Panics in an async context.
    ///
    /// # Errors
    ///
    /// The semaphore was closed.
    ///
    /// # Examples
    ///
    /// See [`blocking_acquire`](Self::blocking_acquire).
    #[track_caller]
    pub fn blocking_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        park_on(self.acquire_many(n))
    }

    /// Waits for a permit that keeps the semaphore alive, to be sent along with a task.
    ///
    /// # Errors
    ///
    /// The semaphore was closed.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Semaphore::acquire).
    ///
    /// # Examples
    ///
    /// ```
    /// # runtime::Runtime::new().unwrap().block_on(async {
    /// use std::sync::Arc;
    /// use runtime::sync::Semaphore;
    ///
    /// let limit = Arc::new(Semaphore::new(3));
    /// for _ in 0..10 {
    ///     let permit = limit.clone().acquire_owned().await.unwrap();
    ///     std::thread::spawn(move || {
    ///         // At most three of us at a time.
    ///         drop(permit);
    ///     });
    /// }
    /// # });
    /// ```
    pub async fn acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.wait("Semaphore::acquire_owned", 1).await?;
        self.permits.object().taken();
        Ok(OwnedSemaphorePermit { semaphore: self, count: 1 })
    }

    /// Waits for `n` permits that keep the semaphore alive.
    ///
    /// # Errors
    ///
    /// The semaphore was closed.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Semaphore::acquire).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use runtime::sync::Semaphore;
    ///
    /// let semaphore = Arc::new(Semaphore::new(3));
    /// let permits = semaphore.clone().acquire_many_owned(2).await.unwrap();
    /// let task = runtime::spawn(async move { permits.num_permits() });
    /// assert_eq!(task.await.unwrap(), 2);
    /// # }
    /// ```
    pub async fn acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.wait("Semaphore::acquire_many_owned", n).await?;
        self.permits.object().taken();
        Ok(OwnedSemaphorePermit { semaphore: self, count: n as usize })
    }

    /// Takes a permit that keeps the semaphore alive, if one is there.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Semaphore::try_acquire).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use runtime::sync::Semaphore;
    ///
    /// let semaphore = Arc::new(Semaphore::new(3));
    /// let two = semaphore.clone().try_acquire_many_owned(2).unwrap();
    /// let one = semaphore.clone().try_acquire_owned().unwrap();
    /// assert!(semaphore.try_acquire_owned().is_err());
    /// # drop((one, two));
    /// ```
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// Takes `n` permits that keep the semaphore alive, if they are there.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Semaphore::try_acquire).
    ///
    /// # Examples
    ///
    /// See [`try_acquire_owned`](Self::try_acquire_owned).
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_take(n)?;
        self.permits.object().taken();
        Ok(OwnedSemaphorePermit { semaphore: self, count: n as usize })
    }

    /// Waits, on this thread, for a permit that keeps the semaphore alive.
    ///
    /// # Panics
    ///
    /// Panics in an async context.
    ///
    /// # Errors
    ///
    /// The semaphore was closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use runtime::sync::Semaphore;
    ///
    /// let semaphore = Arc::new(Semaphore::new(3));
    /// let two = semaphore.clone().blocking_acquire_many_owned(2).unwrap();
    /// let one = semaphore.clone().blocking_acquire_owned().unwrap();
    /// assert_eq!(semaphore.available_permits(), 0);
    /// # drop((one, two));
    /// ```
    #[track_caller]
    pub fn blocking_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        park_on(self.acquire_owned())
    }

    /// Waits, on this thread, for `n` permits that keep the semaphore alive.
    ///
    /// # Panics
    ///
    /// Panics in an async context.
    ///
    /// # Errors
    ///
    /// The semaphore was closed.
    ///
    /// # Examples
    ///
    /// See [`blocking_acquire_owned`](Self::blocking_acquire_owned).
    #[track_caller]
    pub fn blocking_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        park_on(self.acquire_many_owned(n))
    }

    /// Gives out no more permits; all tasks that wait get an error. Held permits stay valid.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = runtime::sync::Semaphore::new(5);
    /// semaphore.close();
    /// assert!(semaphore.is_closed() && semaphore.try_acquire().is_err());
    /// ```
    pub fn close(&self) {
        self.permits.close();
    }

    /// Whether [`close`](Semaphore::close) was called.
    ///
    /// # Examples
    ///
    /// See [`close`](Self::close).
    pub fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }
}

impl<'a> SemaphorePermit<'a> {
    /// Never gives the permits back: the semaphore has fewer from now on.
    ///
    /// # Examples
    ///
    /// See [`SemaphorePermit`].
    pub fn forget(mut self) {
        self.count = 0;
    }

    /// Adds the permits of `other` to this.
    ///
    /// # Panics
    ///
    /// Panics if `other` belongs to another semaphore.
    ///
    /// # Examples
    ///
    /// See [`SemaphorePermit`].
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(std::ptr::eq(self.semaphore, other.semaphore), "{}", messages::FOREIGN_PERMIT);
        self.count += std::mem::take(&mut other.count);
    }

    /// Splits `n` permits off, or returns `None` if this has fewer.
    ///
    /// # Examples
    ///
    /// See [`SemaphorePermit`].
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.count = self.count.checked_sub(n)?;
        Some(SemaphorePermit { semaphore: self.semaphore, count: n })
    }

    /// The semaphore of the permits.
    ///
    /// # Examples
    ///
    /// See [`SemaphorePermit`].
    pub fn semaphore(&self) -> &'a Semaphore {
        self.semaphore
    }

    /// How many permits this holds.
    ///
    /// # Examples
    ///
    /// See [`SemaphorePermit`].
    pub fn num_permits(&self) -> usize {
        self.count
    }
}

impl OwnedSemaphorePermit {
    /// Never gives the permits back: the semaphore has fewer from now on.
    ///
    /// # Examples
    ///
    /// See [`OwnedSemaphorePermit`].
    pub fn forget(mut self) {
        self.count = 0;
    }

    /// Adds the permits of `other` to this.
    ///
    /// # Panics
    ///
    /// Panics if `other` belongs to another semaphore.
    ///
    /// # Examples
    ///
    /// See [`OwnedSemaphorePermit`].
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(Arc::ptr_eq(&self.semaphore, &other.semaphore), "{}", messages::FOREIGN_PERMIT);
        self.count += std::mem::take(&mut other.count);
    }

    /// Splits `n` permits off, or returns `None` if this has fewer.
    ///
    /// # Examples
    ///
    /// See [`OwnedSemaphorePermit`].
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.count = self.count.checked_sub(n)?;
        Some(OwnedSemaphorePermit { semaphore: self.semaphore.clone(), count: n })
    }

    /// The semaphore of the permits.
    ///
    /// # Examples
    ///
    /// See [`OwnedSemaphorePermit`].
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    /// How many permits this holds.
    ///
    /// # Examples
    ///
    /// See [`OwnedSemaphorePermit`].
    pub fn num_permits(&self) -> usize {
        self.count
    }
}

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        self.semaphore.give_back(self.count);
    }
}

impl Drop for OwnedSemaphorePermit {
    fn drop(&mut self) {
        self.semaphore.give_back(self.count);
    }
}

impl Semaphore {
    fn wait(&self, source: &'static str, count: u32) -> impl Future<Output = Result<(), Closed>> {
        let make = || self.permits.acquire(count as usize);
        self.permits.resource().wait_inside(source, "poll", make)
    }

    fn try_take(&self, count: u32) -> Result<(), TryAcquireError> {
        self.permits.try_acquire(count as usize)?;
        Ok(())
    }

    fn give_back(&self, count: usize) {
        if count > 0 {
            self.permits.object().given_back();
            self.permits.release(count);
        }
    }
}

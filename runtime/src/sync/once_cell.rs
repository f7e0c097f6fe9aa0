//! A value that is made once, by an async function, and then read without waiting.
//!
//! The permit of a semaphore is the right to make the value. When the value is there the semaphore
//! is closed, and all tasks that waited for the right find the value.

use std::fmt;
use std::future::Future;
use std::panic::Location;

use super::{Semaphore, SemaphorePermit, TryAcquireError};
use crate::engine::insight::{Kind, Object};
use crate::engine::primitive::const_fn;
use crate::engine::write_once::WriteOnce;

/// A value that the first task that needs it makes.
///
/// If the future that makes it is dropped, panics or fails, the next waiting task makes it.
///
/// # Examples
///
/// ```
/// # runtime::Runtime::new().unwrap().block_on(async {
/// use runtime::sync::OnceCell;
///
/// static CONFIG: OnceCell<String> = OnceCell::const_new();
///
/// async fn config() -> &'static str {
///     CONFIG.get_or_init(|| async { "read from afar".to_string() }).await
/// }
/// assert_eq!(config().await, "read from afar");
/// # });
/// ```
///
/// ```
/// use runtime::sync::OnceCell;
///
/// let mut cell = OnceCell::new();
/// assert!(!cell.initialized());
/// assert_eq!(cell.get(), None);
/// cell.set(1).unwrap();
/// assert_eq!(cell.get(), Some(&1));
///
/// *cell.get_mut().unwrap() = 2;
/// assert_eq!(cell.take(), Some(2));
/// assert_eq!(cell.into_inner(), None);
/// ```
pub struct OnceCell<T> {
    value: WriteOnce<T>,
    right: Semaphore,
}

impl<T> OnceCell<T> {
    /// Without a value.
    ///
    /// # Examples
    ///
    /// See [`OnceCell`].
    #[track_caller]
    pub fn new() -> OnceCell<T> {
        OnceCell::const_new()
    }

    const_fn! {
    /// Without a value, for a `static`.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::OnceCell;
    ///
    /// static POOL_SIZE: OnceCell<usize> = OnceCell::const_new();
    ///
    /// assert_eq!(POOL_SIZE.get_or_init(|| async { 8 }).await, &8);
    /// assert_eq!(POOL_SIZE.get_or_init(|| async { 9 }).await, &8);
    /// # }
    /// ```
    #[track_caller]
    pub const fn const_new() -> OnceCell<T> {
        let object = Object::new(Kind::OnceCell, Location::caller());
        OnceCell { value: WriteOnce::new(), right: Semaphore::part_of(1, object) }
    }
    }

    /// With a value if there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::OnceCell;
    ///
    /// let cell = OnceCell::new_with(Some("there from the start"));
    /// assert!(cell.initialized());
    /// let empty: OnceCell<u32> = OnceCell::new_with(None);
    /// assert!(!empty.initialized());
    /// ```
    #[track_caller]
    pub fn new_with(value: Option<T>) -> OnceCell<T> {
        match value {
            Some(value) => OnceCell::from(value),
            None => OnceCell::new(),
        }
    }

    const_fn! {
    /// With a value, for a `static`.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::OnceCell;
    ///
    /// static LIMIT: OnceCell<u32> = OnceCell::const_new_with(10);
    ///
    /// assert_eq!(LIMIT.get(), Some(&10));
    /// ```
    #[track_caller]
    pub const fn const_new_with(value: T) -> OnceCell<T> {
        // Nobody asks for the right to make what is there.
        let object = Object::new(Kind::OnceCell, Location::caller());
        OnceCell { value: WriteOnce::with(value), right: Semaphore::part_of(0, object) }
    }
    }

    /// Whether the value is there.
    ///
    /// # Examples
    ///
    /// See [`OnceCell`].
    pub fn initialized(&self) -> bool {
        self.value.is_written()
    }

    /// The value, if it is there.
    ///
    /// # Examples
    ///
    /// See [`OnceCell`].
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, if it is there.
    ///
    /// # Examples
    ///
    /// See [`OnceCell`].
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// Sets the value.
    ///
    /// # Errors
    ///
    /// Gives `value` back if there is one already, or if another task is making it.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::OnceCell;
    ///
    /// let cell = OnceCell::new();
    /// assert!(cell.set(1).is_ok());
    /// let error = cell.set(2).unwrap_err();
    /// assert!(error.is_already_init_err());
    /// assert_eq!(cell.get(), Some(&1));
    /// ```
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        if self.initialized() {
            return Err(SetError::AlreadyInitializedError(value));
        }
        match self.right.try_acquire() {
            Ok(permit) => {
                self.fill(&mut Some(value), permit);
                Ok(())
            }
            Err(TryAcquireError::NoPermits) => Err(SetError::InitializingError(value)),
            Err(TryAcquireError::Closed) => Err(SetError::AlreadyInitializedError(value)),
        }
    }

    /// The value; makes it with `f` if there is none. At most one `f` runs at a time.
    ///
    /// # Panics
    ///
    /// Does not panic, but waits for ever if `f` waits for this cell itself.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped while it makes the value, that work is lost, and the next waiting
    /// task makes the value.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::OnceCell;
    ///
    /// let cell = OnceCell::new();
    /// assert_eq!(cell.get_or_init(|| async { "made here" }).await, &"made here");
    /// // The value is there: this is not run.
    /// assert_eq!(cell.get_or_init(|| async { unreachable!() }).await, &"made here");
    /// # }
    /// ```
    pub async fn get_or_init<F, Fut>(&self, f: F) -> &T
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        if let Some(value) = self.get() {
            return value;
        }
        if let Ok(permit) = self.right.acquire().await {
            let mut value = Some(f().await);
            self.fill(&mut value, permit);
        }
        self.get().expect(MADE)
    }

    /// The value; makes it with `f` if there is none.
    ///
    /// # Errors
    ///
    /// `f`'s error; the next waiting task makes the value.
    ///
    /// # Cancel safety
    ///
    /// As [`get_or_init`](OnceCell::get_or_init).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::OnceCell;
    ///
    /// let port: OnceCell<u16> = OnceCell::new();
    /// assert!(port.get_or_try_init(|| async { "no number".parse() }).await.is_err());
    /// // A failure leaves the cell empty, for the next to try.
    /// assert_eq!(port.get_or_try_init(|| async { "80".parse() }).await, Ok(&80));
    /// # }
    /// ```
    pub async fn get_or_try_init<E, F, Fut>(&self, f: F) -> Result<&T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        if let Ok(permit) = self.right.acquire().await {
            let mut value = Some(f().await?);
            self.fill(&mut value, permit);
        }
        Ok(self.get().expect(MADE))
    }

    /// The value, if it is there.
    ///
    /// # Examples
    ///
    /// See [`OnceCell`].
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Takes the value out, which leaves the cell empty.
    ///
    /// # Examples
    ///
    /// See [`OnceCell`].
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_inner()
    }

    fn fill(&self, value: &mut Option<T>, permit: SemaphorePermit<'_>) {
        let written = self.value.set(value);
        debug_assert!(written, "the permit is the right to write");
        self.right.close(); // wake: once_cell.fill
        permit.forget();
    }
}

/// Why the value is there.
const MADE: &str = "the right to make the value ends when it is there";

impl<T> Default for OnceCell<T> {
    fn default() -> OnceCell<T> {
        OnceCell::new()
    }
}

impl<T> From<T> for OnceCell<T> {
    fn from(value: T) -> OnceCell<T> {
        OnceCell::const_new_with(value)
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    fn clone(&self) -> OnceCell<T> {
        OnceCell::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &OnceCell<T>) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceCell<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell").field("value", &self.get()).finish()
    }
}

/// Why [`OnceCell::set`] did not set the value; holds it.
///
/// # Examples
///
/// See [`OnceCell::set`].
#[derive(Debug, PartialEq, Eq)]
pub enum SetError<T> {
    /// There is a value already.
    AlreadyInitializedError(T),
    /// Another task is making the value.
    InitializingError(T),
}

impl<T> SetError<T> {
    /// Whether there is a value already.
    ///
    /// # Examples
    ///
    /// See [`OnceCell::set`].
    pub fn is_already_init_err(&self) -> bool {
        matches!(self, SetError::AlreadyInitializedError(_))
    }

    /// Whether another task is making the value.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::OnceCell;
    ///
    /// let cell = OnceCell::new();
    /// cell.get_or_init(|| async {
    ///     let error = cell.set(1).unwrap_err();
    ///     assert!(error.is_initializing_err());
    ///     2
    /// })
    /// .await;
    /// assert_eq!(cell.get(), Some(&2));
    /// # }
    /// ```
    pub fn is_initializing_err(&self) -> bool {
        matches!(self, SetError::InitializingError(_))
    }
}

impl<T> fmt::Display for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SetError::AlreadyInitializedError(_) => "the cell has a value already",
            SetError::InitializingError(_) => "the cell's value is being made by somebody else",
        })
    }
}

impl<T: fmt::Debug> std::error::Error for SetError<T> {}

//! A value that is set once and that any task may wait for.

use std::fmt;
use std::panic::Location;

use super::Notify;
use crate::engine::insight::{Kind, Object};
use crate::engine::primitive::const_fn;
use crate::engine::write_once::WriteOnce;

/// A value that is set once; other tasks wait until it is there.
///
/// # Examples
///
/// ```
/// # runtime::Runtime::new().unwrap().block_on(async {
/// use std::sync::Arc;
/// use runtime::sync::SetOnce;
///
/// let address = Arc::new(SetOnce::new());
/// let other = address.clone();
/// std::thread::spawn(move || other.set("127.0.0.1:80").unwrap());
/// assert_eq!(*address.wait().await, "127.0.0.1:80");
/// # });
/// ```
///
/// ```
/// use runtime::sync::SetOnce;
///
/// let address = SetOnce::new();
/// assert!(!address.initialized());
/// address.set("127.0.0.1:80").unwrap();
/// assert_eq!(address.get(), Some(&"127.0.0.1:80"));
/// assert_eq!(address.set("other").unwrap_err().0, "other");
/// assert_eq!(address.into_inner(), Some("127.0.0.1:80"));
/// ```
pub struct SetOnce<T> {
    value: WriteOnce<T>,
    is_set: Notify,
}

impl<T> SetOnce<T> {
    /// Without a value.
    ///
    /// # Examples
    ///
    /// See [`SetOnce`].
    #[track_caller]
    pub fn new() -> SetOnce<T> {
        SetOnce::const_new()
    }

    const_fn! {
    /// Without a value, for a `static`.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::SetOnce;
    ///
    /// static VERSION: SetOnce<u32> = SetOnce::const_new();
    ///
    /// runtime::spawn(async { VERSION.set(7).unwrap() });
    /// assert_eq!(VERSION.wait().await, &7);
    /// # }
    /// ```
    #[track_caller]
    pub const fn const_new() -> SetOnce<T> {
        let object = Object::new(Kind::SetOnce, Location::caller());
        SetOnce { value: WriteOnce::new(), is_set: Notify::part_of(object) }
    }
    }

    /// With a value if there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::SetOnce;
    ///
    /// assert!(SetOnce::new_with(Some(1)).initialized());
    /// assert!(!SetOnce::<u32>::new_with(None).initialized());
    /// ```
    #[track_caller]
    pub fn new_with(value: Option<T>) -> SetOnce<T> {
        match value {
            Some(value) => SetOnce::from(value),
            None => SetOnce::new(),
        }
    }

    const_fn! {
    /// With a value, for a `static`.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::SetOnce;
    ///
    /// static LIMIT: SetOnce<u32> = SetOnce::const_new_with(10);
    ///
    /// assert_eq!(LIMIT.get(), Some(&10));
    /// ```
    #[track_caller]
    pub const fn const_new_with(value: T) -> SetOnce<T> {
        let object = Object::new(Kind::SetOnce, Location::caller());
        SetOnce { value: WriteOnce::with(value), is_set: Notify::part_of(object) }
    }
    }

    /// Whether the value is set.
    ///
    /// # Examples
    ///
    /// See [`SetOnce`].
    pub fn initialized(&self) -> bool {
        self.value.is_written()
    }

    /// The value, if it is set.
    ///
    /// # Examples
    ///
    /// See [`SetOnce`].
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// Sets the value and wakes all tasks that wait for it.
    ///
    /// # Errors
    ///
    /// Gives `value` back if one is set already.
    ///
    /// # Examples
    ///
    /// See [`SetOnce`].
    ///
    /// ```
    /// use runtime::sync::{SetOnce, SetOnceError};
    ///
    /// let cell = SetOnce::new();
    /// cell.set(1).unwrap();
    /// let SetOnceError(refused) = cell.set(2).unwrap_err();
    /// assert_eq!((refused, cell.get()), (2, Some(&1)));
    /// ```
    pub fn set(&self, value: T) -> Result<(), SetOnceError<T>> {
        let mut value = Some(value);
        self.value.set(&mut value);
        if let Some(value) = value {
            return Err(SetOnceError(value));
        }
        self.is_set.notify_waiters(); // wake: set_once.set
        Ok(())
    }

    /// The value, if it is set.
    ///
    /// # Examples
    ///
    /// See [`SetOnce`].
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Waits for the value.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// See [`SetOnce`].
    pub async fn wait(&self) -> &T {
        loop {
            if let Some(value) = self.get() {
                return value;
            }
            // Get in line first, then look, so that a value set in between is not missed.
            let is_set = self.is_set.notified();
            if !self.initialized() {
                is_set.await;
            }
        }
    }
}

impl<T> Default for SetOnce<T> {
    fn default() -> SetOnce<T> {
        SetOnce::new()
    }
}

impl<T> From<T> for SetOnce<T> {
    fn from(value: T) -> SetOnce<T> {
        SetOnce::const_new_with(value)
    }
}

impl<T: Clone> Clone for SetOnce<T> {
    fn clone(&self) -> SetOnce<T> {
        SetOnce::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for SetOnce<T> {
    fn eq(&self, other: &SetOnce<T>) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for SetOnce<T> {}

impl<T: fmt::Debug> fmt::Debug for SetOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetOnce").field("value", &self.get()).finish()
    }
}

/// A value is set already. Holds the value that was not set.
///
/// # Examples
///
/// See [`SetOnce::set`].
#[derive(Debug, PartialEq, Eq)]
pub struct SetOnceError<T>(pub T);

impl<T> fmt::Display for SetOnceError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value is set already")
    }
}

impl<T: fmt::Debug> std::error::Error for SetOnceError<T> {}

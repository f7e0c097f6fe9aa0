//! A cell that is written at most once and then read without a lock.
//!
//! 1. `written` goes from false to true once, under the lock, after the value is in its cell.
//! 2. Before that, only the holder of the lock touches the cell. After it, the cell is written only
//!    through an exclusive borrow.
//!
//! [`PUBLISH`] pairs with [`OBSERVE`]: the value is written before `written` and read after it.
#![allow(unsafe_code, reason = "the value's cell; rules 1 and 2")]

use std::fmt;

use crate::engine::primitive::atomic::{AtomicBool, Ordering};
use crate::engine::primitive::{Mutex, UnsafeCell, const_fn};

/// Publishes the value. Pairs with [`OBSERVE`].
const PUBLISH: Ordering = Ordering::Release;
/// Sees the value. Pairs with [`PUBLISH`].
const OBSERVE: Ordering = Ordering::Acquire;

/// A place for a value.
pub(crate) struct WriteOnce<T> {
    written: AtomicBool,
    writer: Mutex<()>,
    value: UnsafeCell<Option<T>>,
}

// SAFETY: nothing in it is bound to a thread but `T`.
unsafe impl<T: Send> Send for WriteOnce<T> {}
// SAFETY: the value is moved in from any thread and then shared (rules 1 and 2).
unsafe impl<T: Send + Sync> Sync for WriteOnce<T> {}

impl<T> WriteOnce<T> {
    const_fn! {
    /// An empty place.
    pub(crate) const fn new() -> WriteOnce<T> {
        WriteOnce {
            written: AtomicBool::new(false),
            writer: Mutex::new(()),
            value: UnsafeCell::new(None),
        }
    }
    }

    const_fn! {
    /// A place with a value in it.
    pub(crate) const fn with(value: T) -> WriteOnce<T> {
        WriteOnce {
            written: AtomicBool::new(true),
            writer: Mutex::new(()),
            value: UnsafeCell::new(Some(value)),
        }
    }
    }

    pub(crate) fn is_written(&self) -> bool {
        self.written.load(OBSERVE)
    }

    /// The value, once it is written.
    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        if !self.is_written() {
            return None;
        }
        // SAFETY: written and seen so: nobody writes any more while this is borrowed (rule 2).
        self.value.with(|value| unsafe { (*value).as_ref() })
    }

    /// Moves the value out of `value` into the cell, unless the cell has one already. Returns
    /// whether it did. The value, which may be large, is not copied on the way.
    pub(crate) fn set(&self, value: &mut Option<T>) -> bool {
        let _writer = self.writer.lock();
        if self.is_written() {
            return false;
        }
        self.value.with_mut(|place| {
            // SAFETY: not written and under the lock: nobody else touches the cell (rule 2). What
            // it held is `None`.
            unsafe { std::ptr::swap_nonoverlapping(place, value, 1) };
        });
        self.written.store(true, PUBLISH);
        true
    }

    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut().as_mut()
    }

    pub(crate) fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }
}

impl<T: fmt::Debug> fmt::Debug for WriteOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

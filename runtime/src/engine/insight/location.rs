//! A place in the source, in an atomic.
#![allow(unsafe_code, reason = "a reference from a pointer; docs/unsafe.md, C1")]

use std::panic::Location;

use crate::engine::primitive::atomic::{AtomicPtr, Ordering};

/// A `&'static Location`, or none.
#[derive(Debug)]
pub(crate) struct AtomicLocation(AtomicPtr<Location<'static>>);

impl AtomicLocation {
    pub(crate) fn none() -> AtomicLocation {
        AtomicLocation(AtomicPtr::new(std::ptr::null_mut()))
    }

    #[inline]
    pub(crate) fn store(&self, location: Option<&'static Location<'static>>, order: Ordering) {
        let location = location.map_or(std::ptr::null(), std::ptr::from_ref);
        self.0.store(location.cast_mut(), order);
    }

    pub(crate) fn load(&self, order: Ordering) -> Option<&'static Location<'static>> {
        // SAFETY: nothing but null and `&'static Location`s is stored.
        unsafe { self.0.load(order).cast_const().as_ref() }
    }
}

//! A cell whose accesses a model can watch.

use std::mem::MaybeUninit;

/// `std::cell::UnsafeCell` behind closures, so that loom can check that no two accesses overlap.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct UnsafeCell<T: ?Sized>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell(std::cell::UnsafeCell::new(value))
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T> UnsafeCell<MaybeUninit<T>> {
    /// Makes a cell in `place`, without the stack: a large cell is made where it stays.
    #[inline(always)]
    pub(crate) fn make_at(place: &mut MaybeUninit<UnsafeCell<MaybeUninit<T>>>) {
        // Uninitialised bytes already are such a cell. The models' cell has more fields, and is
        // written here.
        let _ = place;
    }
}

impl<T: ?Sized> UnsafeCell<T> {
    #[inline(always)]
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }

    /// Calls `f` with a pointer for reading. Dereferencing it is the caller's responsibility.
    #[inline(always)]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Calls `f` with a pointer for writing. Dereferencing it is the caller's responsibility.
    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

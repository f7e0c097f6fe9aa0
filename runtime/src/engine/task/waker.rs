//! Wakers that are references to tasks.

use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::header::{Header, drop_reference, free};
use super::state::Wake;
use crate::engine::insight;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop);

/// A waker that has no reference of its own.
///
/// # Safety
/// The caller keeps the task alive while the waker is used, and never drops or wakes it by value.
pub(super) unsafe fn borrowed(task: NonNull<Header>) -> Waker {
    // SAFETY: the functions below uphold the contract of `RawWaker` for a pointer to a task.
    unsafe { Waker::new(task.as_ptr().cast_const().cast(), &VTABLE) }
}

static LOOKED_AT: RawWakerVTable = RawWakerVTable::new(clone_looked_at, wake, wake_by_ref, drop);

/// As [`borrowed`]; who clones it leaves its stack (`insight/stacks.rs`), and gets a waker like any
/// other.
///
/// # Safety
/// As for [`borrowed`].
pub(super) unsafe fn looked_at(task: NonNull<Header>) -> Waker {
    // SAFETY: as in `borrowed`.
    unsafe { Waker::new(task.as_ptr().cast_const().cast(), &LOOKED_AT) }
}

unsafe fn clone_looked_at(data: *const ()) -> RawWaker {
    insight::waker_is_cloned();
    // SAFETY: by the caller.
    unsafe { clone(data) }
}

/// Whether calling the waker runs no user code: it is a task's, its scheduler calls no user waker,
/// and no subscriber listens to its span. The waker of a task in a `LocalSet` is no such waker: it
/// calls the waker of the code that polls the set.
pub(crate) fn is_task_waker(waker: &Waker) -> bool {
    if !std::ptr::eq(waker.vtable(), &VTABLE) {
        return false;
    }
    // SAFETY: by its vtable it is one of ours, so it keeps the task alive.
    let task = unsafe { task(waker.data()) };
    // SAFETY: as above.
    let header = unsafe { task.as_ref() };
    // SAFETY: the function is the task's own, and the waker keeps the task alive.
    !header.span.is_heard() && unsafe { (header.vtable.wakes_only_ours)(task) }
}

/// # Safety
/// `data` is the address of a task that the caller's waker keeps alive.
unsafe fn task(data: *const ()) -> NonNull<Header> {
    // SAFETY: made from a `NonNull` in `borrowed`.
    unsafe { NonNull::new_unchecked(data.cast_mut().cast()) }
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the waker being cloned keeps the task alive.
    let header = unsafe { task(data).as_ref() };
    header.span.tell("waker.clone");
    header.state.add_reference();
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the waker's reference keeps the task alive until it is given up below.
    let task = unsafe { task(data) };
    // SAFETY: as above.
    let header = unsafe { task.as_ref() };
    let vtable = header.vtable;
    header.span.tell("waker.wake");
    match header.state.wake_by_val() {
        // SAFETY: the wake made the `Runnable`; the task is not complete, hence alive.
        Wake::Schedule => unsafe { (vtable.schedule)(task) }, // wake: task
        Wake::Done => {}
        // SAFETY: ours was the last reference.
        Wake::Free => unsafe { free(task) },
    }
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the waker keeps the task alive.
    let task = unsafe { task(data) };
    // SAFETY: as above.
    let header = unsafe { task.as_ref() };
    header.span.tell("waker.wake_by_ref");
    if header.state.wake_by_ref() == Wake::Schedule {
        // SAFETY: the wake made the `Runnable`.
        unsafe { (header.vtable.schedule)(task) }; // wake: task by ref
    }
}

unsafe fn drop(data: *const ()) {
    // SAFETY: the waker keeps the task alive until its reference is given up below.
    let task = unsafe { task(data) };
    // SAFETY: as above.
    unsafe { task.as_ref() }.span.tell("waker.drop");
    drop_reference(task);
}

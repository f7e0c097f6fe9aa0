//! The worker, or the core, that runs on the current thread.
//!
//! When the running task wakes another, that one goes to this thread's own queue, so the wake must
//! find the worker. A thread-local pointer to the worker on the stack needs no reference count.
#![allow(unsafe_code, reason = "a scoped thread-local pointer; docs/unsafe.md, H1")]

use std::cell::Cell;
use std::marker::PhantomData;

use super::current_thread::Core;
use super::worker::Worker;

/// What runs tasks on this thread.
#[derive(Clone, Copy)]
enum Pointer {
    Nobody,
    Worker(*const Worker),
    Core(*const Core),
}

thread_local! {
    static HERE: Cell<Pointer> = const { Cell::new(Pointer::Nobody) };
}

/// What runs tasks on this thread.
#[derive(Clone, Copy)]
pub(super) enum Here<'a> {
    Nobody,
    Worker(&'a Worker),
    Core(&'a Core),
}

/// Restores the previous pointer when dropped. It borrows what the pointer points to.
pub(super) struct Entered<'a> {
    before: Pointer,
    // Not `Send`: it must be dropped on the thread that it was made on.
    borrows: PhantomData<(&'a Worker, *const ())>,
}

/// This thread is `worker` until the guard is dropped.
pub(super) fn enter_worker(worker: &Worker) -> Entered<'_> {
    enter(Pointer::Worker(worker))
}

/// This thread runs `core` until the guard is dropped.
pub(super) fn enter_core(core: &Core) -> Entered<'_> {
    enter(Pointer::Core(core))
}

fn enter<'a>(pointer: Pointer) -> Entered<'a> {
    Entered { before: HERE.with(|here| here.replace(pointer)), borrows: PhantomData }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let _ = HERE.try_with(|here| here.set(self.before));
    }
}

/// Calls `f` with what runs tasks on this thread.
#[inline]
pub(super) fn with<R>(f: impl FnOnce(Here<'_>) -> R) -> R {
    let pointer = HERE.try_with(Cell::get).unwrap_or(Pointer::Nobody);
    match pointer {
        Pointer::Nobody => f(Here::Nobody),
        // SAFETY: the pointer was made from a reference that the `Entered` guard borrows, and the
        // guard takes it back before that borrow ends. Guards are private to this folder, are kept
        // in local variables of the run functions and never leaked. `f` cannot keep the reference.
        Pointer::Worker(worker) => f(Here::Worker(unsafe { &*worker })),
        // SAFETY: as above.
        Pointer::Core(core) => f(Here::Core(unsafe { &*core })),
    }
}

/// The number of the worker that this thread is; 0 for the thread that runs a `current_thread`
/// scheduler.
pub(crate) fn worker_index() -> Option<usize> {
    with(|here| match here {
        Here::Nobody => None,
        Here::Worker(worker) => Some(worker.index()),
        Here::Core(_) => Some(0),
    })
}

/// Gives this worker's tasks to other workers, then runs `f`, which may block. On a thread that is
/// no worker it just runs `f`.
pub(crate) fn block_in_place<R>(f: impl FnOnce() -> R) -> R {
    with(|here| match here {
        Here::Worker(worker) => worker.block_in_place(f),
        _ => f(),
    })
}

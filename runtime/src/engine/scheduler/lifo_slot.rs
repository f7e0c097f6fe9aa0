//! The LIFO slot: room for one task, the one that was just woken.
//!
//! # Problem
//!
//! A task that is woken by the running task usually works on data that is warm in this core's
//! cache, and often both wait for each other in turn. If it runs next, it skips the queue. But a
//! slot that only its owner can empty is a trap: while the owner blocks, the task cannot run.
//!
//! # Invariants
//!
//! 1. The LIFO slot's word is the only owner of the `Runnable` in it: whoever swaps it out has it.
//! 2. The owner puts; the owner and thieves take. All three are one swap.
#![allow(unsafe_code, reason = "a Runnable is carried as its address; docs/unsafe.md, S1")]

use crate::engine::primitive::atomic::{AtomicPtr, Ordering};
use crate::engine::task::Runnable;

/// Publishes what the waking thread did to the thread that takes the task. Pairs with [`TAKE`]. It
/// need not acquire: the owner itself put the displaced task there (invariant 2).
const PUT: Ordering = Ordering::Release;
/// Sees what the putting thread did. Pairs with [`PUT`].
const TAKE: Ordering = Ordering::Acquire;

/// Room for one task.
#[derive(Debug)]
pub(crate) struct LifoSlot(AtomicPtr<()>);

impl LifoSlot {
    pub(crate) fn new() -> LifoSlot {
        LifoSlot(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// Puts a task in and returns the one that was there.
    #[inline]
    pub(crate) fn put(&self, task: Runnable) -> Option<Runnable> {
        let before = self.0.swap(task.into_address(), PUT);
        // SAFETY: addresses get in by `into_address` alone, and the swap took this one out.
        unsafe { Runnable::from_address(before) }
    }

    /// Takes the task.
    #[inline]
    pub(crate) fn take(&self) -> Option<Runnable> {
        if self.is_empty() {
            return None;
        }
        let before = self.0.swap(std::ptr::null_mut(), TAKE);
        // SAFETY: as in `put`.
        unsafe { Runnable::from_address(before) }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed).is_null()
    }
}

impl Drop for LifoSlot {
    fn drop(&mut self) {
        drop(self.take());
    }
}

//! A place where one waiting task leaves its waker.
//!
//! # Problem
//!
//! One side of a channel waits, the other makes a condition true and must wake it: exactly then,
//! and never with the waker of a task that has left.
//!
//! # How it is used
//!
//! ```text
//!   waiter                               waker
//!   1. register(waker)                   1. make the condition true (a store or a read-modify-write)
//!   2. look at the condition: true? go   2. wake()
//!   3. Pending
//! ```
//!
//! # Why no wake is lost
//!
//! 1. Both touch the slot under one lock, so one of them comes first.
//! 2. The waiter first: `wake` finds the waker and calls it.
//! 3. The waking side first: the waiter sees what it did before, since it takes the lock later. So
//!    step 2 of the waiter sees the condition true. The lock is the fence; for the wake, `Relaxed`
//!    suffices to read the condition.
//!
//! # Rejected
//!
//! A waker in an unsafe cell with a three-state word beside it takes two read-modify-writes to
//! register and two to wake. So does this lock without contention, and it needs no unsafe code. It
//! saves more not to come here: the channels test a bit of a word that they must write anyway, and
//! call [`WakerCell::wake`] only if the bit says that a task waits.

use std::task::Waker;

use crate::engine::primitive::{Mutex, const_fn};

/// A place for one waker.
#[derive(Debug, Default)]
pub(crate) struct WakerCell {
    slot: Mutex<Option<Waker>>,
}

impl WakerCell {
    const_fn! {
    /// An empty place.
    pub(crate) const fn new() -> WakerCell {
        WakerCell { slot: Mutex::new(None) }
    }
    }

    /// Stores a clone of `waker` in place of the former one.
    pub(crate) fn register(&self, waker: &Waker) {
        // Cloning and dropping are user code: both happen outside the lock.
        let mut spare = Some(waker.clone());
        let mut slot = self.slot.lock();
        if !slot.as_ref().is_some_and(|old| old.will_wake(waker)) {
            std::mem::swap(&mut *slot, &mut spare);
        }
        drop(slot);
        drop(spare);
    }

    /// Takes the waker out.
    pub(crate) fn take(&self) -> Option<Waker> {
        self.slot.lock().take()
    }

    /// Takes the waker out and calls it, if there is one.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.take() {
            waker.wake(); // wake: waker_cell
        }
    }
}

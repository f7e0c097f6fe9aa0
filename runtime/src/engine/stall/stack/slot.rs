//! The slot in which a signal handler leaves its answer.
//!
//! # Problem
//!
//! One thread asks another, by a signal, for something that only the other knows. The handler may
//! run late, twice, or never, and it may neither allocate nor wait. The place for the answer
//! outlives every question, so it must be clear at each moment which thread may write to it.
//!
//! # States
//!
//! One word holds the thread that is asked, and the state.
//!
//! | state   | who may touch the value | leaves it by                                 |
//! |---------|-------------------------|----------------------------------------------|
//! | FREE    | the asking thread       | [`Slot::ask`]: to ARMED                      |
//! | ARMED   | nobody                  | [`Slot::answer`]: to COPYING; [`Slot::take_back`]: to FREE |
//! | COPYING | the handler             | [`Slot::answer`]: to DONE                    |
//! | DONE    | the asking thread       | [`Slot::collect`], [`Slot::ask`]: to FREE, ARMED |
//!
//! # Invariants
//!
//! 1. There is one asking thread at a time; the caller guarantees that.
//! 2. The handler touches the value only after it has moved ARMED to COPYING itself, and it does so
//!    only if the word names the thread it runs on. So a signal that comes late, twice, or from
//!    elsewhere touches nothing.
//! 3. The asking thread touches the value only in DONE. If it gives up in COPYING (the thread was
//!    descheduled within the handler), the slot stays taken until it is DONE; questions asked
//!    meanwhile are refused.
//!
//! # Orderings
//!
//! ARM pairs with TAKE: the asking thread reads the last answer before the handler writes the next
//! one. FINISH pairs with SEE: the answer is written before it is read.
#![allow(unsafe_code, reason = "the value of the slot; blocks cite docs/unsafe.md")]

use crate::engine::primitive::UnsafeCell;
use crate::engine::primitive::atomic::{AtomicU64, Ordering};

/// Ends the asking thread's access. Pairs with [`TAKE`].
const ARM: Ordering = Ordering::Release;
/// Begins the handler's access. Pairs with [`ARM`].
const TAKE: Ordering = Ordering::Acquire;
/// Ends the handler's access. Pairs with [`SEE`].
const FINISH: Ordering = Ordering::Release;
/// Begins the asking thread's access. Pairs with [`FINISH`].
const SEE: Ordering = Ordering::Acquire;
/// Neither begins nor ends an access.
const PLAIN: Ordering = Ordering::Relaxed;

const FREE: u64 = 0;
const ARMED: u64 = 1;
const COPYING: u64 = 2;
const DONE: u64 = 3;

/// The state is in the lowest two bits.
const STATE: u64 = 3;
const WHOM_SHIFT: u32 = 2;

/// A place for an answer.
pub(crate) struct Slot<T> {
    word: AtomicU64,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached by one thread at a time: invariants 1 to 3 say which, and ARM with
// TAKE, FINISH with SEE order its accesses. It moves between threads, hence `T: Send`.
unsafe impl<T: Send> Sync for Slot<T> {}

impl<T> Slot<T> {
    pub(crate) fn new(value: T) -> Slot<T> {
        Slot { word: AtomicU64::new(FREE), value: UnsafeCell::new(value) }
    }

    /// Asks thread `whom`. Returns false while a thread that was asked before is still answering.
    /// Called by one thread at a time.
    #[must_use]
    pub(crate) fn ask(&self, whom: u32) -> bool {
        // SEE: the access of a late answer, whose question was given up, ends before this.
        if self.word.load(SEE) & STATE == COPYING {
            return false;
        }
        self.word.store(u64::from(whom) << WHOM_SHIFT | ARMED, ARM);
        true
    }

    /// Answers a question to thread `me`, on that thread. Returns whether there was one.
    /// Async-signal-safe if `answer` is.
    pub(crate) fn answer(&self, me: u32, answer: impl FnOnce(&mut T)) -> bool {
        let word = u64::from(me) << WHOM_SHIFT;
        if self.word.compare_exchange(word | ARMED, word | COPYING, TAKE, PLAIN).is_err() {
            return false;
        }
        // SAFETY: this call has moved the word to COPYING, which gives it the value (invariant 2).
        self.value.with_mut(|value| answer(unsafe { &mut *value }));
        self.word.store(word | DONE, FINISH);
        true
    }

    /// Reads the answer, if it is there. Called by the thread that asked.
    pub(crate) fn collect<R>(&self, read: impl FnOnce(&T) -> R) -> Option<R> {
        if self.word.load(SEE) & STATE != DONE {
            return None;
        }
        // SAFETY: the word is DONE, which gives the value to the asking thread (invariant 3).
        let answer = self.value.with(|value| read(unsafe { &*value }));
        self.word.store(FREE, PLAIN);
        Some(answer)
    }

    /// Takes the question back, unless the answer has begun. Returns whether that was in time.
    /// Called by the thread that asked `whom`.
    #[must_use]
    pub(crate) fn take_back(&self, whom: u32) -> bool {
        let armed = u64::from(whom) << WHOM_SHIFT | ARMED;
        self.word.compare_exchange(armed, FREE, PLAIN, PLAIN).is_ok()
    }
}

//! The real parker over a stand-in for the futex.

mod atomic {
    pub(super) use loom::sync::atomic::{AtomicU32, Ordering};
}

/// The kernel's part: a queue of waiters behind a lock, in which the word is compared.
mod futex {
    use std::time::Duration;

    use super::atomic::{AtomicU32, Ordering};

    pub(super) fn wait(word: &AtomicU32, expected: u32, _timeout: Option<Duration>) {
        // The kernel wakes who waits; here a waiter looks again whenever it is scheduled.
        if word.load(Ordering::Relaxed) == expected {
            loom::thread::yield_now();
        }
    }

    pub(super) fn wake_one(_: &AtomicU32) {}
}

#[path = "../../../runtime/src/engine/primitive/parker.rs"]
mod parker;

pub(crate) use parker::{Parker, Unparked};

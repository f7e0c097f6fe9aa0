//! Waits on a word of memory where the system has no futex: parking_lot's table of queues.
#![allow(unsafe_code, reason = "parking_lot_core's contract; blocks cite docs/unsafe.md")]

use std::time::{Duration, Instant};

use parking_lot_core::{DEFAULT_PARK_TOKEN, DEFAULT_UNPARK_TOKEN};

use super::atomic::{AtomicU32, Ordering};

/// Sleeps while `word` holds `expected`, until a wake or the end of `timeout`. May return
/// spuriously.
pub(crate) fn wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    let deadline = timeout.and_then(|t| Instant::now().checked_add(t));
    // SAFETY: the callbacks neither panic nor park or unpark; the key is the address of a word this
    // module alone uses as a key.
    unsafe {
        parking_lot_core::park(
            word.as_ptr() as usize,
            || word.load(Ordering::Relaxed) == expected,
            || {},
            |_, _| {},
            DEFAULT_PARK_TOKEN,
            deadline,
        );
    }
}

/// Wakes one thread that waits on `word`.
pub(crate) fn wake_one(word: &AtomicU32) {
    // SAFETY: the callback neither panics nor parks or unparks.
    unsafe {
        parking_lot_core::unpark_one(word.as_ptr() as usize, |_| DEFAULT_UNPARK_TOKEN);
    }
}

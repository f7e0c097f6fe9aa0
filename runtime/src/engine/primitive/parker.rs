//! A token that one thread waits for and any thread may give.
//!
//! # Problem
//!
//! `std::thread::park` would do, but its token belongs to the thread: user code that parks inside a
//! task would take a wake-up that the scheduler gave. A parker of our own cannot be mixed up.
//!
//! # States
//!
//! | state    | meaning                                        |
//! |----------|------------------------------------------------|
//! | EMPTY    | no token, nobody waits                         |
//! | PARKED   | no token, the owner sleeps or is about to      |
//! | NOTIFIED | a token lies here; the next park takes it      |
//!
//! # Invariants
//!
//! 1. Only the owner moves EMPTY to PARKED and takes the token (NOTIFIED to EMPTY).
//! 2. Any number of unparks before a park leave one token.
//! 3. What happened before an unpark that gave a token happens before the return of the park that
//!    takes it: the unpark's Release swap pairs with the park's Acquire swap.

use std::time::Duration;

use super::atomic::{AtomicU32, Ordering};
use super::futex;

const EMPTY: u32 = 0;
const PARKED: u32 = 1;
const NOTIFIED: u32 = 2;

/// Publishes what the unparking thread did. Pairs with [`TAKE`].
const GIVE: Ordering = Ordering::Release;
/// Sees what the unparking thread did. Pairs with [`GIVE`].
const TAKE: Ordering = Ordering::Acquire;

/// One thread's parking place.
#[derive(Debug)]
pub(crate) struct Parker {
    state: AtomicU32,
}

impl Parker {
    pub(crate) fn new() -> Parker {
        Parker { state: AtomicU32::new(EMPTY) }
    }

    /// Waits for the token and takes it. Called by the owner only.
    pub(crate) fn park(&self) {
        self.park_until(|state| futex::wait(state, PARKED, None));
    }

    /// Waits for the token, but no longer than `timeout`; takes it if it is there. Says whether it
    /// was. Called by the owner only.
    pub(crate) fn park_timeout(&self, timeout: Duration) -> bool {
        if self.state.compare_exchange(NOTIFIED, EMPTY, TAKE, Ordering::Relaxed).is_ok() {
            return true;
        }
        if self.state.compare_exchange(EMPTY, PARKED, TAKE, TAKE).is_err() {
            self.state.swap(EMPTY, TAKE);
            return true;
        }
        futex::wait(&self.state, PARKED, Some(timeout));
        // Whatever ended the wait, the swap settles whether a token was given.
        self.state.swap(EMPTY, TAKE) == NOTIFIED
    }

    fn park_until(&self, wait: impl Fn(&AtomicU32)) {
        if self.state.compare_exchange(NOTIFIED, EMPTY, TAKE, Ordering::Relaxed).is_ok() {
            return;
        }
        if self.state.compare_exchange(EMPTY, PARKED, TAKE, TAKE).is_err() {
            self.state.swap(EMPTY, TAKE);
            return;
        }
        loop {
            wait(&self.state);
            if self.state.compare_exchange(NOTIFIED, EMPTY, TAKE, Ordering::Relaxed).is_ok() {
                return;
            }
        }
    }

    /// Gives the token; wakes the owner if it sleeps. Returns whether it slept: only then a system
    /// call was made.
    pub(crate) fn unpark(&self) -> bool {
        let slept = self.state.swap(NOTIFIED, GIVE) == PARKED;
        if slept {
            futex::wake_one(&self.state);
        }
        slept
    }
}

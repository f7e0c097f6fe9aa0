//! A token that one thread waits for and any thread may give.
//!
//! # Problem
//!
//! `std::thread::park` would do, but its token belongs to the thread: user code that parks inside a
//! task would take the scheduler's wake-up. A parker of our own is used by the scheduler alone.
//!
//! # States
//!
//! | state    | meaning                                                            |
//! |----------|--------------------------------------------------------------------|
//! | EMPTY    | no token, the owner does not wait                                  |
//! | PARKED   | no token, the owner sleeps on this word or is about to             |
//! | ELSEWHERE| no token, the owner sleeps somewhere else, or is about to: in the  |
//! |          | driver. A thread that gives the token must wake it there           |
//! | NOTIFIED | there is a token; the next park takes it                           |
//!
//! # Invariants
//!
//! 1. Only the owner moves EMPTY to PARKED or ELSEWHERE and takes the token (NOTIFIED to EMPTY).
//! 2. Any number of unparks before a park leave one token.
//! 3. What happened before an unpark that gave a token happens before the return of the park that
//!    takes it: the unpark's Release swap pairs with the park's Acquire swap.

use std::time::Duration;

use super::atomic::{AtomicU32, Ordering};
use super::futex;

const EMPTY: u32 = 0;
const PARKED: u32 = 1;
const NOTIFIED: u32 = 2;
const ELSEWHERE: u32 = 3;

/// Publishes what the unparking thread did. Pairs with [`TAKE`].
const GIVE: Ordering = Ordering::Release;
/// Sees what the unparking thread did. Pairs with [`GIVE`].
const TAKE: Ordering = Ordering::Acquire;

/// One thread's parking place.
#[derive(Debug)]
pub(crate) struct Parker {
    state: AtomicU32,
}

/// Where the owner was when it was given the token. Must be handled for owners that may sleep
/// elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unparked {
    /// The owner was awake, or had a token already: no system call was made.
    Awake,
    /// The owner slept on the parker, and has been woken.
    Parked,
    /// The owner sleeps elsewhere: the caller must wake it there.
    Elsewhere,
}

impl Parker {
    pub(crate) fn new() -> Parker {
        Parker { state: AtomicU32::new(EMPTY) }
    }

    /// Waits for the token and takes it. Called by the owner only.
    pub(crate) fn park(&self) {
        if !self.leave_for(PARKED) {
            return;
        }
        loop {
            futex::wait(&self.state, PARKED, None);
            if self.state.compare_exchange(NOTIFIED, EMPTY, TAKE, Ordering::Relaxed).is_ok() {
                return;
            }
        }
    }

    /// Waits for the token for at most `timeout`, and takes it if it is there. May return early
    /// without it. Returns whether it was there. Called by the owner only.
    pub(crate) fn park_timeout(&self, timeout: Duration) -> bool {
        if !self.leave_for(PARKED) {
            return true;
        }
        futex::wait(&self.state, PARKED, Some(timeout));
        self.come_back()
    }

    /// The owner is about to sleep elsewhere. Returns false if the token was there: then it is
    /// taken, and the owner does not sleep.
    #[must_use]
    pub(crate) fn begin_elsewhere(&self) -> bool {
        self.leave_for(ELSEWHERE)
    }

    /// Whether the token is there, without taking it. Called by the owner while it is elsewhere.
    pub(crate) fn is_notified(&self) -> bool {
        // No pair: taking the token shows what came before it.
        self.state.load(Ordering::Relaxed) == NOTIFIED
    }

    /// The owner is back. Takes the token and returns whether it was there.
    pub(crate) fn end_elsewhere(&self) -> bool {
        self.come_back()
    }

    fn leave_for(&self, place: u32) -> bool {
        // No pair: the word is as the owner left it, or has the token, which the swap takes.
        match self.state.compare_exchange(EMPTY, place, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => true,
            Err(_notified) => {
                self.state.swap(EMPTY, TAKE);
                false
            }
        }
    }

    fn come_back(&self) -> bool {
        self.state.swap(EMPTY, TAKE) == NOTIFIED
    }

    /// Gives the token; wakes the owner if it sleeps on the parker.
    pub(crate) fn unpark(&self) -> Unparked {
        match self.state.swap(NOTIFIED, GIVE) {
            PARKED => {
                futex::wake_one(&self.state); // wake: parker
                Unparked::Parked
            }
            ELSEWHERE => Unparked::Elsewhere,
            _ => Unparked::Awake,
        }
    }
}

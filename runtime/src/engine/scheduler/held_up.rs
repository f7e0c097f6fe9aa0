//! Threads for background tasks that wait for a worker to go to sleep.
//!
//! # Problem
//!
//! A worker that goes to sleep must let a background poll begin, if one is held up. Workers go to
//! sleep often, and seldom is one held up, so that must cost one load.
//!
//! # Proof that no sleep is missed
//!
//! A thread counts itself, fences, and then reads how many workers sleep; a worker counts itself as
//! sleeping, fences (`sleep.rs::Sleep::announce`), and then reads the count. The fences are SeqCst,
//! hence in one order, so one of the two sees the other. The thread holds the lock of
//! `background.rs` from its count to its wait, and the worker takes it to notify: so the thread
//! waits already.

use crate::engine::primitive::atomic::{AtomicUsize, Ordering, fence};

/// The fence between "count" and "look". Pairs with the one of `sleep.rs`.
const BETWEEN: Ordering = Ordering::SeqCst;

/// How many threads wait for a worker to sleep.
#[derive(Debug)]
pub(crate) struct HeldUp(AtomicUsize);

impl HeldUp {
    pub(crate) fn new() -> HeldUp {
        HeldUp(AtomicUsize::new(0))
    }

    /// Counts the caller, unless `may_go_on` says, after that, that it need not wait. Called with
    /// the lock.
    pub(crate) fn hold_up_unless(&self, may_go_on: impl FnOnce() -> bool) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed);
        fence(BETWEEN);
        let goes_on = may_go_on();
        if goes_on {
            self.goes_on();
        }
        !goes_on
    }

    /// The caller no longer waits.
    pub(crate) fn goes_on(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether a worker that has announced its sleep must take the lock and notify.
    #[inline]
    pub(crate) fn is_anybody(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

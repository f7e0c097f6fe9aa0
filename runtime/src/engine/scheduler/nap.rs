//! How the guardian sleeps for good, and is woken by whoever becomes busy.
//!
//! | the guardian                 | a worker that wakes up       |
//! |------------------------------|------------------------------|
//! | state = PARKED               | it counts as busy            |
//! | fence                        | fence                        |
//! | is anybody busy? do not park | state = PARKED? unpark       |
//!
//! The fences are SeqCst, hence in one order: if the worker's comes first the guardian sees it busy,
//! else the worker sees PARKED. A token given in vain only makes the next wait short.

use crate::engine::primitive::Parker;
use crate::engine::primitive::atomic::{AtomicU32, Ordering, fence};
use std::time::Duration;

/// See the table above.
const BETWEEN: Ordering = Ordering::SeqCst;

const RUNNING: u32 = 0;
const PARKED: u32 = 1;

/// The guardian's sleep.
#[derive(Debug)]
pub(crate) struct Nap {
    state: AtomicU32,
    parker: Parker,
}

impl Nap {
    pub(crate) fn new() -> Nap {
        Nap { state: AtomicU32::new(RUNNING), parker: Parker::new() }
    }

    /// Called by a thread that has become busy.
    #[inline]
    pub(crate) fn busy(&self) {
        fence(BETWEEN);
        if self.state.load(Ordering::Relaxed) == PARKED {
            self.end();
        }
    }

    /// Ends a wait.
    pub(crate) fn end(&self) {
        self.parker.unpark(); // wake: guardian
    }

    /// The guardian waits for a while.
    pub(crate) fn pause(&self, limit: Duration) {
        self.parker.park_timeout(limit);
    }

    /// The guardian waits for [`busy`](Nap::busy) or [`end`](Nap::end), unless `needed` says no.
    pub(crate) fn sleep_unless(&self, needed: impl FnOnce() -> bool) {
        self.state.store(PARKED, Ordering::Relaxed);
        fence(BETWEEN);
        if !needed() {
            self.parker.park();
        }
        self.state.store(RUNNING, Ordering::Relaxed);
    }
}

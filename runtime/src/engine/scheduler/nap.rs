//! How the guardian sleeps for good, and is called by whoever becomes busy.
//!
//! # Problem
//!
//! A worker that becomes busy must be watched from then on, and mostly it is idle again before there would be
//! anything to see. Waking the guardian each time costs two changes of threads for every request of a
//! server with few of them; so does a guardian that goes on looking for a while in case the next one comes.
//!
//! # Protocol
//!
//! | the guardian                 | a worker that wakes up                          |
//! |------------------------------|-------------------------------------------------|
//! | state = PARKED               | it counts as busy                               |
//! | fence                        | fence                                           |
//! | is anybody busy? do not park | state = PARKED? then = CALLED, and set the      |
//! |                              | alarm to [`DELAY`]                              |
//!
//! The fences are SeqCst, hence in one order: if the worker's comes first the guardian sees it busy,
//! else the worker sees PARKED. So whoever is busy is looked at within [`DELAY`] and a look. One worker sets
//! the alarm, by the change from PARKED: a second one that set it again would put the look off. An alarm
//! that goes off in vain makes the next wait short.
//!
//! The alarm is the kernel's (`primitive/alarm.rs`): one system call when a worker becomes busy and nobody
//! looks, at most one each [`DELAY`], and one wake of the guardian for it. Where there is none (another system, no
//! descriptor left), the guardian is woken at once.
//!
//! Counted on 2026-11-28 for a TCP server, context switches a request at 2, 10 and 100 requests a second: see
//! `docs/performance.md`.

use std::time::Duration;

use crate::engine::primitive::atomic::{AtomicU32, Ordering, fence};
use crate::engine::primitive::{Alarm, Parker};

/// See the table above.
const BETWEEN: Ordering = Ordering::SeqCst;

const RUNNING: u32 = 0;
const PARKED: u32 = 1;
const CALLED: u32 = 2;

/// How long after a worker has become busy the guardian looks. As long as between two looks: a poll is found no
/// later than if it had begun between them.
pub(crate) const DELAY: Duration = Duration::from_millis(2);

/// The guardian's sleep.
#[derive(Debug)]
pub(crate) struct Nap {
    state: AtomicU32,
    parker: Parker,
    /// `None` if it cannot be had.
    alarm: Option<Alarm>,
}

impl Nap {
    pub(crate) fn new() -> Nap {
        Nap { state: AtomicU32::new(RUNNING), parker: Parker::new(), alarm: Alarm::new().ok() }
    }

    /// Called by a thread that has become busy.
    #[inline]
    pub(crate) fn busy(&self) {
        fence(BETWEEN);
        if self.state.load(Ordering::Relaxed) == PARKED {
            self.call();
        }
    }

    #[cold]
    fn call(&self) {
        let called =
            self.state.compare_exchange(PARKED, CALLED, Ordering::Relaxed, Ordering::Relaxed);
        if called.is_ok() {
            match &self.alarm {
                Some(alarm) => {
                    alarm.set(DELAY); // wake: guardian, after a while
                }
                None => {
                    self.parker.unpark(); // wake: guardian without an alarm
                }
            }
        }
    }

    /// Ends a wait at once.
    pub(crate) fn end(&self) {
        self.parker.unpark(); // wake: guardian at once
        if let Some(alarm) = &self.alarm {
            alarm.set(Duration::ZERO); // wake: guardian that sleeps for good
        }
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
            match &self.alarm {
                Some(alarm) => alarm.wait(),
                None => self.parker.park(),
            }
        }
        self.state.store(RUNNING, Ordering::Relaxed);
    }
}

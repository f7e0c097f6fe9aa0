//! When the monitor's thread is started.
//!
//! # Problem
//!
//! A thread costs some 30 microseconds to start and to end, a third of what a runtime with two
//! workers costs in all. Tests make thousands of runtimes that live for less than the monitor's
//! first look. But as soon as a task is polled, somebody must notice if its poll does not return,
//! and no thread that polls can.
//!
//! # How
//!
//! The first worker that goes to sleep *naps*: it sleeps for at most
//! [`DELAY`](super::monitor_park::DELAY), the time between two looks of the monitor, and then
//! starts the monitor, before it does anything else. So the monitor comes no later than its second
//! look would, unless the runtime is closed by then.
//!
//! ```text
//!   31     30     29                0
//!  ┌──────┬──────┬──────────────────┐
//!  │ over │ naps │    unsettled     │
//!  └──────┴──────┴──────────────────┘
//! ```
//!
//! The bit "over": the monitor is being started, or never will be. "naps": a worker naps.
//! "unsettled": how many workers have neither polled nor slept yet.
//!
//! | a worker                    | the word                                   | then                  |
//! |-----------------------------|--------------------------------------------|-----------------------|
//! | is about to poll at first   | unsettled - 1; if that is 0 and nobody     | start the monitor     |
//! |                             | naps, over                                 |                       |
//! | is about to sleep at first  | unsettled - 1; naps, unless one does       | if it set naps, nap   |
//! | has napped                  | no longer naps; if unsettled is 0, or the  | start the monitor     |
//! |                             | time is up, over                           |                       |
//! | (any thread) closes         | over                                       | start it, if tasks    |
//! |                             |                                            | are left after a nap  |
//!
//! # Proof that each poll is watched
//!
//! A worker settles before its first poll, and whatever else may be user code. Let a poll go on
//! while the word is not over. Then a worker naps, or one is unsettled: the step that takes the
//! last of both away sets it over, since it is one step of one word. The one that naps starts the
//! monitor when its time is up. The one that is unsettled is a thread that has been started, and
//! does nothing before it settles: it naps, or is the last. What it waits for is a processor, as
//! the monitor's thread would.
//!
//! *At the end.* Whoever closes the pool first closes the list of tasks, so that none is added.
//! Mostly it waits for the workers anyway; that is its nap. If they have not left by then and tasks
//! are left, or if there are threads that have tasks of their own, it starts the monitor: their
//! destructors are watched. If not, nothing will be polled or dropped by a worker any more. One
//! that does not wait looks at once.
//!
//! The word publishes nothing: all is Relaxed. What the monitor reads it reads by its own
//! protocols.
//!
//! # When it is started at once
//!
//! By `build`, where a worker calls hooks of the program as it starts or sleeps, which may block;
//! where a single worker would have to look after itself; and where time is paused or simulated.
//!
//! # If there is no thread to be had
//!
//! That is said. A worker that notes how busy it was, as it does before each sleep, tries again, at
//! most once a second.

use crate::engine::primitive::atomic::{AtomicBool, AtomicU32, Ordering};

const OVER: u32 = 1 << 31;
const NAPS: u32 = 1 << 30;
const UNSETTLED: u32 = NAPS - 1;

/// The word.
#[derive(Debug)]
pub(crate) struct Settling(AtomicU32);

/// Whether the caller has to start the monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Start {
    Now,
    NotByMe,
}

impl Settling {
    /// None of so many workers has settled.
    pub(crate) fn new(workers: usize) -> Settling {
        Settling(AtomicU32::new((workers as u32).min(UNSETTLED)))
    }

    /// A worker is about to poll for the first time.
    pub(crate) fn polls(&self) -> Start {
        self.change(|word| match word - 1 {
            0 => OVER,
            less => less,
        })
    }

    /// A worker is about to sleep for the first time. Returns whether it is to nap.
    #[must_use]
    pub(crate) fn sleeps(&self) -> bool {
        let settle = |word: u32| (word & OVER == 0).then(|| (word - 1) | NAPS);
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, settle);
        before.is_ok_and(|before| before & NAPS == 0)
    }

    /// A worker has napped. `is_late`: its time is up.
    pub(crate) fn has_napped(&self, is_late: bool) -> Start {
        self.change(|word| match word & UNSETTLED {
            unsettled if unsettled > 0 && !is_late => unsettled,
            _ => OVER,
        })
    }

    /// Nothing is to be started any more, or by the caller alone.
    pub(crate) fn end(&self) -> Start {
        self.change(|_| OVER)
    }

    /// Changes the word unless it is over.
    fn change(&self, change: impl Fn(u32) -> u32) -> Start {
        let unless_over = |word: u32| (word & OVER == 0).then(|| change(word));
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, unless_over) {
            Ok(before) if change(before) == OVER => Start::Now,
            _ => Start::NotByMe,
        }
    }
}

/// Starts the monitor's thread. Returns whether it did; if not, it has said so.
pub(crate) type StartMonitor = Box<dyn Fn() -> bool + Send + Sync>;

/// How the monitor of a pool is started.
pub(crate) struct MonitorStart {
    settling: Settling,
    start: StartMonitor,
    failed: AtomicBool,
    /// Nothing was left to watch when the pool was closed.
    is_needless: AtomicBool,
}

impl MonitorStart {
    /// For a pool with so many workers.
    pub(crate) fn late(workers: usize, start: StartMonitor) -> MonitorStart {
        MonitorStart::new(Settling::new(workers), start)
    }

    /// For a pool whose monitor is started with it, by somebody else.
    pub(crate) fn at_once(start: StartMonitor) -> MonitorStart {
        MonitorStart::new(Settling(AtomicU32::new(OVER)), start)
    }

    fn new(settling: Settling, start: StartMonitor) -> MonitorStart {
        let (failed, is_needless) = (AtomicBool::new(false), AtomicBool::new(false));
        MonitorStart { settling, start, failed, is_needless }
    }

    /// Whether workers need not settle.
    pub(crate) fn is_over(&self) -> bool {
        self.settling.0.load(Ordering::Relaxed) == OVER
    }

    /// A worker is about to poll for the first time, or to call other code of the user.
    pub(crate) fn polls(&self) {
        self.obey(self.settling.polls());
    }

    /// A worker is about to sleep for the first time. Returns whether it is to nap.
    #[must_use]
    pub(crate) fn sleeps(&self) -> bool {
        self.settling.sleeps()
    }

    /// A worker has napped. `is_late`: its time is up.
    pub(crate) fn has_napped(&self, is_late: bool) {
        self.obey(self.settling.has_napped(is_late));
    }

    /// The pool is closed. Returns whether the caller must call [`last`](MonitorStart::last).
    #[must_use]
    pub(crate) fn close(&self) -> bool {
        self.settling.end() == Start::Now
    }

    /// Called by who has closed the pool, at once or after a nap. `is_needed`: whether something is
    /// left that must be watched.
    pub(crate) fn last(&self, is_needed: bool) {
        if is_needed {
            self.try_to_start(); // wake: monitor at last
        } else {
            self.is_needless.store(true, Ordering::Relaxed);
        }
    }

    /// Whether there is no monitor, and will be none.
    pub(crate) fn is_needless(&self) -> bool {
        self.is_needless.load(Ordering::Relaxed)
    }

    /// Tries again to start the monitor if no thread was to be had.
    #[inline]
    pub(crate) fn retry(&self) {
        if self.failed.load(Ordering::Relaxed) {
            self.try_again();
        }
    }

    fn obey(&self, start: Start) {
        if start == Start::Now {
            self.try_to_start(); // wake: monitor at first
        }
    }

    #[cold]
    fn try_again(&self) {
        // One thread tries at a time.
        if self.failed.swap(false, Ordering::Relaxed) {
            self.try_to_start();
        }
    }

    fn try_to_start(&self) {
        if !(self.start)() {
            self.failed.store(true, Ordering::Relaxed);
        }
    }
}

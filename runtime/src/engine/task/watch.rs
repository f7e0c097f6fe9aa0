//! What a thread that polls tasks shows to the guardian: which poll it is in, since when it has not
//! changed, and whose it is.
//!
//! # Problem
//!
//! A poll that does not return must be noticed and named by another thread, at a cost per poll of a
//! few plain stores: no clock read, no read-modify-write.
//!
//! # The words
//!
//! | word     | written by                                          | meaning                        |
//! |----------|-----------------------------------------------------|--------------------------------|
//! | seq      | the owner, plain stores                             | odd: inside user code          |
//! | id       | the owner, while seq is even                        | the task being polled, or 0    |
//! | location | the owner, while seq is even                        | where it was spawned, or null  |
//! | verdict  | the guardian 0 → seq; the owner 0 → ANNOUNCED;      | that poll counts as stalled    |
//! |          | both → 0                                            |                                |
//!
//! # Invariants
//!
//! 1. `id` and `location` belong to the poll `seq` if `seq` reads the same before and after them (a
//!    sequence lock with one writer; Boehm, "Can seqlocks get along with programming language
//!    memory models?", 2012).
//! 2. Each non-zero verdict is taken back exactly once: by the owner's swap at the end of a poll,
//!    or by the guardian's compare-exchange when it sees that the poll has changed. Whoever takes
//!    it back also takes it off the count of stalled seats.

use std::panic::Location;
use std::time::{Duration, Instant};

use crate::engine::primitive::atomic::{AtomicPtr, AtomicU64, Ordering};

/// The number of a poll publishes its words. Pairs with [`LOOK`].
const SHOW: Ordering = Ordering::Release;
/// The guardian sees the words of the poll it saw, or later ones. Pairs with [`SHOW`].
const LOOK: Ordering = Ordering::Acquire;
/// The words of a poll publish that the one before has ended. Pairs with [`READ`].
const CHANGE: Ordering = Ordering::Release;
/// The guardian that reads words of a later poll sees that the one it saw has ended. Pairs with
/// [`CHANGE`].
const READ: Ordering = Ordering::Acquire;

/// The verdict that an owner gives itself: it is taken back by the owner alone. Even, unlike a poll's
/// number.
const ANNOUNCED: u64 = 1 << 63;

/// One thread's window to the guardian.
#[derive(Debug)]
pub(crate) struct Watch {
    seq: AtomicU64,
    id: AtomicU64,
    location: AtomicPtr<Location<'static>>,
    verdict: AtomicU64,
}

/// A poll as the guardian saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its number; odd.
    pub(crate) seq: u64,
}

/// Whose poll it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whose {
    /// The task's id, 0 if the user code is not a task's.
    pub(crate) id: u64,
    /// Where the task was spawned.
    pub(crate) location: Option<&'static Location<'static>>,
}

impl Watch {
    pub(crate) fn new() -> Watch {
        Watch {
            seq: AtomicU64::new(0),
            id: AtomicU64::new(0),
            location: AtomicPtr::new(std::ptr::null_mut()),
            verdict: AtomicU64::new(0),
        }
    }

    /// The owner is about to run user code for a task.
    #[inline]
    pub(crate) fn begin(&self, id: u64, location: Option<&'static Location<'static>>) {
        let seq = self.seq.load(Ordering::Relaxed);
        debug_assert!(seq & 1 == 0);
        self.id.store(id, CHANGE);
        let location = location.map_or(std::ptr::null(), std::ptr::from_ref);
        self.location.store(location.cast_mut(), CHANGE);
        self.seq.store(seq + 1, SHOW);
    }

    /// The user code has returned. Says whether the guardian had called it stalled: then the
    /// caller has taken the verdict back and must count it off (invariant 2).
    #[inline]
    #[must_use]
    pub(crate) fn end(&self) -> bool {
        let seq = self.seq.load(Ordering::Relaxed);
        // No pair: it says that there are no words to read.
        self.seq.store(seq + 1, Ordering::Relaxed);
        self.verdict.load(Ordering::Relaxed) != 0 && self.take_verdict()
    }

    /// Whether this poll counts as stalled, and not one before it. Asked by the owner in the middle of
    /// it.
    #[inline]
    pub(crate) fn is_stalled(&self) -> bool {
        let verdict = self.verdict.load(Ordering::Relaxed);
        verdict != 0 && (verdict == ANNOUNCED || verdict == self.seq.load(Ordering::Relaxed))
    }

    /// As [`is_stalled`](Watch::is_stalled), by the guardian.
    #[inline]
    fn is_condemned(&self) -> bool {
        let verdict = self.verdict.load(Ordering::Relaxed);
        verdict != 0 && verdict == self.seq.load(Ordering::Relaxed)
    }

    /// The owner takes back a verdict, its own or the guardian's.
    #[cold]
    #[must_use]
    pub(crate) fn take_verdict(&self) -> bool {
        self.verdict.swap(0, Ordering::Relaxed) != 0
    }

    /// The owner gives its own verdict beforehand. Says whether there was none: then the caller
    /// counts it.
    #[must_use]
    pub(crate) fn announce(&self) -> bool {
        self.verdict.compare_exchange(0, ANNOUNCED, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// What follows in the same poll counts as a poll of its own: a long wait that was announced
    /// is over, or begins.
    pub(crate) fn renew(&self) {
        let seq = self.seq.load(Ordering::Relaxed);
        self.seq.store(seq + 2, SHOW);
    }

    /// The poll in progress, if there is one.
    pub(crate) fn look(&self) -> Option<Seen> {
        let seq = self.seq.load(LOOK);
        (seq & 1 == 1).then_some(Seen { seq })
    }

    /// Whose poll `seen` is, if it is still going on.
    pub(crate) fn whose(&self, seen: Seen) -> Option<Whose> {
        let id = self.id.load(READ);
        let location = self.location.load(READ);
        // No pair: it sees what the two before it have brought.
        if self.seq.load(Ordering::Relaxed) != seen.seq {
            return None;
        }
        Some(Whose { id, location: super::location_from(location) })
    }

    /// The guardian calls the poll stalled. Says whether it did so now: then it counts it.
    #[must_use]
    pub(crate) fn condemn(&self, seen: Seen) -> bool {
        self.verdict.compare_exchange(0, seen.seq, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The guardian takes back a verdict that came too late: the poll it was for had ended. Says
    /// whether it did: then it counts it off.
    #[must_use]
    pub(crate) fn pardon(&self) -> bool {
        let verdict = self.verdict.load(Ordering::Relaxed);
        verdict != 0
            && verdict != ANNOUNCED
            && self.seq.load(Ordering::Relaxed) != verdict
            && self
                .verdict
                .compare_exchange(verdict, 0, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

/// Who says, when a poll has returned, whether the task is a hog.
pub(crate) enum Judge<'a> {
    /// Nobody: the mark stays as it is.
    Nobody,
    /// The guardian's verdict: a poll that it has condemned makes a hog.
    Watch(&'a Watch),
    /// The clock: a hog that has returned within `limit` is one no more.
    Probation { since: Instant, limit: Duration },
}

impl Judge<'_> {
    /// The new mark, if it changes.
    #[inline]
    pub(super) fn mark(&self) -> Option<bool> {
        match self {
            Judge::Nobody => None,
            // One that was announced (`block_in_place`) is none.
            Judge::Watch(watch) => watch.is_condemned().then_some(true),
            Judge::Probation { since, limit } => (since.elapsed() < *limit).then_some(false),
        }
    }
}

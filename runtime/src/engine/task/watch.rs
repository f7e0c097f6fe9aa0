//! What a thread that polls tasks shows to the monitor: which poll it is in, and of which task.
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
//! | verdict  | the monitor 0 → seq; the owner 0 → EXPECTED and    | the thread does not serve      |
//! |          | any → IN_PLACE; both → 0                            |                                |
//!
//! # Verdicts
//!
//! | verdict  | means                                             | counts as             |
//! |----------|---------------------------------------------------|-----------------------|
//! | 0        | the thread serves                                 |                       |
//! | a seq    | the monitor has found that poll stalled; with    | [`Absence::Stalled`]  |
//! |          | COMPUTES it computes                              |                       |
//! | EXPECTED | a marked task runs: it has stalled before         | [`Absence::Stalled`]  |
//! | IN_PLACE | the thread is in `block_in_place`                 | [`Absence::InPlace`]  |
//!
//! # Invariants
//!
//! 1. `id` and `location` belong to the poll `seq` if `seq` reads the same before and after them (a
//!    sequence lock with one writer; Boehm, "Can seqlocks get along with programming language
//!    memory models?", 2012).
//! 2. Each non-zero verdict is taken back exactly once: by the owner's swap, at the end of a poll
//!    or when it announces something else, or by the monitor's compare-exchange when it sees that
//!    the poll has changed. The thread that takes it back also lowers the count it was counted in.

use std::panic::Location;
use std::time::{Duration, Instant};

use crate::engine::insight::AtomicLocation;
use crate::engine::primitive::atomic::{AtomicU64, Ordering};
use crate::engine::primitive::thread::Usage;

/// The number of a poll publishes its words. Pairs with [`LOOK`].
const SHOW: Ordering = Ordering::Release;
/// The monitor sees the words of the poll it saw, or later ones. Pairs with [`SHOW`].
const LOOK: Ordering = Ordering::Acquire;
/// The words of a poll publish that the one before has ended. Pairs with [`READ`].
const CHANGE: Ordering = Ordering::Release;
/// The monitor that reads words of a later poll sees that the one it saw has ended. Pairs with
/// [`CHANGE`].
const READ: Ordering = Ordering::Acquire;

/// The verdicts that an owner gives itself. Only the owner takes them back. They are even, unlike a
/// poll's number.
const EXPECTED: u64 = 1 << 63;
const IN_PLACE: u64 = 1 << 62;
/// Set beside the number of a poll that computes.
const COMPUTES: u64 = 1 << 61;

/// Why a thread does not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    /// Its poll does not return, or is expected not to.
    Stalled,
    /// The thread is in `block_in_place`.
    InPlace,
}

/// The absence that a verdict counts as.
fn absence(verdict: u64) -> Option<Absence> {
    match verdict {
        0 => None,
        IN_PLACE => Some(Absence::InPlace),
        _ => Some(Absence::Stalled),
    }
}

/// What one thread shows to the monitor.
#[derive(Debug)]
pub(crate) struct Watch {
    seq: AtomicU64,
    id: AtomicU64,
    location: AtomicLocation,
    verdict: AtomicU64,
}

/// A poll as the monitor saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PollId {
    /// The number of the poll; odd.
    pub(crate) seq: u64,
}

/// The task of a poll.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PollOwner {
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
            location: AtomicLocation::none(),
            verdict: AtomicU64::new(0),
        }
    }

    /// The owner is about to run user code for a task.
    #[inline]
    pub(crate) fn begin(&self, id: u64, location: Option<&'static Location<'static>>) {
        let seq = self.seq.load(Ordering::Relaxed);
        debug_assert!(seq & 1 == 0);
        self.id.store(id, CHANGE);
        self.location.store(location, CHANGE);
        self.seq.store(seq + 1, SHOW);
    }

    /// The user code has returned. If there was a verdict it is taken back, and the result is what
    /// it counted as: the caller must count it off (invariant 2).
    #[inline]
    #[must_use]
    pub(crate) fn end(&self) -> Option<Absence> {
        let seq = self.seq.load(Ordering::Relaxed);
        // No pair: an even number only says that there are no words to read.
        self.seq.store(seq + 1, Ordering::Relaxed);
        if self.verdict.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.take_verdict()
    }

    /// Whether the thread does not serve in this poll. A verdict on an earlier poll does not count.
    /// On other threads than the owner's it is a hint.
    #[inline]
    pub(crate) fn is_stalled(&self) -> bool {
        let verdict = self.verdict.load(Ordering::Relaxed);
        verdict != 0
            && (verdict == EXPECTED
                || verdict == IN_PLACE
                || verdict & !COMPUTES == self.seq.load(Ordering::Relaxed))
    }

    /// The mark for the task of this poll, if the monitor has found the poll stalled.
    #[inline]
    fn mark(&self) -> Option<Mark> {
        let verdict = self.verdict.load(Ordering::Relaxed);
        let is_own = verdict & !COMPUTES == self.seq.load(Ordering::Relaxed);
        if verdict == 0 || !is_own {
            return None;
        }
        Some(if verdict & COMPUTES == 0 { Mark::Blocks } else { Mark::Computes })
    }

    /// The owner takes back a verdict, its own or the monitor's.
    #[cold]
    #[must_use]
    pub(crate) fn take_verdict(&self) -> Option<Absence> {
        absence(self.verdict.swap(0, Ordering::Relaxed))
    }

    /// The owner expects the poll that begins not to return soon. Returns whether there was no
    /// verdict before: then the caller counts this one.
    #[must_use]
    pub(crate) fn expect_stall(&self) -> bool {
        self.verdict.compare_exchange(0, EXPECTED, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The owner announces that it is about to block. Returns what it counted as until now: the
    /// caller counts that off and this one in, unless they are the same.
    #[must_use]
    pub(crate) fn announce(&self) -> Option<Absence> {
        absence(self.verdict.swap(IN_PLACE, Ordering::Relaxed))
    }

    /// Makes the rest of this poll count as a new poll: an announced long wait begins or ends.
    pub(crate) fn renew(&self) {
        let seq = self.seq.load(Ordering::Relaxed);
        self.seq.store(seq + 2, SHOW);
    }

    /// The poll in progress, if there is one.
    pub(crate) fn look(&self) -> Option<PollId> {
        let seq = self.seq.load(LOOK);
        (seq & 1 == 1).then_some(PollId { seq })
    }

    /// Whose poll `seen` is, if it is still going on.
    pub(crate) fn whose(&self, seen: PollId) -> Option<PollOwner> {
        let id = self.id.load(READ);
        let location = self.location.load(READ);
        // No pair: the two loads above order this one.
        if self.seq.load(Ordering::Relaxed) != seen.seq {
            return None;
        }
        Some(PollOwner { id, location })
    }

    /// The monitor finds the poll stalled, and gives the mark for its task. Returns whether the
    /// verdict is new: then the monitor counts it.
    #[must_use]
    pub(crate) fn condemn(&self, seen: PollId, mark: Mark) -> bool {
        let verdict = seen.seq | if mark == Mark::Computes { COMPUTES } else { 0 };
        self.verdict.compare_exchange(0, verdict, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Whether the owner has announced that it does not serve.
    pub(crate) fn is_announced(&self) -> bool {
        self.verdict.load(Ordering::Relaxed) & (EXPECTED | IN_PLACE) != 0
    }

    /// Whether a verdict of the monitor stands.
    pub(crate) fn is_judged(&self) -> bool {
        let verdict = self.verdict.load(Ordering::Relaxed);
        verdict != 0 && verdict & (EXPECTED | IN_PLACE) == 0
    }

    /// The monitor takes back a verdict whose poll had already ended. Returns whether it did: then
    /// the monitor counts it off.
    #[must_use]
    pub(crate) fn pardon(&self) -> bool {
        let verdict = self.verdict.load(Ordering::Relaxed);
        verdict != 0
            && verdict & (EXPECTED | IN_PLACE) == 0
            && self.seq.load(Ordering::Relaxed) != verdict & !COMPUTES
            && self
                .verdict
                .compare_exchange(verdict, 0, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

/// How a task stalls its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The task waits, in a system call or for a lock.
    Blocks,
    /// The task needs the processor.
    Computes,
}

/// Decides after a poll whether the task is marked as one that stalls its worker.
pub(crate) enum StallPolicy<'a> {
    /// Nobody: the mark stays as it is.
    Nobody,
    /// The monitor's verdict decides: a poll that it has found stalled marks the task.
    Watch(&'a Watch),
    /// A marked task has another chance: one poll that ends in time takes the mark away.
    Probation(Probation),
}

/// A poll of a marked task.
pub(crate) struct Probation {
    since: Instant,
    used: Option<Usage>,
    limit: Duration,
}

impl Probation {
    /// A poll begins on this thread now, and should not take longer than `limit`.
    pub(crate) fn begin(now: Instant, limit: Duration) -> Probation {
        Probation { since: now, used: Usage::now(), limit }
    }

    /// The mark from now on. Time in which the thread was ready but had no processor does not
    /// count.
    fn mark(&self) -> Option<Mark> {
        let wall = self.since.elapsed();
        if wall < self.limit {
            return None;
        }
        let Some(spent) = self.used.and_then(Usage::since) else { return Some(Mark::Computes) };
        if spent.computed >= self.limit {
            Some(Mark::Computes)
        } else {
            spent.has_waited.then_some(Mark::Blocks)
        }
    }
}

impl StallPolicy<'_> {
    /// The new mark, if it changes.
    #[inline]
    pub(super) fn mark(&self) -> Option<Option<Mark>> {
        match self {
            StallPolicy::Nobody => None,
            // An announced block (`block_in_place`) gives no mark.
            StallPolicy::Watch(watch) => watch.mark().map(Some),
            StallPolicy::Probation(poll) => Some(poll.mark()),
        }
    }
}

//! The state word of a task: one atomic, behind verbs.
//!
//! # Bits
//!
//! | bit           | meaning                                                                     |
//! |---------------|-----------------------------------------------------------------------------|
//! | RUNNING       | a thread is inside `Runnable::run`: it alone touches the stage               |
//! | SCHEDULED     | a [`Runnable`](super::Runnable) exists, or a wake came during the poll       |
//! | COMPLETE      | the future is gone; the output, if anybody wants it, is in place             |
//! | CANCELLED     | the next holder of the `Runnable` drops the future instead of polling it     |
//! | JOIN_INTEREST | the `JoinHandle` exists                                                      |
//! | TAKEN         | the `JoinHandle` has taken the output                                        |
//! | JOIN_WAKER    | the join waker is set and both sides may read it                             |
//! | MARKED        | a poll of this task has stalled its worker before                            |
//! | COMPUTES      | with MARKED: the poll computed, and did not wait                             |
//! | NAMED         | the side table of names has an entry for this task                           |
//! | LOOKED_AT     | somebody wants the stack of the next poll                                    |
//! | WATCHED       | the table of who waits for the end may have an entry for this task (ended_table.rs) |
//! | BACKGROUND    | the task runs when others leave time for it; set once, by the spawn         |
//! | OBSERVED      | a block for a dump is in front of the header; set once, by the spawn         |
//! | the rest      | the reference count                                                          |
//!
//! # Life
//!
//! ```text
//!             run                    end_poll                 wake, abort
//! SCHEDULED ───────▶ RUNNING ──────────────────────▶ idle ─────────────────▶ SCHEDULED
//!     ▲                │  │ wake, abort                                          ▲
//!     │                │  └──────────▶ RUNNING|SCHEDULED ── end_poll ────────────┘
//!     │ spawn          │ complete
//!                      ▼
//!                  COMPLETE ── last reference dropped ──▶ freed
//! ```
//!
//! # Invariants
//!
//! 1. At most one `Runnable` of a task exists. The thread that turns SCHEDULED from 0 to 1 while
//!    neither RUNNING nor COMPLETE is set makes it; a wake that finds one of the three set does
//!    not.
//! 2. SCHEDULED set during RUNNING obliges the running thread to make the next `Runnable` when its
//!    poll ends; `end_poll` tells it so.
//! 3. One reference, the *life* reference, belongs to the task itself from spawn to completion. So
//!    a `Runnable` and the running thread need none of their own: while they exist the task is not
//!    complete. `JoinHandle`, each `AbortHandle` and each `Waker` hold one reference each.
//! 4. COMPLETE is set once, by the running thread, and never cleared.
//!
//! # Orderings
//!
//! A wake is a Release read-modify-write even where it changes nothing: what the waking thread
//! wrote before the wake must be seen by the poll that follows. It pairs with the Acquire of
//! `start_poll`, which reads the word in the same chain of read-modify-writes. A plain load in
//! place of the redundant wake would lose that publication.

use super::Mark;
use crate::engine::insight;
use crate::engine::primitive::atomic::{AtomicUsize, Ordering, fence};

const RUNNING: usize = 1;
const SCHEDULED: usize = 1 << 1;
const COMPLETE: usize = 1 << 2;
const CANCELLED: usize = 1 << 3;
const JOIN_INTEREST: usize = 1 << 4;
const JOIN_WAKER: usize = 1 << 5;
const MARKED: usize = 1 << 6;
const NAMED: usize = 1 << 7;
const TAKEN: usize = 1 << 8;
const COMPUTES: usize = 1 << 9;
const OBSERVED: usize = 1 << 10;
const LOOKED_AT: usize = 1 << 11;
const WATCHED: usize = 1 << 12;
const BACKGROUND: usize = 1 << 13;
const REF: usize = 1 << 14;
const REFS: usize = !(REF - 1);

/// A wake publishes to the poll what the waking thread did before. Pairs with [`START`].
const WAKE: Ordering = Ordering::Release;
/// The poll sees what wakes published and what the previous poll wrote. Pairs with [`WAKE`] and
/// [`END`].
const START: Ordering = Ordering::Acquire;
/// The end of a poll publishes the future to the next thread that polls it. Pairs with [`START`].
const END: Ordering = Ordering::Release;
/// Completion publishes the output to the `JoinHandle` (pairs with [`JOIN_LOOK`]) and sees the
/// join waker (pairs with [`JOIN_SET`]).
const FINISH: Ordering = Ordering::AcqRel;
/// The `JoinHandle` sees the output. Pairs with [`FINISH`].
const JOIN_LOOK: Ordering = Ordering::Acquire;
/// The `JoinHandle` publishes the join waker to completion. Pairs with [`FINISH`]. If completion
/// came first, the handle reads the word again with [`JOIN_LOOK`] before it takes the output.
const JOIN_SET: Ordering = Ordering::Release;
/// Hands the join waker from completion to the `JoinHandle`, or the reverse: the second of them
/// sees what the first did with it. A dropped handle sees the output, too (pairs with [`FINISH`]).
const WAKER_HAND_OVER: Ordering = Ordering::AcqRel;
/// A dropped reference publishes all uses of the task to the thread that frees it. Pairs with the
/// Acquire fence in [`State::drop_reference`].
const REF_DROP: Ordering = Ordering::Release;
/// See [`REF_DROP`].
const REF_LAST: Ordering = Ordering::Acquire;

/// The state word of a task.
#[derive(Debug)]
pub(super) struct State(AtomicUsize);

/// The value of the word at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Snapshot(usize);

impl Snapshot {
    pub(super) fn is_complete(self) -> bool {
        self.0 & COMPLETE != 0
    }
    pub(super) fn is_cancelled(self) -> bool {
        self.0 & CANCELLED != 0
    }
    pub(super) fn is_running(self) -> bool {
        self.0 & RUNNING != 0
    }
    pub(super) fn is_scheduled(self) -> bool {
        self.0 & SCHEDULED != 0
    }
    pub(super) fn mark(self) -> Option<Mark> {
        match self.0 & (MARKED | COMPUTES) {
            0 => None,
            MARKED => Some(Mark::Blocks),
            _ => Some(Mark::Computes),
        }
    }
    pub(super) fn is_background(self) -> bool {
        self.0 & BACKGROUND != 0
    }
    /// Whether the task goes to the queues that all tasks go to: it has no mark and no priority.
    #[inline]
    pub(super) fn is_ordinary(self) -> bool {
        self.0 & (MARKED | COMPUTES | BACKGROUND) == 0
    }
    pub(super) fn is_named(self) -> bool {
        self.0 & NAMED != 0
    }
    pub(super) fn is_watched(self) -> bool {
        self.0 & WATCHED != 0
    }
    #[inline]
    pub(super) fn is_observed(self) -> bool {
        insight::CAN_BE_ON && self.0 & OBSERVED != 0
    }
    pub(super) fn wants_output(self) -> bool {
        self.0 & JOIN_INTEREST != 0
    }
    pub(super) fn is_taken(self) -> bool {
        self.0 & TAKEN != 0
    }
    pub(super) fn has_join_waker(self) -> bool {
        self.0 & JOIN_WAKER != 0
    }
    fn references(self) -> usize {
        self.0 / REF
    }
    /// Whether the task is idle and has no reference but its own: nobody can wake it.
    pub(super) fn is_lost(self) -> bool {
        self.is_idle() && self.references() == 1
    }
    /// Whether a wake at this moment makes a `Runnable` (invariant 1).
    fn is_idle(self) -> bool {
        self.0 & (RUNNING | SCHEDULED | COMPLETE) == 0
    }
}

/// What a wake asks of the waking thread.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Wake {
    /// Make the `Runnable` and schedule it.
    Schedule,
    /// Nothing: the task is scheduled, running or complete.
    Done,
    /// Free the task: this was the last reference.
    Free,
}

/// What the running thread does after a poll that returned `Pending`.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum EndPoll {
    /// The task is idle: it must not be touched any more.
    Idle,
    /// The task was woken during its poll: schedule it again.
    Woken,
    /// The task was aborted during its poll: drop the future now. The thread still has RUNNING.
    Cancelled,
}

/// What the dropping `JoinHandle` must do.
#[derive(Debug)]
#[must_use]
pub(super) struct DropJoin {
    /// The output is in place and nobody else will drop it.
    pub(super) output: bool,
    /// The join waker is the handle's alone now.
    pub(super) waker: bool,
}

impl State {
    /// A spawned task: scheduled, with its life reference and the one of its `JoinHandle`.
    pub(super) fn new(is_observed: bool) -> State {
        let observed = if is_observed { OBSERVED } else { 0 };
        State(AtomicUsize::new(SCHEDULED | JOIN_INTEREST | observed | (2 * REF)))
    }

    pub(super) fn load(&self) -> Snapshot {
        Snapshot(self.0.load(JOIN_LOOK))
    }

    /// Reads bits that only the thread with the `Runnable` or RUNNING changes. Called by that
    /// thread.
    #[inline]
    pub(super) fn peek(&self) -> Snapshot {
        Snapshot(self.0.load(Ordering::Relaxed))
    }

    /// SCHEDULED becomes RUNNING. Called by the holder of the `Runnable`.
    pub(super) fn start_poll(&self) -> Snapshot {
        // One subtraction does both, since SCHEDULED is set and RUNNING is not.
        const { assert!(SCHEDULED - RUNNING == 1) };
        let before = Snapshot(self.0.fetch_sub(SCHEDULED - RUNNING, START));
        debug_assert!(before.is_scheduled() && !before.is_running() && !before.is_complete());
        before
    }

    /// The poll returned `Pending`.
    pub(super) fn end_poll(&self) -> EndPoll {
        // Cancellation implies SCHEDULED, so the usual case is one operation.
        let before = Snapshot(self.0.fetch_and(!RUNNING, END));
        debug_assert!(before.is_running());
        if !before.is_scheduled() {
            EndPoll::Idle
        } else if before.is_cancelled() {
            // The `Runnable` is ours (invariant 2): take RUNNING again instead of queueing it.
            self.start_poll();
            EndPoll::Cancelled
        } else {
            EndPoll::Woken
        }
    }

    /// Completes the task. The stage holds the output, or nothing if there is no `JoinHandle`.
    pub(super) fn complete(&self) -> Snapshot {
        let before = Snapshot(self.0.fetch_xor(RUNNING | COMPLETE, FINISH));
        debug_assert!(before.is_running() && !before.is_complete());
        before
    }

    /// Completion has called the join waker and will not touch it again. Returns whether the handle
    /// is gone: then the caller drops the waker.
    #[must_use]
    pub(super) fn release_join_waker(&self) -> bool {
        let before = Snapshot(self.0.fetch_and(!JOIN_WAKER, WAKER_HAND_OVER));
        !before.wants_output()
    }

    /// A wake that keeps its reference.
    pub(super) fn wake_by_ref(&self) -> Wake {
        if Snapshot(self.0.fetch_or(SCHEDULED, WAKE)).is_idle() {
            Wake::Schedule
        } else {
            Wake::Done
        }
    }

    /// A wake that gives its reference up.
    pub(super) fn wake_by_val(&self) -> Wake {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let next = (now | SCHEDULED) - REF;
            match self.0.compare_exchange_weak(now, next, WAKE, Ordering::Relaxed) {
                Ok(_) if Snapshot(now).is_idle() => return Wake::Schedule,
                Ok(_) if next & REFS == 0 => {
                    fence(REF_LAST);
                    return Wake::Free;
                }
                Ok(_) => return Wake::Done,
                Err(seen) => now = seen,
            }
        }
    }

    /// A wake by somebody who wants the stack of the poll.
    pub(super) fn look_at(&self) -> Wake {
        let before = Snapshot(self.0.fetch_or(LOOKED_AT | SCHEDULED, WAKE));
        if before.is_idle() { Wake::Schedule } else { Wake::Done }
    }

    /// Whether somebody wants the stack of the poll that has begun. Called by the thread that
    /// polls: whoever asks later finds RUNNING, and so the task is polled again (invariant 2).
    pub(super) fn take_look(&self) -> bool {
        if self.0.load(Ordering::Relaxed) & LOOKED_AT == 0 {
            return false;
        }
        // No pair: only the bit itself is read.
        self.0.fetch_and(!LOOKED_AT, Ordering::Relaxed);
        true
    }

    /// Requests cancellation: the thread that has or makes the `Runnable` drops the future.
    pub(super) fn cancel(&self) -> Wake {
        let before = Snapshot(self.0.fetch_or(CANCELLED | SCHEDULED, WAKE));
        if before.is_idle() { Wake::Schedule } else { Wake::Done }
    }

    /// Marks a task whose poll has stalled its worker, or takes the mark away. Called while
    /// RUNNING; the word's other users do not read the bits until the poll has ended.
    pub(super) fn set_mark(&self, mark: Option<Mark>) {
        self.0.fetch_and(!(MARKED | COMPUTES), Ordering::Relaxed);
        match mark {
            None => {}
            Some(Mark::Blocks) => drop(self.0.fetch_or(MARKED, Ordering::Relaxed)),
            Some(Mark::Computes) => drop(self.0.fetch_or(MARKED | COMPUTES, Ordering::Relaxed)),
        }
    }

    /// Makes it a background task. Called before the task is shared.
    pub(super) fn set_background(&self) {
        self.0.fetch_or(BACKGROUND, Ordering::Relaxed);
    }

    /// Records that the side table has this task's name. Called before the task is shared.
    pub(super) fn set_named(&self) {
        self.0.fetch_or(NAMED, Ordering::Relaxed);
    }

    /// Somebody who waits for the end has put a waker into the table. Returns whether the task was
    /// complete already: then the waker may not be called.
    #[must_use]
    pub(super) fn watch(&self) -> bool {
        // No pair: the table's lock orders the waker, and if the end came first, the word is read
        // again.
        let before = Snapshot(self.0.fetch_or(WATCHED, Ordering::Relaxed));
        before.is_complete() && self.load().is_complete()
    }

    /// The `JoinHandle` has put its waker in place. Returns whether the task was complete already:
    /// then the waker will not be called.
    #[must_use]
    pub(super) fn set_join_waker(&self) -> bool {
        let before = Snapshot(self.0.fetch_or(JOIN_WAKER, JOIN_SET));
        debug_assert!(!before.has_join_waker());
        before.is_complete()
    }

    /// Gives the `JoinHandle` its waker back, to change it. Returns false if the task is complete.
    #[must_use]
    pub(super) fn unset_join_waker(&self) -> bool {
        // No pair: if this succeeds, completion has not touched the waker; if not, the handle reads
        // the word again before it takes the output.
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            if now & COMPLETE != 0 {
                return false;
            }
            let next = now & !JOIN_WAKER;
            match self.0.compare_exchange_weak(now, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(seen) => now = seen,
            }
        }
    }

    /// The `JoinHandle` has taken the output. The handle still exists: if its interest were cleared
    /// here, a completion about to release the join waker would take the waker for its own.
    pub(super) fn output_taken(&self) {
        // No pair: only the handle reads this bit.
        self.0.fetch_or(TAKEN, Ordering::Relaxed);
    }

    /// The usual end of an unused `JoinHandle`: the task has not been touched since its spawn.
    pub(super) fn drop_join_fast(&self) -> bool {
        let spawned = SCHEDULED | JOIN_INTEREST | (2 * REF);
        self.0.compare_exchange(spawned, SCHEDULED | REF, REF_DROP, Ordering::Relaxed).is_ok()
    }

    /// The `JoinHandle` loses its interest, but not yet its reference.
    pub(super) fn drop_join(&self) -> DropJoin {
        // No pair: the compare-exchange below orders what is read here.
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let complete = now & COMPLETE != 0;
            // Before completion the handle takes its waker back with the same operation.
            let gone = if complete { JOIN_INTEREST } else { JOIN_INTEREST | JOIN_WAKER };
            let next = now & !gone;
            match self.0.compare_exchange_weak(now, next, WAKER_HAND_OVER, Ordering::Relaxed) {
                Ok(_) => {
                    return DropJoin {
                        output: complete && now & TAKEN == 0,
                        waker: !complete || now & JOIN_WAKER == 0,
                    };
                }
                Err(seen) => now = seen,
            }
        }
    }

    /// Adds a reference, made from an existing one.
    pub(super) fn add_reference(&self) {
        let before = self.0.fetch_add(REF, Ordering::Relaxed);
        if before > usize::MAX / 2 {
            // Billions of wakers were leaked. A wrapped count would free a live task.
            std::process::abort();
        }
    }

    /// Drops a reference. Returns whether it was the last: then the caller frees the task.
    #[must_use]
    pub(super) fn drop_reference(&self) -> bool {
        let before = Snapshot(self.0.fetch_sub(REF, REF_DROP));
        debug_assert!(before.references() >= 1);
        if before.references() != 1 {
            return false;
        }
        fence(REF_LAST);
        true
    }
}

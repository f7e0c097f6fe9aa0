//! The cooperative budget, and the one hook that every leaf future passes.
//!
//! # Problem
//!
//! A task whose sockets and channels are always ready never returns `Pending`, so no other task on
//! its worker ever runs. Each poll of a task therefore has a budget; every leaf future (I/O, timer,
//! channel, lock) asks for a unit before it works, and when nothing is left it wakes the task and
//! returns `Pending`.
//!
//! # Rules
//!
//! 1. A leaf calls [`poll_proceed`] first and gives the unit back unless it made progress: a unit
//!    that bought only a `Pending` costs nothing.
//! 2. Outside a task (a `block_on` root, a foreign executor) the budget is unlimited unless the
//!    runtime set one.
//! 3. Each thread counts the polls that are refused a unit, each poll once. Whoever keeps the
//!    thread's counters fetches the number now and then by [`take_forced`].

use crate::engine::insight::{self, Kind, Wait};
use crate::engine::traced;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, ready};

/// Units that one poll of a task may spend.
const UNITS: u16 = 128;
/// The bits of a budget that hold the units left.
const LEFT: u16 = 0xff;

thread_local! {
    static BUDGET: Cell<Budget> = const { Cell::new(Budget::UNLIMITED) };
    static FORCED: Cell<u64> = const { Cell::new(0) };
}

/// What is left for this poll. One word: each leaf future reads and writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget(u16);

impl Budget {
    /// No limit: outside a task, or under `unconstrained`.
    pub(crate) const UNLIMITED: Budget = Budget(u16::MAX);
    /// What a fresh poll of a task gets.
    pub(crate) const FULL: Budget = Budget(UNITS);
    /// Nothing is left, and a leaf was refused in this poll, which has been counted.
    const REFUSED: Budget = Budget(0x100);
    /// Nothing is left, and each leaf leaves its stack (`traced.rs`).
    pub(crate) const TRACED: Budget = Budget(0x200);

    #[inline]
    fn is_spent(self) -> bool {
        self.0 & LEFT == 0
    }
}

/// Puts back the budget it was made from when dropped.
#[derive(Debug)]
pub(crate) struct ResetGuard(Budget);

impl Drop for ResetGuard {
    fn drop(&mut self) {
        let _ = BUDGET.try_with(|cell| cell.set(self.0));
    }
}

/// Sets the thread's budget until the guard is dropped.
#[inline]
pub(crate) fn set(budget: Budget) -> ResetGuard {
    ResetGuard(BUDGET.try_with(|cell| cell.replace(budget)).unwrap_or(Budget::UNLIMITED))
}

/// Sets the thread's budget for good; the worker loop calls this before each poll.
#[inline]
pub(crate) fn refill(budget: Budget) {
    let _ = BUDGET.try_with(|cell| cell.set(budget));
}

/// Whether a unit is left.
pub(crate) fn has_budget_remaining() -> bool {
    BUDGET.try_with(|cell| !cell.get().is_spent()).unwrap_or(true)
}

/// Gives the unit back when dropped, unless [`made_progress`](RestoreOnPending::made_progress)
/// was called.
#[derive(Debug)]
#[must_use = "dropping this at once gives the unit back"]
pub(crate) struct RestoreOnPending(Cell<Budget>);

impl RestoreOnPending {
    /// The leaf made progress: its unit stays spent.
    #[inline]
    pub(crate) fn made_progress(&self) {
        self.made_progress_and(|| ());
    }

    /// As [`made_progress`](RestoreOnPending::made_progress); `note` is called if the poll takes
    /// notes (`insight/notes.rs`).
    #[inline]
    pub(crate) fn made_progress_and(&self, note: impl FnOnce()) {
        self.0.set(Budget::UNLIMITED);
        insight::went_on(note);
    }

    /// Notes what the leaf waits for. Gives the unit back.
    #[inline]
    pub(crate) fn pending<T>(self, wait: impl FnOnce() -> Wait) -> Poll<T> {
        insight::note(wait);
        Poll::Pending
    }
}

impl Drop for RestoreOnPending {
    #[inline]
    fn drop(&mut self) {
        let budget = self.0.get();
        if budget != Budget::UNLIMITED {
            let _ = BUDGET.try_with(|cell| cell.set(budget));
        }
    }
}

/// The per-poll hook of every leaf future: spends one unit, or, with none left, arranges another
/// poll and returns `Pending`.
#[inline]
pub(crate) fn poll_proceed(cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
    let before = BUDGET.try_with(Cell::get).unwrap_or(Budget::UNLIMITED);
    if before.is_spent() {
        return refuse(before, cx);
    }
    if before != Budget::UNLIMITED {
        let _ = BUDGET.try_with(|cell| cell.set(Budget(before.0 - 1)));
    }
    Poll::Ready(RestoreOnPending(Cell::new(before)))
}

#[cold]
fn refuse(before: Budget, cx: &Context<'_>) -> Poll<RestoreOnPending> {
    if before == Budget::TRACED {
        traced::trace_leaf(cx);
        return Poll::Pending;
    }
    if before != Budget::REFUSED {
        let _ = BUDGET.try_with(|cell| cell.set(Budget::REFUSED));
        let _ = FORCED.try_with(|cell| cell.set(cell.get() + 1));
    }
    cx.waker().wake_by_ref();
    insight::note(|| Wait::new(Kind::Budget, 0));
    Poll::Pending
}

/// Whether leaves leave their stacks in this poll.
pub(crate) fn is_traced() -> bool {
    BUDGET.try_with(Cell::get) == Ok(Budget::TRACED)
}

/// The hook of a leaf that spends no unit and keeps no waker. It lets stacks show such a leaf.
#[inline]
pub(crate) fn poll_unspent(cx: &Context<'_>) -> Poll<()> {
    if traced::CAN_BE {
        if is_traced() {
            traced::trace_leaf(cx);
            return Poll::Pending;
        }
        insight::waker_is_cloned();
    }
    Poll::Ready(())
}

/// How many polls on this thread were refused a unit since the last call.
pub(crate) fn take_forced() -> u64 {
    FORCED.try_with(|cell| cell.take()).unwrap_or(0)
}

/// Runs a future of several steps as one leaf: spends a unit when the whole is ready.
pub(crate) async fn cooperative<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let unit = ready!(poll_proceed(cx));
        let output = ready!(future.as_mut().poll(cx));
        unit.made_progress();
        Poll::Ready(output)
    })
    .await
}

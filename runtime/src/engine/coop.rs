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

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, ready};

/// Units that one poll of a task may spend.
const UNITS: u8 = 128;

thread_local! {
    static BUDGET: Cell<Budget> = const { Cell::new(Budget::UNLIMITED) };
}

/// What is left for this poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget(Option<u8>);

impl Budget {
    /// No limit: outside a task, or under `unconstrained`.
    pub(crate) const UNLIMITED: Budget = Budget(None);
    /// What a fresh poll of a task gets.
    pub(crate) const FULL: Budget = Budget(Some(UNITS));
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

/// Sets the thread's budget for good; the worker loop calls this before each poll. Says whether what was
/// there before had been used up.
#[inline]
pub(crate) fn refill(budget: Budget) -> bool {
    BUDGET.try_with(|cell| cell.replace(budget).0 == Some(0)).unwrap_or(false)
}

/// Whether something is left.
pub(crate) fn has_budget_remaining() -> bool {
    BUDGET.try_with(|cell| cell.get().0 != Some(0)).unwrap_or(true)
}

/// Gives the unit back when dropped, unless [`made_progress`](RestoreOnPending::made_progress)
/// was called.
#[derive(Debug)]
#[must_use = "dropping this at once gives the unit back"]
pub(crate) struct RestoreOnPending(Cell<Budget>);

impl RestoreOnPending {
    /// The unit was well spent: keep it spent.
    #[inline]
    pub(crate) fn made_progress(&self) {
        self.0.set(Budget::UNLIMITED);
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
    match before.0 {
        None => Poll::Ready(RestoreOnPending(Cell::new(Budget::UNLIMITED))),
        Some(0) => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        Some(left) => {
            let _ = BUDGET.try_with(|cell| cell.set(Budget(Some(left - 1))));
            Poll::Ready(RestoreOnPending(Cell::new(before)))
        }
    }
}

/// A future made of several steps as one leaf: spends a unit when the whole is ready.
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

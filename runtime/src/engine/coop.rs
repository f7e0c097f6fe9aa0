//! The cooperative budget, and the one hook that every leaf future passes.
//!
//! # Problem
//!
//! A task whose sockets and channels are always ready never returns `Pending`, so no other task on
//! its worker ever runs. Each poll of a task therefore has a budget; every leaf future (I/O, timer,
//! channel, lock) asks for a unit before it works, and when nothing is left it wakes the task and
//! returns `Pending`.
//!
//! A budget of units alone bounds the operations of a poll, not its time: 128 messages that each
//! make 100 microseconds of work are 13 ms. So a poll that goes on spending units has a limit of
//! time, too ([`LIMIT`]). Most polls spend few units, and must not pay for a look at a clock. So
//! the units are handed out in portions, and the clock is looked at where a portion ends: the test
//! that finds an empty budget finds an empty portion, too.
//!
//! ```text
//!   portion   FIRST  probe  as many as will fit at the pace so far, at most MOST
//!   clock          ▲      ▲      ▲          ▲
//!                starts  looked at: enough? then nothing is left
//! ```
//!
//! # Rules
//!
//! 1. A leaf calls [`poll_proceed`] first and gives the unit back unless it made progress: a unit
//!    that bought only a `Pending` costs nothing.
//! 2. Outside a task (a `block_on` root, a foreign executor) the budget is unlimited unless the
//!    runtime set one.
//! 3. Each thread counts the polls that are refused a unit, each poll once. Whoever keeps the
//!    thread's counters fetches the number now and then by [`take_forced`].
//! 4. The time counts from the end of the first portion, and is looked at only when a unit is asked
//!    for. A poll inside of another (`LocalSet`) starts the clock anew for both: each has its
//!    units.

use crate::engine::insight::{self, Kind, Wait};
use crate::engine::primitive::{ticks, ticks_in};
use crate::engine::traced;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Units that one poll of a task may spend.
const UNITS: u32 = 128;
/// How long a poll may go on spending units. See decision 0023 for the figures.
const LIMIT: Duration = Duration::from_micros(50);
/// The first portion of units: a poll that spends no more looks at no clock.
const FIRST: u32 = 4;
/// The portion that shows how long a unit takes here.
const PROBE: u32 = 4;
/// The largest portion: units may begin to take longer.
const MOST: u32 = 32;

thread_local! {
    static BUDGET: Cell<Budget> = const { Cell::new(Budget::UNLIMITED) };
    static FORCED: Cell<u64> = const { Cell::new(0) };
    /// When the clock of this poll was started, in ticks.
    static STARTED: Cell<u64> = const { Cell::new(0) };
}

/// What is left for this poll. One word: each leaf future reads and writes it.
///
/// | bits    | meaning                                                        |
/// |---------|----------------------------------------------------------------|
/// | 0 to 7  | units left of this portion                                     |
/// | 8 to 15 | units left after it                                            |
/// | 16      | the clock of this poll has been started                        |
/// | 17, 18  | see [`Budget::REFUSED`], [`Budget::TRACED`]; no units are left |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget(u32);

impl Budget {
    /// No limit: outside a task, or under `unconstrained`.
    pub(crate) const UNLIMITED: Budget = Budget(u32::MAX);
    /// What a fresh poll of a task gets.
    pub(crate) const FULL: Budget = Budget::with(FIRST, UNITS - FIRST, 0);
    /// As many units, and no limit of time, for tests that count units.
    #[cfg(test)]
    pub(crate) const UNTIMED: Budget = Budget::with(UNITS, 0, 0);
    /// The clock has been started.
    const TIMED: u32 = 1 << 16;
    /// Nothing is left, and a leaf was refused in this poll, which has been counted.
    const REFUSED: Budget = Budget(1 << 17);
    /// Nothing is left, and each leaf leaves its stack (`traced.rs`).
    pub(crate) const TRACED: Budget = Budget(1 << 18);

    const fn with(portion: u32, later: u32, flags: u32) -> Budget {
        Budget(portion | later << 8 | flags)
    }

    /// Whether the portion has been spent.
    #[inline]
    fn is_at_end(self) -> bool {
        self.0 & 0xff == 0
    }

    /// Units left after this portion.
    fn later(self) -> u32 {
        self.0 >> 8 & 0xff
    }

    /// The next portion, where one has been spent. If there is none, the result is at its end, too.
    #[cold]
    fn next(self) -> Budget {
        let later = self.later();
        if later == 0 {
            return self;
        }
        // In the first millisecond of a process the rate is unknown, and only units count.
        let limit = ticks_in(LIMIT).unwrap_or(u64::MAX);
        self.next_at(ticks(), limit)
    }

    /// As [`next`](Budget::next) at this time, with units left.
    fn next_at(self, now: u64, limit: u64) -> Budget {
        let later = self.later();
        let portion = if self.0 & Budget::TIMED == 0 {
            let _ = STARTED.try_with(|started| started.set(now));
            PROBE
        } else {
            let started = STARTED.try_with(Cell::get).unwrap_or(now);
            let took = now.saturating_sub(started);
            if took >= limit {
                return Budget::with(0, 0, Budget::TIMED);
            }
            let spent = u64::from(UNITS - FIRST - later);
            let fits = (limit - took).saturating_mul(spent) / took.max(1);
            fits.clamp(1, MOST.into()) as u32
        };
        let portion = portion.min(later);
        Budget::with(portion, later - portion, Budget::TIMED)
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
    let has = BUDGET.try_with(|cell| {
        if cell.get().is_at_end() {
            cell.set(cell.get().next());
        }
        !cell.get().is_at_end()
    });
    has.unwrap_or(true)
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
    if before.is_at_end() {
        return next_or_refuse(before, cx);
    }
    if before != Budget::UNLIMITED {
        let _ = BUDGET.try_with(|cell| cell.set(Budget(before.0 - 1)));
    }
    Poll::Ready(RestoreOnPending(Cell::new(before)))
}

/// Where a portion has been spent: spends a unit of the next one, or arranges another poll. Apart
/// from [`poll_proceed`], so that what is copied into each leaf stays small.
#[cold]
fn next_or_refuse(before: Budget, cx: &Context<'_>) -> Poll<RestoreOnPending> {
    let next = before.next();
    if !next.is_at_end() {
        let _ = BUDGET.try_with(|cell| cell.set(Budget(next.0 - 1)));
        return Poll::Ready(RestoreOnPending(Cell::new(next)));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Spends units that take so many ticks from a full budget. Returns how many there are under
    /// `limit`, and how often the clock was looked at.
    fn spend(limit: u64, mut cost: impl FnMut(u32) -> u64) -> (u32, u32) {
        let (mut budget, mut now, mut units, mut looks) = (Budget::FULL, 1_000, 0, 0);
        loop {
            if budget.is_at_end() {
                if budget.later() == 0 {
                    return (units, looks);
                }
                budget = budget.next_at(now, limit);
                looks += 1;
                continue;
            }
            budget = Budget(budget.0 - 1);
            now += cost(units);
            units += 1;
        }
    }

    #[test]
    fn a_poll_that_is_quick_spends_all_units_with_few_looks_at_the_clock() {
        assert_eq!(spend(50_000, |_| 30), (UNITS, 5));
        assert_eq!(spend(u64::MAX, |_| 0), (UNITS, 5));
        assert_eq!(Budget::UNTIMED.next(), Budget::UNTIMED);
    }

    #[test]
    fn a_poll_that_is_slow_spends_as_many_units_as_fit_into_its_time() {
        // The units before the clock was started, and those that fill the limit.
        assert_eq!(spend(50_000, |_| 5_000).0, FIRST + 10);
        assert_eq!(spend(50_000, |_| 1_000).0, FIRST + 50);
        assert_eq!(spend(50_000, |_| 1_000_000).0, FIRST + PROBE);
    }

    #[test]
    fn a_poll_that_becomes_slow_is_noticed_at_the_end_of_a_portion() {
        let (units, _) = spend(50_000, |unit| if unit < 20 { 10 } else { 100_000 });
        assert!(units <= FIRST + PROBE + MOST, "{units}");
    }

    #[test]
    fn nothing_is_left_after_the_limit() {
        let started = Budget::FULL.next_at(100, 50);
        assert!(started.next_at(149, 50).0 & 0xff > 0);
        let over = started.next_at(150, 50);
        assert!(over.is_at_end() && over.later() == 0);
    }
}

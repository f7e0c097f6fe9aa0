//! Items that the macros' expansions use. Public only because an expansion is in the user's crate;
//! they may change in any release.

use std::task::Context;

use crate::engine::{coop, rng};

pub use std::future::{Future, IntoFuture, poll_fn};

pub use std::option::Option;
pub use std::pin::{Pin, pin};
pub use std::result::Result;
pub use std::task::Poll;

pub use super::join_parts::{after, join_part, poll_join, poll_try_join, try_join_part};
pub use super::select_parts::{SelectParts, select_part};
pub use crate::task::task_local::new_local_key;

/// A number below `count`: the branch that `select!` looks at first.
#[inline]
pub fn thread_below(count: u32) -> u32 {
    rng::thread_below(count)
}

/// If the task has used up its budget, wakes it and returns `Pending`.
#[inline]
pub fn poll_budget_available(cx: &mut Context<'_>) -> Poll<()> {
    // Dropping the unit gives it back: this only asks whether there is one.
    coop::poll_proceed(cx).map(drop)
}

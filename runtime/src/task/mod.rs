//! Tasks: spawning, waiting for them, and being one.
//!
//! A task is a future that runs by itself. [`spawn`] starts one and gives a [`JoinHandle`], which
//! is a future of its output. Work that blocks its thread belongs into [`spawn_blocking`] or,
//! inside a task, [`block_in_place`].

mod builder;
pub mod coop;
pub mod join_set;
mod local_set;
mod pinned;
mod scope;
mod spawn;
pub(crate) mod task_local;
mod yield_now;

pub use crate::engine::task::{AbortHandle, Id, JoinError, JoinHandle};
pub use crate::runtime::this_thread::LocalEnterGuard;
pub use builder::Builder;
#[doc(hidden)]
#[deprecated = "moved to `task::coop::consume_budget`"]
pub use coop::consume_budget;
pub use coop::unconstrained;
pub use join_set::JoinSet;
pub use local_set::{LocalSet, spawn_local};
pub use pinned::{spawn_pinned, spawn_pinned_by_idx};
pub use scope::{CancelGuard, Scope, ScopeError, ScopeHandle};
pub use spawn::{block_in_place, id, spawn, spawn_blocking, try_id};
pub use task_local::{AccessError, LocalKey};
pub use yield_now::yield_now;

/// The futures that methods of this module return.
pub mod futures {
    pub use super::coop::Unconstrained;
    pub use super::scope::Cancelled;
    pub use super::task_local::TaskLocalFuture;
}

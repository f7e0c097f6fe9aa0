//! `engine::task`.
#![allow(unsafe_code, reason = "as in the module that this stands for")]

#[path = "../../../runtime/src/engine/task/cell.rs"]
mod cell;
#[path = "../../../runtime/src/engine/task/ended.rs"]
mod ended;
#[path = "stand_in/ended_static.rs"]
mod ended_static;
#[path = "../../../runtime/src/engine/task/ended_table.rs"]
mod ended_table;
#[path = "../../../runtime/src/engine/task/error.rs"]
mod error;
#[path = "../../../runtime/src/engine/task/header.rs"]
mod header;
#[path = "../../../runtime/src/engine/task/join.rs"]
mod join;
#[path = "../../../runtime/src/engine/task/owned.rs"]
mod owned;
#[path = "../../../runtime/src/engine/task/panic.rs"]
mod panic;
#[path = "../../../runtime/src/engine/task/priority.rs"]
mod priority;
#[path = "../../../runtime/src/engine/task/runnable.rs"]
mod runnable;
#[path = "../../../runtime/src/engine/task/scope.rs"]
pub(crate) mod scope;
#[path = "../../../runtime/src/engine/task/state.rs"]
mod state;
#[path = "../../../runtime/src/engine/task/waker.rs"]
mod waker;
#[path = "../../../runtime/src/engine/task/watch.rs"]
mod watch;

pub(crate) use crate::engine::task_id::Id;
pub(crate) use ended::Ended;
pub(crate) use error::JoinError;
pub(crate) use header::{Header, Outcome, Runnable, Schedule};
pub(crate) use join::{AbortHandle, JoinHandle};
pub(crate) use owned::Owned;
pub(crate) use panic::{PanicSink, UnseenPanic};
pub(crate) use priority::Priority;
pub(crate) use runnable::{Identity, spawn_cell};
pub(crate) use watch::{Absence, Mark, PollId, PollOwner, StallPolicy, Watch};

//! What a program keeps for those who look into it while it runs: [`Handle::task_dump`] and the
//! command `runtime-insight` read it.
//!
//! | file | what |
//! |---|---|
//! | `wait` | what a task can wait for |
//! | `notes` | in a poll, leaf futures say what they wait for |
//! | `block` | between polls, a task keeps these notes |
//! | `object` | locks and channels: where they were made, who holds them |
//! | `wake_source` | who wakes a task |
//! | `recorder` | what threads have done in the last seconds |
//! | `stacks` | at which of its awaits a task waits |
//!
//! If a runtime is not observed, its tasks have no block, and leaves look at one flag. Without the
//! feature `insight` none of this exists.
//!
//! [`Handle::task_dump`]: crate::Handle::task_dump

use std::collections::HashMap;

/// Numbers by numbers: ids, addresses, places in a list. One map for all that insight looks up,
/// since each kind of map is 2 KiB in every program.
pub(crate) type Numbers = HashMap<u64, u64>;

mod block;
pub(crate) mod descriptor;
mod location;
#[cfg_attr(not(feature = "insight"), path = "notes_off.rs")]
mod notes;
#[cfg_attr(not(feature = "insight"), path = "object_off.rs")]
mod object;
#[cfg(feature = "insight")]
mod object_static;
#[cfg(feature = "insight")]
mod object_table;
pub(crate) mod recorder;
#[cfg(test)]
mod recorder_tests;
#[cfg_attr(not(feature = "insight"), path = "stacks_off.rs")]
mod stacks;
#[cfg_attr(not(feature = "insight"), allow(dead_code, reason = "nobody notes anything"))]
mod wait;
mod wake_source;

pub(crate) use block::{Block, Reading};
pub(crate) use location::AtomicLocation;
pub(crate) use notes::{NoteTaking, note, went_on};
pub(crate) use object::Object;
pub(crate) use object::read as read_object;
pub(crate) use recorder::Recorder;
#[cfg(feature = "taskdump")]
pub(crate) use stacks::is_looked_at;
pub(crate) use stacks::{Look, Stacks, waker_is_cloned};
pub use wait::WaitKind;
pub(crate) use wait::{Kind, Wait};
pub(crate) use wake_source::{AsDriver, WakeSource};

use std::panic::Location;

use crate::engine::task_id::Id;

/// Whether insight can be switched on at all.
pub(crate) const CAN_BE_ON: bool = cfg!(feature = "insight");

/// What a dump reads of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObjectReading {
    pub(crate) made_at: &'static Location<'static>,
    /// The task that holds it, or has used it last.
    pub(crate) holder: Option<Id>,
}

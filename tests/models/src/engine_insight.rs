//! `engine::insight`: a task is observed if its scheduler says so. Its leaves leave no notes, and a
//! look at it copies no stack.

#[path = "../../../runtime/src/engine/insight/block.rs"]
pub(crate) mod block;
#[path = "../../../runtime/src/engine/insight/location.rs"]
mod location;
#[path = "../../../runtime/src/engine/insight/notes_off.rs"]
mod notes;
#[path = "../../../runtime/src/engine/insight/object_off.rs"]
mod object;
#[path = "../../../runtime/src/engine/insight/object.rs"]
pub(crate) mod object_on;
#[path = "stand_in/object_static.rs"]
mod object_static;
#[path = "../../../runtime/src/engine/insight/object_table.rs"]
mod object_table;
#[allow(clippy::modulo_one, reason = "chunks of one event: each begins a new one")]
#[path = "../../../runtime/src/engine/insight/recorder/mod.rs"]
pub(crate) mod recorder;
#[path = "stand_in/stacks.rs"]
mod stacks;
#[path = "../../../runtime/src/engine/insight/wait.rs"]
mod wait;
#[path = "../../../runtime/src/engine/insight/wake_source.rs"]
mod wake_source;

/// As in `engine/insight/mod.rs`.
pub(crate) type Numbers = std::collections::HashMap<u64, u64>;

pub(crate) use block::{Block, Reading};
pub(crate) use location::AtomicLocation;
pub(crate) use notes::{NoteTaking, note, went_on};
pub(crate) use object::Object;
pub(crate) use recorder::Recorder;
pub(crate) use stacks::{Look, Stacks, waker_is_cloned};
pub(crate) use wait::{Kind, Wait};
pub(crate) use wake_source::{AsDriver, WakeSource};

pub(crate) const CAN_BE_ON: bool = true;

/// What a dump reads of a lock or channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObjectReading {
    pub(crate) made_at: &'static std::panic::Location<'static>,
    pub(crate) holder: Option<crate::engine::task_id::Id>,
}

//! The parts of `runtime::runtime` that are protocols by themselves.

#[path = "../../../runtime/src/runtime/events.rs"]
pub(crate) mod events;
#[path = "../../../runtime/src/runtime/lane.rs"]
pub(crate) mod lane;

//! The parts of `runtime::runtime` that are protocols by themselves.

#[path = "../../../runtime/src/runtime/events.rs"]
pub(crate) mod events;
#[path = "../../../runtime/src/runtime/foreign_wakes.rs"]
pub(crate) mod foreign_wakes;
#[path = "../../../runtime/src/runtime/lane.rs"]
pub(crate) mod lane;

//! The parts of `engine::scheduler` that are protocols by themselves.

#[path = "../../../runtime/src/engine/scheduler/closing.rs"]
pub(crate) mod closing;
#[path = "../../../runtime/src/engine/scheduler/core_handoff.rs"]
pub(crate) mod core_handoff;
#[path = "../../../runtime/src/engine/scheduler/held_up.rs"]
pub(crate) mod held_up;
#[path = "../../../runtime/src/engine/scheduler/idle.rs"]
pub(crate) mod idle;
#[path = "../../../runtime/src/engine/scheduler/in_flight.rs"]
pub(crate) mod in_flight;
#[path = "../../../runtime/src/engine/scheduler/lifo_slot.rs"]
pub(crate) mod lifo_slot;
#[path = "../../../runtime/src/engine/scheduler/monitor_park.rs"]
pub(crate) mod monitor_park;
#[path = "../../../runtime/src/engine/scheduler/monitor_start.rs"]
pub(crate) mod monitor_start;
#[path = "../../../runtime/src/engine/scheduler/park.rs"]
pub(crate) mod park;
#[path = "../../../runtime/src/engine/scheduler/silence.rs"]
pub(crate) mod silence;
#[path = "../../../runtime/src/engine/scheduler/sleep.rs"]
pub(crate) mod sleep;
#[path = "../../../runtime/src/engine/scheduler/spares.rs"]
pub(crate) mod spares;
#[path = "../../../runtime/src/engine/scheduler/worker_set.rs"]
pub(crate) mod worker_set;

pub(crate) use park::Park;

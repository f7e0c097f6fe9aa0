//! The parts of `engine::driver` that hold a protocol, and a stand-in for what talks to the system.

#[path = "../../../runtime/src/engine/driver/interest.rs"]
pub(crate) mod interest;
#[path = "../../../runtime/src/engine/driver/readiness.rs"]
pub(crate) mod readiness;
#[path = "../../../runtime/src/engine/driver/ready.rs"]
pub(crate) mod ready;
#[path = "../../../runtime/src/engine/driver/table.rs"]
pub(crate) mod table;

#[path = "stand_in/poll.rs"]
mod poll;
#[path = "stand_in/switch.rs"]
pub(crate) mod switch;

pub(crate) use poll::{IoDriver, PollGuard};

//! The parts of `runtime::runtime` that are protocols by themselves.

#[path = "../../../runtime/src/runtime/drivers.rs"]
pub(crate) mod drivers;
#[path = "../../../runtime/src/runtime/foreign_wakes.rs"]
pub(crate) mod foreign_wakes;
#[path = "../../../runtime/src/runtime/serial_thread.rs"]
pub(crate) mod serial_thread;

//! `runtime::engine::stall`, as far as it is a protocol between threads.

#[path = "../../../runtime/src/engine/stall/slot.rs"]
pub(crate) mod slot;

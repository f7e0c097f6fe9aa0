//! `engine::stall::stack`, as far as it is a protocol between threads.

#[path = "../../../runtime/src/engine/stall/stack/slot.rs"]
pub(crate) mod slot;

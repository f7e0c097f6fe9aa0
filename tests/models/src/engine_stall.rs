//! `runtime::engine::stall`, as far as it is a protocol between threads.

#[path = "."]
pub(crate) mod stack {
    #[path = "../../../runtime/src/engine/stall/stack/slot.rs"]
    pub(crate) mod slot;
}

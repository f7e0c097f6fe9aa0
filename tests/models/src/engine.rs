//! The tree of `runtime::engine`, with loom underneath.

#[path = "engine_blocking.rs"]
pub(crate) mod blocking;
#[path = "stand_in/primitive.rs"]
pub(crate) mod primitive;
#[path = "../../../runtime/src/engine/wake_list.rs"]
pub(crate) mod wake_list;

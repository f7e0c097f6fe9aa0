//! `engine::trace` without its features: models see nothing.

#[path = "../../../runtime/src/engine/trace/due_off.rs"]
pub(crate) mod due;
#[path = "../../../runtime/src/engine/trace/resource_off.rs"]
pub(crate) mod resource;
#[path = "../../../runtime/src/engine/trace/span_off.rs"]
pub(crate) mod span;

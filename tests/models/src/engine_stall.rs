//! `runtime::engine::stall`, as far as it is a protocol between threads.

#[path = "engine_stall_stack.rs"]
pub(crate) mod stack;

/// Stands in for stacks, which no model looks at.
pub(crate) enum Capture {}

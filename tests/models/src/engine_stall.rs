//! `runtime::engine::stall`, as far as it is a protocol between threads.

#[path = "engine_stall_stack.rs"]
pub(crate) mod stack;

/// No model looks at stacks.
pub(crate) enum Capture {}

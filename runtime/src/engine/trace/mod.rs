//! What tools see of tasks and of what they wait for: tasks and resources as spans of `tracing`,
//! and since when a task is due. Each file has another one in its place without its feature.

#[cfg_attr(not(feature = "schedule-latency"), path = "due_off.rs")]
pub(crate) mod due;
#[cfg_attr(not(feature = "tracing"), path = "resource_off.rs")]
pub(crate) mod resource;
#[cfg_attr(not(feature = "tracing"), path = "span_off.rs")]
pub(crate) mod span;

//! What tools see of tasks and of their waits: tasks and resources as `tracing` spans, and since
//! when a task is ready. Without its feature, each file is replaced by an empty one (`_off`).

#[cfg_attr(not(feature = "schedule-latency"), path = "due_off.rs")]
pub(crate) mod due;
#[cfg_attr(not(feature = "tracing"), path = "resource_off.rs")]
pub(crate) mod resource;
#[cfg_attr(not(feature = "tracing"), path = "span_off.rs")]
pub(crate) mod span;

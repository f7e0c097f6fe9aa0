//! `runtime::engine::blocking`, without the threads of the operating system.

#[path = "../../../runtime/src/engine/blocking/job.rs"]
pub(crate) mod job;
#[path = "../../../runtime/src/engine/blocking/queue.rs"]
pub(crate) mod queue;

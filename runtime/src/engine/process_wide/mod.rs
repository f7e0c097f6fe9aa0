//! State that a process has once and all its runtimes share: its signals, its orphaned children,
//! the engine's own signal handlers, and its table of descriptors.
//!
//! Everything else hangs on a value that can be made twice, except the counters that number tasks
//! and runtimes, the names of tasks, and the hint that a clock was paused.

pub(crate) mod descriptors;
pub(crate) mod fork;
pub(crate) mod orphans;
#[cfg(all(
    feature = "stall-backtrace",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub(crate) mod own_memory;
mod signal_kind;
pub(crate) mod signal_mask;
pub(crate) mod signals;
#[cfg(all(
    feature = "stall-backtrace",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub(crate) mod stall_signal;

//! What a process has once and every runtime in it shares: its signals, and handlers of the engine's
//! own.
//!
//! This is the only room of the engine with statics that hold state. Everything else hangs on a value
//! that can be made twice.

pub(crate) mod fork;
pub(crate) mod signals;
#[cfg(all(
    feature = "stall-backtrace",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub(crate) mod stall_signal;

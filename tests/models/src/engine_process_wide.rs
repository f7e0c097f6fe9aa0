//! `runtime::engine::process_wide`, as far as it is a protocol between threads.

#[path = "stand_in/fork.rs"]
pub(crate) mod fork;
#[path = "../../../runtime/src/engine/process_wide/signal_kind.rs"]
pub(crate) mod signal_kind;
#[path = "stand_in/signal_mask.rs"]
pub(crate) mod signal_mask;

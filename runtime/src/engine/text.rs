//! Every text that tells a user what went wrong and what to do: in one place, so that they agree in
//! tone and can be checked.

/// No runtime on this thread.
pub(crate) const NO_RUNTIME: &str = "there is no reactor running, must be called from the context of a runtime: \
     call this inside `Runtime::block_on`, a spawned task or `#[runtime::main]`, or hold the guard of `Handle::enter`";

/// A oneshot receiver polled after it was ready.
pub(crate) const ONESHOT_POLLED_AGAIN: &str = "oneshot::Receiver polled after it was ready: \
     its value was given out; check `is_terminated` before you await it again";

//! Every text that tells a user what went wrong and what to do: in one place, so that they agree in
//! tone and can be checked.

/// No runtime on this thread.
pub(crate) const NO_RUNTIME: &str = "there is no reactor running, must be called from the context of a runtime: \
     call this inside `Runtime::block_on`, a spawned task or `#[runtime::main]`, or hold the guard of `Handle::enter`";

/// A `JoinHandle` is polled after it has yielded its output.
pub(crate) const JOIN_HANDLE_POLLED_AGAIN: &str = "JoinHandle polled after completion: it yields the output once; \
     keep the output, or fuse the handle before polling it in a loop";

//! Every text that tells a user what went wrong and what to do: in one place, so that they agree in
//! tone and can be checked.

/// No runtime on this thread.
pub(crate) const NO_RUNTIME: &str = "there is no reactor running, must be called from the context of a runtime: \
     call this inside `Runtime::block_on`, a spawned task or `#[runtime::main]`, or hold the guard of `Handle::enter`";

/// A task-local value that nobody set.
pub(crate) const TASK_LOCAL_NOT_SET: &str = "cannot access a task-local storage value without setting it first: \
     run this inside a future that `LocalKey::scope` made (spawned tasks do not inherit the value)";
/// The same as an error.
pub(crate) const TASK_LOCAL_ACCESS_ERROR: &str = "task-local value not set";
/// A scope of a key inside `with` of that key.
pub(crate) const TASK_LOCAL_BORROWED: &str = "cannot enter a task-local scope while the task-local storage is borrowed: \
     end the `LocalKey::with` of this key first";
/// A scope while the thread ends.
pub(crate) const TASK_LOCAL_DESTROYED: &str =
    "cannot enter a task-local scope during or after destruction of the underlying thread-local";
/// A completed `TaskLocalFuture` polled again.
pub(crate) const TASK_LOCAL_POLLED_AFTER_COMPLETION: &str =
    "`TaskLocalFuture` polled after completion";

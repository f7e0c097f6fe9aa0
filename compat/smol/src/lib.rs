//! The crate smol, on [`runtime`].
//!
//! [`spawn`] spawns onto the workers of the runtime in which it is called, or of the process's, and
//! [`unblock`] runs on its blocking pool. Descriptors and timers are the runtime's as well. What
//! smol takes from crates without threads (executors to be run by hand, channels, locks) is theirs.
//!
//! [`runtime`]: https://docs.rs/runtime
//!
//! # Examples
//!
//! ```
//! let task = smol::spawn(async { 1 + 2 });
//! assert_eq!(smol::block_on(task), 3);
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]

use std::future::Future;

#[doc(inline)]
pub use {
    async_executor::{Executor, LocalExecutor, Task},
    async_io::{Async, Timer, block_on},
    blocking::{Unblock, unblock},
    futures_lite::{future, io, pin, prelude, ready, stream},
};

#[doc(inline)]
pub use {
    async_channel as channel, async_fs as fs, async_lock as lock, async_net as net,
    async_process as process,
};

/// Spawns a task. It is cancelled when the handle is dropped.
///
/// A task that blocks its thread or computes for long holds up no other.
///
/// Outside a runtime it runs on that of the process, which has a worker for each processor if
/// `SMOL_THREADS` does not say otherwise.
///
/// # Panics
///
/// If the runtime of the process cannot be started.
///
/// # Examples
///
/// See the head of the crate.
#[track_caller]
pub fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Task<T> {
    process_runtime::spawn(future)
}

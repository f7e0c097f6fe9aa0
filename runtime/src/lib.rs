//! A multi-threaded work-stealing async runtime.
#![deny(unsafe_code)]
#![warn(missing_docs)]

// The engine: private mechanism. Imports run downwards only.
mod engine;

// The face.
pub mod fs;
pub mod io;
pub mod net;
pub mod process;
pub mod runtime;
pub mod signal;
pub mod sync;
pub mod task;
pub mod time;

mod macros;

#[doc(hidden)]
pub use macros::support as macros_support;
pub use macros::{main, test};
#[doc(hidden)]
pub use macros::{main_of_tokio, test_of_tokio};

pub use crate::runtime::{Builder, Handle, Runtime};
pub use crate::task::{spawn, spawn_blocking};

/// Builds a multi-thread runtime with every default, runs `future` on it, and shuts it down.
///
/// To block on a runtime that is there already, use [`Handle::block_on`].
///
/// # Panics
///
/// Inside async code, if the future panics, and if the system gives no thread or no file descriptor for
/// the runtime; [`Builder`] gives an error instead.
///
/// # Examples
///
/// ```
/// let sum = runtime::block_on(async { runtime::spawn(async { 1 + 1 }).await.unwrap() });
/// assert_eq!(sum, 2);
/// ```
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    match Runtime::new() {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => panic!("the runtime could not be built: {error}"),
    }
}

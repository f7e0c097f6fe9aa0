//! The crate blocking, on the blocking pool of [`runtime`].
//!
//! [`unblock`] runs a closure, and [`Unblock`] a reader, writer or iterator, on threads that may
//! block. The threads are those of the runtime in which it is called, or of the process's (see the
//! package `process-runtime`). `BLOCKING_MAX_THREADS` sets how many the latter has at most.
//!
//! [`runtime`]: https://docs.rs/runtime
//!
//! # Examples
//!
//! ```
//! use blocking::{Unblock, unblock};
//! use futures_lite::AsyncReadExt;
//!
//! # futures_lite::future::block_on(async {
//! let file = unblock(|| std::fs::File::open("Cargo.toml")).await?;
//! let mut text = String::new();
//! Unblock::new(file).read_to_string(&mut text).await?;
//! assert!(text.contains("[package]"));
//! # std::io::Result::Ok(()) }).unwrap();
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod unblock;

use std::num::NonZeroUsize;

#[doc(no_inline)]
pub use async_task::Task;

pub use unblock::Unblock;

/// Runs a closure on a thread that may block.
///
/// When the returned task is dropped, a closure that has not begun never runs. One that has begun
/// runs to its end.
///
/// # Panics
///
/// The task panics when it is awaited if the closure panicked.
///
/// # Examples
///
/// ```
/// # futures_lite::future::block_on(async {
/// let entries = blocking::unblock(|| std::fs::read_dir(".").map(Iterator::count)).await?;
/// assert!(entries > 0);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub fn unblock<T, F>(f: F) -> Task<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    process_runtime::unblock(f)
}

/// Sets how many threads may block at the same time.
///
/// This is the limit of the runtime in which it is called, or of the process's. Threads beyond a
/// lower limit end when they have had nothing to do for a while.
///
/// # Examples
///
/// ```
/// blocking::set_max_blocking_threads(std::num::NonZeroUsize::new(100).unwrap());
/// ```
pub fn set_max_blocking_threads(threads: NonZeroUsize) {
    process_runtime::set_max_blocking_threads(threads);
}

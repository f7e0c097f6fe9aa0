//! The crate async-process, on [`runtime`].
//!
//! The interface of [`std::process`], with pipes and exits that are awaited. No thread waits for
//! children: their ends are events of the runtime. A child that is dropped before its end is reaped
//! when it ends.
//!
//! [`runtime`]: https://docs.rs/runtime
//!
//! # Examples
//!
//! ```
//! use async_process::Command;
//!
//! # futures_lite::future::block_on(async {
//! let out = Command::new("echo").arg("hello").output().await?;
//! assert!(out.status.success() && out.stdout == b"hello\n");
//! # std::io::Result::Ok(()) }).unwrap();
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod child;
mod command;
mod exit;
mod pipes;
pub mod unix;

use std::convert::Infallible;
use std::future::{Future, pending};

#[doc(no_inline)]
pub use std::process::{ExitStatus, Output, Stdio};

pub use child::Child;
pub use command::Command;
pub use pipes::{ChildStderr, ChildStdin, ChildStdout};

/// A future that never ends. Where a thread reaps children, polling it takes that thread's place;
/// here there is none.
///
/// # Examples
///
/// ```
/// use futures_lite::future::{block_on, poll_once};
///
/// assert!(block_on(poll_once(async_process::driver())).is_none());
/// ```
pub fn driver() -> impl Future<Output = Infallible> + Send + 'static {
    pending()
}

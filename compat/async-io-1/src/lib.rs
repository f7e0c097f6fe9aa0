//! The crate async-io 1, on the I/O driver and the timers of [`runtime`].
//!
//! It is what the package for async-io 2 is, and most of its files are the same. The differences
//! are those of the originals: a value only has to have a descriptor that can be asked for
//! ([`AsRawFd`](std::os::fd::AsRawFd)), and nobody asks whether it keeps it. A value that is
//! exchanged in its [`Async`] while the old one is closed waits for a descriptor that is not its
//! own.
//!
//! [`runtime`]: https://docs.rs/runtime
//!
//! # Examples
//!
//! ```
//! use async_io::{Async, Timer};
//! use std::os::unix::net::UnixStream;
//! use std::time::Duration;
//!
//! # fn main() -> std::io::Result<()> {
//! async_io::block_on(async {
//!     let (mut one, other) = Async::<UnixStream>::pair()?;
//!     other.writable().await?;
//!     other.write_with(|mut io| std::io::Write::write_all(&mut io, b"hello")).await?;
//!     let mut buf = [0; 5];
//!     one.read_with_mut(|io| std::io::Read::read_exact(io, &mut buf)).await?;
//!     assert_eq!(&buf, b"hello");
//!     Timer::after(Duration::from_millis(1)).await;
//!     Ok(())
//! })
//! # }
//! ```

#![warn(missing_docs)]

mod made;
#[path = "../../async-io/src/net.rs"]
mod net;
#[path = "../../async-io/src/ready.rs"]
mod ready;
#[path = "../../async-io/src/source.rs"]
mod source;
#[path = "../../async-io/src/timer.rs"]
mod timer;

use made::IoSafe;
pub use ready::{Readable, ReadableOwned, Writable, WritableOwned};
pub use source::Async;
pub use timer::Timer;

use std::future::Future;

/// Runs a future to its end on this thread. May be called anywhere, also in async code: a worker's
/// other tasks go on meanwhile.
///
/// # Examples
///
/// See the head of the crate.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    process_runtime::block_on(future)
}

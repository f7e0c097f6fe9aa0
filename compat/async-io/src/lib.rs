//! The crate async-io, on the I/O driver and the timers of [`runtime`].
//!
//! [`Async`] makes any descriptor awaitable, [`Timer`] waits for a time, [`block_on`] runs a future
//! on a thread. There is no thread of this crate: descriptors and timers belong to the runtime in
//! which they are made, or to the process's (see the package `process-runtime`).
//!
//! [`runtime`]: https://docs.rs/runtime
//!
//! # Examples
//!
//! ```
//! use async_io::{Async, Timer};
//! use futures_lite::{AsyncReadExt, AsyncWriteExt, FutureExt};
//! use std::net::{TcpListener, TcpStream};
//! use std::time::Duration;
//!
//! # fn main() -> std::io::Result<()> {
//! async_io::block_on(async {
//!     let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0))?;
//!     let address = listener.get_ref().local_addr()?;
//!     let connect = Async::<TcpStream>::connect(address).or(async {
//!         Timer::after(Duration::from_secs(10)).await;
//!         Err(std::io::ErrorKind::TimedOut.into())
//!     });
//!     let mut one = connect.await?;
//!     let (mut other, _) = listener.accept().await?;
//!     one.write_all(b"hello").await?;
//!     let mut buf = [0; 5];
//!     other.read_exact(&mut buf).await?;
//!     assert_eq!(&buf, b"hello");
//!     Ok(())
//! })
//! # }
//! ```

#![warn(missing_docs)]

mod io_safe;
mod made;
mod net;
pub mod os;
mod ready;
mod source;
mod timer;

pub use io_safe::IoSafe;
pub use ready::{Readable, ReadableOwned, Writable, WritableOwned};
pub use source::Async;
pub use timer::Timer;

use std::future::Future;

/// Runs a future to its end on this thread. May be called anywhere, also in async code: a worker's
/// other tasks go on meanwhile.
///
/// # Examples
///
/// ```
/// use async_io::{Timer, block_on};
/// use std::time::Duration;
///
/// block_on(async {
///     Timer::after(Duration::from_millis(1)).await;
/// });
/// ```
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    process_runtime::block_on(future)
}

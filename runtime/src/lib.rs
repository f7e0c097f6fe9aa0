//! An async runtime that one blocked task cannot stop.
//!
//! Futures need somebody to poll them when they can go on. This crate is that somebody: it runs
//! tasks on a few threads that take work from each other, turns the system's events into wake-ups,
//! keeps timers, and has the asynchronous counterparts of what `std` offers for files, sockets,
//! processes, channels and locks. Names, signatures and meaning follow tokio 1.x.
//!
//! ```no_run
//! use runtime::io::{AsyncReadExt, AsyncWriteExt};
//! use runtime::net::TcpListener;
//!
//! #[runtime::main]
//! async fn main() -> std::io::Result<()> {
//!     let listener = TcpListener::bind("127.0.0.1:7000").await?;
//!     loop {
//!         let (mut stream, _) = listener.accept().await?;
//!         runtime::spawn(async move {
//!             let mut buffer = [0; 1024];
//!             while let Ok(n @ 1..) = stream.read(&mut buffer).await {
//!                 if stream.write_all(&buffer[..n]).await.is_err() {
//!                     break;
//!                 }
//!             }
//!         });
//!     }
//! }
//! ```
//!
//! # Where to look
//!
//! | you want to | see |
//! |---|---|
//! | start | [`main`](macro@main), [`test`](macro@test), [`block_on`], [`Builder`] |
//! | run something beside the present code | [`spawn`], [`task`]; in groups: [`task::JoinSet`], [`task::Scope`] |
//! | call code that blocks | [`spawn_blocking`], [`task::block_in_place`] |
//! | wait for several things | [`join!`], [`try_join!`], [`select!`] |
//! | wait for a time | [`time`] |
//! | talk over sockets and pipes | [`net`], [`io`] |
//! | pass values, share state | [`sync`] |
//! | use files, processes, signals | [`fs`], [`process`], [`signal`] |
//! | see inside | [`Handle::metrics`], [`Builder::on_stall`], the hooks of [`Builder`] |
//! | end in good order | [`Runtime::shutdown`], [`task::Scope`] |
//!
//! # A task that does not return
//!
//! A poll should take microseconds. One that blocks its thread, or computes without end, holds up
//! in other runtimes whatever its worker has in its queue, and, when each worker has met such a
//! task, every socket and every timer. Here a thread of its own, the monitor, looks at the workers:
//! after 3 ms ([`Builder::stall_takeover`]) others take what the stalled worker holds, and a spare
//! worker takes its place; after 100 ms ([`Builder::stall_report`]) the task is named on stderr, or
//! to [`Builder::on_stall`], with its id, where it was spawned and the stack that it stands on.
//! This holds for tasks of the multi-thread flavour. A task that is bound to one thread
//! ([`task::LocalSet`], the current-thread flavour) can only be reported.
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `stall-backtrace` | on | the stack in the report of a stall, by names of functions (Linux on x86-64 and arm64) |
//! | `stall-lines` | on | files, lines and inlined calls in it, where the program has debug information |
//! | `futures-io` | off | wrappers for the traits of futures-io, in `io::compat` |
//! | `schedule-latency` | off | how long tasks wait for their polls, for hooks and in a histogram |
//! | `tracing` | off | spans and events of tasks, wakers, locks and timers, for tokio-console |
//!
//! Everything else is always there.
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
/// Inside async code, if the future panics, and if the system gives no thread or no file descriptor
/// for the runtime; [`Builder`] gives an error instead.
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

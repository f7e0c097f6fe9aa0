//! An async runtime that one blocked task cannot stop.
//!
//! Async functions do nothing by themselves: a *runtime* must poll them whenever they can make
//! progress. This one runs any number of tasks on a few threads, and wakes them when their sockets,
//! timers and channels are ready. It has async counterparts of what [`std`] offers for files,
//! sockets, processes and locks. Names, signatures and meaning follow tokio 1.x.
//!
//! # Start here
//!
//! [`#[runtime::main]`](macro@main) makes an `async fn main` the entry point of the program.
//! [`spawn`] starts a task, which runs concurrently. `.await` waits for something, and lets other
//! tasks run meanwhile.
//!
//! ```
//! use runtime::time::{Duration, sleep};
//!
//! #[runtime::main]
//! async fn main() {
//!     let task = runtime::spawn(async {
//!         sleep(Duration::from_millis(10)).await;
//!         6 * 7
//!     });
//!     println!("The task sleeps, and this goes on.");
//!     assert_eq!(task.await.unwrap(), 42);
//! }
//! ```
//!
//! An echo server, with a task for each connection:
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
//! | start a program, or a test | [`main`](macro@main), [`test`](macro@test), [`block_on`], [`Builder`] |
//! | choose a flavour of runtime | [the table in `runtime`](crate::runtime#which-flavour) |
//! | run something concurrently | [`spawn`]; in groups: [`task::JoinSet`], [`task::Scope`] |
//! | call code that blocks | [`spawn_blocking`], [`task::block_in_place`] |
//! | wait for several things | [`join!`], [`try_join!`], [`select!`] |
//! | wait for a time, or limit how long something takes | [`time`] |
//! | talk over sockets and pipes | [`net`], [`io`] |
//! | pass values between tasks, share state | [`sync`], with [a table of which one when](sync#which-one-when) |
//! | use files, processes, signals | [`fs`], [`process`], [`signal`] |
//! | test a future, a timeout, a retry without waiting | [`testing`] |
//! | understand an error about `Send` | [`task`](task#send-or-why-the-compiler-refuses-a-task) |
//! | know what may be dropped halfway | [cancel safety, in one table](select!#cancel-safety) |
//! | see what a running program does and waits for | [`insight`] |
//! | find out why a program is slow | [`Handle::metrics`], [stalls](crate::runtime#stalls-tasks-that-do-not-return) |
//! | shut down gracefully | [`Runtime`](Runtime#how-it-ends), [`task::Scope`] |
//!
//! # A task that does not return
//!
//! Tasks take turns at their `.await`s. A task that computes for long, or calls something that
//! blocks, keeps its thread. In other runtimes all tasks behind it wait, and when each thread has
//! such a task, the whole program stops.
//!
//! Here a separate thread watches the others. After 3 ms other workers take over the tasks that are
//! held up, and a spare worker stands in for the thread. After 100 ms the task is reported: its id,
//! its spawn location and its stack. [What a report looks like and what to
//! do](crate::runtime#stalls-tasks-that-do-not-return) is in [`runtime`](mod@crate::runtime). A
//! task that is bound to one thread ([`task::LocalSet`], the current-thread flavour) can only be
//! reported.
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `insight` | on | what tasks wait for, who woke them, how long they ran: [`insight`]; nothing of it runs until it is switched on |
//! | `stall-backtrace` | on | the stack in the report of a stall, by names of functions (Linux on x86-64 and arm64) |
//! | `stall-lines` | off | files, lines and inlined calls in it, found by the program itself; without it the command `runtime-insight lines` finds them |
//! | `futures-io` | off | wrappers for the traits of futures-io, in `io::compat` |
//! | `schedule-latency` | off | how long tasks wait for their polls, for hooks and in a histogram |
//! | `tracing` | off | spans and events of tasks, wakers, locks and timers, for tokio-console |
//!
//! Everything else is always compiled in.
#![deny(unsafe_code)]
#![warn(missing_docs)]

// The engine: private mechanism. Imports run downwards only.
mod engine;

// The face.
pub mod fs;
pub mod insight;
pub mod io;
pub mod net;
pub mod process;
pub mod runtime;
pub mod signal;
pub mod sync;
pub mod task;
pub mod testing;
pub mod time;

mod macros;

#[doc(hidden)]
pub use macros::support as macros_support;
pub use macros::{main, test};
#[doc(hidden)]
pub use macros::{main_of_tokio, test_of_tokio};

#[doc(inline)]
pub use crate::runtime::{Builder, Handle, Runtime};
#[doc(inline)]
pub use crate::task::{spawn, spawn_blocking};

/// Builds a multi-thread runtime with all defaults, runs `future` on it, and shuts it down.
///
/// To block on an existing runtime, use [`Handle::block_on`].
///
/// # Panics
///
/// Inside async code, if the future panics, and if the system gives no thread or no file descriptor
/// for the runtime; [`Builder`] returns an error instead.
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

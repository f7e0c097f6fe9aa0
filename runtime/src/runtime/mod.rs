//! The runtime runs tasks, wakes them up and keeps their timers.
//!
//! Most programs need nothing of this module: [`#[runtime::main]`](crate::main) builds a runtime
//! with all defaults. Use a [`Builder`] to choose the flavour, the number of workers and other
//! settings, and [`Runtime::block_on`] to run a future.
//!
//! ```
//! let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
//! let sum = runtime.block_on(async {
//!     let a = runtime::spawn(async { 1 });
//!     let b = runtime::spawn(async { 2 });
//!     a.await.unwrap() + b.await.unwrap()
//! });
//! assert_eq!(sum, 3);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Which flavour
//!
//! | you have | take | tasks run on |
//! |---|---|---|
//! | a server, or anything that can use several cores | [`Builder::new_multi_thread`] | its worker threads |
//! | a small tool, a test, one thread of a larger program | [`Builder::new_current_thread`] | the thread in [`block_on`](Runtime::block_on) |
//! | futures that are not `Send`, and nothing else | [`LocalRuntime`] | the thread in [`block_on`](LocalRuntime::block_on) |
//! | a few futures that are not `Send`, beside tasks that are | [`LocalSet`], [`spawn_pinned`] | the set's thread; a thread for such tasks |
//!
//! All have the same functions for spawning, sockets, timers, files, channels and metrics, and the
//! same pool for blocking jobs. They differ in:
//!
//! | | `multi_thread` | `current_thread` | [`LocalRuntime`] | [`LocalSet`] |
//! |---|---|---|---|---|
//! | tasks run on | worker threads | one thread | one thread | one thread |
//! | tasks run while no thread is in `block_on` | yes | no | no | no |
//! | tasks must be `Send` | yes | yes | no | no |
//! | while a task blocks its thread | others go on | all wait | all wait | the set waits |
//! | such a task is reported | yes | yes | yes | yes |
//! | [`block_in_place`] | yes | no | no | no |
//!
//! [`LocalSet`]: crate::task::LocalSet
//! [`LocalSet::new`]: crate::task::LocalSet::new
//! [`spawn_local`]: crate::task::spawn_local
//! [`spawn_pinned`]: crate::task::spawn_pinned
//! [`block_in_place`]: crate::task::block_in_place
//!
//! ## `multi_thread` with one worker, or `current_thread`?
//!
//! They look alike but differ. With [`worker_threads(1)`](Builder::worker_threads) there is a
//! thread beside yours: tasks go on while the calling thread does something else, and a spare
//! worker stands in when a task blocks. With `current_thread` there is only your thread: tasks run
//! only while it is in `block_on`.
//!
//! ```
//! use std::time::Duration;
//!
//! let workers = runtime::Builder::new_multi_thread().worker_threads(1).build()?;
//! let task = workers.spawn(async { 1 });
//! while !task.is_finished() {
//!     std::thread::sleep(Duration::from_millis(1)); // the worker runs it
//! }
//!
//! let here = runtime::Builder::new_current_thread().build()?;
//! let task = here.spawn(async { 2 });
//! assert!(!task.is_finished()); // nobody runs it yet ..
//! assert_eq!(here.block_on(task).unwrap(), 2); // .. now somebody does
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # How to drive a `current_thread` runtime
//!
//! Its tasks, sockets and timers go on only while a thread is in [`Runtime::block_on`]. Three ways
//! that work:
//!
//! **The whole program is one future.** This is what `#[runtime::main(flavor = "current_thread")]`
//! does. When the future is done, the tasks that are left are dropped.
//!
//! ```
//! #[runtime::main(flavor = "current_thread")]
//! async fn main() {
//!     let task = runtime::spawn(async { "runs in the `.await` below" });
//!     assert!(task.await.is_ok());
//! }
//! ```
//!
//! **Now and then, between other work.** Each `block_on` runs the tasks for as long as its own
//! future takes. So async code can run inside a foreign event loop, such as that of a window
//! system.
//!
//! ```
//! use runtime::time::{Duration, sleep};
//!
//! let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
//! let task = runtime.spawn(async {
//!     sleep(Duration::from_millis(3)).await;
//!     "done"
//! });
//! while !task.is_finished() {
//!     // One frame of the other loop, then a moment for the tasks.
//!     runtime.block_on(async { sleep(Duration::from_millis(1)).await });
//! }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! **On a thread of its own.** Other threads spawn through its [`Handle`], and a channel tells it
//! when to end.
//!
//! ```
//! use runtime::sync::oneshot;
//!
//! let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
//! let handle = runtime.handle().clone();
//! let (stop, stopped) = oneshot::channel::<()>();
//! let thread = std::thread::spawn(move || runtime.block_on(async { stopped.await.ok() }));
//!
//! let task = handle.spawn(async { 6 * 7 });
//! assert_eq!(handle.block_on(task).unwrap(), 42); // waits here; runs over there
//! drop(stop);
//! thread.join().unwrap();
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # The runtime that code runs in
//!
//! [`spawn`](crate::spawn), sockets and timers belong to the *current* runtime: the one in whose
//! task or `block_on` the code runs. In a plain thread there is none: either [enter](Handle::enter)
//! one, or spawn through a [`Handle`]. Otherwise they panic with a message that says so.
//!
//! ```
//! use runtime::runtime::Handle;
//!
//! # let runtime = runtime::Runtime::new()?;
//! let handle = runtime.block_on(async { Handle::current() });
//! let thread = std::thread::spawn(move || {
//!     assert!(Handle::try_current().is_err());
//!     let _guard = handle.enter();
//!     runtime::spawn(async { 1 }) // belongs to the runtime of the handle
//! });
//! assert_eq!(runtime.block_on(thread.join().unwrap()).unwrap(), 1);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Stalls: tasks that do not return
//!
//! Tasks share threads, and give them up at an `.await`. A task that computes for long, or calls
//! something that blocks, keeps its thread: that is a *stall*. The runtime watches for stalls. Each
//! limit is an option of the [`Builder`]:
//!
//! | a poll takes longer than | what happens | option |
//! |---|---|---|
//! | 3 ms | other workers take over what waits behind it, and a spare worker stands in | [`stall_takeover`](Builder::stall_takeover), [`spare_workers`](Builder::spare_workers) |
//! | 100 ms | it is reported once, on stderr or to [`on_stall`](Builder::on_stall) | [`stall_report`](Builder::stall_report) |
//!
//! On one thread (`current_thread`, a [`LocalSet`]) no worker can stand in: there a stall is only
//! reported.
//!
//! A report names the task, its spawn location, what it does, and where in the code it is:
//!
//! ```text
//! runtime: task 64 spawned at src/main.rs:9:16 blocks its thread in `clock_nanosleep`: it has
//! not returned from its poll for 100 ms on worker 1
//!    0: __GI___clock_nanosleep (libc.so.6+0xd2bc6)
//!    ..
//!    4: thumbnails::resize_picture (thumbnails+0x21c4f)
//!    5: thumbnails::main::{{closure}}::{{closure}} (thumbnails+0x22b0d)
//!       [module libc.so.6: /usr/lib/x86_64-linux-gnu/libc.so.6, build id 93ac..]
//!       [module thumbnails: /srv/thumbnails, build id ad1f..]
//!       (`runtime-insight lines` adds files and lines to this)
//!
//!   Other tasks go on. Move what blocks to `spawn_blocking` or `block_in_place`, or use what
//!   can be awaited.
//! ```
//!
//! Names are from the program's symbol table. Lines need debug information (`debug =
//! "line-tables-only"` in the release profile), and are found by a command, also later and on
//! another machine that has this build:
//!
//! ```text
//! $ runtime-insight lines stalls.log
//!    ..
//!    4: thumbnails::resize_picture
//!              at src/main.rs:4
//!    5: thumbnails::main::{{closure}}::{{closure}}
//!              at src/main.rs:10
//! ```
//!
//! With the feature `stall-lines` the program finds them by itself.
//!
//! Read it from below: the task begins in `main`, and calls `resize_picture`, which sleeps. What to
//! do:
//!
//! | the report says | do |
//! |---|---|
//! | it blocks in a system call | use what can be awaited ([`time::sleep`](crate::time::sleep), [`net`](crate::net), [`fs`](crate::fs)), or call it in [`spawn_blocking`](crate::spawn_blocking) |
//! | it waits for a lock or a message of another thread (`futex`) | hold locks of `std` only for moments; across an `.await` use [`sync::Mutex`](crate::sync::Mutex) |
//! | it computes | [`spawn_blocking`](crate::spawn_blocking), or [`yield_now`](crate::task::yield_now) now and then |
//! | its thread gets no processor | nothing in the task: the machine is busy with something else |
//!
//! [`StallReport`] has the same facts for programs, and [`RuntimeMetrics::stall_count`] counts.
//!
//! # The end
//!
//! Dropping a [`Runtime`] stops it. Other ways have a time limit, or tell the tasks first: [how a
//! runtime ends](Runtime#how-it-ends).

mod blocking;
mod builder;
pub(crate) mod by_hand;
pub(crate) mod context;
mod drivers;
mod foreign_wakes;
mod handle;
mod histogram;
mod id;
pub(crate) mod insight;
mod job;
mod local_runtime;
pub(crate) mod local_sets;
mod metrics;
pub(crate) mod panics;
mod pinned;
mod rng_seed;
mod roots;
#[allow(clippy::module_inception, reason = "the type that the folder is about")]
mod runtime;
#[cfg(feature = "schedule-latency")]
mod schedule_latency;
mod scheduler;
mod serial_thread;
mod shutdown;
mod spawn_many;
mod spawn_pinned;
mod stall;
mod starter;
pub(crate) mod this_thread;
mod thread_plan;
#[cfg(feature = "tokio-wording")]
mod tokio_wording;
mod trace_files;

pub use builder::Builder;
#[cfg(feature = "tokio-wording")]
#[doc(hidden)]
pub use builder::older_histogram::HistogramScale;
pub use context::{EnterGuard, TryCurrentError};
pub use handle::Handle;
pub use histogram::{
    HistogramConfiguration, InvalidHistogramConfiguration, LogHistogram, LogHistogramBuilder,
};
pub use id::RuntimeId as Id;
pub use local_runtime::{LocalOptions, LocalRuntime};
pub use metrics::RuntimeMetrics;
pub use panics::{PanicReport, UnhandledPanic};
pub use rng_seed::RngSeed;
pub use runtime::{Runtime, is_rt_shutdown_err};
pub use scheduler::RuntimeFlavor;
pub use shutdown::{ShutdownReport, Unfinished};
pub use stall::{SpareShortage, StallReport};
#[cfg(feature = "taskdump")]
#[doc(hidden)]
pub use tokio_wording::dump::{self, Dump};

pub use crate::engine::scheduler::TaskMeta;

/// The number of the worker that this code runs on, as [`RuntimeMetrics`] counts them; 0 on the
/// thread that runs a `current_thread` runtime. `None` everywhere else, and in the future of a
/// multi-thread `block_on`.
///
/// # Examples
///
/// ```
/// let runtime = runtime::Builder::new_multi_thread().worker_threads(2).build()?;
/// let index = runtime.block_on(runtime.spawn(async { runtime::runtime::worker_index() })).unwrap();
/// assert!(index.is_some_and(|index| index < 2));
/// assert_eq!(runtime::runtime::worker_index(), None);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn worker_index() -> Option<usize> {
    crate::engine::scheduler::worker_index()
}

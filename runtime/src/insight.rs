//! See what a running program does: which tasks there are, what each waits for, who holds a lock.
//!
//! It is in every program and costs nothing until it is switched on: by the environment variable
//! `RUNTIME_INSIGHT=1`, by [`Builder::insight`](crate::Builder::insight), or for one program by
//! `#[runtime::main(insight)]`. From then on each task keeps 136 bytes of notes, and each
//! thread that runs tasks up to 4 MiB of what it has done last ([`Insight::recorder_bytes`]).
//!
//! | to see | use |
//! |---|---|
//! | from inside what all tasks do | [`Handle::task_dump`](crate::Handle::task_dump), [`TaskDump`] |
//! | from outside what all tasks do, a table that refreshes, the metrics | the command `runtime-insight` |
//! | the metrics in Prometheus's format, or as JSON | [`prometheus`], [`metrics_json`] |
//! | what threads have done in the last seconds | [`Handle::trace`](crate::Handle::trace), [`Trace`] |
//! | the same from just before a stall or a panic | [`Insight::trace_folder`] |
//!
//! For the command a program with insight opens a Unix socket that only its own user can connect
//! to, and answers on a thread of its own, named `insight`, also while all workers are stuck. The
//! socket is in `$XDG_RUNTIME_DIR/runtime-insight` if there is such a directory of the user, and
//! else in `/tmp/runtime-insight-UID`. If it cannot be opened a line on stderr says why, and the
//! program runs on without.
//!
//! # Examples
//!
//! Two tasks that wait for each other's lock:
//!
//! ```
//! use std::sync::Arc;
//! use runtime::sync::{Barrier, Mutex};
//!
//! let runtime = runtime::Builder::new_multi_thread().insight(true).enable_all().build()?;
//! let (a, b) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
//! let both_hold_one = Arc::new(Barrier::new(2));
//! for (first, second) in [(&a, &b), (&b, &a)] {
//!     let (first, second) = (Arc::clone(first), Arc::clone(second));
//!     let barrier = Arc::clone(&both_hold_one);
//!     runtime.spawn(async move {
//!         let _first = first.lock().await;
//!         barrier.wait().await;
//!         let _second = second.lock().await;
//!     });
//! }
//! # loop {
//! #     let stuck = |task: &runtime::insight::TaskInfo| {
//! #         task.waits.first().is_some_and(|wait| wait.held_by.is_some())
//! #     };
//! #     if runtime.handle().task_dump().tasks.iter().filter(|task| stuck(task)).count() == 2 {
//! #         break;
//! #     }
//! #     std::thread::yield_now();
//! # }
//! // task 64, spawned at src/main.rs:11:13: waiting for 0.2 ms, 2 polls, 3 µs busy
//! //   waits for a mutex made at src/main.rs:5:51, held by task 65
//! println!("{}", runtime.handle().task_dump());
//! # runtime.shutdown_background();
//! # Ok::<(), std::io::Error>(())
//! ```

pub use crate::runtime::insight::{
    BlockingInfo, DescriptorInfo, Finding, FindingKind, Insight, RootInfo, Stacks, TaskDump,
    TaskInfo, TaskPlace, TaskState, Trace, WaitInfo, WaitKind, WokenBy, metrics_json, prometheus,
};

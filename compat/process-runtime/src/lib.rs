//! What the packages that stand for smol's crates share: on which runtime they work.
//!
//! Code for smol or async-std builds no runtime. So there is one for the process, which the first
//! use starts and nothing ends ([`handle`]). A thread that is in a runtime with several workers (a
//! task, a blocking job, `block_on`, a guard of `Handle::enter`) uses that one instead: a program
//! that has built a runtime gets no second one by its dependencies.
//!
//! A runtime of one thread is left alone. There a blocked task would stop all others, and a
//! `block_on` within a task would wait for events that its own thread had to fetch; neither is so
//! with the crates that the packages stand for.
//!
//! | variable | what it sets | if it is absent |
//! |---|---|---|
//! | `SMOL_THREADS`, `ASYNC_GLOBAL_EXECUTOR_THREADS`, `ASYNC_STD_THREAD_COUNT` | workers; the largest counts | one for each processor |
//! | `BLOCKING_MAX_THREADS` | threads for blocking jobs, 1 to 10000 | 500 |
//!
//! They are read when the process's runtime starts, and say nothing about other runtimes.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod blocking;
mod settings;
mod task;

use std::future::Future;
use std::sync::OnceLock;

use runtime::runtime::{Handle, Runtime, RuntimeFlavor};

pub use blocking::{set_max_blocking_threads, spawn_on_blocking_threads, unblock};
pub use settings::{Settings, configure};
pub use task::spawn;

/// Never dropped, so what refers to it lives as long as the process.
static PROCESS: OnceLock<Runtime> = OnceLock::new();

/// The runtime to work on: that of this thread if it has several workers and goes on, else that of
/// the process, which is started if need be.
///
/// # Panics
///
/// If the system gives no thread or no descriptor for the runtime of the process.
pub fn handle() -> Handle {
    match Handle::try_current() {
        Ok(handle) if serves(&handle) => handle,
        _ => of_the_process().clone(),
    }
}

/// Calls `f` in the runtime to work on: sockets and timers that it makes belong to it.
///
/// # Panics
///
/// As [`handle`].
pub fn within<R>(f: impl FnOnce() -> R) -> R {
    match Handle::try_current() {
        Ok(handle) if serves(&handle) => f(),
        _ => {
            let _entered = of_the_process().enter();
            f()
        }
    }
}

fn serves(handle: &Handle) -> bool {
    handle.runtime_flavor() == RuntimeFlavor::MultiThread && !handle.is_shut_down()
}

/// The runtime of the process, which is started if need be.
///
/// # Panics
///
/// As [`handle`].
pub fn of_the_process() -> &'static Handle {
    PROCESS.get_or_init(settings::start).handle()
}

/// Whether the runtime of the process has been started.
fn is_started() -> bool {
    PROCESS.get().is_some()
}

/// Whether this code runs in a task of a runtime with several workers.
pub fn is_in_task() -> bool {
    let in_task = runtime::task::try_id().is_some();
    in_task && Handle::try_current().is_ok_and(|handle| serves(&handle))
}

/// Runs a future to its end on this thread, wherever that is. May be nested.
pub fn block_on<F: Future>(future: F) -> F::Output {
    runtime::task::block_on_in_place(future)
}

//! The crate async-global-executor, on [`runtime`].
//!
//! The global executor is the runtime in which it is used, or the process's (see the package
//! `process-runtime`). Beside it each thread has a local executor, which [`block_on`] runs.
//!
//! [`runtime`]: https://docs.rs/runtime
//!
//! # Examples
//!
//! ```
//! let global = async_global_executor::spawn(async { 1 });
//! let local = async_global_executor::spawn_local(async { 2 });
//! let sum = async_global_executor::block_on(async { global.await + local.await });
//! assert_eq!(sum, 3);
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod config;

use std::cell::Cell;
use std::future::Future;
use std::io;

use async_executor::LocalExecutor;

pub use async_executor::Task;
pub use config::GlobalExecutorConfig;

thread_local! {
    static LOCAL: LocalExecutor<'static> = const { LocalExecutor::new() };
    /// How many calls of [`block_on`] run it.
    static RUNS: Cell<usize> = const { Cell::new(0) };
}

/// Counts a call of [`block_on`] until it is dropped.
struct Runs;

impl Runs {
    fn begin() -> Runs {
        RUNS.set(RUNS.get() + 1);
        Runs
    }
}

impl Drop for Runs {
    fn drop(&mut self) {
        RUNS.set(RUNS.get() - 1);
    }
}

/// Starts the runtime of the process, unless this thread is in one. The first use of anything else
/// does so as well.
///
/// # Panics
///
/// If it cannot be started.
///
/// # Examples
///
/// ```
/// async_global_executor::init();
/// ```
pub fn init() {
    process_runtime::handle();
}

/// As [`init`], with settings for the runtime of the process. The first settings count, and only if
/// it does not run yet.
///
/// # Panics
///
/// If it cannot be started.
///
/// # Examples
///
/// See [`GlobalExecutorConfig`].
pub fn init_with_config(config: GlobalExecutorConfig) {
    process_runtime::configure(config.settings());
    init();
}

/// Runs a future to its end on this thread, and meanwhile the tasks of [`spawn_local`]. May be
/// nested.
///
/// With the feature `tokio` the crate tokio can be used in the future, if it is this runtime, too
/// (see the package `tokio`). In spawned tasks it can be used in any case.
///
/// # Examples
///
/// See the head of the crate.
pub fn block_on<F: Future<Output = T>, T>(future: F) -> T {
    let run = || {
        LOCAL.with(|local| {
            let _runs = Runs::begin();
            process_runtime::block_on(local.run(future))
        })
    };
    if cfg!(feature = "tokio") { process_runtime::within(run) } else { run() }
}

/// Spawns a task on the global executor. It is cancelled when the handle is dropped.
///
/// # Panics
///
/// If the runtime of the process cannot be started.
///
/// # Examples
///
/// See the head of the crate.
#[track_caller]
pub fn spawn<F: Future<Output = T> + Send + 'static, T: Send + 'static>(future: F) -> Task<T> {
    process_runtime::spawn(future)
}

/// Spawns a task on this thread, which need not be `Send`. It is cancelled when the handle is
/// dropped. [`block_on`] runs it, this one or the next of the thread.
///
/// # Panics
///
/// In a task of the global executor, outside of a [`block_on`] there: the next poll of that task
/// may be on another thread, so nobody would run this one.
///
/// # Examples
///
/// See the head of the crate.
pub fn spawn_local<F: Future<Output = T> + 'static, T: 'static>(future: F) -> Task<T> {
    assert!(
        RUNS.get() > 0 || !process_runtime::is_in_task(),
        "`spawn_local` in a task of the global executor: no thread would run the local task. Spawn \
         it with `spawn` if it is `Send`, or call `spawn_local` within `block_on`"
    );
    LOCAL.with(|local| local.spawn(future))
}

/// Runs a closure on a thread that may block. One that has not begun when the handle is dropped
/// never runs.
///
/// # Examples
///
/// ```
/// let task = async_global_executor::spawn_blocking(|| std::fs::read_to_string("Cargo.toml"));
/// assert!(async_global_executor::block_on(task).is_ok());
/// ```
pub fn spawn_blocking<F: FnOnce() -> T + Send + 'static, T: Send + 'static>(f: F) -> Task<T> {
    process_runtime::unblock(f)
}

/// Starts nothing, and returns 0: spare workers come by themselves when tasks hold threads up.
///
/// # Errors
///
/// None.
///
/// # Examples
///
/// ```
/// let more = async_global_executor::block_on(async_global_executor::spawn_more_threads(1));
/// assert_eq!(more.unwrap(), 0);
/// ```
pub async fn spawn_more_threads(count: usize) -> io::Result<usize> {
    let _ = count;
    init();
    Ok(0)
}

/// Stops nothing: the task yields false.
///
/// # Examples
///
/// ```
/// assert!(!async_global_executor::block_on(async_global_executor::stop_thread()));
/// ```
pub fn stop_thread() -> Task<bool> {
    spawn(async { false })
}

/// Stops nothing: the task yields false.
///
/// # Examples
///
/// ```
/// assert!(!async_global_executor::block_on(async_global_executor::stop_current_thread()));
/// ```
pub fn stop_current_thread() -> Task<bool> {
    spawn(async { false })
}

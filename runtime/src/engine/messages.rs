//! Every text that tells a user what went wrong and what to do. All are in one place, so that they
//! agree in tone and can be checked.

use std::fmt::Display;

/// The beginning of a text: tokio's words, which programs written for tokio look for, or our own.
#[cfg(feature = "tokio-wording")]
macro_rules! opening {
    ($tokio:literal, $ours:literal) => {
        $tokio
    };
}
/// See above.
#[cfg(not(feature = "tokio-wording"))]
macro_rules! opening {
    ($tokio:literal, $ours:literal) => {
        $ours
    };
}

/// No runtime on this thread.
pub(crate) const NO_RUNTIME: &str = concat!(
    opening!(
        "there is no reactor running, must be called from the context of a Tokio 1.x runtime",
        "there is no reactor running, must be called from the context of a runtime"
    ),
    ": call this inside `Runtime::block_on`, a spawned task or `#[runtime::main]`, or hold the guard \
     of `Handle::enter`"
);

/// A limit of no blocking threads.
pub(crate) const NO_BLOCKING_THREADS: &str =
    "Max blocking threads cannot be set to 0: file operations need one";

/// A `JoinHandle` is polled after it has yielded its output.
pub(crate) const JOIN_HANDLE_POLLED_AGAIN: &str = "JoinHandle polled after completion: it yields the output once; \
     keep the output, or fuse the handle before polling it in a loop";
/// `time::pause` and the like with no runtime on this thread.
pub(crate) const NO_CLOCK: &str = "time cannot be frozen from outside a runtime: call this inside \
     `Runtime::block_on`, a spawned task or `#[runtime::test]`";

/// `time::pause` where other threads would see the time stop.
pub(crate) const PAUSE_NEEDS_ONE_THREAD: &str = "`time::pause()` requires the `current_thread` \
     flavour, which is the default of `#[runtime::test]`, or a runtime built with \
     `Builder::start_paused(true)`";

/// `time::pause` twice.
pub(crate) const ALREADY_FROZEN: &str = "time is already frozen";

/// `time::resume` or `time::advance` without `time::pause`.
pub(crate) const NOT_FROZEN: &str = "time is not frozen: call `time::pause()` first";

/// `time::resume` under a `TestExecutor`.
pub(crate) const KEPT_FROZEN: &str = "`time::resume()` cannot let the time of a `TestExecutor` go on, which moves only \
     when the test says so: call `advance` instead, or use `#[runtime::test]` for real time";

/// `time::advance` beyond what a clock can show.
pub(crate) const TOO_FAR: &str = "overflow: `time::advance` would move the clock by more than some \
     hundred years, beyond what it can show. Advance by less";

/// A timer polled when its runtime is gone.
pub(crate) const TIMER_SHUT_DOWN: &str = concat!(
    opening!(
        "A Tokio 1.x context was found, but it is being shutdown.",
        "the runtime of this timer has been shut down."
    ),
    " Timers of a runtime that was shut down never fire: await them before it ends"
);

/// `interval` with a period of zero.
pub(crate) const ZERO_PERIOD: &str = "`period` must be non-zero: an interval of no length would \
     tick without end; use `task::yield_now` to let other tasks run";
/// The runtime of a source has been shut down.
pub(crate) const SHUT_DOWN: &str = concat!(
    opening!(
        "A Tokio 1.x context was found, but it is being shutdown.",
        "the runtime this belongs to has been shut down."
    ),
    " Sockets, timers and signals work only as long as the `Runtime` they were made in lives"
);

/// [`FORKED`] as an I/O error.
#[cold]
pub(crate) fn forked() -> std::io::Error {
    std::io::Error::other(FORKED)
}

/// A runtime is used in a forked child.
pub(crate) const FORKED: &str = "this runtime was made before a `fork`, and its threads exist in the parent process \
     alone: build a new runtime in the child, or fork before you build one";

/// [`SHUT_DOWN`] as an error that can be told from others.
#[derive(Debug)]
struct ShutDown;

impl std::fmt::Display for ShutDown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(SHUT_DOWN)
    }
}

impl std::error::Error for ShutDown {}

/// [`SHUT_DOWN`] as an I/O error.
#[cold]
pub(crate) fn shut_down() -> std::io::Error {
    std::io::Error::other(ShutDown)
}

/// Whether [`shut_down`] has made `error`.
pub(crate) fn is_shut_down(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<ShutDown>())
}

/// A blocking socket was handed over.
pub(crate) const BLOCKING_SOCKET: &str = "the socket is in blocking mode, where one call could stop a whole \
     worker thread: call `set_nonblocking(true)` on it before handing it to the runtime";

/// A path with a zero byte, for a Unix socket.
pub(crate) const ZERO_BYTE_IN_PATH: &str = "the path of a Unix socket must not contain a zero byte, where the \
     system would take it to end: give a path without one";

// io

/// More bytes than a `ReadBuf` has room for.
pub(crate) const READ_BUF_TOO_SMALL: &str =
    "the `ReadBuf` has too little room: put no more than `remaining()` bytes into it";
/// Filled beyond what is initialized.
pub(crate) const READ_BUF_NOT_INITIALIZED: &str = "filled must not become larger than initialized: \
     write the bytes first, by `put_slice` or into what `initialize_unfilled` gives";
/// A reader exchanged its buffer.
pub(crate) const READ_BUF_SWAPPED: &str = "the reader put another `ReadBuf` in the place of the one that it was lent: \
     `poll_read` must fill the buffer that it gets";
/// A stream ended inside a value.
pub(crate) const EARLY_EOF: &str = "early eof: the stream ended before all that was asked for";
/// A writer took nothing.
pub(crate) const WRITE_ZERO: &str =
    "the writer took no bytes (`poll_write` gave 0), so the rest cannot be written";
/// A buffer size of 0. Follows the argument's name.
pub(crate) const ZERO_SIZE: &str = "must be greater than 0: a buffer of no size moves nothing";
/// A buffer with a capacity of 0.
pub(crate) const ZERO_CAPACITY: &str =
    "capacity must be greater than zero: a buffer of no size moves nothing";
/// The job of the blocking pool that an operation consists of had no result.
pub(crate) const JOB_LOST: &str = opening!(
    "background task failed",
    "background task failed: the blocking job of this operation did not run (its runtime was shut \
     down) or panicked; use files only as long as the runtime lives"
);
/// A seek while something else is under way.
pub(crate) const SEEK_WHILE_BUSY: &str =
    "other file operation is pending, call poll_complete before start_seek";
/// The type's name in the `Debug` output of a file.
pub(crate) const FILE: &str = opening!("tokio::fs::File", "runtime::fs::File");
/// A file whose largest buffer is 0.
pub(crate) const ZERO_MAX_BUF_SIZE: &str = "`max_buf_size` must be greater than 0";
/// Halves of two streams.
pub(crate) const UNRELATED_HALVES: &str =
    "the two halves come from different streams: check with `is_pair_of` before `unsplit`";
/// Owned halves of two sockets.
pub(crate) const UNRELATED_OWNED_HALVES: &str = "these two halves are not of the same socket, so they cannot be reunited: \
     bring each together with the one that `into_split` gave with it";
/// A future polled after it had completed.
pub(crate) const POLLED_AFTER_DONE: &str = "the future was polled after it had completed";
/// A oneshot receiver polled after it was ready.
pub(crate) const ONESHOT_POLLED_AGAIN: &str = "oneshot::Receiver polled after it was ready: \
     its value was given out; check `is_terminated` before you await it again";
/// A task-local value that nobody set.
pub(crate) const TASK_LOCAL_NOT_SET: &str = "cannot access a task-local storage value without setting it first: \
     run this inside a future that `LocalKey::scope` made (spawned tasks do not inherit the value)";
/// The same as an error.
pub(crate) const TASK_LOCAL_ACCESS_ERROR: &str = "task-local value not set";
/// A scope of a key inside `with` of that key.
pub(crate) const TASK_LOCAL_BORROWED: &str = "cannot enter a task-local scope while the task-local storage is borrowed: \
     end the `LocalKey::with` of this key first";
/// A scope while the thread ends.
pub(crate) const TASK_LOCAL_DESTROYED: &str =
    "cannot enter a task-local scope during or after destruction of the underlying thread-local";
/// A completed `TaskLocalFuture` polled again.
pub(crate) const TASK_LOCAL_POLLED_AFTER_COMPLETION: &str =
    "`TaskLocalFuture` polled after completion";

/// `block_on` inside `block_on` or a task.
pub(crate) const NESTED_BLOCK_ON: &str = concat!(
    "Cannot start a runtime from within a runtime. This happens because a function (like `block_on`) attempted to block \
     the current thread while the thread is being used to drive asynchronous tasks",
    opening!(
        ". If you are in an async function, use `.await` on the future instead of blocking on it.",
        ": in an async function, `.await` the future."
    ),
    " Elsewhere, call this inside `spawn_blocking` or `block_in_place`"
);

/// A `blocking_` method in a task.
pub(crate) const BLOCKING_IN_ASYNC: &str = "Cannot block the current thread from within a runtime. This happens \
     because a function attempted to block the current thread while the thread is being used to drive asynchronous \
     tasks: use the async method, or call this inside `spawn_blocking` or `block_in_place`";

/// A `Runtime` is dropped in a task.
pub(crate) const DROPPED_IN_ASYNC: &str = "Cannot drop a runtime in a context where blocking is not allowed. This \
     happens when a runtime is dropped from within an asynchronous context: call `shutdown_background`, or move the \
     runtime to a thread of its own (`spawn_blocking`)";

/// `block_in_place` where no other thread could take over.
pub(crate) const BLOCK_IN_PLACE_NEEDS_WORKERS: &str = "can call blocking only when running on the multi-threaded \
     runtime: use `spawn_blocking` on the current_thread flavour and in a `LocalSet`";

/// `spawn_local` where no thread is bound.
pub(crate) const NO_LOCAL_SET: &str = "`spawn_local` called from outside of a `task::LocalSet` or \
     `runtime::LocalRuntime`: run this inside `LocalSet::run_until`, or spawn a `Send` future with `spawn`";

/// `spawn_local` on another thread than a local runtime's.
pub(crate) const LOCAL_RUNTIME_ELSEWHERE: &str = "Local tasks can only be spawned on a LocalRuntime from the thread the \
     runtime was created on: send what the task needs to that thread, or spawn a `Send` future with `spawn`";
/// I/O is off.
pub(crate) const IO_DISABLED: &str = opening!(
    "A Tokio 1.x context was found, but IO is disabled. Call `enable_io` on the runtime builder to enable IO.",
    "IO is disabled in this runtime. Call `enable_io` (or `enable_all`) on the runtime builder to enable IO"
);

/// Timers are off.
pub(crate) const TIME_DISABLED: &str = opening!(
    "A Tokio 1.x context was found, but timers are disabled. Call `enable_time` on the runtime builder to enable \
     timers.",
    "timers are disabled in this runtime. Call `enable_time` (or `enable_all`) on the runtime builder to enable \
     timers"
);

/// `task::id` outside a task.
pub(crate) const NO_TASK: &str = "Can't get a task id when not inside a task: use `task::try_id`";

/// Guards of `Handle::enter` dropped in another order than made.
pub(crate) const GUARDS_OUT_OF_ORDER: &str = "`EnterGuard` values dropped out of order. Guards returned by \
     `Handle::enter()` must be dropped in the reverse order as they were acquired";

/// A runtime is asked for in the destructor of a thread-local.
pub(crate) const THREAD_ENDING: &str = "the thread is ending and does not know its runtime any more: keep a `Handle` \
     instead of asking for the current one in the destructor of a thread-local value";

/// A drop that waits for polls.
pub(crate) fn waiting_for_workers(tasks: &[impl Display]) -> String {
    format!(
        "runtime: shutting down, waiting for tasks that have not returned from their polls{}; use \
         `Runtime::shutdown_timeout` to wait no longer than you want",
        first_few(tasks)
    )
}

/// A drop that waits for blocking jobs.
pub(crate) fn waiting_for_jobs(threads: usize, jobs: &[impl Display]) -> String {
    format!(
        "runtime: shutting down, waiting for {threads} threads of the blocking pool to finish their jobs{}; \
         use `Runtime::shutdown_timeout` to wait no longer than you want",
        first_few(jobs)
    )
}

/// A shutdown with a limit that has left something behind.
pub(crate) fn left_behind(runtime: Option<&str>, report: &impl Display) -> String {
    let of = runtime.map(|name| format!(" {name:?}")).unwrap_or_default();
    format!("runtime{of}: shut down; {report}")
}

/// Names the first few of what is waited for.
fn first_few(all: &[impl Display]) -> String {
    const SHOWN: usize = 5;
    let mut text = String::new();
    for (n, one) in all.iter().take(SHOWN).enumerate() {
        text.push_str(if n == 0 { ": " } else { ", " });
        text.push_str(&one.to_string());
    }
    if all.len() > SHOWN {
        text.push_str(&format!(" and {} more", all.len() - SHOWN));
    }
    text
}

/// A pinned thread is asked for that cannot exist.
pub(crate) fn no_pinned_thread(index: usize, limit: usize) -> String {
    format!(
        "there is no pinned thread {index}: the runtime has at most {limit}, numbered from 0; see \
         `Builder::pinned_threads`"
    )
}

/// A pinned thread could not be started.
pub(crate) fn no_thread_to_pin(error: &std::io::Error) -> String {
    format!(
        "runtime: no thread could be started for a pinned task: {error}. The task is cancelled; allow the \
         process more threads, or lower `Builder::pinned_threads`"
    )
}

/// No thread could be started for background tasks.
pub(crate) fn no_thread_for_background(error: &std::io::Error) -> String {
    format!(
        "runtime: no thread could be started for background tasks: {error}. Workers poll those that are ready; \
         allow the process more threads, or lower `Builder::background_threads`"
    )
}

/// A blocking job has no priority.
pub(crate) fn no_priority_for_a_job() -> std::io::Error {
    std::io::Error::new(
        std::io::ErrorKind::Unsupported,
        "a blocking job has a thread of its own, for which there is no priority: spawn it without one",
    )
}

/// No thread could be started for a blocking job.
pub(crate) fn no_thread_for_a_job(
    location: &std::panic::Location<'_>,
    error: &std::io::Error,
) -> String {
    format!(
        "runtime: no thread could be started for a blocking job spawned at {location}: {error}. The job is cancelled; \
         allow the process more threads, or lower `Builder::max_blocking_threads`"
    )
}

/// Room was asked for more descriptors than there may be.
pub(crate) fn too_many_descriptors(count: usize, limit: u64) -> std::io::Error {
    std::io::Error::new(
        std::io::ErrorKind::InvalidInput,
        format!(
            "`Builder::prewarm_descriptors({count})`: this process may have at most {limit} file descriptors; raise its \
             RLIMIT_NOFILE (`ulimit -n`, systemd's `LimitNOFILE`), or ask for fewer"
        ),
    )
}

/// The system has made no room for descriptors.
pub(crate) fn no_room_for_descriptors(count: usize, error: std::io::Error) -> std::io::Error {
    std::io::Error::new(
        error.kind(),
        format!("no room for {count} file descriptors (`Builder::prewarm_descriptors`): {error}"),
    )
}

/// The thread that watches a thread with tasks could not be started.
pub(crate) fn no_thread_to_watch(error: &std::io::Error) -> String {
    format!(
        "runtime: no thread could be started that looks for tasks that block: {error}. They are not reported; allow \
         the process more threads, or turn reports off with `Builder::stall_report(Duration::MAX)`"
    )
}

/// A drop of a runtime stops waiting for threads.
pub(crate) fn threads_left_behind(names: &[&str], waited: std::time::Duration) -> String {
    format!(
        "runtime: shut down, but after {} s a hook, a waker or a line on stderr has not come to its end, on {}: it goes \
         on by itself, and reports that wait behind it are left out",
        waited.as_secs(),
        names.join(", ")
    )
}

/// The monitor has panicked.
pub(crate) const MONITOR_PANICKED: &str = "runtime: the thread that watches the others has panicked, which is a bug of \
     the runtime: please report it. The process ends, since a task that blocks would now stop all others unseen";

/// A thread cannot have this name.
pub(crate) fn name_with_nul(name: &str) -> String {
    format!(
        "the name of a thread must not contain a NUL, as {name:?} does: see `Builder::thread_name` and `thread_name_fn`"
    )
}

/// A task's panic that no handle can show.
pub(crate) fn unseen_panic(runtime: Option<&str>, report: &dyn std::fmt::Display) -> String {
    let of = runtime.map(|name| format!(" {name:?}")).unwrap_or_default();
    format!(
        "runtime{of}: {report}, and nobody can see it, since its `JoinHandle` was dropped: await the handle, \
         or choose with `Builder::unhandled_panic` what is to happen"
    )
}

/// More workers are stalled than spares can stand in for.
pub(crate) fn spare_shortage(
    runtime: Option<&str>,
    shortage: &dyn std::fmt::Display,
    in_place: bool,
) -> String {
    let of = runtime.map(|name| format!(" {name:?}")).unwrap_or_default();
    let advice = if in_place {
        "Block in fewer tasks at a time, or raise the limit by `Builder::max_blocking_threads`"
    } else {
        "Move what blocks to `spawn_blocking`, whose threads have a limit of their own, or raise this one by \
         `Builder::spare_workers`"
    };
    format!("runtime{of}: {shortage}. {advice}")
}

/// More permits than a semaphore can count.
pub(crate) const TOO_MANY_PERMITS: &str =
    "a semaphore may not have more than `Semaphore::MAX_PERMITS` permits";

/// Two permits that do not belong together.
pub(crate) const FOREIGN_PERMIT: &str =
    "merging permits from different semaphore instances: both must come from the same semaphore";

/// A bounded channel of size 0.
pub(crate) const CHANNEL_WITHOUT_ROOM: &str = "mpsc bounded channel requires buffer > 0: use 1 for the smallest, `oneshot` for a single value";

/// `UnhandledPanic::ShutdownRuntime`.
pub(crate) const TASK_PANICKED: &str = "a spawned task panicked and the runtime is configured to shut down on \
     unhandled panic";
/// The same in a `LocalSet`.
pub(crate) const LOCAL_TASK_PANICKED: &str = "a spawned task panicked and the LocalSet is configured to shutdown on \
     unhandled panic";
/// A broadcast channel of size 0.
pub(crate) const BROADCAST_WITHOUT_ROOM: &str =
    "broadcast channel capacity cannot be zero: use 1 for the smallest";

/// A broadcast channel that is too large.
pub(crate) const BROADCAST_TOO_LARGE: &str = "broadcast channel capacity exceeded `usize::MAX / 2`";

/// An `RwLock` that nobody could read.
pub(crate) const NO_READERS: &str = "a RwLock may not be created with 0 readers";

/// More readers than an `RwLock` can count.
pub(crate) const TOO_MANY_READERS: &str =
    "a RwLock may not be created with more than 536870911 readers: that is `u32::MAX >> 3`";
/// A signal that cannot be listened to.
pub(crate) const SIGNAL_REFUSED: &str = "this signal cannot be listened to: SIGKILL and SIGSTOP cannot be caught, \
     and SIGILL, SIGFPE and SIGSEGV must not be";

/// A number that is no signal.
pub(crate) const SIGNAL_UNKNOWN: &str = "this number is too large for a signal of this system";

/// A fallible task was spawned in the root scope, whose failure is never asked for.
pub(crate) fn failed_at_the_root(failure: &str) -> String {
    format!(
        "runtime: {failure}. Nobody closes the scope of a runtime; spawn it in a `Scope` to get the error"
    )
}

// TestExecutor

/// A second `TestExecutor` on a thread.
pub(crate) const SECOND_TEST_EXECUTOR: &str = "this thread has a `TestExecutor` already, and a second one would take the \
     timers and tasks of the first: drop that, or use one for both";

/// A `TestExecutor` inside a runtime.
pub(crate) const TEST_EXECUTOR_INSIDE: &str = "a `TestExecutor` cannot be made or used inside a runtime, which runs this \
     thread already: use it in a plain `#[test]`, not in an async function, in `#[runtime::test]` or under the guard of \
     `Handle::enter`";

/// A `TestExecutor` that lacks descriptors.
pub(crate) fn no_test_executor(error: &std::io::Error) -> String {
    format!(
        "the `TestExecutor` could not be built: {error}. Allow the process more file descriptors, or run fewer tests \
         at a time"
    )
}

/// `TestExecutor::advance_to` to an earlier time.
pub(crate) fn time_goes_forwards(back: std::time::Duration) -> String {
    format!(
        "the time of a `TestExecutor` cannot go back, and this is {back:?} before its `now()`: take instants from \
         `TestExecutor::now` or `runtime::time::Instant::now`, not from the machine's clock"
    )
}

/// `TestExecutor::advance` beyond what a clock can show.
pub(crate) const TEST_TIME_TOO_FAR: &str = "overflow: the clock of the `TestExecutor` would be moved by more than some \
     hundred years, beyond what it can show. Advance by less";

/// `TestExecutor::run` when nothing can make progress.
pub(crate) fn nothing_goes_on(tasks: &[impl Display]) -> String {
    let mut text = String::from(
        "nothing can go on: no task is ready, no timer is set, and no blocking job runs. What waits:\n  the future given \
         to `TestExecutor::run`",
    );
    for task in tasks {
        text.push_str(&format!("\n  {task}"));
    }
    text.push_str(
        "\nEach waits for another, for a wake that was forgotten, or for a thread that the executor does not know. For \
         the last, use `#[runtime::test]`, which waits for threads, or `run_until_stalled` when the thread has done its \
         part",
    );
    text
}

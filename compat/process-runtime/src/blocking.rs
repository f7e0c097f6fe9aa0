//! Tasks on the threads that may block.

use std::future::Future;
use std::num::NonZeroUsize;

use async_task::{Builder, Runnable, Task};

/// Runs a closure on a thread of the blocking pool.
///
/// One that has not begun when the handle is dropped never runs. One that has begun goes on to its
/// end.
#[track_caller]
pub fn unblock<T: Send + 'static>(closure: impl FnOnce() -> T + Send + 'static) -> Task<T> {
    crate::task::hand_over(crate::handle().spawn_blocking(closure))
}

/// Runs a future whose polls block on threads of the blocking pool: each poll is a job.
///
/// The task is cancelled when the handle is dropped. A poll that has begun goes on to its end.
pub fn spawn_on_blocking_threads<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> Task<T> {
    let (runnable, task) = Builder::new().propagate_panic(true).spawn(|()| future, submit);
    runnable.schedule();
    task
}

/// A runtime that shuts down drops the job, and with it the future.
fn submit(runnable: Runnable) {
    drop(crate::handle().spawn_blocking(move || runnable.run()));
}

/// Sets how many threads run blocking jobs in the runtime of this thread, or else of the process.
pub fn set_max_blocking_threads(threads: NonZeroUsize) {
    crate::handle().set_max_blocking_threads(threads.get());
}

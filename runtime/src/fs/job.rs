//! An operation that is one job of the blocking pool.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::io::on_pool;
use crate::runtime::context;
use crate::task::JoinHandle;

/// Runs `work` when polled. The job's spawn location is the caller of whoever called this: it is
/// what a report shows of a job that does not end.
#[track_caller]
pub(super) fn job<T, F>(work: F) -> Job<F, T>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    Job::New(Some(work), Location::caller())
}

/// See [`job`].
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub(super) enum Job<F, T> {
    New(Option<F>, &'static Location<'static>),
    Running(JoinHandle<io::Result<T>>),
}

// The closure is moved out before it runs, never pinned.
impl<F, T> Unpin for Job<F, T> {}

impl<F, T> Future for Job<F, T>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        loop {
            match &mut *self {
                Job::New(work, location) => {
                    let location = *location;
                    let running = context::expect_current(|handle| {
                        let work = work.take().expect("it is new");
                        handle.spawn_blocking_at(work, None, location)
                    });
                    *self = Job::Running(running);
                }
                Job::Running(job) => {
                    let result = ready!(Pin::new(job).poll(cx));
                    return Poll::Ready(result.unwrap_or_else(|_| Err(on_pool::lost())));
                }
            }
        }
    }
}

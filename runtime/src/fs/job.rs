//! An operation that is one job of the blocking pool.

use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::engine::task::Identity;
use crate::io::on_pool;
use crate::runtime::context;
use crate::task::JoinHandle;

/// Runs `work` when polled, and keeps `held` meanwhile: the caller's path may be a value that
/// removes the file when it is dropped. The job's spawn location, which reports show, is the caller
/// of the function that called this.
#[track_caller]
pub(super) fn job<H, F, T>(held: H, work: F) -> Job<H, F, T>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    let stage = Stage::New(Some(work));
    Job { stage, location: Location::caller(), held, _pinned: PhantomPinned }
}

/// As [`job`]; `work` gets the path.
#[track_caller]
pub(super) fn job_at<P, T>(
    path: P,
    work: impl FnOnce(PathBuf) -> io::Result<T> + Send + 'static,
) -> Job<P, impl FnOnce() -> io::Result<T> + Send + 'static, T>
where
    P: AsRef<Path>,
    T: Send + 'static,
{
    let owned = path.as_ref().to_owned();
    job(path, move || work(owned))
}

/// As [`job_at`], with two paths.
#[track_caller]
pub(super) fn job_at_two<P, Q, T>(
    one: P,
    other: Q,
    work: impl FnOnce(PathBuf, PathBuf) -> io::Result<T> + Send + 'static,
) -> Job<(P, Q), impl FnOnce() -> io::Result<T> + Send + 'static, T>
where
    P: AsRef<Path>,
    Q: AsRef<Path>,
    T: Send + 'static,
{
    let owned = (one.as_ref().to_owned(), other.as_ref().to_owned());
    job((one, other), move || work(owned.0, owned.1))
}

pin_project! {
    /// See [`job`].
    // Pinned for good, so that a function may become an `async fn` without breaking a caller.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub(super) struct Job<H, F, T> {
        stage: Stage<F, T>,
        location: &'static Location<'static>,
        held: H,
        #[pin]
        _pinned: PhantomPinned,
    }
}

#[derive(Debug)]
enum Stage<F, T> {
    New(Option<F>),
    Running(JoinHandle<io::Result<T>>),
}

impl<H, F, T> Future for Job<H, F, T>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    type Output = io::Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let this = self.project();
        loop {
            match this.stage {
                Stage::New(work) => {
                    let running = context::expect_current(|handle| {
                        let work = work.take().expect("it is new");
                        handle.spawn_blocking_as(work, Identity::at(this.location))
                    });
                    *this.stage = Stage::Running(running);
                }
                Stage::Running(job) => {
                    let result = ready!(Pin::new(job).poll(cx));
                    return Poll::Ready(result.unwrap_or_else(|_| Err(on_pool::lost())));
                }
            }
        }
    }
}

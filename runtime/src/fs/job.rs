//! An operation that is one job of the blocking pool, or none.

use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::engine::coop;
use crate::engine::task::Identity;
use crate::io::on_pool;
use crate::runtime::{Handle, context};
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

/// As [`job_at`], unless `at_once` gives the result without waiting. It is asked at the first poll.
#[track_caller]
pub(super) fn job_unless<P, T>(
    path: P,
    at_once: impl FnOnce(&Path) -> Option<T>,
    work: impl FnOnce(PathBuf) -> io::Result<T> + Send + 'static,
) -> impl Future<Output = io::Result<T>>
where
    P: AsRef<Path>,
    T: Send + 'static,
{
    Unless { at_once: Some(at_once), job: job_at(path, work) }
}

pin_project! {
    /// See [`job_unless`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    struct Unless<A, H, F, T> {
        at_once: Option<A>,
        #[pin]
        job: Job<H, F, T>,
    }
}

impl<A, H, F, T> Future for Unless<A, H, F, T>
where
    A: FnOnce(&Path) -> Option<T>,
    H: AsRef<Path>,
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    type Output = io::Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let this = self.project();
        if this.at_once.is_some() {
            let unit = ready!(coop::poll_proceed(cx));
            let at_once = this.at_once.take().expect("it is there");
            // Without a runtime, and after its end, it fails as it would where nothing is in
            // memory.
            if !context::expect_current(Handle::is_shut_down) {
                if let Some(result) = at_once(this.job.held.as_ref()) {
                    unit.made_progress();
                    return Poll::Ready(Ok(result));
                }
            }
        }
        this.job.poll(cx)
    }
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

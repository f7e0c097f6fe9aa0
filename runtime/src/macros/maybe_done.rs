//! A future that keeps its output until somebody takes it, for `join!` and `try_join!`.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

pin_project! {
    /// Running, then done, then taken. The future is dropped as soon as it is done.
    #[project = Project]
    #[project_replace = Owned]
    #[derive(Debug)]
    pub enum MaybeDone<F: Future> {
        Running { #[pin] future: F },
        Done { output: F::Output },
        Taken,
    }
}

/// Wraps a future of `join!`.
pub fn maybe_done<F: IntoFuture>(future: F) -> MaybeDone<F::IntoFuture> {
    MaybeDone::Running { future: future.into_future() }
}

/// Wraps a future of `try_join!`, which must be fallible.
pub fn maybe_done_try<T, E, F>(future: F) -> MaybeDone<F::IntoFuture>
where
    F: IntoFuture<Output = Result<T, E>>,
{
    maybe_done(future)
}

impl<F: Future> MaybeDone<F> {
    /// The output, once.
    ///
    /// # Panics
    ///
    /// If the future is not done: the macros poll it first.
    pub fn take_output(self: Pin<&mut Self>) -> F::Output {
        match self.project_replace(MaybeDone::Taken) {
            Owned::Done { output } => output,
            _ => unreachable!("an output is taken once, when it is there"),
        }
    }
}

impl<T, E, F: Future<Output = Result<T, E>>> MaybeDone<F> {
    /// The error, if the future is done and failed.
    pub fn take_error(mut self: Pin<&mut Self>) -> Option<E> {
        match self.as_mut().project() {
            Project::Done { output: Err(_) } => self.take_output().err(),
            _ => None,
        }
    }

    /// The output of a future that is done and did not fail.
    pub fn take_ok(self: Pin<&mut Self>) -> T {
        match self.take_output() {
            Ok(value) => value,
            Err(_) => unreachable!("a failed future ends the macro"),
        }
    }
}

impl<F: Future> Future for MaybeDone<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.as_mut().project() {
            Project::Running { future } => {
                let output = ready!(future.poll(cx));
                self.set(MaybeDone::Done { output });
                Poll::Ready(())
            }
            Project::Done { .. } => Poll::Ready(()),
            Project::Taken => unreachable!("the macros do not poll after they took the output"),
        }
    }
}

//! A future that keeps its output until somebody takes it, for `join!` and `try_join!`.
//!
//! The macros get it as an opaque [`JoinPart`], so that what it is made of may change.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

/// One of the futures that `join!` or `try_join!` waits for.
pub trait JoinPart {
    /// What the future returns.
    type Output;

    /// Polls the future unless it is done.
    fn poll_done(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;

    /// The output, if the future is done; mutable, so that an error can be told from a value.
    fn output(self: Pin<&mut Self>) -> Option<&mut Self::Output>;

    /// The output, once.
    ///
    /// # Panics
    ///
    /// If the future is not done: the macros poll it first.
    fn take_output(self: Pin<&mut Self>) -> Self::Output;
}

/// Wraps a future of `join!`.
pub fn maybe_done<F: IntoFuture>(future: F) -> impl JoinPart<Output = F::Output> {
    MaybeDone::Running { future: future.into_future() }
}

/// Wraps a future of `try_join!`, which must be fallible.
pub fn maybe_done_try<T, E, F>(future: F) -> impl JoinPart<Output = Result<T, E>>
where
    F: IntoFuture<Output = Result<T, E>>,
{
    MaybeDone::Running { future: future.into_future() }
}

/// The error, if the future is done and failed.
pub fn take_error<T, E, P>(mut part: Pin<&mut P>) -> Option<E>
where
    P: JoinPart<Output = Result<T, E>>,
{
    match part.as_mut().output() {
        Some(Err(_)) => part.take_output().err(),
        _ => None,
    }
}

/// The value of a future that is done and did not fail.
pub fn take_ok<T, E, P>(part: Pin<&mut P>) -> T
where
    P: JoinPart<Output = Result<T, E>>,
{
    match part.take_output() {
        Ok(value) => value,
        Err(_) => unreachable!("a failed future ends the macro"),
    }
}

pin_project! {
    // Running, then done, then taken. The future is dropped as soon as it is done.
    #[project = Project]
    #[project_replace = Owned]
    enum MaybeDone<F: Future> {
        Running { #[pin] future: F },
        Done { output: F::Output },
        Taken,
    }
}

impl<F: Future> JoinPart for MaybeDone<F> {
    type Output = F::Output;

    #[inline]
    fn poll_done(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
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

    fn output(self: Pin<&mut Self>) -> Option<&mut F::Output> {
        match self.project() {
            Project::Done { output } => Some(output),
            _ => None,
        }
    }

    fn take_output(self: Pin<&mut Self>) -> F::Output {
        match self.project_replace(MaybeDone::Taken) {
            Owned::Done { output } => output,
            _ => unreachable!("an output is taken once, when it is there"),
        }
    }
}

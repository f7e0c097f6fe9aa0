//! The futures of a `join!` or `try_join!`, each with its output until all are done.
//!
//! The macros nest them: the first future and the rest, which is again a first and a rest, down to
//! `()`. So the macros need one pinned value and one reference to it, and no `unsafe`.

use std::convert::Infallible;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

/// Some futures that are waited for together, until the first error of type `E`.
pub trait Parts<E> {
    /// What they return: the first value and the rest of them.
    type Values;

    /// How many there are.
    const COUNT: u32;

    /// Polls those of the places `from` up to `to`, `to` not included, that are not done. The result
    /// is `Pending` if one of them is still not.
    fn poll_range(
        self: Pin<&mut Self>,
        from: u32,
        to: u32,
        cx: &mut Context<'_>,
    ) -> Result<Poll<()>, E>;

    /// The values, once.
    ///
    /// # Panics
    ///
    /// If a future is not done.
    fn take(self: Pin<&mut Self>) -> Self::Values;
}

impl<E> Parts<E> for () {
    type Values = ();

    const COUNT: u32 = 0;

    #[inline]
    fn poll_range(self: Pin<&mut Self>, _: u32, _: u32, _: &mut Context<'_>) -> Result<Poll<()>, E> {
        Ok(Poll::Ready(()))
    }

    fn take(self: Pin<&mut Self>) {}
}

pin_project! {
    /// A future of `join!`, and those after it.
    pub struct JoinPart<F: Future, R> {
        #[pin]
        part: MaybeDone<F>,
        #[pin]
        rest: R,
    }
}

pin_project! {
    /// A future of `try_join!`, and those after it.
    pub struct TryJoinPart<F: Future, R> {
        #[pin]
        part: MaybeDone<F>,
        #[pin]
        rest: R,
    }
}

/// Puts a future in front of others.
pub fn join_part<F: IntoFuture, R>(future: F, rest: R) -> JoinPart<F::IntoFuture, R> {
    JoinPart { part: MaybeDone::Running { future: future.into_future() }, rest }
}

/// Puts a fallible future in front of others.
pub fn try_join_part<T, E, F, R>(future: F, rest: R) -> TryJoinPart<F::IntoFuture, R>
where
    F: IntoFuture<Output = Result<T, E>>,
    R: Parts<E>,
{
    TryJoinPart { part: MaybeDone::Running { future: future.into_future() }, rest }
}

impl<F: Future, R: Parts<Infallible>> Parts<Infallible> for JoinPart<F, R> {
    type Values = (F::Output, R::Values);

    const COUNT: u32 = 1 + R::COUNT;

    #[inline]
    fn poll_range(
        self: Pin<&mut Self>,
        from: u32,
        to: u32,
        cx: &mut Context<'_>,
    ) -> Result<Poll<()>, Infallible> {
        let this = self.project();
        let mut pending = false;
        if from == 0 && to > 0 {
            pending = this.part.poll_done(cx).is_pending();
        }
        let rest = this.rest.poll_range(from.saturating_sub(1), to.saturating_sub(1), cx)?;
        Ok(if pending { Poll::Pending } else { rest })
    }

    fn take(self: Pin<&mut Self>) -> Self::Values {
        let this = self.project();
        (this.part.take_output(), this.rest.take())
    }
}

impl<T, E, F, R> Parts<E> for TryJoinPart<F, R>
where
    F: Future<Output = Result<T, E>>,
    R: Parts<E>,
{
    type Values = (T, R::Values);

    const COUNT: u32 = 1 + R::COUNT;

    #[inline]
    fn poll_range(
        self: Pin<&mut Self>,
        from: u32,
        to: u32,
        cx: &mut Context<'_>,
    ) -> Result<Poll<()>, E> {
        let mut this = self.project();
        let mut pending = false;
        if from == 0 && to > 0 {
            pending = this.part.as_mut().poll_done(cx).is_pending();
            if let Some(Err(_)) = this.part.as_mut().output() {
                this.part.take_output()?;
                unreachable!("it was an error");
            }
        }
        let rest = this.rest.poll_range(from.saturating_sub(1), to.saturating_sub(1), cx)?;
        Ok(if pending { Poll::Pending } else { rest })
    }

    fn take(self: Pin<&mut Self>) -> Self::Values {
        let this = self.project();
        match this.part.take_output() {
            Ok(value) => (value, this.rest.take()),
            Err(_) => unreachable!("a failed future ends the macro"),
        }
    }
}

/// The place after `place`, round and round.
#[inline]
pub fn after<E, P: Parts<E>>(place: u32, _: &Pin<&mut P>) -> u32 {
    if place + 1 < P::COUNT { place + 1 } else { 0 }
}

/// Polls all futures of a `join!`, the one at `first` first.
#[inline]
pub fn poll_join<P>(parts: Pin<&mut P>, first: u32, cx: &mut Context<'_>) -> Poll<P::Values>
where
    P: Parts<Infallible>,
{
    poll_try_join(parts, first, cx).map(|Ok(values)| values)
}

/// Polls all futures of a `try_join!`, the one at `first` first.
#[inline]
pub fn poll_try_join<E, P>(
    mut parts: Pin<&mut P>,
    first: u32,
    cx: &mut Context<'_>,
) -> Poll<Result<P::Values, E>>
where
    P: Parts<E>,
{
    let mut pending = false;
    for (from, to) in [(first, u32::MAX), (0, first)] {
        match parts.as_mut().poll_range(from, to, cx) {
            Ok(poll) => pending |= poll.is_pending(),
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
    if pending { Poll::Pending } else { Poll::Ready(Ok(parts.take())) }
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

impl<F: Future> MaybeDone<F> {
    /// Polls the future unless it is done.
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

    /// The output, if the future is done.
    #[inline]
    fn output(self: Pin<&mut Self>) -> Option<&mut F::Output> {
        match self.project() {
            Project::Done { output } => Some(output),
            _ => None,
        }
    }

    /// The output, once.
    ///
    /// # Panics
    ///
    /// If the future is not done: the macros poll it first.
    fn take_output(self: Pin<&mut Self>) -> F::Output {
        match self.project_replace(MaybeDone::Taken) {
            Owned::Done { output } => output,
            _ => unreachable!("an output is taken once, when it is there"),
        }
    }
}

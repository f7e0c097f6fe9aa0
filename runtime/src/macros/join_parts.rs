//! The futures of a `join!` or `try_join!`, each with its output until all are done.
//!
//! The macros nest them: a value has the last future and the value of those before it, down to
//! `()`. So the macros need one pinned value and one reference to it, and no `unsafe`. The value is
//! built by repetition, since the compiler limits recursion.

use std::convert::Infallible;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

/// Some futures that are waited for together, until the first error of type `E`.
pub trait Parts<E> {
    /// What they return, in order, and then `Last`: `(first, (second, last))`.
    type Values<Last>;

    /// How many there are.
    const COUNT: u32;

    /// Polls the futures at the places `from..to` that are not done. Returns `Pending` if one of
    /// them is still not done.
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
    fn take<Last>(self: Pin<&mut Self>, last: Last) -> Self::Values<Last>;
}

impl<E> Parts<E> for () {
    type Values<Last> = Last;

    const COUNT: u32 = 0;

    #[inline]
    fn poll_range(
        self: Pin<&mut Self>,
        _: u32,
        _: u32,
        _: &mut Context<'_>,
    ) -> Result<Poll<()>, E> {
        Ok(Poll::Ready(()))
    }

    #[inline]
    fn take<Last>(self: Pin<&mut Self>, last: Last) -> Last {
        last
    }
}

pin_project! {
    /// A future of `join!`, and those before it.
    // Pinned by the macro. A check of the parts would be a recursion, which the compiler limits.
    #[project(!Unpin)]
    pub struct JoinPart<R, F: Future> {
        #[pin]
        before: R,
        #[pin]
        part: MaybeDone<F>,
    }
}

pin_project! {
    /// A future of `try_join!`, and those before it.
    // Pinned by the macro. A check of the parts would be a recursion, which the compiler limits.
    #[project(!Unpin)]
    pub struct TryJoinPart<R, F: Future> {
        #[pin]
        before: R,
        #[pin]
        part: MaybeDone<F>,
    }
}

/// Appends a future to others.
pub fn join_part<R, F: IntoFuture>(before: R, future: F) -> JoinPart<R, F::IntoFuture> {
    JoinPart { before, part: MaybeDone::Running { future: future.into_future() } }
}

/// Appends a fallible future to others.
pub fn try_join_part<T, E, R, F>(before: R, future: F) -> TryJoinPart<R, F::IntoFuture>
where
    R: Parts<E>,
    F: IntoFuture<Output = Result<T, E>>,
{
    TryJoinPart { before, part: MaybeDone::Running { future: future.into_future() } }
}

impl<R: Parts<Infallible>, F: Future> Parts<Infallible> for JoinPart<R, F> {
    type Values<Last> = R::Values<(F::Output, Last)>;

    const COUNT: u32 = R::COUNT + 1;

    #[inline]
    fn poll_range(
        self: Pin<&mut Self>,
        from: u32,
        to: u32,
        cx: &mut Context<'_>,
    ) -> Result<Poll<()>, Infallible> {
        let this = self.project();
        let before = this.before.poll_range(from, to, cx)?;
        if from <= R::COUNT && R::COUNT < to && this.part.poll_done(cx).is_pending() {
            return Ok(Poll::Pending);
        }
        Ok(before)
    }

    #[inline]
    fn take<Last>(self: Pin<&mut Self>, last: Last) -> Self::Values<Last> {
        let this = self.project();
        this.before.take((this.part.take_output(), last))
    }
}

impl<T, E, R, F> Parts<E> for TryJoinPart<R, F>
where
    R: Parts<E>,
    F: Future<Output = Result<T, E>>,
{
    type Values<Last> = R::Values<(T, Last)>;

    const COUNT: u32 = R::COUNT + 1;

    #[inline]
    fn poll_range(
        self: Pin<&mut Self>,
        from: u32,
        to: u32,
        cx: &mut Context<'_>,
    ) -> Result<Poll<()>, E> {
        let mut this = self.project();
        let before = this.before.poll_range(from, to, cx)?;
        if from <= R::COUNT && R::COUNT < to {
            if this.part.as_mut().poll_done(cx).is_pending() {
                return Ok(Poll::Pending);
            }
            if let Some(Err(_)) = this.part.as_mut().output() {
                return this.part.take_output().map(|_| before);
            }
        }
        Ok(before)
    }

    #[inline]
    fn take<Last>(self: Pin<&mut Self>, last: Last) -> Self::Values<Last> {
        let this = self.project();
        match this.part.take_output() {
            Ok(value) => this.before.take((value, last)),
            Err(_) => unreachable!("a failed future ends the macro"),
        }
    }
}

/// The place after `place`, with the first after the last.
#[inline]
pub fn after<E, P: Parts<E>>(place: u32, _: &Pin<&mut P>) -> u32 {
    if place + 1 < P::COUNT { place + 1 } else { 0 }
}

/// Polls all futures of a `join!`, the one at `first` first.
#[inline]
pub fn poll_join<P>(parts: Pin<&mut P>, first: u32, cx: &mut Context<'_>) -> Poll<P::Values<()>>
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
) -> Poll<Result<P::Values<()>, E>>
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
    if pending { Poll::Pending } else { Poll::Ready(Ok(parts.take(()))) }
}

pin_project! {
    // Running, then done, then taken. The future is dropped as soon as it is done.
    //
    // `repr(C)`: the tag must not be a niche inside the future, whose bytes the future itself may
    // borrow.
    #[project = Project]
    #[project_replace = Owned]
    #[repr(C)]
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

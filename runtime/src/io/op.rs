//! One future for all methods of the extension traits.
//!
//! Each method is a small [`Step`]: what it wants and how far it got. [`Op`] holds it beside the
//! borrowed stream and polls it. So a method is a few lines, and all share one future type.

use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// What an operation does each time it is polled.
pub trait Step<Io: ?Sized> {
    /// Its output.
    type Output;

    /// Does as much as it can without waiting.
    fn poll_step(&mut self, io: Pin<&mut Io>, cx: &mut Context<'_>) -> Poll<Self::Output>;
}

/// Repeats an interrupted operation.
#[inline]
pub(super) fn uninterrupted<T>(
    mut operation: impl FnMut() -> Poll<io::Result<T>>,
) -> Poll<io::Result<T>> {
    loop {
        match operation() {
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

pin_project! {
    /// A [`Step`] on a borrowed stream: the future that the methods return.
    // Pinned for good, so that a method may become an `async fn` without breaking a caller.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Op<'a, Io: ?Sized, S> {
        io: &'a mut Io,
        step: S,
        #[pin]
        _pinned: PhantomPinned,
    }
}

impl<'a, Io: ?Sized, S> Op<'a, Io, S> {
    #[inline]
    pub(super) fn new(io: &'a mut Io, step: S) -> Op<'a, Io, S> {
        Op { io, step, _pinned: PhantomPinned }
    }
}

impl<Io: Unpin + ?Sized, S: Step<Io>> Future for Op<'_, Io, S> {
    type Output = S::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Output> {
        let this = self.project();
        this.step.poll_step(Pin::new(&mut **this.io), cx)
    }
}

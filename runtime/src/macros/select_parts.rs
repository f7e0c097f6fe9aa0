//! The futures of a `select!`, nested like those of a `join!` (`join_parts.rs`).

use std::future::IntoFuture;
use std::pin::Pin;

use pin_project_lite::pin_project;

/// Futures of which one is polled at a time.
pub trait SelectParts {
    /// Each future, pinned, in order, and then `Last`: `(first, (second, last))`.
    type Pins<'a, Last>
    where
        Self: 'a;

    /// All of them, to poll any.
    fn pins<Last>(self: Pin<&mut Self>, last: Last) -> Self::Pins<'_, Last>;
}

impl SelectParts for () {
    type Pins<'a, Last> = Last;

    #[inline]
    fn pins<Last>(self: Pin<&mut Self>, last: Last) -> Last {
        last
    }
}

pin_project! {
    /// A future, and those before it.
    // Pinned by the macro. A check of the parts would be a recursion, which the compiler limits.
    #[project(!Unpin)]
    pub struct SelectPart<R, F> {
        #[pin]
        before: R,
        #[pin]
        future: F,
    }
}

/// Appends a future to others.
pub fn select_part<R, F: IntoFuture>(before: R, future: F) -> SelectPart<R, F::IntoFuture> {
    SelectPart { before, future: future.into_future() }
}

impl<R: SelectParts, F> SelectParts for SelectPart<R, F> {
    type Pins<'a, Last>
        = R::Pins<'a, (Pin<&'a mut F>, Last)>
    where
        Self: 'a;

    #[inline]
    fn pins<Last>(self: Pin<&mut Self>, last: Last) -> Self::Pins<'_, Last> {
        let this = self.project();
        this.before.pins((this.future, last))
    }
}

//! A future that has been polled may hold references into itself, so it must not move any more.

use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use crate::future::ThirdTime;

/// Counts how often another future is polled before it is done.
///
/// The other one may be of a kind that must not move. So it is pinned before it gets here: what is
/// kept is the pinned box, and a box may move, since what it points to stays where it is.
struct CountPolls<F> {
    inner: Pin<Box<F>>,
    polls: usize,
}

impl<F: Future> Future for CountPolls<F> {
    type Output = (F::Output, usize);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.polls += 1;
        let polls = self.polls;
        self.inner.as_mut().poll(cx).map(|output| (output, polls))
    }
}

/// Across its `.await` this future holds a reference to its own variable.
async fn looks_at_itself() -> usize {
    let text = String::from("kept in the future");
    let first_word = &text[..4];
    ThirdTime::new().await;
    first_word.len()
}

pub(crate) async fn both_ways() {
    // On the stack: `pin!` takes the future, and gives a pinned reference to it.
    let mut future = pin!(looks_at_itself());
    assert_eq!(future.as_mut().await, 4);

    // In a box: it can be returned, stored, and put into a collection.
    let boxed: Pin<Box<dyn Future<Output = usize> + Send>> = Box::pin(looks_at_itself());
    assert_eq!(boxed.await, 4);

    let counted = CountPolls { inner: Box::pin(looks_at_itself()), polls: 0 };
    assert_eq!(counted.await, (4, 3));

    // Most types do not care whether they are pinned: they are `Unpin`. A future of an `async`
    // block is not, and neither is what holds the marker.
    fn does_not_care<T: Unpin>(_: &T) {}
    does_not_care(&String::new());
    does_not_care(&CountPolls { inner: Box::pin(looks_at_itself()), polls: 0 });
    let _cares: PhantomPinned = PhantomPinned;
    println!("a future that looks at itself was pinned on the stack and in a box");
}

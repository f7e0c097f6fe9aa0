//! Several futures in one task: all of them, the first of them, each as it finishes.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::future::{FusedFuture, FutureExt};
use futures::stream::{self, FuturesUnordered, StreamExt};

/// Takes a while, then has the value.
pub(crate) async fn step<T>(millis: u64, value: T) -> T {
    runtime::time::sleep(Duration::from_millis(millis)).await;
    value
}

/// Waits for two futures at the same time: a `join!` by hand.
struct Both<A: Future, B: Future> {
    first: Half<A>,
    second: Half<B>,
}

enum Half<F: Future> {
    Waits(Pin<Box<F>>),
    Has(Option<F::Output>),
}

impl<F: Future> Half<F> {
    /// Asks the future, unless it is done. Says whether it is.
    fn is_done(&mut self, cx: &mut Context<'_>) -> bool {
        if let Half::Waits(future) = self {
            match future.as_mut().poll(cx) {
                Poll::Ready(output) => *self = Half::Has(Some(output)),
                Poll::Pending => return false,
            }
        }
        true
    }

    fn take(&mut self) -> Option<F::Output> {
        match self {
            Half::Has(output) => output.take(),
            Half::Waits(_) => None,
        }
    }
}

// Nothing in it is pinned in place: the futures lie in boxes, and the outputs may move.
impl<A: Future, B: Future> Unpin for Both<A, B> {}

impl<A: Future, B: Future> Future for Both<A, B> {
    type Output = (A::Output, B::Output);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Both are asked at every poll, with the same waker: whichever wakes the task.
        let first = self.first.is_done(cx);
        let second = self.second.is_done(cx);
        if !(first && second) {
            return Poll::Pending;
        }
        let outputs = self.first.take().zip(self.second.take());
        Poll::Ready(outputs.expect("polled after it was done"))
    }
}

/// Waits for the first of two futures and drops the other one: a `select!` by hand.
async fn first_of<T>(a: impl Future<Output = T>, b: impl Future<Output = T>) -> T {
    let (mut a, mut b) = (pin!(a), pin!(b));
    std::future::poll_fn(move |cx| match a.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(output),
        Poll::Pending => b.as_mut().poll(cx),
    })
    .await
}

pub(crate) async fn join_and_select_by_hand() {
    let start = Instant::now();
    let both = Both {
        first: Half::Waits(Box::pin(step(30, "book"))),
        second: Half::Waits(Box::pin(step(10, 7))),
    };
    assert_eq!(both.await, ("book", 7));
    assert!(start.elapsed() >= Duration::from_millis(30));

    let never = std::future::pending();
    assert_eq!(first_of(never, step(5, "the one that ends")).await, "the one that ends");
    println!("a join and a select by hand did what they should");
}

pub(crate) async fn join_and_try_join() {
    // `join!` waits for all; they wait at the same time.
    let start = Instant::now();
    let (book, music) = futures::join!(step(30, "book"), step(30, "music"));
    assert_eq!((book, music), ("book", "music"));
    let both = start.elapsed();
    assert!(both >= Duration::from_millis(30));

    // `try_join!` waits for all or for the first that fails, and drops the others then.
    let fails = async { Err::<Infallible, _>("no such book") };
    let result = futures::try_join!(fails, std::future::pending::<Result<(), _>>());
    assert_eq!(result, Err("no such book"));
    println!("two steps of 30 ms joined in {both:?}; a failure did not wait for the other");
}

pub(crate) async fn select_in_a_loop() {
    // `select!` asks only those that are not done. A fused future knows that it is, so the loop can
    // go round until the `complete` arm says that all are.
    let mut quick = pin!(step(5, 1).fuse());
    let mut slow = pin!(step(15, 10).fuse());
    let mut total = 0;
    let mut rounds = 0;
    loop {
        futures::select! {
            value = quick => total += value,
            value = slow => total += value,
            complete => break,
        }
        rounds += 1;
    }
    assert!(quick.is_terminated() && slow.is_terminated());
    assert_eq!((total, rounds), (11, 2));

    // `Fuse::terminated()` is a place for a future that is not there yet: here, a refresh that
    // starts again each time the ticker says so, while the one before is forgotten.
    let mut ticker = stream::unfold(0, |n| async move { (n < 3).then_some((n, n + 1)) })
        .then(|n| step(10, n))
        .boxed()
        .fuse();
    let mut refresh = pin!(futures::future::Fuse::terminated());
    let mut refreshed = Vec::new();
    loop {
        futures::select! {
            n = ticker.select_next_some() => refresh.set(step(2, n).fuse()),
            n = refresh => refreshed.push(n),
            complete => break,
        }
    }
    // A refresh that had not ended when the next began was forgotten; the last one never is.
    assert_eq!(refreshed.last(), Some(&2));
    println!("select in a loop ended with all of its futures");
}

pub(crate) async fn many_as_they_finish() {
    // A set whose members are polled only when woken themselves, and come out as they finish.
    let mut set: FuturesUnordered<_> =
        [40, 10, 25].into_iter().map(|millis| step(millis, millis)).collect();
    let mut order = Vec::new();
    while let Some(millis) = set.next().await {
        order.push(millis);
        if millis == 10 {
            set.push(step(5, 5)); // it may grow meanwhile
        }
    }
    order.sort_unstable();
    assert_eq!(order, [5, 10, 25, 40]);
    println!("four futures in a set came out as they finished");
}

//! A stream is a future that has many values: it is asked for the next one, again and again.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::stream::{Stream, StreamExt};

use crate::combine::step;

/// The numbers from `left - 1` down to 0, a millisecond apart.
struct Countdown {
    left: usize,
    pause: Pin<Box<runtime::time::Sleep>>,
}

impl Countdown {
    fn from(left: usize) -> Countdown {
        Countdown { left, pause: Box::pin(runtime::time::sleep(Duration::from_millis(1))) }
    }
}

impl Stream for Countdown {
    type Item = usize;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        // `ready!` leaves with `Pending` if the timer does; the timer has the waker then.
        ready!(self.pause.as_mut().poll(cx));
        self.left -= 1;
        self.pause.as_mut().reset(runtime::time::Instant::now() + Duration::from_millis(1));
        Poll::Ready(Some(self.left))
    }
}

pub(crate) async fn one_by_one() {
    let mut countdown = Countdown::from(3);
    let mut seen = Vec::new();
    while let Some(number) = countdown.next().await {
        seen.push(number);
    }
    assert_eq!(seen, [2, 1, 0]);

    // Adapters work as those of iterators do.
    let even = Countdown::from(10).filter(|number| std::future::ready(number % 2 == 0));
    assert_eq!(even.collect::<Vec<_>>().await, [8, 6, 4, 2, 0]);
    println!("a stream was counted down one by one");
}

pub(crate) async fn several_at_a_time() {
    let (now, most, sum) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    Countdown::from(12)
        .for_each_concurrent(4, async |number| {
            most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            step(20, ()).await;
            sum.fetch_add(number, Ordering::Relaxed);
            now.fetch_sub(1, Ordering::Relaxed);
        })
        .await;
    assert_eq!(sum.into_inner(), 66);
    let most = most.into_inner();
    assert!((1..=4).contains(&most));
    println!("a stream's items were worked on {most} at a time");
}

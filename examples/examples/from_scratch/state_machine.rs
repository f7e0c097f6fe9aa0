//! What the compiler makes of an `async fn`, once written by hand.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::timer::ThreadTimer;

/// Waits twice and says for how long.
async fn twice(first: Duration, second: Duration) -> Duration {
    ThreadTimer::new(first).await;
    ThreadTimer::new(second).await;
    first + second
}

/// The same as a type. Each variant is a place where the function may be waiting, and holds what is
/// needed from there on.
enum Twice {
    Start { first: Duration, second: Duration },
    First { timer: ThreadTimer, first: Duration, second: Duration },
    Second { timer: ThreadTimer, total: Duration },
    Done,
}

impl Future for Twice {
    type Output = Duration;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Duration> {
        loop {
            match &mut *self {
                Twice::Start { first, second } => {
                    let (first, second) = (*first, *second);
                    *self = Twice::First { timer: ThreadTimer::new(first), first, second };
                }
                Twice::First { timer, first, second } => {
                    ready!(Pin::new(timer).poll(cx)); // an `.await`: leaves if the timer does
                    let (second, total) = (*second, *first + *second);
                    *self = Twice::Second { timer: ThreadTimer::new(second), total };
                }
                Twice::Second { timer, total } => {
                    ready!(Pin::new(timer).poll(cx));
                    let total = *total;
                    *self = Twice::Done;
                    return Poll::Ready(total);
                }
                Twice::Done => panic!("polled after it was done"),
            }
        }
    }
}

pub(crate) async fn by_hand() {
    let (short, long) = (Duration::from_millis(5), Duration::from_millis(10));
    assert_eq!(twice(short, long).await, short + long);
    assert_eq!(Twice::Start { first: short, second: long }.await, short + long);
    println!("an async function and its state machine by hand do the same");
}

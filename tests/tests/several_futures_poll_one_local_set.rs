//! A `LocalSet` may be polled by several futures at the same time, in one task or in none: no
//! wake-up is lost, whichever of them ends first, is dropped, or is polled no more.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use runtime::sync::oneshot;
use runtime::task::{LocalSet, spawn_local, yield_now};
use runtime::time::sleep;
use tests::{CountingWaker, Seeded, current_thread, within, workers};

type Local<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Blocks on a future that the closure makes, which is to end on each flavour.
fn on_each<F: Future<Output = ()>>(make: impl Fn() -> F + Send + Clone + 'static) {
    let make = make.clone();
    within(move || {
        for runtime in [workers(1), current_thread()] {
            runtime.block_on(make());
        }
    });
}

#[test]
fn tasks_run_on_when_the_future_polled_last_ends_first() {
    on_each(|| async {
        let set = LocalSet::new();
        let slow = set.spawn_local(sleep(Duration::from_millis(5)));
        let all: FuturesUnordered<Local<'_, u8>> = FuturesUnordered::new();
        all.push(Box::pin(set.run_until(async { slow.await.map(|()| 1).unwrap() })));
        all.push(Box::pin(set.run_until(async { 2 })));
        assert_eq!(all.collect::<Vec<_>>().await.len(), 2);
    });
}

#[test]
fn tasks_run_on_when_a_woken_future_is_dropped() {
    on_each(|| async {
        let set = LocalSet::new();
        let (send, receive) = oneshot::channel();
        let late = set.spawn_local(async move {
            receive.await.unwrap();
            yield_now().await;
            3
        });
        let all: FuturesUnordered<Local<'_, u8>> = FuturesUnordered::new();
        all.push(Box::pin(set.run_until(async { late.await.unwrap() })));
        let mut all = pin!(all);
        let mut dropped = Box::pin(set.run_until(std::future::pending::<()>()));
        poll_fn(|cx| {
            assert!(all.as_mut().poll_next_unpin(cx).is_pending());
            // This one's waker wakes nobody, and takes the turn that the task is woken for.
            let mut nobody = Context::from_waker(Waker::noop());
            assert!(dropped.as_mut().poll(&mut nobody).is_pending());
            Poll::Ready(())
        })
        .await;
        send.send(()).unwrap();
        drop(dropped);
        assert_eq!(all.next().await, Some(3));
    });
}

#[test]
fn tasks_run_on_when_a_future_is_polled_no_more() {
    on_each(|| async {
        let set = LocalSet::new();
        let yields = set.spawn_local(async {
            for _ in 0..1000 {
                yield_now().await;
            }
        });
        let mut waits = pin!(set.run_until(yields));
        let mut rests = pin!(set.run_until(std::future::pending::<()>()));
        let mut nobody = Context::from_waker(Waker::noop());
        // Both see the task; from then on only the first is polled, when it is woken.
        let mut first = true;
        poll_fn(|cx| {
            let polled = waits.as_mut().poll(cx);
            if std::mem::take(&mut first) {
                for _ in 0..3 {
                    assert!(rests.as_mut().poll(&mut nobody).is_pending());
                }
            }
            polled
        })
        .await
        .unwrap();
    });
}

#[test]
fn tasks_run_on_when_many_futures_come_and_go() {
    on_each(|| async {
        let mut random = Seeded::new(7);
        let set = LocalSet::new();
        let mut all: FuturesUnordered<Local<'_, bool>> = FuturesUnordered::new();
        let (mut due, mut done) = (300, 0);
        while done < 300 {
            while due > 0 && all.len() < 20 {
                due -= 1;
                let (yields, sleeps, gives_up) =
                    (random.below(100), random.below(3), random.below(3) == 0);
                let task = async move {
                    for _ in 0..yields {
                        yield_now().await;
                    }
                    for _ in 0..sleeps {
                        sleep(Duration::from_micros(300)).await;
                    }
                };
                all.push(Box::pin(set.run_until(async move {
                    let task = spawn_local(task);
                    if gives_up {
                        yield_now().await;
                        return false;
                    }
                    task.await.unwrap();
                    true
                })));
            }
            all.next().await.unwrap();
            done += 1;
        }
        drop(all);
        set.await;
    });
}

#[test]
fn tasks_run_on_when_the_set_itself_is_among_the_futures() {
    on_each(|| async {
        let mut set = LocalSet::new();
        let (send, receive) = oneshot::channel();
        set.spawn_local(async move {
            sleep(Duration::from_millis(2)).await;
            send.send(()).unwrap();
        });
        // Polled first by itself, with a waker that wakes nobody.
        let mut nobody = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut set).poll(&mut nobody).is_pending());
        set.run_until(receive).await.unwrap();
    });
}

#[test]
fn a_dropped_future_leaves_no_waker() {
    within(|| {
        let set = LocalSet::new();
        let counter = Arc::new(CountingWaker::default());
        let waker = Waker::from(counter.clone());
        let mut context = Context::from_waker(&waker);
        let handle = set.spawn_local(std::future::pending::<()>());
        {
            let mut one = pin!(set.run_until(std::future::pending::<()>()));
            let mut other = pin!(set.run_until(std::future::pending::<()>()));
            assert!(one.as_mut().poll(&mut context).is_pending());
            assert!(other.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(Arc::strong_count(&counter), 2, "this one and the waker");
        let mut set = set;
        assert!(Pin::new(&mut set).poll(&mut context).is_pending());
        drop(set);
        assert_eq!(Arc::strong_count(&counter), 2, "the handle keeps the task, and no waker");
        assert!(handle.is_finished());
    });
}

//! `timeout` ends what takes too long, and nothing else; what it ends is dropped.

use std::cell::Cell;
use std::future::{pending, poll_fn, ready};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use runtime::time::{Duration, Instant, sleep, timeout, timeout_at};

const MS: Duration = Duration::from_millis(1);

#[runtime::test(start_paused = true)]
async fn a_future_that_is_ready_in_time_yields_its_output() {
    assert_eq!(timeout(10 * MS, async { 1 }).await, Ok(1));
    let start = Instant::now();
    let slow = async {
        sleep(9 * MS).await;
        2
    };
    assert_eq!(timeout(10 * MS, slow).await, Ok(2));
    assert_eq!(start.elapsed(), 9 * MS);
}

#[runtime::test(start_paused = true)]
async fn too_late() {
    let start = Instant::now();
    let error = timeout(10 * MS, sleep(11 * MS)).await.unwrap_err();
    assert_eq!(start.elapsed(), 10 * MS);
    assert_eq!(error.to_string(), "deadline has elapsed");
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);

    assert!(timeout_at(start + 20 * MS, pending::<()>()).await.is_err());
    assert_eq!(start.elapsed(), 20 * MS);
}

/// The future is asked first: also with no time at all, and when both end at once.
#[runtime::test(start_paused = true)]
async fn a_future_that_is_ready_wins() {
    assert_eq!(timeout(Duration::ZERO, ready(1)).await, Ok(1));
    let now = Instant::now();
    sleep(5 * MS).await;
    assert_eq!(timeout_at(now, ready(2)).await, Ok(2));
    assert!(timeout(5 * MS, sleep(5 * MS)).await.is_ok());
    assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
}

#[runtime::test]
async fn what_is_ended_is_dropped_at_once() {
    struct Dropped(Rc<Cell<bool>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let flag = Rc::new(Cell::new(false));
    let guard = Dropped(Rc::clone(&flag));
    let held = async move {
        pending::<()>().await;
        drop(guard);
    };
    assert!(timeout(MS, held).await.is_err());
    assert!(flag.get());
}

/// Passed by reference, the future survives its limit and goes on where it was.
#[runtime::test(start_paused = true)]
async fn by_reference_nothing_is_lost() {
    let start = Instant::now();
    let mut work = Box::pin(async {
        sleep(30 * MS).await;
        7
    });
    let mut limits = 0;
    let output = loop {
        match timeout(8 * MS, &mut work).await {
            Ok(output) => break output,
            Err(_) => limits += 1,
        }
    };
    assert_eq!((output, limits), (7, 3));
    assert_eq!(start.elapsed(), 30 * MS);
}

/// A future that spends the whole cooperative budget in every poll cannot keep the limit from being
/// seen.
#[runtime::test]
async fn a_future_that_uses_up_its_budget_does_not_outlive_its_limit() {
    let hog = async {
        loop {
            sleep(Duration::ZERO).await;
        }
    };
    assert!(timeout(5 * MS, hog).await.is_err());
}

/// The inner future decides when it wants to be polled: each of its wakes reaches it though the
/// timer has a waker, too.
#[runtime::test]
async fn wakes_of_the_future_get_through() {
    let rung = Arc::new(AtomicBool::new(false));
    let mut started = false;
    let bell = poll_fn(|cx| {
        if rung.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        if !started {
            started = true;
            let (rung, waker) = (Arc::clone(&rung), cx.waker().clone());
            std::thread::spawn(move || {
                std::thread::sleep(2 * MS);
                rung.store(true, Ordering::SeqCst);
                waker.wake();
            });
        }
        Poll::Pending
    });
    assert!(timeout(Duration::from_secs(60), bell).await.is_ok());
}

#[runtime::test]
async fn a_timeout_gives_its_future_back() {
    let mut limit = timeout(Duration::from_secs(1), ready(1));
    let _: &std::future::Ready<i32> = limit.get_ref();
    *limit.get_mut() = ready(2);
    assert_eq!(limit.into_inner().await, 2);
}

#[runtime::test]
async fn a_timeout_takes_what_turns_into_a_future() {
    struct Request;
    impl IntoFuture for Request {
        type Output = u8;
        type IntoFuture = std::future::Ready<u8>;
        fn into_future(self) -> Self::IntoFuture {
            ready(5)
        }
    }
    assert_eq!(timeout(MS, Request).await, Ok(5));
    assert_eq!(timeout_at(Instant::now(), Request).await, Ok(5));
}

/// Timeouts that are set and cancelled all the time leave nothing behind, and the rare one that is
/// reached is.
#[runtime::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeout_fires_among_many_that_are_cancelled() {
    let tasks: Vec<_> = (0..20)
        .map(|task| {
            runtime::spawn(async move {
                for round in 0..500 {
                    let outcome = if round % 100 == task {
                        timeout(Duration::from_micros(200), pending()).await
                    } else {
                        timeout(Duration::from_secs(30), runtime::task::yield_now()).await
                    };
                    assert_eq!(outcome.is_err(), round % 100 == task);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

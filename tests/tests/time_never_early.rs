//! A timer never fires before its deadline, on any thread, whatever its length; and it does fire.

use std::time::Instant as StdInstant;

use futures::future::join_all;
use runtime::runtime::{Builder, Handle, Runtime};
use runtime::time::{Duration, Instant, sleep, sleep_until};

fn flavours() -> Vec<Runtime> {
    vec![
        Builder::new_current_thread().enable_all().build().unwrap(),
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
    ]
}

/// Around every power of two from 1 us to 67 ms: each level of the wheel, and both sides of its
/// edges.
fn lengths() -> Vec<Duration> {
    let around = |shift: u32| [(1u64 << shift) - 1, 1 << shift, (1 << shift) + 1];
    (10..=26).flat_map(around).map(Duration::from_nanos).collect()
}

#[test]
fn one_after_the_other() {
    for rt in flavours() {
        rt.block_on(async {
            for length in lengths().into_iter().filter(|length| *length < Duration::from_millis(9))
            {
                let start = StdInstant::now();
                sleep(length).await;
                assert!(start.elapsed() >= length, "{length:?} took {:?}", start.elapsed());
            }
        });
    }
}

#[test]
fn many_sleeps_at_once_in_tasks_are_never_early() {
    for rt in flavours() {
        rt.block_on(async {
            let tasks = lengths().into_iter().map(|length| {
                runtime::spawn(async move {
                    let start = StdInstant::now();
                    let deadline = Instant::now() + length;
                    sleep_until(deadline).await;
                    assert!(Instant::now() >= deadline);
                    assert!(start.elapsed() >= length);
                })
            });
            for outcome in join_all(tasks).await {
                outcome.unwrap();
            }
        });
    }
}

#[test]
fn a_passed_deadline_is_ready_at_the_first_poll() {
    for rt in flavours() {
        rt.block_on(async {
            let now = Instant::now();
            assert!(futures::poll!(Box::pin(sleep_until(now))).is_ready());
            assert!(futures::poll!(Box::pin(sleep(Duration::ZERO))).is_ready());
            if let Some(long_ago) = now.checked_sub(Duration::from_secs(60)) {
                assert!(futures::poll!(Box::pin(sleep_until(long_ago))).is_ready());
            }
        });
    }
}

#[test]
fn is_elapsed_turns_with_the_deadline() {
    for rt in flavours() {
        rt.block_on(async {
            let mut waiting = Box::pin(sleep(Duration::from_millis(100) * tests::slowness()));
            assert!(!waiting.is_elapsed());
            assert!(!sleep_until(Instant::now()).is_elapsed(), "it has not begun");
            assert!(futures::poll!(&mut waiting).is_pending());
            assert!(!waiting.is_elapsed());
            (&mut waiting).await;
            assert!(waiting.is_elapsed());
            assert!(futures::poll!(&mut waiting).is_ready(), "and stays ready");
        });
    }
}

/// The runtime's own thread fires the timer; the future is polled by an executor that knows of
/// none.
#[test]
fn polled_by_a_foreign_executor() {
    let rt = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for length in [0, 1, 300, 5_000] {
        let length = Duration::from_micros(length);
        let guard = rt.enter();
        let start = StdInstant::now();
        let future = sleep(length);
        drop(guard);
        futures::executor::block_on(future);
        assert!(start.elapsed() >= length);
    }
}

/// A timer that is set on one worker, polled again on another and dropped on a third thread.
#[test]
fn a_sleep_carried_between_threads_is_never_early() {
    let rt = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async {
        for _ in 0..50 {
            let start = StdInstant::now();
            let mut sleep = Box::pin(sleep(Duration::from_millis(2)));
            assert!(futures::poll!(&mut sleep).is_pending() || sleep.is_elapsed());
            let sleep = runtime::spawn(async move {
                assert!(futures::poll!(&mut sleep).is_pending() || sleep.is_elapsed());
                sleep
            });
            let sleep = sleep.await.unwrap();
            runtime::spawn(sleep).await.unwrap();
            assert!(start.elapsed() >= Duration::from_millis(2));
        }
        // Set here, dropped by a thread of no runtime.
        let mut dropped = Box::pin(sleep(Duration::from_secs(600)));
        assert!(futures::poll!(&mut dropped).is_pending());
        std::thread::spawn(move || drop(dropped)).join().unwrap();
        let _ = Handle::current();
    });
}

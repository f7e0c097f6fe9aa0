//! Paused time stands still, moves when it is told to, and jumps when nothing else is to be done.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::poll;
use runtime::runtime::Builder;
use runtime::sync::mpsc;
use runtime::time::{self, Duration, Instant, sleep};

const MS: Duration = Duration::from_millis(1);

#[runtime::test]
async fn pause_stops_and_resume_lets_go() {
    time::pause();
    let stopped = Instant::now();
    std::thread::sleep(5 * MS);
    assert_eq!(Instant::now(), stopped);
    time::resume();
    std::thread::sleep(2 * MS);
    let passed = stopped.elapsed();
    assert!(passed >= 2 * MS, "it goes on from where it stood: {passed:?}");
    time::pause();
}

#[runtime::test(start_paused = true)]
async fn advance_moves_by_exactly_that() {
    let start = Instant::now();
    let mut total = Duration::ZERO;
    for step in [1, 999, 51_592_000, 1, 3_141_592_653] {
        let step = Duration::from_nanos(step);
        time::advance(step).await;
        total += step;
        assert_eq!(start.elapsed(), total);
    }
}

#[runtime::test(start_paused = true)]
async fn advance_fires_what_is_due() {
    let mut early = Box::pin(sleep(10 * MS));
    let mut late = Box::pin(sleep(20 * MS));
    assert!(poll!(&mut early).is_pending());
    assert!(poll!(&mut late).is_pending());
    time::advance(10 * MS).await;
    assert!(poll!(&mut early).is_ready());
    assert!(poll!(&mut late).is_pending());
    time::advance(9 * MS + Duration::from_nanos(999_999)).await;
    assert!(poll!(&mut late).is_pending());
    time::advance(Duration::from_nanos(1)).await;
    assert!(poll!(&mut late).is_ready());
}

/// Hours pass in no time, in the order of the deadlines, to the nanosecond. The caller of `advance`
/// goes on before the tasks that it makes due, if it is the root future of the one thread, and
/// behind those that were ready. A task goes on behind both.
#[runtime::test(start_paused = true)]
async fn advance_puts_its_caller_before_what_it_makes_due() {
    let (log, mut said) = mpsc::unbounded_channel();
    let sleeper = |name, after| {
        let log = log.clone();
        runtime::spawn(async move {
            log.send((name, Instant::now())).unwrap();
            sleep(after).await;
            log.send((name, Instant::now())).unwrap();
        })
    };
    let mut hear = |expected: &[(&str, Instant)]| {
        let heard: Vec<_> = std::iter::from_fn(|| said.try_recv().ok()).collect();
        assert_eq!(heard, expected);
    };
    let start = Instant::now();
    let at = |ms| start + ms * MS;
    sleeper("first", 5 * MS);
    runtime::task::yield_now().await;
    hear(&[("first", at(0))]);
    sleeper("second", MS);
    time::advance(10 * MS).await;
    hear(&[("second", at(10))]);
    runtime::task::yield_now().await;
    hear(&[("first", at(10))]);

    let own = log.clone();
    let task = runtime::spawn(async move {
        time::advance(10 * MS).await;
        own.send(("task", Instant::now())).unwrap();
    });
    task.await.unwrap();
    hear(&[("second", at(20)), ("task", at(20))]);

    // Given up in the middle, it has moved the clock and woken all the same.
    sleeper("third", 5 * MS);
    runtime::task::yield_now().await;
    assert!(poll!(Box::pin(time::advance(10 * MS))).is_pending());
    hear(&[("third", at(20))]);
    runtime::task::yield_now().await;
    hear(&[("third", at(30))]);
    let mut due = Box::pin(sleep(Duration::ZERO));
    assert!(poll!(&mut due).is_ready());
}

/// A task that ticks once for each step of its observer's does so, whichever of the two goes first.
#[runtime::test(start_paused = true)]
async fn advance_by_steps_lets_an_interval_tick_at_each() {
    let ticks = Arc::new(AtomicUsize::new(0));
    let count = ticks.clone();
    runtime::spawn(async move {
        let mut interval = time::interval(10 * MS);
        loop {
            interval.tick().await;
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    for step in 0..10 {
        time::advance(10 * MS).await;
        assert_eq!(ticks.load(Ordering::SeqCst), step, "the tick comes behind");
    }
}

#[runtime::test(start_paused = true)]
async fn it_jumps_from_deadline_to_deadline() {
    let real = std::time::Instant::now();
    let start = Instant::now();
    let log = Arc::new(std::sync::Mutex::new(Vec::new()));
    let tasks: Vec<_> = [3u64, 1, 2, 3_600]
        .into_iter()
        .map(|hours| {
            let log = Arc::clone(&log);
            runtime::spawn(async move {
                let length = Duration::from_secs(hours * 3600) + Duration::from_nanos(hours);
                sleep(length).await;
                assert_eq!(start.elapsed(), length);
                log.lock().unwrap().push(hours);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*log.lock().unwrap(), [1, 2, 3, 3_600]);
    assert!(real.elapsed() < Duration::from_secs(60));
}

/// A cancelled timer leaves no mark on the clock.
#[runtime::test(start_paused = true)]
async fn it_does_not_jump_to_what_was_cancelled() {
    let start = Instant::now();
    let mut cancelled = Box::pin(sleep(Duration::from_secs(1)));
    assert!(poll!(&mut cancelled).is_pending());
    drop(cancelled);
    let seen = Arc::new(AtomicUsize::new(0));
    let looker = {
        let seen = Arc::clone(&seen);
        runtime::task::spawn_blocking(move || {
            std::thread::sleep(20 * MS);
            seen.fetch_add(1, Ordering::SeqCst);
        })
    };
    looker.await.unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), 1);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[runtime::test(start_paused = true)]
async fn a_task_that_can_run_holds_the_clock() {
    let start = Instant::now();
    let busy = runtime::spawn(async move {
        for _ in 0..1000 {
            runtime::task::yield_now().await;
            assert_eq!(start.elapsed(), Duration::ZERO);
        }
    });
    let (slept, ran) = futures::join!(sleep(MS), busy);
    let () = slept;
    ran.unwrap();
    assert_eq!(start.elapsed(), MS);
}

#[test]
fn two_runtimes_have_two_clocks() {
    let paused = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let real = Builder::new_current_thread().enable_all().build().unwrap();
    paused.block_on(async {
        let start = Instant::now();
        sleep(Duration::from_secs(1000)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(1000));
    });
    real.block_on(async {
        let start = Instant::now();
        sleep(MS).await;
        assert!(start.elapsed() >= MS && start.elapsed() < Duration::from_secs(900));
    });
}

#[test]
#[should_panic(expected = "outside")]
fn pause_outside_a_runtime() {
    time::pause();
}

#[runtime::test(start_paused = true)]
#[should_panic(expected = "already frozen")]
async fn pause_twice() {
    time::pause();
}

#[runtime::test]
#[should_panic(expected = "not frozen")]
async fn resume_unpaused() {
    time::resume();
}

#[runtime::test]
#[should_panic(expected = "not frozen")]
async fn advance_unpaused() {
    time::advance(MS).await;
}

#[runtime::test(start_paused = true)]
#[should_panic(expected = "overflow")]
async fn advance_beyond_the_end_of_time() {
    time::advance(Duration::MAX).await;
}

#[runtime::test(flavor = "multi_thread", worker_threads = 2, start_paused = true)]
async fn workers_that_started_paused_may_pause_again() {
    time::resume();
    time::pause();
    let start = Instant::now();
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(start.elapsed(), Duration::from_secs(3600));
}

#[runtime::test(flavor = "multi_thread", worker_threads = 1)]
#[should_panic(expected = "current_thread")]
async fn pause_with_workers() {
    time::pause();
}

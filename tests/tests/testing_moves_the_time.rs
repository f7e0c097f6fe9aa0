//! The time of a `TestExecutor` is moved by the test alone, and timers follow it to the nanosecond.

use std::cell::RefCell;
use std::future::pending;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use runtime::sync::oneshot;
use runtime::task::spawn_local;
use runtime::testing::{CountingWaker, TestExecutor};
use runtime::time::{Duration, Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};

const NS: Duration = Duration::from_nanos(1);
const S: Duration = Duration::from_secs(1);

#[test]
fn the_time_stands_still_and_is_the_same_everywhere() {
    let mut exec = TestExecutor::new();
    let start = exec.now();
    // Real time goes on meanwhile, so the test fails if anything reads it.
    std::thread::sleep(Duration::from_millis(2));
    assert_eq!(Instant::now(), start);
    assert_eq!(exec.run(async { Instant::now() }), start);
    exec.advance(3 * NS);
    assert_eq!(exec.now() - start, 3 * NS);
    assert_eq!(Instant::now(), exec.now());
    assert_eq!(
        exec.run(async { runtime::spawn(async { Instant::now() }).await.unwrap() }),
        exec.now()
    );
}

#[test]
fn a_timer_fires_at_its_deadline_and_not_before() {
    let mut exec = TestExecutor::new();
    for after in [NS, 1023 * NS, 1024 * NS, 1025 * NS, 999_999 * NS, S + NS, 86_400 * 365 * S] {
        let start = exec.now();
        let mut nap = pin!(sleep(after));
        assert!(exec.run_until_stalled(&mut nap).is_pending());
        assert_eq!(exec.next_timer(), Some(start + after));
        exec.advance(after - NS);
        assert_eq!((exec.wakes(), exec.next_timer()), (0, Some(start + after)));
        assert!(exec.run_until_stalled(&mut nap).is_pending());
        exec.advance(NS);
        assert_eq!((exec.wakes(), exec.next_timer()), (1, None));
        assert!(exec.run_until_stalled(&mut nap).is_ready());
        assert_eq!(exec.now() - start, after);
    }
}

/// Also within one tick of the wheel, and by however large a jump.
#[test]
fn due_sleepers_are_woken_in_the_order_of_their_deadlines() {
    let mut exec = TestExecutor::new();
    let order = Rc::new(RefCell::new(Vec::new()));
    let deadlines: Vec<u64> = (0..300).map(|n| 1 + n * 7919 % 1500).collect();
    for (n, &after) in deadlines.iter().enumerate() {
        let order = Rc::clone(&order);
        spawn_local(async move {
            sleep(Duration::from_nanos(after)).await;
            order.borrow_mut().push((after, n));
        });
    }
    exec.run_tasks_until_stalled();
    exec.advance(S);
    assert!(order.borrow().is_empty());
    assert_eq!(exec.ready_tasks(), 300);
    exec.run_tasks_until_stalled();
    let mut sorted = order.borrow().clone();
    sorted.sort();
    assert_eq!(*order.borrow(), sorted, "by deadline, and equal ones as they were set");
}

#[test]
fn only_due_sleepers_are_woken() {
    let mut exec = TestExecutor::new();
    let handles: Vec<_> = (1..=10).map(|n| runtime::spawn(sleep(n * S))).collect();
    exec.run_tasks_until_stalled();
    exec.advance_to(exec.now() + 4 * S);
    assert_eq!(exec.ready_tasks(), 4);
    assert_eq!(exec.run_tasks_until_stalled(), 4);
    assert_eq!(handles.iter().filter(|handle| handle.is_finished()).count(), 4);
    let start = exec.now();
    for n in 1..=6 {
        assert_eq!(exec.advance_to_next_timer(), Some(start + n * S));
        assert_eq!(exec.run_tasks_until_stalled(), 1);
    }
    assert_eq!(exec.advance_to_next_timer(), None);
    assert_eq!(exec.now(), start + 6 * S);
}

#[test]
fn a_timer_that_was_dropped_is_not_the_next() {
    let mut exec = TestExecutor::new();
    let start = exec.now();
    let mut late = pin!(sleep(2 * S));
    assert!(exec.poll_once(&mut late).is_pending());
    let mut early = Box::pin(sleep(S));
    assert!(exec.poll_once(&mut early).is_pending());
    assert_eq!(exec.next_timer(), Some(start + S));
    drop(early);
    assert_eq!(exec.next_timer(), Some(start + 2 * S));
    late.as_mut().reset(start + S / 2);
    assert_eq!(exec.next_timer(), Some(start + S / 2));
}

/// The value and the limit at the same instant: the value wins, as the future is polled first.
#[test]
fn a_value_at_the_instant_of_its_timeout_is_not_lost() {
    let mut exec = TestExecutor::new();
    let (sender, receiver) = oneshot::channel();
    let mut answer = pin!(timeout(S, receiver));
    assert!(exec.run_until_stalled(&mut answer).is_pending());
    exec.advance(S);
    sender.send(7).unwrap();
    assert_eq!(exec.wakes(), 2);
    assert_eq!(exec.run_until_stalled(&mut answer), Poll::Ready(Ok(Ok(7))));

    // And from a task that is due at that instant, which was set later: the main future has been
    // woken first, and finds nothing.
    let (sender, receiver) = oneshot::channel();
    let mut answer = pin!(timeout(S, receiver));
    assert!(exec.poll_once(&mut answer).is_pending());
    runtime::spawn(async move {
        sleep(S).await;
        let _ = sender.send(7);
    });
    exec.run_tasks_until_stalled();
    exec.advance(S);
    assert!(matches!(exec.run_until_stalled(&mut answer), Poll::Ready(Err(_))));
}

#[test]
fn an_interval_ticks_on_time_and_late_ticks_come_as_it_says() {
    for (behavior, late) in [
        (MissedTickBehavior::Burst, vec![(1, 3500), (2, 3500), (3, 3500)]),
        (MissedTickBehavior::Delay, vec![(1, 3500)]),
        (MissedTickBehavior::Skip, vec![(1, 3500)]),
    ] {
        let mut exec = TestExecutor::new();
        let start = exec.now();
        let seen = Rc::new(RefCell::new(Vec::new()));
        let log = Rc::clone(&seen);
        spawn_local(async move {
            let mut ticks = interval(S);
            ticks.set_missed_tick_behavior(behavior);
            loop {
                let due = ticks.tick().await - start;
                log.borrow_mut().push((due.as_secs(), (Instant::now() - start).as_millis()));
            }
        });
        exec.run_tasks_until_stalled();
        assert_eq!(seen.take(), [(0, 0)]);
        exec.advance(3 * S + S / 2);
        exec.run_tasks_until_stalled();
        assert_eq!(seen.take(), late, "{behavior:?}");
        let next = if behavior == MissedTickBehavior::Delay { S } else { S / 2 };
        assert_eq!(exec.next_timer(), Some(exec.now() + next), "{behavior:?}");
    }
}

#[test]
fn run_for_gives_each_timer_its_moment() {
    let mut exec = TestExecutor::new();
    let start = exec.now();
    let mut ticks = Vec::new();
    let mut main = Box::pin(async {
        let mut interval = interval(S);
        loop {
            ticks.push(interval.tick().await - start);
            assert_eq!(*ticks.last().unwrap(), Instant::now() - start);
        }
    });
    let polled: Poll<()> = exec.run_for(&mut main, 3 * S);
    assert!(polled.is_pending());
    let polled: Poll<()> = exec.run_for(&mut main, S / 2);
    assert!(polled.is_pending());
    assert_eq!(exec.now() - start, 3 * S + S / 2);
    drop(main);
    assert_eq!(ticks, [Duration::ZERO, S, 2 * S, 3 * S]);
}

#[test]
fn run_for_ends_with_its_future() {
    let mut exec = TestExecutor::new();
    let start = exec.now();
    let mut nap = pin!(sleep(S));
    assert!(exec.run_for(&mut nap, 5 * S).is_ready());
    assert_eq!(exec.now() - start, S);
    assert!(exec.run_for(&mut pin!(pending::<()>()), 5 * S).is_pending());
    assert_eq!(exec.now() - start, 6 * S);
}

#[test]
fn run_jumps_from_timer_to_timer() {
    let mut exec = TestExecutor::new();
    let start = exec.now();
    let sum = exec.run(async {
        let tasks: Vec<_> = (0..100_u32)
            .map(|n| {
                runtime::spawn(async move {
                    sleep(n % 7 * S).await;
                    sleep_until(Instant::now() + n * NS).await;
                    assert_eq!(Instant::now() - start, n % 7 * S + n * NS);
                    n
                })
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 4950);
    assert_eq!(exec.now() - start, 6 * S + 97 * NS);
}

#[test]
fn advance_in_the_code_under_test_works() {
    let mut exec = TestExecutor::new();
    let start = exec.now();
    let task = runtime::spawn(async {
        sleep(S).await;
        Instant::now()
    });
    let mut main = pin!(async {
        runtime::task::yield_now().await;
        runtime::time::advance(2 * S).await;
        task.await.unwrap()
    });
    assert_eq!(exec.run_until_stalled(&mut main), Poll::Ready(start + 2 * S));
}

/// A waker that is no task's, polled by hand in the executor's time.
#[test]
fn timers_wake_a_waker_of_ones_own() {
    let mut exec = TestExecutor::new();
    let waker = CountingWaker::new();
    let mut nap = pin!(sleep(S));
    assert!(waker.poll(&mut nap).is_pending());
    assert_eq!(waker.clones(), 1);
    exec.advance(S - NS);
    assert!(!waker.is_woken());
    exec.advance(NS);
    assert_eq!((waker.count(), waker.clones(), exec.wakes()), (1, 0, 0));
    assert!(waker.poll(&mut nap).is_ready());
}

#[test]
fn a_timer_of_the_farthest_future_can_be_reached() {
    let mut exec = TestExecutor::new();
    let start = exec.now();
    exec.run(sleep(Duration::MAX));
    let thirty_years = 86_400 * 365 * 30 * S;
    assert_eq!(exec.now() - start, thirty_years);
}

//! `Sleep::reset`: earlier, later, back and forth, before the first poll and after the last.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::FutureExt;
use runtime::time::{Duration, Instant, Sleep, advance, sleep, sleep_until, timeout};

const MS: Duration = Duration::from_millis(1);

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A sleep that is polled by a waker that counts.
struct Watched {
    sleep: Pin<Box<Sleep>>,
    count: Arc<Count>,
}

impl Watched {
    fn new(sleep: Sleep) -> Watched {
        Watched { sleep: Box::pin(sleep), count: Arc::default() }
    }

    fn poll(&mut self) -> Poll<()> {
        let waker = Waker::from(Arc::clone(&self.count));
        self.sleep.as_mut().poll(&mut Context::from_waker(&waker))
    }

    fn reset(&mut self, deadline: Instant) {
        self.sleep.as_mut().reset(deadline);
    }

    fn woken(&self) -> bool {
        self.count.0.swap(0, Ordering::SeqCst) > 0
    }
}

#[runtime::test(start_paused = true)]
async fn to_earlier_wakes_at_the_earlier_time_without_another_poll() {
    let now = Instant::now();
    let mut timer = Watched::new(sleep_until(now + 100 * MS));
    assert!(timer.poll().is_pending());
    timer.reset(now + 40 * MS);
    assert_eq!(timer.sleep.deadline(), now + 40 * MS);
    advance(39 * MS).await;
    assert!(!timer.woken());
    advance(MS).await;
    assert!(timer.woken());
    assert!(timer.poll().is_ready());
}

#[runtime::test(start_paused = true)]
async fn to_later_does_not_wake_at_the_old_time() {
    let now = Instant::now();
    let mut timer = Watched::new(sleep_until(now + 40 * MS));
    assert!(timer.poll().is_pending());
    timer.reset(now + 100 * MS);
    advance(99 * MS).await;
    assert!(!timer.woken());
    assert!(timer.poll().is_pending());
    advance(MS).await;
    assert!(timer.woken());
    assert!(timer.poll().is_ready());
}

#[runtime::test(start_paused = true)]
async fn before_the_first_poll() {
    let now = Instant::now();
    let mut timer = Watched::new(sleep(10 * MS));
    timer.reset(now + 20 * MS);
    advance(15 * MS).await;
    assert!(timer.poll().is_pending());
    advance(5 * MS).await;
    assert!(timer.woken());
    assert!(timer.poll().is_ready());
}

#[runtime::test(start_paused = true)]
async fn after_it_was_ready_it_waits_again() {
    let mut timer = Watched::new(sleep(MS));
    assert!(timer.poll().is_pending());
    advance(MS).await;
    assert!(timer.poll().is_ready());
    assert!(timer.woken());
    timer.reset(Instant::now() + MS);
    assert!(!timer.sleep.is_elapsed());
    assert!(timer.poll().is_pending());
    advance(MS).await;
    assert!(timer.woken());
    assert!(timer.poll().is_ready());
}

#[runtime::test(start_paused = true)]
async fn after_it_fired_and_before_it_was_polled() {
    let mut timer = Watched::new(sleep(MS));
    assert!(timer.poll().is_pending());
    advance(MS).await;
    assert!(timer.woken());
    timer.reset(Instant::now() + MS);
    assert!(timer.poll().is_pending());
    advance(MS).await;
    assert!(timer.woken());
    assert!(timer.poll().is_ready());
}

#[runtime::test(start_paused = true)]
async fn to_the_past_is_ready_at_once() {
    let now = Instant::now();
    advance(10 * MS).await;
    let mut timer = Watched::new(sleep(MS));
    assert!(timer.poll().is_pending());
    timer.reset(now);
    assert!(timer.sleep.is_elapsed());
    advance(Duration::ZERO).await;
    assert!(timer.woken());
    assert!(timer.poll().is_ready());
}

/// Who waits for a timer that is moved to the past need not wait for the runtime's next turn.
#[runtime::test(start_paused = true)]
async fn to_the_past_wakes_at_once() {
    let now = Instant::now();
    let mut timer = Watched::new(sleep(100 * MS));
    assert!(timer.poll().is_pending());
    // With another timer that ends then, and with none.
    for step in [sleep(80 * MS).boxed(), advance(10 * MS).boxed()] {
        step.await;
        assert!(!timer.woken());
        timer.reset(now + 64 * MS);
        assert!(timer.woken());
        timer.reset(now + 200 * MS);
        assert!(timer.poll().is_pending());
    }
    timer.reset(now + 90 * MS);
    assert!(timer.woken());
    assert!(timer.poll().is_ready());
}

#[runtime::test(start_paused = true)]
async fn many_times_over() {
    let now = Instant::now();
    let mut timer = Watched::new(sleep(MS));
    assert!(timer.poll().is_pending());
    for step in 1..=1000u32 {
        timer.reset(now + (step % 7 + 1) * 1000 * MS);
    }
    let last = now + (1000 % 7 + 1) * 1000 * MS;
    assert_eq!(timer.sleep.deadline(), last);
    advance(last - now - MS).await;
    assert!(!timer.woken());
    advance(MS).await;
    assert!(timer.woken());
}

/// The same with real time and real threads: the task that waits learns of the earlier deadline.
#[runtime::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_earlier_in_real_time() {
    let start = Instant::now();
    let mut sleep = Box::pin(sleep(Duration::from_secs(600)));
    assert!(futures::poll!(&mut sleep).is_pending());
    sleep.as_mut().reset(start + 5 * MS);
    timeout(Duration::from_secs(20), &mut sleep).await.expect("the earlier deadline counts");
    assert!(start.elapsed() >= 5 * MS);
}

/// A timer that somebody waits for is ready at once when it is moved to the present.
#[runtime::test(start_paused = true)]
async fn moved_to_the_present_it_is_ready() {
    runtime::time::advance(Duration::from_millis(1)).await;
    let mut waiting = Box::pin(sleep(Duration::from_secs(60)));
    assert!(futures::poll!(&mut waiting).is_pending());
    waiting.as_mut().reset(Instant::now());
    assert!(futures::poll!(&mut waiting).is_ready());
    let mut ticks = runtime::time::interval(Duration::from_secs(60));
    ticks.tick().await;
    assert!(futures::poll!(Box::pin(ticks.tick())).is_pending());
    ticks.reset_immediately();
    assert_eq!(ticks.tick().await, Instant::now());
}

//! An interval's ticks come when they are due, and those missed as its behaviour says.

use std::future::poll_fn;
use std::task::Poll;

use runtime::time::{
    self, Duration, Instant, Interval, MissedTickBehavior, advance, interval, interval_at,
};

const MS: Duration = Duration::from_millis(1);

/// The next tick if it is due now, as milliseconds after `start`.
async fn due(interval: &mut Interval, start: Instant) -> Option<u128> {
    poll_fn(|cx| match interval.poll_tick(cx) {
        Poll::Ready(tick) => Poll::Ready(Some((tick - start).as_millis())),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Ticks every 50 ms; away from 60 to 180. Then the ticks that are seen, looking each millisecond,
/// as (when seen, when due).
async fn after_a_miss(behavior: MissedTickBehavior) -> Vec<(u128, u128)> {
    let start = Instant::now();
    let mut interval = interval(50 * MS);
    interval.set_missed_tick_behavior(behavior);
    assert_eq!(interval.missed_tick_behavior(), behavior);
    assert_eq!(due(&mut interval, start).await, Some(0));
    advance(50 * MS).await;
    assert_eq!(due(&mut interval, start).await, Some(50));
    advance(130 * MS).await;
    let mut seen = Vec::new();
    while start.elapsed() <= 350 * MS {
        while let Some(tick) = due(&mut interval, start).await {
            seen.push((start.elapsed().as_millis(), tick));
        }
        advance(MS).await;
    }
    seen
}

#[runtime::test(start_paused = true)]
async fn burst_catches_up() {
    let seen = after_a_miss(MissedTickBehavior::Burst).await;
    assert_eq!(seen, [(180, 100), (180, 150), (200, 200), (250, 250), (300, 300), (350, 350)]);
}

#[runtime::test(start_paused = true)]
async fn delay_starts_anew() {
    let seen = after_a_miss(MissedTickBehavior::Delay).await;
    assert_eq!(seen, [(180, 100), (230, 230), (280, 280), (330, 330)]);
}

#[runtime::test(start_paused = true)]
async fn skip_keeps_in_step() {
    let seen = after_a_miss(MissedTickBehavior::Skip).await;
    assert_eq!(seen, [(180, 100), (200, 200), (250, 250), (300, 300), (350, 350)]);
}

/// Up to 5 ms is not a miss: the next tick stays where it was.
#[runtime::test(start_paused = true)]
async fn a_little_late_is_not_missed() {
    for behavior in [MissedTickBehavior::Burst, MissedTickBehavior::Delay, MissedTickBehavior::Skip]
    {
        let start = Instant::now();
        let mut interval = interval(10 * MS);
        interval.set_missed_tick_behavior(behavior);
        assert_eq!(due(&mut interval, start).await, Some(0));
        advance(15 * MS).await;
        assert_eq!(due(&mut interval, start).await, Some(10));
        assert_eq!(due(&mut interval, start).await, None);
        advance(5 * MS).await;
        assert_eq!(due(&mut interval, start).await, Some(20));
    }
}

#[runtime::test(start_paused = true)]
async fn the_first_tick_is_at_the_start() {
    let start = Instant::now() + 30 * MS;
    let mut later = interval_at(start, 10 * MS);
    assert_eq!(later.tick().await, start);
    assert_eq!(Instant::now(), start);
    assert_eq!(later.tick().await, start + 10 * MS);

    let now = Instant::now();
    assert_eq!(interval(MS).tick().await, now);
}

#[runtime::test(start_paused = true)]
async fn an_interval_can_be_reset() {
    let start = Instant::now();
    let mut interval = interval(100 * MS);
    assert_eq!(interval.period(), 100 * MS);
    assert_eq!(due(&mut interval, start).await, Some(0));

    advance(50 * MS).await;
    interval.reset();
    assert_eq!(due(&mut interval, start).await, None);
    assert_eq!((interval.tick().await - start).as_millis(), 150);

    interval.reset_immediately();
    assert_eq!(due(&mut interval, start).await, Some(150));
    assert_eq!((interval.tick().await - start).as_millis(), 250);

    interval.reset_after(7 * MS);
    assert_eq!((interval.tick().await - start).as_millis(), 257);
    assert_eq!((interval.tick().await - start).as_millis(), 357);

    interval.reset_at(start + 400 * MS);
    assert_eq!((interval.tick().await - start).as_millis(), 400);
    assert_eq!((interval.tick().await - start).as_millis(), 500);
}

/// A `tick` that is dropped while it waits takes no tick with it.
#[runtime::test(start_paused = true)]
async fn tick_is_cancel_safe() {
    let start = Instant::now();
    let mut interval = interval(10 * MS);
    interval.tick().await;
    for _ in 0..5 {
        assert!(time::timeout(MS, interval.tick()).await.is_err());
    }
    assert_eq!(interval.tick().await, start + 10 * MS);
}

#[runtime::test(start_paused = true)]
async fn the_longest_period() {
    for _ in 0..2 {
        let mut forever = interval(Duration::MAX);
        forever.tick().await;
        assert!(time::timeout(1000 * MS, forever.tick()).await.is_err());
        forever.reset();
        forever.reset_after(Duration::MAX);
        assert!(time::timeout(1000 * MS, forever.tick()).await.is_err());
        forever.reset_immediately();
        forever.tick().await;
    }
}

#[runtime::test]
async fn an_interval_ticks_in_real_time() {
    let mut interval = interval(2 * MS);
    let first = interval.tick().await;
    for tick in 1..20 {
        assert_eq!(interval.tick().await, first + tick * 2 * MS);
        assert!(first.elapsed() >= tick * 2 * MS);
    }
}

#[runtime::test]
#[should_panic(expected = "`period` must be non-zero")]
async fn a_period_of_zero_panics() {
    let _ = interval(Duration::ZERO);
}

#[runtime::test]
#[should_panic(expected = "`period` must be non-zero")]
async fn a_period_of_zero_panics_at_a_start_too() {
    let _ = interval_at(Instant::now(), Duration::ZERO);
}

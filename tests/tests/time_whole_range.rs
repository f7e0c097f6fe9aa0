//! Every `Duration` and every `Instant` works: the longest ends after 30 years, and nothing
//! overflows.

use futures::{FutureExt, poll};
use runtime::time::{self, Duration, Instant, sleep, sleep_until, timeout, timeout_at};

const YEAR: Duration = Duration::from_secs(365 * 86_400);

#[runtime::test(start_paused = true)]
async fn the_longest_is_far_ahead() {
    let longest =
        [Duration::MAX, Duration::MAX - Duration::from_nanos(1), Duration::from_secs(u64::MAX / 2)];
    for length in longest {
        let mut never = Box::pin(sleep(length));
        assert!(poll!(&mut never).is_pending());
        assert!(!never.is_elapsed());
        assert!(never.deadline() > Instant::now() + YEAR);
        assert!(poll!(&mut never).is_pending());
        // It can still be given an end.
        never.as_mut().reset(Instant::now() + Duration::from_millis(1));
        never.await;
    }
}

#[runtime::test(start_paused = true)]
async fn the_longest_ends_in_paused_time() {
    for length in [Duration::MAX, Duration::MAX - Duration::from_millis(1), 31 * YEAR] {
        let start = Instant::now();
        sleep(length).await;
        assert_eq!(start.elapsed(), 30 * YEAR);
        assert!(timeout(length, std::future::pending::<()>()).await.is_err());
        assert_eq!(start.elapsed(), 60 * YEAR);
    }
}

#[runtime::test(start_paused = true)]
async fn every_power_of_two() {
    for shift in 0..62 {
        let start = Instant::now();
        let length = Duration::from_nanos(1 << shift);
        let Some(end) = start.checked_add(length) else { break };
        if length > YEAR {
            break;
        }
        sleep(length).await;
        assert_eq!(Instant::now(), end, "2^{shift} ns");
    }
}

#[runtime::test(start_paused = true)]
async fn centuries() {
    let start = Instant::now();
    sleep(20 * YEAR).await;
    assert_eq!(start.elapsed(), 20 * YEAR);
    // And what is set after such a jump is on time.
    sleep(Duration::from_nanos(3)).await;
    assert_eq!(start.elapsed(), 20 * YEAR + Duration::from_nanos(3));
}

#[runtime::test(start_paused = true)]
async fn timeouts() {
    assert_eq!(timeout(Duration::MAX, async { 1 }).await, Ok(1));
    let slow = sleep(Duration::from_secs(1)).map(|()| 2);
    assert_eq!(timeout(Duration::MAX, slow).await, Ok(2));
    if let Some(far) = Instant::now().checked_add(1000 * YEAR) {
        let slow = sleep(Duration::from_secs(1)).map(|()| 3);
        assert_eq!(timeout_at(far, slow).await, Ok(3));
        assert!(poll!(Box::pin(sleep_until(far))).is_pending());
    }
}

#[runtime::test(start_paused = true)]
async fn the_clock_has_an_end_that_is_no_panic() {
    time::advance(YEAR).await;
    let mut never = Box::pin(sleep(Duration::MAX));
    assert!(poll!(&mut never).is_pending());
    time::advance(Duration::from_secs(1)).await;
    assert!(poll!(&mut never).is_pending());
}

#[test]
fn instants_add_and_subtract() {
    let now = Instant::now();
    let second = Duration::from_secs(1);
    let later = now + second;
    assert_eq!(later - now, second);
    assert_eq!(now - later, Duration::ZERO);
    assert_eq!(now.duration_since(later), Duration::ZERO);
    assert_eq!(now.saturating_duration_since(later), Duration::ZERO);
    assert_eq!(now.checked_duration_since(later), None);
    assert_eq!(later.checked_duration_since(now), Some(second));
    assert_eq!(later.checked_sub(second), Some(now));
    assert_eq!(now.checked_add(Duration::MAX), None);
    assert_eq!(later - second, now);
    let mut moved = now;
    moved += second;
    assert_eq!(moved, later);
    moved -= second;
    assert_eq!(moved, now);
    assert_eq!(Instant::from_std(now.into_std()), now);
    assert_eq!(std::time::Instant::from(Instant::from(now.into_std())), now.into_std());
    assert!(later > now);
}

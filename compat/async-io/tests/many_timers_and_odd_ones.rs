//! Timers by the hundred thousand, dropped, moved and cleared; periods of nothing and times that no
//! clock reaches.

use std::time::{Duration, Instant};

use async_io::{Timer, block_on};
use futures_lite::StreamExt;
use futures_lite::future::poll_once;

#[test]
fn a_storm_of_timers_that_are_dropped_or_moved_leaves_the_others_on_time() {
    block_on(async {
        let start = Instant::now();
        let mut timers: Vec<Timer> =
            (0..200_000).map(|n| Timer::after(Duration::from_millis(50 + n % 100))).collect();
        let mut fired = Vec::new();
        for timer in &mut timers {
            fired.push(poll_once(timer).await.is_some());
        }
        for (n, timer) in timers.iter_mut().enumerate() {
            match n % 4 {
                0 => timer.set_after(Duration::from_secs(3600)),
                1 => timer.set_at(start),
                2 => timer.clear(),
                _ => {}
            }
        }
        for (n, timer) in timers.iter_mut().enumerate() {
            let due = start + Duration::from_millis(50 + n as u64 % 100);
            match n % 4 {
                1 => assert_eq!(timer.await, start),
                3 if !fired[n] => assert!(timer.await >= due && Instant::now() >= due),
                _ => assert!(poll_once(timer).await.is_none()),
            }
        }
    });
}

#[test]
fn a_period_of_nothing_fires_at_each_poll_and_lets_others_run() {
    block_on(async {
        let mut ticks = Timer::interval(Duration::ZERO);
        for _ in 0..10_000 {
            ticks.next().await.unwrap();
        }
    });
}

#[test]
fn times_that_no_clock_reaches_are_never() {
    block_on(async {
        let far = Duration::from_secs(u64::MAX / 4);
        for mut timer in [
            Timer::never(),
            Timer::after(Duration::MAX),
            Timer::after(far),
            Timer::after(Duration::from_secs(1 << 40)),
            Timer::interval(Duration::MAX),
            Timer::interval_at(Instant::now() + Duration::from_secs(1 << 33), Duration::ZERO),
        ] {
            assert!(poll_once(&mut timer).await.is_none());
            // It can be set to a time that comes.
            timer.set_after(Duration::from_millis(1));
            (&mut timer).await;
        }
    });
}

#[test]
fn a_timer_that_is_moved_closer_wakes_who_waits_for_it() {
    block_on(async {
        let mut timer = Timer::after(Duration::from_secs(3600));
        assert!(poll_once(&mut timer).await.is_none());
        timer.set_after(Duration::from_millis(1));
        (&mut timer).await;
        assert!(!timer.will_fire());
        assert!(poll_once(&mut timer).await.is_none());
    });
}

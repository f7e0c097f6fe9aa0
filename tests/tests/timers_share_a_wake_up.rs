//! Timers that fall due together share a wake-up, by `Builder::timer_slack`: none is early, and one
//! that is alone does not wait.

use std::time::Duration;

use runtime::Builder;
use runtime::runtime::Runtime;
use runtime::task::JoinSet;
use runtime::time::{Instant, interval_at, sleep, sleep_until};
use tests::within;

const MS: Duration = Duration::from_millis(1);

/// How often threads of the runtime have gone to sleep.
fn parks(runtime: &Runtime) -> u64 {
    let metrics = runtime.metrics();
    (0..metrics.num_workers()).map(|worker| metrics.worker_park_count(worker)).sum()
}

#[test]
fn on_one_thread() {
    within(|| {
        let runtime =
            Builder::new_current_thread().enable_all().timer_slack(50 * MS).build().unwrap();
        let before = parks(&runtime);
        runtime.block_on(async {
            let mut tasks = JoinSet::new();
            let start = Instant::now() + 30 * MS;
            for i in 0..20 {
                tasks.spawn(async move {
                    sleep_until(start + i * MS).await;
                    assert!(Instant::now() >= start + i * MS, "too early");
                });
            }
            while let Some(ended) = tasks.join_next().await {
                ended.unwrap();
            }
        });
        // One for all of them, and a few because a long wait ends a little early.
        assert!(parks(&runtime) - before <= 4, "{} wake-ups", parks(&runtime) - before);
    });
}

#[test]
fn on_several_workers() {
    within(|| {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .timer_slack(8 * MS)
            .build()
            .unwrap();
        const TICKS: u32 = 20;
        const TASKS: u32 = 12;
        let before = parks(&runtime);
        runtime.block_on(async {
            let mut tasks = JoinSet::new();
            let start = Instant::now() + 20 * MS;
            for i in 0..TASKS {
                tasks.spawn(async move {
                    let mut ticks = interval_at(start + i * MS / 2, 20 * MS);
                    for _ in 0..TICKS {
                        let due = ticks.tick().await;
                        assert!(Instant::now() >= due, "too early");
                    }
                });
            }
            while let Some(ended) = tasks.join_next().await {
                ended.unwrap();
            }
        });
        // Each by itself would be one for each task and tick.
        let parks = parks(&runtime) - before;
        assert!(parks < u64::from(TICKS * TASKS) * 2 / 3, "{parks} wake-ups");
    });
}

#[test]
fn a_timer_that_is_alone_does_not_wait_for_the_slack() {
    within(|| {
        for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
            let hour = Duration::from_secs(3600);
            let runtime = builder.enable_all().timer_slack(hour).build().unwrap();
            runtime.block_on(async {
                let far = runtime::spawn(sleep(3 * hour));
                sleep(5 * MS).await;
                runtime::spawn(sleep(5 * MS)).await.unwrap();
                far.abort();
            });
        }
    });
}

#[test]
fn a_timer_from_outside_ends_a_longer_sleep() {
    within(|| {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .timer_slack(100 * MS)
            .build()
            .unwrap();
        let far = runtime.spawn(async { sleep(Duration::from_secs(3600)).await });
        for _ in 0..20 {
            runtime.block_on(async { sleep(2 * MS).await });
        }
        far.abort();
    });
}

#[test]
fn any_slack_will_do() {
    within(|| {
        for slack in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
                let runtime = builder.enable_all().timer_slack(slack).build().unwrap();
                runtime.block_on(async {
                    let start = Instant::now();
                    let other = runtime::spawn(sleep(4 * MS));
                    sleep(3 * MS).await;
                    other.await.unwrap();
                    assert!(start.elapsed() >= 4 * MS);
                });
            }
        }
    });
}

//! tokio-metrics: what it reads of the runtime and what it measures of tasks agrees with what was
//! done.

use std::time::Duration;

use ecosystem::in_time;
use tokio::runtime::Builder;
use tokio::task;
use tokio_metrics::{RuntimeMonitor, TaskMonitor};

#[test]
fn of_the_runtime() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .enable_metrics_poll_time_histogram()
        .build()
        .unwrap();
    let monitor = RuntimeMonitor::new(runtime.handle());
    let mut intervals = monitor.intervals();
    let first = intervals.next().unwrap();
    assert_eq!((first.workers_count, first.total_polls_count), (2, 0));

    runtime.block_on(in_time(async {
        // From a thread that is no worker.
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                tokio::spawn(async {
                    for _ in 0..9 {
                        task::yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        // More units than one poll has.
        let greedy = tokio::spawn(async {
            let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
            (0..1000).for_each(|n| sender.send(n).unwrap());
            for n in 0..1000 {
                assert_eq!(receiver.recv().await, Some(n));
            }
            task::yield_now().await;
        });
        greedy.await.unwrap();
        task::spawn_blocking(|| ()).await.unwrap();
    }));

    // A worker tells of its last poll when it goes to sleep.
    let (mut polls, mut in_histogram, mut forced, mut remote, mut busy) =
        (0, 0, 0, 0, Duration::ZERO);
    let mut blocking = 0;
    while polls < 109 || busy.is_zero() {
        let interval = intervals.next().unwrap();
        polls += interval.total_polls_count;
        busy += interval.total_busy_duration;
        let buckets = interval.poll_time_histogram.buckets();
        in_histogram += buckets.iter().map(|bucket| bucket.count()).sum::<u64>();
        forced += interval.budget_forced_yield_count;
        remote += interval.num_remote_schedules;
        assert_eq!(interval.total_overflow_count, 0);
        blocking = blocking.max(interval.blocking_threads_count);
        std::thread::yield_now();
    }
    // Ten tasks of ten polls, and a thousand units at 128 a poll.
    assert_eq!(polls, 100 + 9);
    assert_eq!(in_histogram, polls);
    assert_eq!(forced, 7);
    assert!(remote >= 11, "{remote}");
    assert_eq!(blocking, 1);
}

#[test]
fn of_tasks() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let monitor = TaskMonitor::new();
    runtime.block_on(in_time(async {
        let tasks: Vec<_> = (0..5)
            .map(|_| {
                tokio::spawn(monitor.instrument(async {
                    task::yield_now().await;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }))
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    }));
    let all = monitor.cumulative();
    assert_eq!((all.instrumented_count, all.first_poll_count, all.dropped_count), (5, 5, 5));
    assert!(all.total_poll_count >= 15, "{all:?}");
    // A sleep counts from the call, idleness from the end of the poll: it may be a little shorter.
    assert_eq!(all.total_idled_count, 5);
    assert!(all.total_idle_duration > Duration::ZERO, "{all:?}");
}

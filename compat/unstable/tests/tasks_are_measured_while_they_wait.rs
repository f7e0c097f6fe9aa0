//! How long a task waits for its polls: what hooks are told of it, and the histogram.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, HistogramConfiguration, RuntimeMetrics};
use tokio::task;

const MS: Duration = Duration::from_millis(1);

fn both() -> [Builder; 2] {
    let mut workers = Builder::new_multi_thread();
    workers.worker_threads(2);
    [Builder::new_current_thread(), workers]
}

fn counts(metrics: &RuntimeMetrics) -> Vec<u64> {
    let workers = 0..metrics.num_workers();
    let of = |bucket| {
        let counts = workers.clone().map(|worker| (worker, bucket));
        counts.map(|(w, b)| metrics.schedule_latency_histogram_bucket_count(w, b)).sum()
    };
    (0..metrics.schedule_latency_histogram_num_buckets()).map(of).collect()
}

#[test]
fn every_poll_is_counted() {
    for mut builder in both() {
        let runtime = builder.enable_metrics_schedule_latency_histogram().build().unwrap();
        let metrics = runtime.metrics();
        assert!(metrics.schedule_latency_histogram_enabled());
        assert_eq!(metrics.schedule_latency_histogram_num_buckets(), 10);
        let first = metrics.schedule_latency_histogram_bucket_range(0);
        assert_eq!(first, Duration::ZERO..MS / 10);
        runtime.block_on(async {
            for _ in 0..20 {
                // Two polls: a wake that comes during a poll counts, too.
                tokio::spawn(task::yield_now()).await.unwrap();
            }
        });
        drop(runtime);
        assert_eq!(counts(&metrics).iter().sum::<u64>(), 40);
    }
}

#[test]
fn a_task_waits_for_the_poll_before_it() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let (before, after) = (told.clone(), told.clone());
    let runtime = Builder::new_current_thread()
        .enable_metrics_schedule_latency_histogram()
        .metrics_schedule_latency_histogram_configuration(HistogramConfiguration::linear(
            20 * MS,
            2,
        ))
        .on_task_spawn(|task| assert_eq!(task.schedule_latency(), None))
        .on_before_task_poll(move |task| before.lock().unwrap().push(task.schedule_latency()))
        .on_after_task_poll(move |task| after.lock().unwrap().push(task.schedule_latency()))
        .build()
        .unwrap();
    runtime.block_on(async {
        let task = tokio::spawn(async {});
        // This is what is measured: so long, at least, the task waits behind its spawner.
        thread::sleep(20 * MS);
        task.await.unwrap();
    });
    let told = told.lock().unwrap();
    assert!(told[0] >= Some(20 * MS), "{told:?}");
    assert_eq!(told[..], [told[0]; 2]);
    assert_eq!(counts(&runtime.metrics()), [0, 1]);
}

#[test]
fn hooks_are_told_without_a_histogram() {
    let runtime = Builder::new_current_thread()
        .track_task_schedule_latency()
        .on_before_task_poll(|task| assert!(task.schedule_latency().is_some()))
        .build()
        .unwrap();
    runtime.block_on(async { tokio::spawn(async {}).await.unwrap() });
    assert!(!runtime.metrics().schedule_latency_histogram_enabled());
    assert_eq!(runtime.metrics().schedule_latency_histogram_bucket_count(0, 0), 0);
}

#[test]
fn nothing_is_measured_unless_it_is_asked_for() {
    for mut builder in both() {
        let runtime = builder
            .on_before_task_poll(|task| assert_eq!(task.schedule_latency(), None))
            .enable_metrics_poll_time_histogram()
            .build()
            .unwrap();
        runtime.block_on(async { tokio::spawn(async {}).await.unwrap() });
        assert_eq!(counts(&runtime.metrics()), []);
    }
}

//! Hooks see each task come, run and go; the histogram counts each poll once. Neither can harm the
//! runtime.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime::runtime::{HistogramConfiguration, LogHistogram};
use runtime::task::{self, Id, Scope, yield_now};
use runtime::{Builder, Runtime};
use tests::{eventually, within};

type Log = Arc<Mutex<HashMap<Id, Vec<&'static str>>>>;

fn builders() -> [Builder; 2] {
    let mut builders = [Builder::new_multi_thread(), Builder::new_current_thread()];
    for builder in &mut builders {
        builder.worker_threads(2).enable_all();
    }
    builders
}

fn logging(builder: &mut Builder) -> Log {
    let log = Log::default();
    let note = |what: &'static str| {
        let log = log.clone();
        move |id: Id| log.lock().unwrap().entry(id).or_default().push(what)
    };
    let (spawn, before, after, end) = (note("spawn"), note("before"), note("after"), note("end"));
    builder
        .on_task_spawn(move |task| spawn(task.id()))
        .on_before_task_poll(move |task| before(task.id()))
        .on_after_task_poll(move |task| after(task.id()))
        .on_task_terminate(move |task| end(task.id()));
    log
}

fn on_each(body: impl Fn(&Runtime, &Log) + Send + 'static) {
    within(move || {
        for mut builder in builders() {
            let log = logging(&mut builder);
            body(&builder.build().unwrap(), &log);
        }
    });
}

fn of(log: &Log, id: Id) -> Vec<&'static str> {
    log.lock().unwrap().get(&id).cloned().unwrap_or_default()
}

#[test]
fn tasks_are_watched_from_the_spawn_to_the_end() {
    on_each(|runtime, log| {
        let task = runtime.spawn(async {
            yield_now().await;
        });
        let id = task.id();
        runtime.block_on(task).unwrap();
        let all = ["spawn", "before", "after", "before", "end", "after"];
        eventually("the last hook", || of(log, id).len() == all.len());
        assert_eq!(of(log, id), all);
    });
}

#[test]
fn whatever_the_end() {
    on_each(|runtime, log| {
        let panicking = runtime.spawn(async { panic!("boom") });
        let aborted = runtime.spawn(std::future::pending::<()>());
        let ids = [panicking.id(), aborted.id()];
        runtime.block_on(async {
            yield_now().await;
            aborted.abort();
            assert!(panicking.await.is_err() && aborted.await.is_err());
        });
        for id in ids {
            eventually("the end", || of(log, id).contains(&"end"));
        }
    });
}

#[test]
fn a_task_that_is_refused_comes_and_goes() {
    within(|| {
        for mut builder in builders() {
            let log = logging(&mut builder);
            let runtime = builder.build().unwrap();
            let handle = runtime.handle().clone();
            drop(runtime);
            let task = handle.spawn(async {});
            assert_eq!(of(&log, task.id()), ["spawn", "end"]);
        }
    });
}

#[test]
fn hooks_see_where_tasks_were_spawned() {
    within(|| {
        for mut builder in builders() {
            let seen = Arc::new(Mutex::new(Vec::new()));
            let lines = seen.clone();
            builder.on_task_spawn(move |task| lines.lock().unwrap().push(task.spawned_at().line()));
            let runtime = builder.build().unwrap();
            let line = line!() + 1;
            runtime.block_on(runtime.spawn(async {})).unwrap();
            assert_eq!(*seen.lock().unwrap(), [line]);
        }
    });
}

#[test]
fn a_hook_that_panics_harms_nobody() {
    within(|| {
        for mut builder in builders() {
            let runtime = builder
                .on_task_spawn(|_| panic!("in a hook"))
                .on_before_task_poll(|_| panic!("in a hook"))
                .on_after_task_poll(|_| panic!("in a hook"))
                .on_task_terminate(|_| panic!("in a hook"))
                .build()
                .unwrap();
            assert_eq!(runtime.block_on(runtime.spawn(async { 1 })).unwrap(), 1);
        }
    });
}

#[test]
fn each_poll_is_in_one_bucket() {
    within(|| {
        for mut builder in builders() {
            let width = Duration::from_millis(20);
            let runtime = builder
                .enable_metrics_poll_time_histogram()
                .metrics_poll_time_histogram_configuration(HistogramConfiguration::linear(width, 3))
                .build()
                .unwrap();
            let metrics = runtime.metrics();
            assert_eq!(metrics.poll_time_histogram_num_buckets(), 3);
            assert_eq!(metrics.poll_time_histogram_bucket_range(1), width..2 * width);
            let last = metrics.poll_time_histogram_bucket_range(2);
            assert_eq!(last, 2 * width..Duration::from_nanos(u64::MAX));
            runtime.block_on(async {
                for _ in 0..10 {
                    runtime::spawn(yield_now()).await.unwrap();
                }
                runtime::spawn(async { std::thread::sleep(Duration::from_millis(41)) })
                    .await
                    .unwrap();
            });
            // Spares count, too.
            let workers = 0..if metrics.num_workers() == 1 { 1 } else { 2 + 64 };
            let count = |bucket| {
                let of = |worker| metrics.poll_time_histogram_bucket_count(worker, bucket);
                workers.clone().map(of).sum::<u64>()
            };
            eventually("all polls", || (0..3).map(count).sum::<u64>() == 21);
            assert!(count(2) >= 1);
            let text = tests::panic_of(|| metrics.poll_time_histogram_bucket_count(0, 3));
            assert!(text.contains("no bucket 3"), "{text}");
        }
    });
}

#[test]
fn without_a_histogram_there_are_no_buckets() {
    within(|| {
        for mut builder in builders() {
            let width = Duration::from_micros(1);
            let runtime = builder
                .metrics_poll_time_histogram_configuration(HistogramConfiguration::linear(width, 3))
                .build()
                .unwrap();
            runtime.block_on(runtime.spawn(async {})).unwrap();
            let metrics = runtime.metrics();
            assert!(!metrics.poll_time_histogram_enabled());
            assert_eq!(metrics.poll_time_histogram_num_buckets(), 0);
            assert_eq!(metrics.poll_time_histogram_bucket_count(0, 0), 0);
        }
    });
}

#[test]
fn logarithmic_buckets_grow() {
    let log = |log: LogHistogram| {
        Builder::new_current_thread()
            .enable_metrics_poll_time_histogram()
            .metrics_poll_time_histogram_configuration(HistogramConfiguration::log(log))
            .build()
            .unwrap()
            .metrics()
    };
    let ns = Duration::from_nanos;
    let metrics = log(LogHistogram::default());
    assert_eq!(metrics.poll_time_histogram_num_buckets(), 119);
    assert_eq!(metrics.poll_time_histogram_bucket_range(0), ns(0)..ns(96));
    assert_eq!(metrics.poll_time_histogram_bucket_range(1), ns(96)..ns(112));
    assert_eq!(metrics.poll_time_histogram_bucket_range(118).end, ns(u64::MAX));

    let coarse = LogHistogram::builder()
        .min_value(Duration::from_micros(20))
        .max_value(Duration::from_millis(4))
        .precision_exact(0)
        .build();
    let metrics = log(coarse);
    assert_eq!(metrics.poll_time_histogram_num_buckets(), 10);
    for bucket in 1..9 {
        let range = metrics.poll_time_histogram_bucket_range(bucket);
        assert_eq!(range.end - range.start, ns(16_384 << (bucket - 1)));
    }
    assert!(LogHistogram::builder().max_buckets(10).is_err());
    // The error that was asked for, in every bucket but the first and the last.
    let metrics = log(LogHistogram::builder().max_error(0.1).build());
    for bucket in 1..metrics.poll_time_histogram_num_buckets() - 1 {
        let range = metrics.poll_time_histogram_bucket_range(bucket);
        assert!((range.end - range.start).as_nanos() * 10 <= range.start.as_nanos(), "{range:?}");
    }
}

#[test]
fn workers_are_told_apart() {
    within(|| {
        let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let metrics = runtime.metrics();
        let task = async { (runtime::runtime::worker_index(), std::thread::current().id()) };
        let (index, thread) = runtime.block_on(runtime.spawn(task)).unwrap();
        assert_eq!(metrics.worker_thread_id(index.unwrap()), Some(thread));
        assert!(runtime.block_on(async { runtime::runtime::worker_index() }).is_none());

        let runtime = Builder::new_current_thread().build().unwrap();
        let metrics = runtime.metrics();
        assert_eq!(metrics.worker_thread_id(0), None);
        runtime.block_on(async {
            assert_eq!(metrics.worker_thread_id(0), Some(std::thread::current().id()));
            assert_eq!(runtime::runtime::worker_index(), Some(0));
            assert_eq!(metrics.worker_local_queue_depth(0), 0);
            let tasks = [runtime::spawn(async {}), runtime::spawn(async {})];
            assert_eq!(metrics.worker_local_queue_depth(0), 2);
            tasks.iter().for_each(|task| task.abort());
        });
        assert_eq!(metrics.worker_thread_id(0), Some(std::thread::current().id()));
        std::thread::scope(|scope| {
            let other = scope.spawn(|| runtime.block_on(async { std::thread::current().id() }));
            let other = other.join().unwrap();
            assert_eq!(metrics.worker_thread_id(0), Some(other));
        });
    });
}

#[test]
fn a_worker_that_sleeps_has_an_odd_count() {
    within(|| {
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let metrics = runtime.metrics();
        eventually("sleep", || metrics.worker_park_unpark_count(0) % 2 == 1);
        let inside = metrics.clone();
        let task = async move { inside.worker_park_unpark_count(0) };
        assert_eq!(runtime.block_on(runtime.spawn(task)).unwrap() % 2, 0);
    });
}

/// From the spawn to an end after one poll.
const ONE_POLL: [&str; 4] = ["spawn", "before", "end", "after"];

#[test]
fn pinned_ones_too() {
    on_each(|runtime, log| {
        runtime.block_on(async {
            let inside = async { task::spawn_local(async {}).id() };
            let outer = task::spawn_pinned(move || inside);
            for id in [outer.id(), outer.await.unwrap()] {
                eventually("the last hook", || of(log, id).len() == ONE_POLL.len());
                assert_eq!(of(log, id), ONE_POLL);
            }
        });
    });
}

#[test]
fn those_of_a_scope_too() {
    on_each(|runtime, log| {
        runtime.block_on(async {
            let scope = Scope::new();
            let task = scope.spawn(async {});
            let pinned = scope.spawn_pinned(|| async {});
            scope.close().await.unwrap();
            for id in [task.id(), pinned.id()] {
                eventually("the last hook", || of(log, id).len() == ONE_POLL.len());
                assert_eq!(of(log, id), ONE_POLL);
            }
        });
    });
}

#[test]
fn those_of_a_local_runtime_too() {
    within(|| {
        let mut builder = Builder::new_current_thread();
        let log = logging(&mut builder);
        let runtime = builder.build_local(Default::default()).unwrap();
        let task = runtime.spawn_local(async {});
        let id = task.id();
        runtime.block_on(task).unwrap();
        assert_eq!(of(&log, id), ONE_POLL);
    });
}

#[test]
fn hooks_see_the_end_of_a_blocking_job_and_nothing_of_a_local_set() {
    on_each(|runtime, log| {
        runtime.block_on(async {
            let job = task::spawn_blocking(|| {});
            let id = job.id();
            job.await.unwrap();
            eventually("the end", || of(log, id) == ["end"]);
            let local = task::LocalSet::new();
            let local = local.run_until(async {
                let task = task::spawn_local(async {});
                let id = task.id();
                task.await.unwrap();
                id
            });
            assert!(of(log, local.await).is_empty());
        });
    });
}

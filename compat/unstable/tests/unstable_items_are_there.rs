//! What tokio has behind `--cfg tokio_unstable`, under its paths, and doing what it says.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use ecosystem::in_time;
use tokio::runtime::{
    Builder, Handle, HistogramConfiguration, HistogramScale, Id, LocalOptions, LocalRuntime,
    LogHistogram, RngSeed, TaskMeta, UnhandledPanic,
};
use tokio::task::{self, JoinSet, LocalSet};

#[test]
fn tasks_have_names_and_places_to_be_spawned_on() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let handle: Handle = runtime.handle().clone();
    let id: Id = handle.id();
    assert_eq!(id, runtime.handle().id());
    runtime.block_on(in_time(async {
        let builder = || task::Builder::new().name("named");
        assert_eq!(builder().spawn(async { 1 }).unwrap().await.unwrap(), 1);
        assert_eq!(builder().spawn_on(async { 2 }, &handle).unwrap().await.unwrap(), 2);
        assert_eq!(builder().spawn_blocking(|| 3).unwrap().await.unwrap(), 3);
        assert_eq!(builder().spawn_blocking_on(|| 4, &handle).unwrap().await.unwrap(), 4);

        let local = LocalSet::new();
        let on = builder().spawn_local_on(async { 5 }, &local).unwrap();
        let inside = local.run_until(async { builder().spawn_local(async { 6 }).unwrap().await });
        assert_eq!(inside.await.unwrap(), 6);
        assert_eq!(local.run_until(on).await.unwrap(), 5);

        let mut set = JoinSet::new();
        set.build_task().name("in a set").spawn(async { 7 }).unwrap();
        set.build_task().name("of the runtime").spawn_on(async { 7 }, &handle).unwrap();
        set.build_task().name("blocks").spawn_blocking(|| 7).unwrap();
        assert_eq!(set.join_all().await, [7; 3]);
    }));
}

#[test]
fn hooks_see_each_task() {
    static SPAWNED: AtomicUsize = AtomicUsize::new(0);
    static BEGUN: AtomicUsize = AtomicUsize::new(0);
    static DONE: AtomicUsize = AtomicUsize::new(0);
    static ENDED: AtomicUsize = AtomicUsize::new(0);
    let count = |of: &'static AtomicUsize| {
        move |meta: &TaskMeta<'_>| {
            assert!(meta.spawned_at().file().ends_with("unstable_items_are_there.rs"));
            let _: task::Id = meta.id();
            of.fetch_add(1, Ordering::Relaxed);
        }
    };
    let runtime = Builder::new_current_thread()
        .on_task_spawn(count(&SPAWNED))
        .on_before_task_poll(count(&BEGUN))
        .on_after_task_poll(count(&DONE))
        .on_task_terminate(count(&ENDED))
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::spawn(task::yield_now()).await.unwrap();
    });
    let counts = [&SPAWNED, &BEGUN, &DONE, &ENDED].map(|count| count.load(Ordering::Relaxed));
    assert_eq!(counts, [1, 2, 2, 1]);
}

#[test]
fn options_are_taken() {
    let histogram = LogHistogram::builder()
        .min_value(Duration::from_micros(10))
        .max_value(Duration::from_secs(1))
        .max_error(0.25)
        .build();
    let seed = || RngSeed::from_bytes(b"a seed");
    let choices = || {
        let runtime = Builder::new_current_thread()
            .disable_lifo_slot()
            .rng_seed(seed())
            .enable_metrics_poll_time_histogram()
            .metrics_poll_time_histogram_configuration(HistogramConfiguration::log(histogram))
            .build()
            .unwrap();
        assert!(runtime.metrics().poll_time_histogram_enabled());
        runtime.block_on(async {
            let mut choices = Vec::new();
            for _ in 0..64 {
                choices.push(tokio::select! { () = async {} => 'a', () = async {} => 'b' });
            }
            choices
        })
    };
    assert_eq!(choices(), choices());

    let runtime = Builder::new_current_thread()
        .unhandled_panic(UnhandledPanic::ShutdownRuntime)
        .build()
        .unwrap();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runtime.block_on(async {
            drop(tokio::spawn(async { panic!("nobody handles this") }));
            std::future::pending::<()>().await;
        });
    }));
    assert!(outcome.is_err());
}

#[test]
fn a_local_runtime_runs_what_is_not_send() {
    let runtime: LocalRuntime =
        Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
    let shared = std::rc::Rc::new(std::cell::Cell::new(0));
    let inner = shared.clone();
    runtime.block_on(in_time(async move {
        task::spawn_local(async move { inner.set(1) }).await.unwrap();
    }));
    assert_eq!(shared.get(), 1);
}

/// The parts of tokio-util that use these items when the flag is set.
#[test]
fn tokio_util_finds_what_it_uses() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    runtime.block_on(in_time(async {
        let mut map = tokio_util::task::JoinMap::new();
        for key in 0..3 {
            let count = count.clone();
            map.spawn(key, async move { count.fetch_add(key, Ordering::Relaxed) });
        }
        while map.join_next().await.is_some() {}
        let pool = tokio_util::task::LocalPoolHandle::new(1);
        assert_eq!(pool.spawn_pinned(|| async { 8 }).await.unwrap(), 8);
    }));
    assert_eq!(count.load(Ordering::Relaxed), 3);
}

/// Names that tokio has replaced.
#[test]
#[allow(deprecated, reason = "they are what is tested")]
fn older_names_of_metrics_are_there() {
    let micros = Duration::from_micros;
    let mut builder = Builder::new_current_thread();
    builder.enable_metrics_poll_count_histogram().metrics_poll_count_histogram_buckets(4);
    let metrics = builder.build().unwrap().metrics();
    assert!(metrics.poll_count_histogram_enabled());
    assert_eq!(metrics.poll_count_histogram_num_buckets(), 4);
    assert_eq!(metrics.poll_count_histogram_bucket_range(1), micros(100)..micros(200));

    builder
        .metrics_poll_count_histogram_scale(HistogramScale::Log)
        .metrics_poll_count_histogram_resolution(Duration::from_nanos(1000));
    let runtime = builder.build().unwrap();
    let metrics = runtime.metrics();
    let ranges = [0..1024, 1024..2048, 2048..4096, 4096..u64::MAX];
    for (bucket, range) in ranges.into_iter().enumerate() {
        let range = Duration::from_nanos(range.start)..Duration::from_nanos(range.end);
        assert_eq!(metrics.poll_count_histogram_bucket_range(bucket), range);
    }
    runtime.block_on(async { tokio::spawn(async {}).await.unwrap() });
    let polls: u64 = (0..4).map(|n| metrics.poll_count_histogram_bucket_count(0, n)).sum();
    assert!(polls >= 1);
    assert_eq!((metrics.active_tasks_count(), metrics.injection_queue_depth()), (0, 0));
}

/// Switches between two forms of a part: here there is one, which works whatever is chosen.
#[test]
fn switches_between_two_forms_are_there() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_alt_timer()
        .enable_eager_driver_handoff()
        .enable_sharded_blocking_queue()
        .enable_io_uring()
        .build()
        .unwrap();
    runtime.block_on(in_time(async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(task::spawn_blocking(|| 1).await.unwrap(), 1);
        tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    }));
    // With this timer, who waits when the runtime ends need not panic.
    let mut sleep = {
        let _inside = runtime.enter();
        Box::pin(tokio::time::sleep(Duration::from_secs(9)))
    };
    let mut cx = Context::from_waker(Waker::noop());
    assert!(sleep.as_mut().poll(&mut cx).is_pending());
    drop(runtime);
    assert!(sleep.as_mut().poll(&mut cx).is_ready());
}

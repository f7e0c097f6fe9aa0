//! The metrics say what has happened: counters add up to what was done, gauges return to nothing.

use std::time::{Duration, Instant};

use runtime::net::{TcpListener, TcpStream};
use runtime::{Runtime, runtime::RuntimeMetrics, task};
use tests::{Gate, current_thread, eventually, eventually_async, forever, within, workers};

fn on_each(body: impl Fn(&Runtime, RuntimeMetrics) + Send + 'static) {
    within(move || {
        for runtime in [workers(1), workers(3), current_thread()] {
            let metrics = runtime.metrics();
            body(&runtime, metrics);
        }
    });
}

/// A counter of the workers, summed.
fn sum(metrics: &RuntimeMetrics, counter: impl Fn(&RuntimeMetrics, usize) -> u64) -> u64 {
    (0..metrics.num_workers()).map(|worker| counter(metrics, worker)).sum()
}

#[test]
fn workers_are_as_many_as_built() {
    within(|| {
        assert_eq!(workers(1).metrics().num_workers(), 1);
        assert_eq!(workers(3).metrics().num_workers(), 3);
        assert_eq!(current_thread().metrics().num_workers(), 1);
    });
}

#[test]
fn alive_tasks_are_those_that_have_not_ended() {
    on_each(|runtime, metrics| {
        assert_eq!(metrics.num_alive_tasks(), 0);
        let tasks: Vec<_> = (0..10).map(|_| runtime.spawn(forever(()))).collect();
        assert_eq!(metrics.num_alive_tasks(), 10);
        for task in &tasks[..4] {
            task.abort();
        }
        for (n, task) in tasks.into_iter().enumerate() {
            if n < 4 {
                assert!(runtime.block_on(task).unwrap_err().is_cancelled());
            }
        }
        runtime.block_on(async {
            tests::eventually_async("six are left", || metrics.num_alive_tasks() == 6).await;
        });
    });
}

#[test]
fn each_poll_is_counted() {
    on_each(|runtime, metrics| {
        let before = sum(&metrics, RuntimeMetrics::worker_poll_count);
        runtime.block_on(async {
            let tasks: Vec<_> = (0..100)
                .map(|_| {
                    runtime::spawn(async {
                        for _ in 0..10 {
                            runtime::task::yield_now().await;
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        let polls = || sum(&metrics, RuntimeMetrics::worker_poll_count) - before;
        // A spare's polls count too, but for a slot of its own; nothing here blocks.
        eventually("1100 polls are counted", || polls() >= 1100);
        // The root future's own polls may be counted by the current-thread flavour.
        assert!(polls() <= 1100 + 300, "{} polls", polls());
    });
}

#[test]
fn an_idle_worker_parks_and_its_time_is_not_busy() {
    within(|| {
        let runtime = workers(1);
        let metrics = runtime.metrics();
        runtime.block_on(async {
            for _ in 0..5 {
                runtime::spawn(async {}).await.unwrap();
                runtime::time::sleep(Duration::from_millis(2)).await;
            }
        });
        eventually("the worker has parked", || metrics.worker_park_count(0) >= 2);
        let before = metrics.worker_total_busy_duration(0);
        let start = Instant::now();
        runtime
            .block_on(runtime.spawn(async {
                let start = Instant::now();
                while start.elapsed() < Duration::from_millis(30) {}
            }))
            .unwrap();
        eventually("the busy time is counted", || {
            metrics.worker_total_busy_duration(0) - before >= Duration::from_millis(25)
        });
        let busy = metrics.worker_total_busy_duration(0) - before;
        assert!(busy <= start.elapsed() + Duration::from_millis(1), "{busy:?}");
    });
}

#[test]
fn stolen_tasks_are_counted() {
    within(|| {
        let runtime = workers(2);
        let metrics = runtime.metrics();
        let gate = Gate::default();
        let hold = gate.clone();
        let (send, receive) = std::sync::mpsc::channel();
        drop(runtime.spawn(async move {
            for _ in 0..20 {
                let send = send.clone();
                drop(runtime::spawn(async move { send.send(()).unwrap() }));
            }
            hold.block();
        }));
        for _ in 0..20 {
            receive.recv_timeout(tests::PATIENCE).unwrap();
        }
        gate.open();
        // By the other worker or by a spare; the workers' own counters tell of the former only.
        let stolen = sum(&metrics, RuntimeMetrics::worker_steal_count);
        assert!(stolen <= 21, "{stolen}");
    });
}

#[test]
fn queues_are_as_long_as_they_are() {
    within(|| {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .spare_workers(0)
            .max_blocking_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let metrics = runtime.metrics();
        let gate = Gate::default();
        let hold = gate.clone();
        let (filled, was_filled) = std::sync::mpsc::channel();
        drop(runtime.spawn(async move {
            for _ in 0..7 {
                drop(runtime::spawn(async {}));
            }
            filled.send(()).unwrap();
            hold.block();
        }));
        was_filled.recv_timeout(tests::PATIENCE).unwrap();
        // Seven wait locally, one of them perhaps in the LIFO slot, which may not count as queue.
        let local = metrics.worker_local_queue_depth(0);
        assert!((6..=7).contains(&local), "{local}");
        for _ in 0..5 {
            drop(runtime.spawn(async {}));
        }
        assert_eq!(metrics.global_queue_depth(), 5);

        let in_pool = Gate::default();
        let hold = in_pool.clone();
        let jobs: Vec<_> = std::iter::once(runtime.spawn_blocking(move || hold.block()))
            .chain((0..3).map(|_| runtime.spawn_blocking(|| {})))
            .collect();
        in_pool.wait_for(1);
        assert_eq!(metrics.blocking_queue_depth(), 3);
        assert_eq!(metrics.num_blocking_threads(), 1);
        assert_eq!(metrics.num_idle_blocking_threads(), 0);

        in_pool.open();
        gate.open();
        for job in jobs {
            runtime.block_on(job).unwrap();
        }
        eventually("all queues are empty", || {
            metrics.worker_local_queue_depth(0) == 0
                && metrics.global_queue_depth() == 0
                && metrics.blocking_queue_depth() == 0
                && metrics.num_idle_blocking_threads() == 1
                && metrics.num_alive_tasks() == 0
        });
    });
}

#[test]
fn descriptors_and_events_are_counted() {
    on_each(|runtime, metrics| {
        let registered = metrics.io_driver_fd_registered_count();
        let deregistered = metrics.io_driver_fd_deregistered_count();
        let ready = metrics.io_driver_ready_count();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let near = TcpStream::connect(listener.local_addr().unwrap());
            let (near, far) = runtime::join!(near, listener.accept());
            let (near, far) = (near.unwrap(), far.unwrap().0);
            assert_eq!(metrics.io_driver_fd_registered_count() - registered, 3);
            near.writable().await.unwrap();
            near.try_write(b"x").unwrap();
            far.readable().await.unwrap();
        });
        assert!(metrics.io_driver_ready_count() > ready);
        eventually("all three are gone", || {
            metrics.io_driver_fd_deregistered_count() - deregistered == 3
        });
    });
}

#[test]
fn timers_are_counted() {
    on_each(|runtime, metrics| {
        let before = metrics.num_timers();
        let sleepers: Vec<_> = (0..10)
            .map(|_| runtime.spawn(async { runtime::time::sleep(Duration::from_secs(3600)).await }))
            .collect();
        runtime.block_on(async {
            tests::eventually_async("ten timers wait", || metrics.num_timers() == before + 10)
                .await;
        });
        for sleeper in sleepers {
            sleeper.abort();
            let _ = runtime.block_on(sleeper);
        }
        runtime.block_on(async {
            // One more, so that the wheel is turned.
            runtime::time::sleep(Duration::from_millis(2)).await;
            tests::eventually_async("none is left", || metrics.num_timers() == before).await;
        });
    });
}

#[test]
fn spares_and_stalls_are_counted() {
    within(|| {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .stall_report(Duration::from_millis(20))
            .on_stall(|_| {})
            .build()
            .unwrap();
        let metrics = runtime.metrics();
        assert_eq!((metrics.num_spare_workers(), metrics.stall_count()), (0, 0));
        let gate = Gate::default();
        let hold = gate.clone();
        let held = runtime.spawn(async move { hold.block() });
        gate.wait_for(1);
        let waits = runtime.spawn(async {});
        runtime.block_on(waits).unwrap();
        eventually("the stall is counted", || metrics.stall_count() == 1);
        gate.open();
        runtime.block_on(held).unwrap();
        eventually("no spare is left", || metrics.num_spare_workers() == 0);
    });
}

#[test]
fn a_worker_that_does_not_exist_is_no_silent_nought() {
    within(|| {
        let metrics = workers(1).metrics();
        let text = tests::panic_of(|| metrics.worker_poll_count(100_000));
        assert!(!text.is_empty());
    });
}

#[test]
fn time_awake_is_counted() {
    on_each(|runtime, metrics| {
        let pause = Duration::from_millis(20);
        runtime.block_on(runtime.spawn(async move { std::thread::sleep(pause) })).unwrap();
        let busy = |metrics: &RuntimeMetrics| {
            let of = |worker| metrics.worker_total_busy_duration(worker);
            (0..metrics.num_workers()).map(of).sum::<Duration>()
        };
        eventually("the time", || busy(&metrics) >= pause);
    });
}

#[test]
fn tasks_from_elsewhere_are_counted() {
    on_each(|runtime, metrics| {
        let before = metrics.remote_schedule_count();
        let tasks: Vec<_> = (0..10).map(|_| runtime.spawn(async {})).collect();
        assert_eq!(metrics.remote_schedule_count() - before, 10);
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(metrics.remote_schedule_count() - before, 10);
    });
}

/// Spends the budget of one poll, in several branches at once, and goes on in the next.
async fn spend_the_budget() {
    let spend = || async {
        while task::coop::has_budget_remaining() {
            task::coop::consume_budget().await;
        }
        task::coop::consume_budget().await;
    };
    runtime::join!(spend(), spend());
}

#[test]
fn polls_that_spent_their_budget_are_counted_once() {
    on_each(|runtime, metrics| {
        assert_eq!(metrics.budget_forced_yield_count(), 0);
        runtime.block_on(spend_the_budget());
        assert_eq!(metrics.budget_forced_yield_count(), 1);
        runtime.block_on(runtime.spawn(spend_the_budget())).unwrap();
        eventually("one more", || metrics.budget_forced_yield_count() == 2);
        runtime.block_on(async { task::spawn_pinned(spend_the_budget).await.unwrap() });
        eventually("one more", || metrics.budget_forced_yield_count() == 3);
        runtime.block_on(task::LocalSet::new().run_until(async {
            task::spawn_local(spend_the_budget()).await.unwrap();
        }));
        eventually("one more", || metrics.budget_forced_yield_count() == 4);
    });
}

#[test]
fn the_mean_poll_is_as_long_as_polls_are() {
    on_each(|runtime, metrics| {
        assert_eq!(metrics.worker_overflow_count(0), 0);
        let pause = Duration::from_millis(2);
        runtime.block_on(async {
            for _ in 0..30 {
                runtime::spawn(async move { std::thread::sleep(pause) }).await.unwrap();
            }
        });
        let longest = || {
            let of = |worker| metrics.worker_mean_poll_time(worker);
            (0..metrics.num_workers()).map(of).max().unwrap()
        };
        // The root future of the current thread is no poll of a task, but time between two.
        eventually("some polls are noted", || longest() >= pause / 2);
    });
}

#[test]
fn a_worker_that_never_sleeps_is_not_forgotten() {
    on_each(|runtime, metrics| {
        let stop = Gate::default();
        let stopped = stop.clone();
        let busy = runtime.spawn(async move {
            while !stopped.is_open() {
                task::coop::consume_budget().await;
            }
        });
        let metrics_inside = metrics.clone();
        runtime.block_on(async {
            eventually_async("its time and its yields", || {
                let busy = sum(&metrics_inside, |metrics, worker| {
                    metrics.worker_total_busy_duration(worker).as_millis() as u64
                });
                busy > 20 && metrics_inside.budget_forced_yield_count() > 2000
            })
            .await;
            stop.open();
            busy.await.unwrap();
        });
    });
}

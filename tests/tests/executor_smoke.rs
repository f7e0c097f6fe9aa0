//! The executor runs what it is given: the first thing that must work on both flavours.

use std::time::{Duration, Instant};

fn flavours() -> [runtime::Runtime; 2] {
    [
        runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
        runtime::Builder::new_current_thread().enable_all().build().unwrap(),
    ]
}

#[test]
fn a_spawned_task_yields_its_output() {
    for runtime in flavours() {
        let sum = runtime.block_on(async {
            let handles: Vec<_> = (0..1000u64).map(|i| runtime::spawn(async move { i })).collect();
            let mut sum = 0;
            for handle in handles {
                sum += handle.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 499_500);
    }
}

#[test]
fn yielding_tasks_all_finish() {
    for runtime in flavours() {
        runtime.block_on(async {
            let handles: Vec<_> = (0..200)
                .map(|_| {
                    runtime::spawn(async {
                        for _ in 0..1000 {
                            runtime::task::yield_now().await;
                        }
                    })
                })
                .collect();
            for handle in handles {
                handle.await.unwrap();
            }
        });
    }
}

#[test]
fn blocking_jobs_yield_their_output() {
    for runtime in flavours() {
        let output = runtime.block_on(async { runtime::spawn_blocking(|| 5).await.unwrap() });
        assert_eq!(output, 5);
    }
}

#[test]
fn a_sleep_is_never_early() {
    for runtime in flavours() {
        runtime.block_on(async {
            let start = Instant::now();
            let tasks: Vec<_> = (1..50)
                .map(|ms| {
                    runtime::spawn(async move {
                        runtime::time::sleep(Duration::from_millis(ms)).await;
                        assert!(start.elapsed() >= Duration::from_millis(ms));
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    }
}

#[test]
fn a_blocked_worker_stops_nobody() {
    let runtime =
        runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        for _ in 0..4 {
            runtime::spawn(async { std::thread::sleep(Duration::from_millis(300)) });
        }
        runtime::spawn(async {
            let start = Instant::now();
            for _ in 0..20 {
                runtime::time::sleep(Duration::from_millis(1)).await;
            }
            assert!(start.elapsed() < Duration::from_millis(250), "{:?}", start.elapsed());
        })
        .await
        .unwrap();
    });
}

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
    let gate = tests::Gate::default();
    runtime.block_on(async {
        let held: Vec<_> = (0..4)
            .map(|_| {
                let hold = gate.clone();
                runtime::spawn(async move { hold.block() })
            })
            .collect();
        // It comes to its end while they are held; else they lose their patience, which shows
        // below.
        runtime::spawn(async {
            for _ in 0..20 {
                runtime::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await
        .unwrap();
        gate.open();
        for task in held {
            task.await.unwrap();
        }
    });
}

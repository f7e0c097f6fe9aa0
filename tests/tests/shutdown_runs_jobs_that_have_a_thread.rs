//! A blocking job that was spawned before the shutdown runs if a thread is free for it, whether
//! that thread has reached it or not; only one that waits behind busy threads is cancelled.

use std::time::Duration;

use runtime::{Builder, Runtime};
use tests::{Gate, current_thread, within, workers};

fn each() -> [Runtime; 2] {
    [workers(1), current_thread()]
}

#[test]
fn dropped_right_after_the_spawn() {
    within(|| {
        for _ in 0..200 {
            for runtime in each() {
                let jobs: Vec<_> = (0..4).map(|n| runtime.spawn_blocking(move || n)).collect();
                drop(runtime);
                for (n, job) in jobs.into_iter().enumerate() {
                    assert_eq!(futures::executor::block_on(job).unwrap(), n);
                }
            }
        }
    });
}

#[test]
fn a_job_whose_thread_slept_runs() {
    within(|| {
        for runtime in each() {
            runtime.block_on(runtime.spawn_blocking(|| ())).unwrap();
            let jobs: Vec<_> = (0..4).map(|n| runtime.spawn_blocking(move || n)).collect();
            runtime.shutdown_timeout(Duration::from_secs(1000));
            for (n, job) in jobs.into_iter().enumerate() {
                assert_eq!(futures::executor::block_on(job).unwrap(), n);
            }
        }
    });
}

#[test]
fn jobs_run_after_a_shutdown_in_the_background_too() {
    within(|| {
        for runtime in each() {
            let job = runtime.spawn_blocking(|| 1);
            runtime.shutdown_background();
            assert_eq!(futures::executor::block_on(job).unwrap(), 1);
        }
    });
}

#[test]
fn behind_busy_threads_it_is_cancelled() {
    within(|| {
        for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
            let runtime = builder.max_blocking_threads(1).build().unwrap();
            let gate = Gate::default();
            let hold = gate.clone();
            let busy = runtime.spawn_blocking(move || hold.block());
            gate.wait_for(1);
            let waits = runtime.spawn_blocking(|| ());
            runtime.shutdown_timeout(Duration::from_millis(10));
            gate.open();
            futures::executor::block_on(busy).unwrap();
            assert!(futures::executor::block_on(waits).unwrap_err().is_cancelled());
        }
    });
}

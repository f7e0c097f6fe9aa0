//! `shutdown_timeout` waits for blocking jobs no longer than it was told, `shutdown_background` not
//! at all, and what has not stopped by then does no harm.

use std::time::{Duration, Instant};

use tests::{Census, Gate, current_thread, eventually, forever, within, workers};

#[test]
fn a_job_that_does_not_end_is_left_behind() {
    within(|| {
        for runtime in [workers(1), current_thread()] {
            let (census, gate) = (Census::default(), Gate::default());
            let (hold, held) = (gate.clone(), census.clone());
            let job = runtime.spawn_blocking(move || {
                hold.block();
                drop(held);
                1
            });
            gate.wait_for(1);
            drop(runtime.spawn(forever(census.clone())));
            let start = Instant::now();
            runtime.shutdown_timeout(Duration::from_millis(50));
            assert!(start.elapsed() >= Duration::from_millis(50));
            assert_eq!(census.alive(), 1, "the task's future is dropped, the job's closure is not");
            // It comes to its end on its own, and its handle still gives what it returned.
            gate.open();
            assert_eq!(futures::executor::block_on(job).unwrap(), 1);
            assert_eq!(census.alive(), 0);
        }
    });
}

#[test]
fn a_task_that_does_not_end_is_left_behind() {
    within(|| {
        let runtime = workers(1);
        let (census, gate) = (Census::default(), Gate::default());
        let (hold, held) = (gate.clone(), census.clone());
        drop(runtime.spawn(async move {
            hold.block();
            forever(held).await;
        }));
        gate.wait_for(1);
        runtime.shutdown_timeout(Duration::from_millis(50));
        gate.open();
        eventually("the future is dropped after its poll", || census.alive() == 0);
    });
}

#[test]
fn the_time_is_not_waited_out_when_all_have_ended() {
    within(|| {
        for runtime in [workers(1), current_thread()] {
            runtime.block_on(async { runtime::spawn_blocking(|| {}).await.unwrap() });
            let start = Instant::now();
            runtime.shutdown_timeout(Duration::from_secs(3600));
            assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
        }
    });
}

#[test]
fn the_longest_time_there_is() {
    within(|| {
        let runtime = workers(1);
        runtime.block_on(async { runtime::spawn_blocking(|| {}).await.unwrap() });
        runtime.shutdown_timeout(Duration::MAX);
    });
}

#[test]
fn in_the_background_nothing_is_waited_for() {
    within(|| {
        for runtime in [workers(1), current_thread()] {
            let (census, gate) = (Census::default(), Gate::default());
            let (hold, held) = (gate.clone(), census.clone());
            drop(runtime.spawn_blocking(move || {
                hold.block();
                drop(held);
            }));
            gate.wait_for(1);
            drop(runtime.spawn(forever(census.clone())));
            runtime.shutdown_background(); // comes back though the job is held
            eventually("the task's future is dropped", || census.alive() == 1);
            gate.open();
            eventually("the job has ended", || census.alive() == 0);
        }
    });
}

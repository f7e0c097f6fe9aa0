//! A thread that sleeps for the runtime is woken by what others do meanwhile: a task that becomes
//! runnable, time that stops, goes on or is moved, a thread that leaves. Each test hangs if nobody
//! tells it.

use std::time::Duration;

use runtime::runtime::Handle;
use runtime::sync::oneshot;
use runtime::time;
use tests::{Gate, current_thread, eventually, within};

const HOUR: Duration = Duration::from_secs(3600);

/// Waits until the thread that runs the current-thread runtime has gone to sleep once more.
fn asleep(handle: &Handle) {
    let metrics = handle.metrics();
    // Odd: it has parked and not come back.
    eventually("the thread sleeps", || metrics.worker_park_unpark_count(0) % 2 == 1);
}

#[test]
fn sleepers_are_told_of_a_task_that_becomes_runnable() {
    within(|| {
        let runtime = current_thread();
        let handle = runtime.handle().clone();
        let (send, receive) = oneshot::channel();
        let sender = std::thread::spawn(move || {
            asleep(&handle);
            send.send(7).unwrap();
        });
        // In a task: the root future has a waker of its own.
        let task = runtime.spawn(receive);
        assert_eq!(runtime.block_on(task).unwrap(), Ok(7));
        sender.join().unwrap();
    });
}

#[test]
fn sleepers_are_told_of_time_that_stops() {
    within(|| {
        let runtime = current_thread();
        let handle = runtime.handle().clone();
        let other = std::thread::spawn(move || {
            asleep(&handle);
            let _inside = handle.enter();
            time::pause();
        });
        // Stopped, it jumps.
        runtime.block_on(async { time::sleep(HOUR).await });
        other.join().unwrap();
    });
}

#[test]
fn sleepers_are_told_of_time_that_goes_on() {
    within(|| {
        let runtime = current_thread();
        let handle = runtime.handle().clone();
        let gate = Gate::default();
        let hold = gate.clone();
        runtime.block_on(async {
            time::pause();
            // As long as there is a job, time does not jump; it ends after the sleep.
            let job = runtime::task::spawn_blocking(move || {
                asleep(&handle);
                time::resume();
                hold.block();
            });
            time::sleep(Duration::from_millis(5)).await;
            gate.open();
            job.await.unwrap();
        });
    });
}

#[test]
fn sleepers_are_told_of_time_that_is_moved() {
    within(|| {
        let runtime = current_thread();
        runtime.block_on(async {
            time::pause();
            let sleeper = runtime::spawn(time::sleep(HOUR));
            // So that its timer is set.
            runtime::task::yield_now().await;
            time::advance(2 * HOUR).await;
            sleeper.await.unwrap();
        });
    });
}

#[test]
fn sleepers_are_told_of_a_pinned_thread_that_leaves() {
    within(|| {
        let runtime = tests::workers(1);
        let gate = Gate::default();
        let hold = gate.clone();
        {
            let _inside = runtime.enter();
            drop(runtime::task::spawn_pinned(move || async move { hold.block() }));
        }
        gate.wait_for(1);
        let opener = std::thread::spawn(move || {
            // So that the shutdown waits by then, most of the time. No outcome depends on it.
            std::thread::sleep(Duration::from_millis(50));
            gate.open();
        });
        runtime.shutdown_timeout(HOUR);
        opener.join().unwrap();
    });
}

//! Threads that are in `block_in_place` count against `Builder::max_blocking_threads`, and not
//! against the spare workers, which are there for mistakes. Below that limit nobody is held up, in
//! whatever way they wait for each other; at the limit that is said.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime::sync::oneshot;
use runtime::task::{JoinHandle, block_in_place};
use runtime::{Builder, Handle, Runtime};
use tests::{Gate, eventually, within};

fn runtime(workers: usize, limit: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .max_blocking_threads(limit)
        .enable_all()
        .build()
        .unwrap()
}

/// As many tasks as asked for wait in `block_in_place`, each for a message of its own, and are sent
/// it by another task when all of them wait.
fn wait_for_each_other(runtime: &Runtime, tasks: usize) {
    let arrivals = Gate::default();
    arrivals.open();
    let (senders, waiting): (Vec<_>, Vec<_>) = (0..tasks)
        .map(|_| {
            let (sender, receiver) = oneshot::channel::<()>();
            let arrivals = arrivals.clone();
            let waiting = runtime.spawn(async move {
                block_in_place(|| {
                    arrivals.block(); // only counts: it is open
                    Handle::current().block_on(receiver).unwrap();
                });
            });
            (sender, waiting)
        })
        .unzip();
    arrivals.wait_for(tasks);
    let sending = runtime.spawn(async move {
        for sender in senders {
            sender.send(()).unwrap();
            runtime::task::yield_now().await;
        }
    });
    runtime.block_on(async {
        for waiting in waiting {
            waiting.await.unwrap();
        }
        sending.await.unwrap();
    });
}

#[test]
fn more_than_there_are_spares_wait_for_each_other_and_end() {
    within(|| wait_for_each_other(&runtime(2, 512), 80));
}

#[test]
fn hundreds_wait_for_each_other_and_end_if_the_limit_allows_it() {
    let tasks = 600 / tests::slowness() as usize;
    within(move || wait_for_each_other(&runtime(2, tasks + 10), tasks));
}

#[test]
fn all_ways_to_block_wait_for_each_other_and_end() {
    within(|| {
        let runtime = runtime(1, 100);
        let tasks: Vec<JoinHandle<u32>> = (0..30)
            .map(|n| {
                runtime.spawn(async move {
                    block_in_place(|| {
                        Handle::current().block_on(async move {
                            let job = runtime::spawn_blocking(move || {
                                Handle::current()
                                    .block_on(async move { runtime::spawn(async move { n }).await })
                            });
                            job.await.unwrap().unwrap()
                        })
                    })
                })
            })
            .collect();
        let sum = runtime.block_on(async {
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, (0..30).sum());
    });
}

/// Has tasks wait in `block_in_place` until the gate is opened.
fn hold(runtime: &Runtime, tasks: usize) -> Gate {
    let gate = Gate::default();
    for _ in 0..tasks {
        let gate = gate.clone();
        drop(runtime.spawn(async move { block_in_place(|| gate.block()) }));
    }
    gate.wait_for(tasks);
    gate
}

#[test]
fn announced_blocking_uses_up_no_spares() {
    within(|| {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .spare_workers(1)
            .max_blocking_threads(20)
            .enable_all()
            .build()
            .unwrap();
        let in_place = hold(&runtime, 10);
        assert_eq!(runtime.metrics().num_spare_workers(), 0);
        // One that has not announced it blocks the only thread that serves.
        let blunder = Gate::default();
        let blocks = {
            let blunder = blunder.clone();
            runtime.spawn(async move { blunder.block() })
        };
        blunder.wait_for(1);
        runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
        blunder.open();
        in_place.open();
        runtime.block_on(blocks).unwrap();
    });
}

#[test]
fn the_limit_is_reported_and_uses_up_no_spare() {
    within(|| {
        let told = Arc::new(Mutex::new(Vec::new()));
        let log = told.clone();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(2)
            .on_spare_shortage(move |shortage| {
                let figures = (shortage.is_in_place(), shortage.stalled(), shortage.limit());
                log.lock().unwrap().push((figures, shortage.to_string()));
            })
            .enable_all()
            .build()
            .unwrap();
        // The worker, and the two threads that stand in for it one after the other.
        let gate = hold(&runtime, 3);
        let waits = runtime.spawn(async { 7 });
        eventually("the shortage is reported", || !told.lock().unwrap().is_empty());
        let (figures, text) = told.lock().unwrap()[0].clone();
        assert_eq!(figures, (true, 3, 2), "{text}");
        assert!(text.starts_with("3 workers are in `block_in_place`, and all 2 threads"), "{text}");
        assert_eq!(runtime.metrics().num_spare_workers(), 0);
        gate.open();
        assert_eq!(runtime.block_on(waits).unwrap(), 7);
    });
}

/// The first thread that is to stand in takes its time before it runs jobs: it is one that can be
/// had.
#[test]
fn a_thread_that_is_slow_to_come_is_no_shortage() {
    within(|| {
        let told = Arc::new(Mutex::new(Vec::new()));
        let log = told.clone();
        let threads = AtomicUsize::new(0);
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(1)
            .on_thread_start(move || {
                // The worker's is the first thread. A shortage is one after 20 ms: this is the slow
                // start itself, many times as long, and nothing is waited for by it.
                if threads.fetch_add(1, Ordering::Relaxed) > 0 {
                    std::thread::sleep(Duration::from_millis(300));
                }
            })
            .on_spare_shortage(move |shortage| log.lock().unwrap().push(shortage.to_string()))
            .enable_all()
            .build()
            .unwrap();
        let gate = hold(&runtime, 1);
        let waits = runtime.spawn(async { 7 });
        assert_eq!(runtime.block_on(waits).unwrap(), 7);
        gate.open();
        assert_eq!(*told.lock().unwrap(), Vec::<String>::new());
    });
}

#[test]
fn a_stand_in_retires_when_it_is_not_needed() {
    within(|| {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_keep_alive(Duration::from_millis(20))
            .enable_all()
            .build()
            .unwrap();
        let gate = hold(&runtime, 20);
        assert!(runtime.metrics().num_blocking_threads() >= 18);
        gate.open();
        eventually("they have gone", || runtime.metrics().num_blocking_threads() == 0);
        runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
    });
}

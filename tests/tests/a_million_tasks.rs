//! A million tasks alive at once, and a burst of a million over and over: memory, threads and
//! descriptors stay within what the tasks themselves need, and come back.
#![cfg(target_os = "linux")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use runtime::sync::Semaphore;
use tests::process::{descriptors, give_back_memory, memory, thread_names, threads};
use tests::{eventually, isolated, scaled, slowness, workers};

/// A million; fewer where a tool makes the program slow.
fn million() -> usize {
    scaled(1_000_000)
}

#[test]
fn a_million_tasks_are_alive_at_once() {
    isolated("a_million_tasks_are_alive_at_once", || {
        let runtime = workers(2);
        let gate = Arc::new(Semaphore::new(0));
        let started = Arc::new(AtomicUsize::new(0));
        let before = memory("VmRSS");
        let metrics = runtime.metrics();
        let sum = runtime.block_on(async {
            let tasks: Vec<_> = (0..million())
                .map(|n| {
                    let (gate, started) = (gate.clone(), started.clone());
                    runtime::spawn(async move {
                        started.fetch_add(1, Ordering::Relaxed);
                        let _permit = gate.acquire().await;
                        n
                    })
                })
                .collect();
            tests::eventually_async("all have started", || {
                started.load(Ordering::Relaxed) == million()
            })
            .await;
            assert!(metrics.num_alive_tasks() >= million());
            // The task, its future with a waiter of the semaphore, its handle here, a queue's
            // place.
            let each = (memory("VmRSS") - before) / million();
            println!("{each} bytes a task");
            assert!(each < 600 || slowness() > 1, "{each} bytes a task");
            gate.close();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, million() * (million() - 1) / 2);
        eventually("none is alive", || metrics.num_alive_tasks() == 0);
    });
}

#[test]
fn tasks_over_and_over_leave_memory_threads_and_descriptors_flat() {
    isolated("tasks_over_and_over_leave_memory_threads_and_descriptors_flat", || {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_keep_alive(std::time::Duration::from_millis(50))
            .enable_all()
            .build()
            .unwrap();
        // It comes when the first worker has slept for a while.
        eventually("the monitor is there", || {
            thread_names().iter().any(|name| name == "runtime-monitor")
        });
        let threads_at_first = threads();
        // All of a burst are alive at once, so that each burst needs what the one before needed.
        let burst = |from_outside: bool| {
            let gate = Arc::new(Semaphore::new(0));
            let done = Arc::new(AtomicUsize::new(0));
            let spawn_all = {
                let (gate, done) = (gate.clone(), done.clone());
                move || {
                    for _ in 0..million() {
                        let (gate, done) = (gate.clone(), done.clone());
                        drop(runtime::spawn(async move {
                            let _ = gate.acquire().await;
                            done.fetch_add(1, Ordering::Relaxed);
                        }));
                    }
                }
            };
            if from_outside {
                let _context = runtime.enter();
                spawn_all();
            } else {
                runtime.block_on(runtime.spawn(async move { spawn_all() })).unwrap();
            }
            assert!(runtime.metrics().num_alive_tasks() >= million());
            gate.close();
            eventually("the burst is over", || {
                done.load(Ordering::Relaxed) == million()
                    && runtime.metrics().num_alive_tasks() == 0
            });
        };
        // The first two set the high-water mark of the queues.
        burst(false);
        burst(true);
        give_back_memory();
        let (memory_before, descriptors_before) = (memory("VmRSS"), descriptors());
        const BURSTS: usize = 3;
        for n in 0..BURSTS {
            burst(n % 2 == 0);
        }
        give_back_memory();
        let grown = memory("VmRSS").saturating_sub(memory_before);
        // A leak of 16 bytes a task shows.
        let flat = grown < 16 * BURSTS * million();
        assert!(flat || slowness() > 1, "grown by {grown} bytes over {memory_before}");
        // Who spawns a million tasks in one poll stalls its worker: spares come, and go again. The
        // three threads more are those that start spares, copy the stack and write the report.
        eventually("the spares have gone", || threads() <= threads_at_first + 3);
        assert_eq!(descriptors(), descriptors_before);
    });
}

#[test]
fn a_million_blocking_jobs_come_and_go() {
    isolated("a_million_blocking_jobs_come_and_go", || {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(8)
            .thread_keep_alive(std::time::Duration::from_millis(10))
            .enable_all()
            .build()
            .unwrap();
        let before = threads();
        for _ in 0..5 {
            let done = Arc::new(AtomicUsize::new(0));
            for _ in 0..scaled(100_000) {
                let done = done.clone();
                drop(runtime.spawn_blocking(move || done.fetch_add(1, Ordering::Relaxed)));
            }
            assert!(threads() <= before + 9);
            eventually("the jobs are done", || done.load(Ordering::Relaxed) == scaled(100_000));
        }
        eventually("the pool's threads have gone", || threads() <= before);
    });
}

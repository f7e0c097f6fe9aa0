//! The pool for blocking jobs: it grows to its limit and no further, loses no job, lets threads go
//! after their keep-alive, and gives its jobs the context of the runtime.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime::{Builder, Handle};
use tests::{Census, Gate, current_thread, eventually, eventually_async, within, workers};

#[test]
fn jobs_run_beside_each_other_up_to_the_limit() {
    within(|| {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).max_blocking_threads(4).build().unwrap();
        let (gate, now, most) =
            (Gate::default(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let jobs: Vec<_> = (0..20)
            .map(|n| {
                let (gate, now, most) = (gate.clone(), now.clone(), most.clone());
                runtime.spawn_blocking(move || {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    gate.block();
                    now.fetch_sub(1, Ordering::SeqCst);
                    n
                })
            })
            .collect();
        gate.wait_for(4); // four at once, or this fails
        gate.open();
        for (n, job) in jobs.into_iter().enumerate() {
            assert_eq!(runtime.block_on(job).unwrap(), n);
        }
        assert_eq!(most.load(Ordering::SeqCst), 4);
    });
}

#[test]
fn threads_are_used_again() {
    within(|| {
        for runtime in [workers(1), current_thread()] {
            let seen = Arc::new(Mutex::new(HashSet::new()));
            for _ in 0..200 {
                let seen = seen.clone();
                let job = runtime.spawn_blocking(move || {
                    seen.lock().unwrap().insert(std::thread::current().id());
                });
                runtime.block_on(job).unwrap();
                eventually("the thread is idle again", || {
                    runtime.metrics().num_idle_blocking_threads() > 0
                });
            }
            assert_eq!(seen.lock().unwrap().len(), 1);
        }
    });
}

#[test]
fn threads_leave_after_their_keep_alive() {
    within(|| {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_keep_alive(Duration::from_millis(20))
            .build()
            .unwrap();
        for _ in 0..3 {
            let gate = Gate::default();
            let jobs: Vec<_> = (0..5)
                .map(|_| {
                    let gate = gate.clone();
                    runtime.spawn_blocking(move || gate.block())
                })
                .collect();
            gate.wait_for(5);
            assert!(runtime.metrics().num_blocking_threads() >= 5);
            gate.open();
            for job in jobs {
                runtime.block_on(job).unwrap();
            }
            eventually("the pool is empty", || runtime.metrics().num_blocking_threads() == 0);
        }
    });
}

#[test]
fn jobs_have_the_context_of_their_runtime() {
    within(|| {
        for runtime in [workers(1), current_thread()] {
            let id = runtime.handle().id();
            let job = runtime.spawn_blocking(move || {
                let handle = Handle::current();
                assert_eq!(handle.id(), id);
                (handle.spawn(async { 1 }), runtime::spawn_blocking(|| 2))
            });
            let (task, job) = runtime.block_on(job).unwrap();
            assert_eq!(runtime.block_on(task).unwrap() + runtime.block_on(job).unwrap(), 3);
        }
    });
}

#[test]
fn jobs_may_block_on_futures() {
    within(|| {
        let runtime = workers(1);
        let job = runtime.spawn_blocking(|| {
            Handle::current().block_on(async {
                runtime::time::sleep(Duration::from_millis(1)).await;
                runtime::spawn(async { 4 }).await.unwrap()
            })
        });
        assert_eq!(runtime.block_on(job).unwrap(), 4);
    });
}

#[test]
fn jobs_may_start_jobs_without_end() {
    within(|| {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).max_blocking_threads(1).build().unwrap();
        // A job that starts the next, on a pool of one thread: never two at a time, and none lost.
        fn next(left: usize, done: runtime::sync::oneshot::Sender<()>) {
            if left == 0 {
                let _ = done.send(());
            } else {
                runtime::spawn_blocking(move || next(left - 1, done));
            }
        }
        let (done, ended) = runtime::sync::oneshot::channel();
        runtime.spawn_blocking(move || next(1000, done));
        runtime.block_on(ended).unwrap();
    });
}

#[test]
fn jobs_drop_their_closure_and_output_once() {
    within(|| {
        let runtime = workers(1);
        let census = Census::default();
        let held = census.clone();
        let output = runtime.block_on(runtime.spawn_blocking(move || held)).unwrap();
        assert_eq!(census.alive(), 1);
        drop(output);
        let held = census.clone();
        drop(runtime.spawn_blocking(move || held));
        eventually("the output of a job without handle is dropped", || census.alive() == 0);
    });
}

#[test]
fn ten_thousand_in_flight_all_come_back() {
    within(|| {
        let runtime = workers(2);
        runtime.block_on(async {
            let jobs: Vec<_> = (0..10_000u64).map(|n| runtime::spawn_blocking(move || n)).collect();
            let mut sum = 0;
            for job in jobs {
                sum += job.await.unwrap();
            }
            assert_eq!(sum, 49_995_000);
            eventually_async("the queue is empty", || {
                Handle::current().metrics().blocking_queue_depth() == 0
            })
            .await;
        });
    });
}

#[test]
fn jobs_may_be_submitted_from_many_threads_at_once() {
    within(|| {
        let runtime = workers(2);
        let count = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (handle, count) = (runtime.handle().clone(), count.clone());
                std::thread::spawn(move || {
                    let mut jobs = Vec::new();
                    for _ in 0..500 {
                        let count = count.clone();
                        jobs.push(handle.spawn_blocking(move || {
                            count.fetch_add(1, Ordering::Relaxed);
                        }));
                    }
                    for job in jobs {
                        futures::executor::block_on(job).unwrap();
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(count.load(Ordering::Relaxed), 2000);
    });
}

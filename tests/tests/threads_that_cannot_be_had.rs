//! When the system gives no more threads, a runtime reports it or makes do with those it has. It
//! does not abort, and it does not hang.
#![cfg(target_os = "linux")]

use std::time::Duration;

use runtime::Builder;
use tests::process::{descriptors, limit, memory, others_wait, threads};
use tests::{Gate, current_thread, eventually, isolated, isolated_with, within};

/// Larger than all that comes and goes by itself: glibc's arenas are cut out of 128 MiB.
const STACK: usize = 256 << 20;

/// From now on so many stacks of that size fit into the address space, and no more.
fn threads_left(count: usize) {
    // Threads that have ended may have left their stack in glibc's cache (at most 40 MiB).
    limit(libc::RLIMIT_AS, (memory("VmSize") + count * STACK + (48 << 20)) as u64);
}

/// From now on no stack of that size fits into the address space any more.
fn no_more_threads() {
    // In its first moments a thread needs memory, and std ends the process if there is none.
    eventually("the threads that there are have begun", others_wait);
    threads_left(0);
    let refused = std::thread::Builder::new().stack_size(STACK).spawn(|| {});
    assert!(refused.is_err(), "the limit has no effect, so the test would show nothing");
}

/// Without reports of stalls: on a slow machine there may be some, and what they need of the
/// address space is missing elsewhere.
fn large_stacks(builder: &mut Builder) -> &mut Builder {
    builder.enable_all().thread_stack_size(STACK).stall_report(Duration::MAX)
}

#[test]
fn no_thread_for_the_workers_is_an_error_of_build() {
    within(|| {
        let mut builder = Builder::new_multi_thread();
        let result = builder.worker_threads(2).thread_stack_size(1 << 46).enable_all().build();
        let error = result.err().expect("no machine has such a stack");
        println!("{error}");
    });
}

#[test]
fn no_thread_for_some_workers_is_an_error_that_leaves_nothing() {
    isolated("no_thread_for_some_workers_is_an_error_that_leaves_nothing", || {
        within(|| {
            // What belongs to the process, not to a runtime, is there.
            drop(large_stacks(Builder::new_multi_thread().worker_threads(1)).build().unwrap());
            let (before, size) = ((threads(), descriptors()), memory("VmSize"));
            for possible in 0..4 {
                threads_left(possible);
                let mut builder = Builder::new_multi_thread();
                let result = large_stacks(builder.worker_threads(5)).build();
                assert!(result.is_err(), "five workers with {possible} threads");
                // Those that had started end in the background.
                eventually("no thread is left", || threads() <= before.0);
                eventually("no stack is left", || {
                    // The stack of a thread that nobody joined goes when another one comes and
                    // goes.
                    std::thread::spawn(|| {}).join().unwrap();
                    memory("VmSize") < size + STACK
                });
                eventually("no descriptor is left", || descriptors() <= before.1);
            }
            limit(libc::RLIMIT_AS, u64::MAX);
            let runtime =
                large_stacks(Builder::new_multi_thread().worker_threads(5)).build().unwrap();
            runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
        });
    });
}

/// The thread that watches the others has the default stack, which is made large for this.
#[test]
fn no_thread_for_the_monitor_is_an_error_of_build() {
    const TEST: &str = "no_thread_for_the_monitor_is_an_error_of_build";
    isolated_with(TEST, &[("RUST_MIN_STACK", &STACK.to_string())], || {
        // Its thread is there already: none is started for it while none can be.
        within(|| {
            let outer = current_thread();
            outer.block_on(async { runtime::spawn(async {}).await.unwrap() });
            let before = (threads(), descriptors());
            no_more_threads();
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(1).thread_stack_size(1 << 20).enable_all();
            assert!(builder.build().is_err());
            // In async code, too, it is an error and no panic.
            outer.block_on(async { assert!(builder.build().is_err()) });
            eventually("no thread is left", || threads() <= before.0);
            eventually("no descriptor is left", || descriptors() <= before.1);
        });
    });
}

/// On one thread the tasks run all the same, unwatched, and the next `block_on` tries again.
#[test]
fn no_thread_for_the_monitor_of_one_thread_is_reported_and_retried() {
    const TEST: &str = "no_thread_for_the_monitor_of_one_thread_is_reported_and_retried";
    isolated_with(TEST, &[("RUST_MIN_STACK", &STACK.to_string())], || {
        // On this thread: to have one beside it would take more of the address space.
        let runtime = current_thread();
        let before = threads();
        no_more_threads();
        for _ in 0..3 {
            runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
            assert_eq!(threads(), before);
        }
        limit(libc::RLIMIT_AS, u64::MAX);
        runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
        assert_eq!(threads(), before + 1);
    });
}

#[test]
fn no_thread_for_a_pinned_task_cancels_that_task() {
    isolated("no_thread_for_a_pinned_task_cancels_that_task", || {
        within(|| {
            let mut builder = Builder::new_multi_thread();
            let runtime =
                large_stacks(builder.worker_threads(1).pinned_threads(2)).build().unwrap();
            no_more_threads();
            runtime.block_on(async {
                for _ in 0..3 {
                    let task = runtime::task::spawn_pinned(|| async { 1 });
                    assert!(task.await.unwrap_err().is_cancelled());
                }
                runtime::spawn(async {}).await.unwrap();
            });
            // And when there are threads again, all is well.
            limit(libc::RLIMIT_AS, u64::MAX);
            runtime.block_on(async {
                assert_eq!(runtime::task::spawn_pinned(|| async { 1 }).await.unwrap(), 1);
            });
            drop(runtime);
        });
    });
}

#[test]
fn no_thread_for_the_first_job_is_an_error_of_that_job() {
    isolated("no_thread_for_the_first_job_is_an_error_of_that_job", || {
        within(|| {
            let runtime =
                large_stacks(Builder::new_multi_thread().worker_threads(1)).build().unwrap();
            runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
            no_more_threads();
            let handle = runtime.handle().clone();
            // tokio panics here. Whatever it is, it reaches the caller and nothing hangs.
            let submitted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                handle.spawn_blocking(|| 1)
            }));
            match submitted {
                Ok(job) => assert!(runtime.block_on(job).is_err()),
                Err(payload) => println!("{}", tests::text_of(&*payload)),
            }
            // Tasks go on as before.
            runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
            drop(runtime);
        });
    });
}

#[test]
fn no_thread_for_more_jobs_makes_a_smaller_pool() {
    isolated("no_thread_for_more_jobs_makes_a_smaller_pool", || {
        within(|| {
            let runtime = large_stacks(
                Builder::new_multi_thread()
                    .worker_threads(1)
                    .thread_keep_alive(Duration::from_secs(3600)),
            )
            .build()
            .unwrap();
            // One thread is there, and busy.
            let gate = Gate::default();
            let hold = gate.clone();
            let first = runtime.spawn_blocking(move || hold.block());
            gate.wait_for(1);
            no_more_threads();
            let jobs: Vec<_> = (0..50).map(|n| runtime.spawn_blocking(move || n)).collect();
            gate.open();
            runtime.block_on(async {
                first.await.unwrap();
                for (n, job) in jobs.into_iter().enumerate() {
                    assert_eq!(job.await.unwrap(), n, "a job was lost");
                }
            });
            drop(runtime);
        });
    });
}

#[test]
fn no_thread_for_spares_leaves_the_blocked_worker_to_itself() {
    isolated("no_thread_for_spares_leaves_the_blocked_worker_to_itself", || {
        within(|| {
            let runtime =
                large_stacks(Builder::new_multi_thread().worker_threads(1)).build().unwrap();
            runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
            no_more_threads();
            let gate = Gate::default();
            let hold = gate.clone();
            let blocked = runtime.spawn(async move { hold.block() });
            gate.wait_for(1);
            let waiting: Vec<_> = (0..10).map(|n| runtime.spawn(async move { n })).collect();
            // Long enough for the monitor to try and fail several times. No outcome depends on it.
            std::thread::sleep(Duration::from_millis(100));
            gate.open();
            runtime.block_on(async {
                blocked.await.unwrap();
                for (n, task) in waiting.into_iter().enumerate() {
                    assert_eq!(task.await.unwrap(), n);
                }
            });
            drop(runtime);
        });
    });
}

#[test]
fn no_thread_for_block_in_place_leaves_the_task_to_itself() {
    isolated("no_thread_for_block_in_place_leaves_the_task_to_itself", || {
        within(|| {
            let runtime =
                large_stacks(Builder::new_multi_thread().worker_threads(1)).build().unwrap();
            runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
            no_more_threads();
            let task = runtime.spawn(async {
                let result = std::panic::catch_unwind(|| runtime::task::block_in_place(|| 3));
                result.unwrap_or(3)
            });
            assert_eq!(runtime.block_on(task).unwrap(), 3);
            runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
            drop(runtime);
        });
    });
}

//! A blocking job that is aborted while it waits for a thread is over when `abort` returns: its
//! handle says so, its closure is dropped, and it is no longer counted. It does not matter how long
//! all threads are busy.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use runtime::task::{JoinSet, Scope};
use runtime::{Builder, Handle, Runtime};
use tests::{Census, Gate, OnDrop, PATIENCE, Seeded, eventually, scaled, within};

/// A runtime whose only blocking thread is held by the gate.
fn with_a_busy_thread(builder: &mut Builder) -> (Runtime, Gate) {
    let runtime = builder.max_blocking_threads(1).enable_all().build().unwrap();
    let gate = Gate::default();
    let hold = gate.clone();
    drop(runtime.spawn_blocking(move || hold.block()));
    gate.wait_for(1);
    (runtime, gate)
}

fn on_each(body: impl Fn(Runtime, Gate) + Send + 'static) {
    within(move || {
        let mut several = Builder::new_multi_thread();
        for builder in [several.worker_threads(1), &mut Builder::new_current_thread()] {
            let (runtime, gate) = with_a_busy_thread(builder);
            body(runtime, gate);
        }
    });
}

#[test]
fn an_aborted_job_ends_while_all_threads_are_busy() {
    on_each(|runtime, gate| {
        let census = Census::default();
        let inside = census.clone();
        let job = runtime.spawn_blocking(move || drop(inside));
        assert_eq!(runtime.metrics().blocking_queue_depth(), 1);
        job.abort();
        assert!(job.is_finished());
        assert_eq!((census.alive(), runtime.metrics().blocking_queue_depth()), (0, 0));
        assert!(runtime.block_on(job).unwrap_err().is_cancelled());

        let job = runtime.spawn_blocking(|| 5);
        job.abort_handle().abort();
        assert!(job.is_finished());
        gate.open();
        assert_eq!(runtime.block_on(runtime.spawn_blocking(|| 6)).unwrap(), 6);
    });
}

#[test]
fn an_aborted_job_wakes_the_task_that_waits_for_it() {
    on_each(|runtime, gate| {
        let job = runtime.spawn_blocking(|| ());
        let abort = job.abort_handle();
        let waits = runtime.spawn(job);
        let aborter = std::thread::spawn(move || abort.abort());
        assert!(runtime.block_on(waits).unwrap().unwrap_err().is_cancelled());
        aborter.join().unwrap();
        gate.open();
    });
}

#[test]
fn a_job_is_aborted_out_of_the_middle_of_many() {
    on_each(|runtime, gate| {
        let count = scaled(10_000);
        let ran = Arc::new(Mutex::new(Vec::new()));
        let mut jobs: Vec<_> = (0..count)
            .map(|number| {
                let ran = ran.clone();
                Some(runtime.spawn_blocking(move || ran.lock().unwrap().push(number)))
            })
            .collect();
        let mut random = Seeded::new(3);
        let mut left = count;
        for _ in 0..count {
            if let Some(job) = jobs[random.below(count as u64) as usize].take() {
                job.abort();
                left -= 1;
                assert!(job.is_finished());
                assert_eq!(runtime.metrics().blocking_queue_depth(), left);
            }
        }
        gate.open();
        for job in jobs.iter_mut().flatten() {
            runtime.block_on(job).unwrap();
        }
        let expected: Vec<_> = (0..count).filter(|&number| jobs[number].is_some()).collect();
        assert_eq!(*ran.lock().unwrap(), expected, "those that are left, in their order");
    });
}

#[test]
fn a_job_of_a_set_or_a_scope_is_aborted_at_once() {
    on_each(|runtime, gate| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            for _ in 0..100 {
                set.spawn_blocking(|| ());
            }
            set.shutdown().await;

            let scope = Scope::new();
            for _ in 0..100 {
                drop(scope.spawn_blocking(|| ()));
            }
            scope.abort();
            let _ = scope.close().await;
        });
        assert_eq!(runtime.metrics().blocking_queue_depth(), 0);
        gate.open();
    });
}

#[test]
fn an_abort_of_a_scope_may_race_with_the_submission_of_its_job() {
    on_each(|runtime, gate| {
        for _ in 0..scaled(300) {
            let scope = {
                let _entered = runtime.enter();
                Scope::new()
            };
            let handle = scope.handle().clone();
            let spawner = std::thread::spawn(move || handle.spawn_blocking(|| ()));
            scope.abort();
            let job = spawner.join().unwrap();
            assert!(job.is_finished(), "before or after it was queued");
            let _ = runtime.block_on(scope.close());
        }
        assert_eq!(runtime.metrics().blocking_queue_depth(), 0);
        gate.open();
    });
}

#[test]
fn an_abort_that_races_with_the_thread_drops_the_job_once() {
    within(|| {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(2)
            .enable_all()
            .build()
            .unwrap();
        for _ in 0..scaled(2_000) {
            let ran = Arc::new(AtomicUsize::new(0));
            let counts = ran.clone();
            let job = runtime.spawn_blocking(move || counts.fetch_add(1, Ordering::SeqCst));
            job.abort();
            let outcome = runtime.block_on(job);
            assert_eq!(outcome.is_ok(), ran.load(Ordering::SeqCst) == 1);
        }
        eventually("nothing waits", || runtime.metrics().blocking_queue_depth() == 0);
    });
}

#[test]
fn the_closure_is_dropped_by_the_aborting_thread_inside_its_runtime() {
    on_each(|runtime, gate| {
        let (send, dropped_on) = mpsc::channel();
        let on_drop = OnDrop::new(move || {
            send.send((std::thread::current().id(), Handle::current().id())).unwrap();
            panic!("a destructor's");
        });
        let job = runtime.spawn_blocking(move || drop(on_drop));
        job.abort();
        let here = (std::thread::current().id(), runtime.handle().id());
        assert_eq!(dropped_on.recv_timeout(PATIENCE).unwrap(), here);
        assert!(runtime.block_on(job).unwrap_err().is_panic());
        gate.open();
    });
}

#[test]
fn a_job_can_be_aborted_after_the_end_of_its_runtime() {
    on_each(|runtime, gate| {
        let job = runtime.spawn_blocking(|| ());
        let abort = job.abort_handle();
        runtime.shutdown_timeout(Duration::from_millis(1));
        abort.abort();
        assert!(job.is_finished());
        gate.open();
    });
}

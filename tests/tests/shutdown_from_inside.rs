//! A runtime may be shut down from a task of its own, from a blocking job, from a hook of another
//! runtime: without a deadlock, and with the outcome that is stated for each.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use runtime::task::{Scope, block_in_place, spawn_pinned};
use runtime::{Builder, Runtime};
use tests::{
    Census, Gate, PATIENCE, current_thread, eventually, forever, panic_of, within, workers,
};

/// Hands the runtime to one of its own tasks.
fn give_to_own_task(
    runtime: Runtime,
    act: impl FnOnce(Runtime) + Send + 'static,
) -> runtime::task::JoinHandle<()> {
    let (send, receive) = runtime::sync::oneshot::channel::<Runtime>();
    let task = runtime.spawn(async move { act(receive.await.unwrap()) });
    send.send(runtime).unwrap();
    task
}

#[test]
fn a_task_may_shut_its_runtime_down_in_the_background() {
    within(|| {
        for count in [1, 2, 4] {
            let runtime = workers(count);
            let census = Census::default();
            for _ in 0..100 {
                drop(runtime.spawn(forever(census.clone())));
            }
            let task = give_to_own_task(runtime, Runtime::shutdown_background);
            // The task that shuts down is itself cut off, or done: either way its handle tells.
            let _ = futures::executor::block_on(task);
            eventually("every future is dropped", || census.alive() == 0);
        }
    });
}

#[test]
fn dropped_in_a_task_of_its_own_it_panics_with_advice_and_still_ends() {
    within(|| {
        for count in [1, 2] {
            let runtime = workers(count);
            let census = Census::default();
            for _ in 0..100 {
                drop(runtime.spawn(forever(census.clone())));
            }
            let task = give_to_own_task(runtime, drop);
            if let Err(error) = futures::executor::block_on(task)
                && error.is_panic()
            {
                let text = tests::text_of(&*error.into_panic());
                assert!(text.contains("shutdown_background"), "{text}");
            }
            eventually("every future is dropped", || census.alive() == 0);
        }
    });
}

#[test]
fn dropped_by_a_task_s_last_moment() {
    // The runtime lies in a future; dropping that future at shutdown drops the runtime inside it.
    within(|| {
        let (outer, inner) = (workers(1), workers(1));
        let census = Census::default();
        drop(inner.spawn(forever(census.clone())));
        struct Background(Option<Runtime>);
        impl Drop for Background {
            fn drop(&mut self) {
                self.0.take().unwrap().shutdown_background();
            }
        }
        drop(outer.spawn(forever(Background(Some(inner)))));
        outer.block_on(runtime::task::yield_now());
        drop(outer);
        eventually("every future is dropped", || census.alive() == 0);
    });
}

#[test]
fn a_blocking_job_may_shut_its_runtime_down() {
    within(|| {
        for runtime in [workers(1), current_thread()] {
            let census = Census::default();
            drop(runtime.spawn(forever(census.clone())));
            let (send, receive) = mpsc::channel::<Runtime>();
            let (done, ended) = mpsc::channel();
            drop(runtime.spawn_blocking(move || {
                receive.recv().unwrap().shutdown_background();
                done.send(()).unwrap();
            }));
            send.send(runtime).unwrap();
            ended.recv_timeout(PATIENCE).unwrap();
            eventually("every future is dropped", || census.alive() == 0);
        }
    });
}

#[test]
fn a_blocking_job_may_shut_its_runtime_down_with_a_limit() {
    within(|| {
        let runtime = workers(1);
        let (send, receive) = mpsc::channel::<Runtime>();
        let (done, ended) = mpsc::channel();
        drop(runtime.spawn_blocking(move || {
            // It waits for the pool, of which this very job is a part: the time must bound it.
            receive.recv().unwrap().shutdown_timeout(Duration::from_millis(20));
            done.send(()).unwrap();
        }));
        send.send(runtime).unwrap();
        ended.recv_timeout(PATIENCE).unwrap();
    });
}

#[test]
fn within_block_on_of_another() {
    within(|| {
        for builder in [Builder::new_multi_thread, Builder::new_current_thread] {
            let (outer, census) = (current_thread(), Census::default());
            let inner = builder().enable_all().build().unwrap();
            drop(inner.spawn(forever(census.clone())));
            let text = panic_of(|| outer.block_on(async { drop(inner) }));
            assert!(text.contains("shutdown_background"), "{text}");
            eventually("every future is dropped", || census.alive() == 0);

            let inner = builder().enable_all().build().unwrap();
            drop(inner.spawn(forever(census.clone())));
            outer.block_on(async { inner.shutdown_background() });
            eventually("every future is dropped", || census.alive() == 0);
        }
    });
}

#[test]
fn within_block_on_of_its_own_handle() {
    within(|| {
        for runtime in [workers(1), current_thread()] {
            let (handle, census) = (runtime.handle().clone(), Census::default());
            drop(runtime.spawn(forever(census.clone())));
            handle.block_on(async {
                runtime.shutdown_background();
                // What needs no runtime goes on.
                runtime::task::yield_now().await;
            });
            eventually("every future is dropped", || census.alive() == 0);
        }
        for runtime in [workers(1), current_thread()] {
            let (handle, census) = (runtime.handle().clone(), Census::default());
            drop(runtime.spawn(forever(census.clone())));
            let text = panic_of(|| handle.block_on(async { drop(runtime) }));
            assert!(text.contains("shutdown_background"), "{text}");
            eventually("every future is dropped", || census.alive() == 0);
        }
    });
}

/// The last owner is a task that is polled when all others have let go.
#[test]
fn a_task_may_drop_the_last_arc_of_its_runtime() {
    within(|| {
        for count in [1, 2] {
            let (census, gate) = (Census::default(), Gate::default());
            let runtime = Arc::new(workers(count));
            let (own, hold) = (runtime.clone(), gate.clone());
            let task = runtime.spawn(async move {
                hold.block();
                drop(own);
            });
            drop(runtime.spawn(forever(census.clone())));
            gate.wait_for(1);
            drop(runtime);
            gate.open();
            if let Err(error) = futures::executor::block_on(task)
                && error.is_panic()
            {
                let text = tests::text_of(&*error.into_panic());
                assert!(text.contains("shutdown_background"), "{text}");
            }
            eventually("every future is dropped", || census.alive() == 0);
        }
    });
}

#[test]
fn a_runtime_ends_while_another_thread_is_in_block_on() {
    // The root future belongs to its caller: it runs on, though the workers have gone.
    within(|| {
        for runtime in [workers(1), current_thread()] {
            let handle = runtime.handle().clone();
            let (send, receive) = runtime::sync::oneshot::channel::<u8>();
            let (started, begun) = mpsc::channel();
            let thread = std::thread::spawn(move || {
                handle.block_on(async {
                    started.send(()).unwrap();
                    receive.await
                })
            });
            begun.recv_timeout(PATIENCE).unwrap();
            drop(runtime);
            send.send(3).unwrap();
            assert_eq!(thread.join().unwrap(), Ok(3));
        }
    });
}

/// Has a task of the runtime itself end it in `block_in_place`, in the way that `act` says, and
/// waits until all of that is over.
fn ended_in_place(
    runtime: Runtime,
    act: impl FnOnce(Runtime) + Send + 'static,
) -> Result<(), runtime::task::JoinError> {
    let task = give_to_own_task(runtime, |runtime| block_in_place(|| act(runtime)));
    futures::executor::block_on(task)
}

#[test]
fn a_task_in_block_in_place_may_drop_its_runtime() {
    within(|| {
        for count in [1, 2, 4] {
            let runtime = workers(count);
            let (census, others) = (Census::default(), Census::default());
            for _ in 0..100 {
                drop(runtime.spawn(forever(census.clone())));
            }
            let kept = others.clone();
            drop(runtime.spawn_blocking(move || drop(kept)));
            let (send, ended) = mpsc::channel();
            let before = census.clone();
            let task = ended_in_place(runtime, move |runtime| {
                drop(runtime);
                send.send((before.alive(), others.alive())).unwrap();
            });
            // The closure has one of the first kind, and the test.
            assert_eq!(ended.recv_timeout(PATIENCE).unwrap(), (1, 0));
            task.unwrap();
            assert_eq!(census.alive(), 0);
        }
    });
}

#[test]
fn in_block_in_place_it_waits_for_a_job_that_waits_for_a_task() {
    within(|| {
        for count in [1, 3] {
            let runtime = workers(count);
            let waited_for = runtime.spawn(forever(()));
            let (handle, (send, ended)) = (runtime.handle().clone(), mpsc::channel());
            drop(runtime.spawn_blocking(move || {
                let cancelled = handle.block_on(waited_for).unwrap_err().is_cancelled();
                send.send(cancelled).unwrap();
            }));
            ended_in_place(runtime, drop).unwrap();
            assert!(ended.try_recv().expect("the drop has waited for the job"));
        }
    });
}

#[test]
fn in_block_in_place_its_task_runs_to_the_end_of_its_poll() {
    within(|| {
        let runtime = workers(2);
        let (send, receive) = runtime::sync::oneshot::channel::<Runtime>();
        let (said, says) = mpsc::channel();
        let census = Census::default();
        let inside = census.clone();
        let task = runtime.spawn(async move {
            let _inside = inside;
            let runtime = receive.await.unwrap();
            block_in_place(|| drop(runtime));
            // Its runtime is current, and takes nothing any more.
            said.send(runtime::spawn(async {}).is_finished()).unwrap();
            std::future::pending::<()>().await;
        });
        send.send(runtime).unwrap();
        assert!(says.recv_timeout(PATIENCE).unwrap());
        assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn in_block_in_place_a_grace_is_for_the_other_tasks() {
    within(|| {
        for count in [1, 2] {
            let runtime = workers(count);
            let polite = runtime.spawn(async { Scope::current().cancelled().await });
            ended_in_place(runtime, |runtime| {
                let report = runtime.shutdown(Duration::from_secs(3600));
                assert!(report.is_clean(), "{report}");
            })
            .unwrap();
            assert!(polite.is_finished());

            let runtime = workers(count);
            let rude = runtime.spawn(forever(()));
            let id = rude.id();
            ended_in_place(runtime, move |runtime| {
                let report = runtime.shutdown(Duration::from_millis(1));
                let left: Vec<_> = report.tasks().iter().map(|task| task.id()).collect();
                assert_eq!((left, report.threads()), (vec![Some(id)], 0));
            })
            .unwrap();
        }
    });
}

#[test]
fn in_block_in_place_a_time_limit_is_for_the_other_tasks() {
    within(|| {
        let census = Census::default();
        let runtime = workers(2);
        drop(runtime.spawn(forever(census.clone())));
        ended_in_place(runtime, |runtime| runtime.shutdown_timeout(Duration::from_secs(3600)))
            .unwrap();
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn in_block_in_place_it_waits_for_the_polls_of_other_workers() {
    within(|| {
        let (runtime, gate) = (workers(2), Gate::default());
        let (hold, census) = (gate.clone(), Census::default());
        let held = census.clone();
        drop(runtime.spawn(async move {
            hold.block();
            drop(held);
        }));
        gate.wait_for(1);
        let (send, dropped) = mpsc::channel();
        let task = give_to_own_task(runtime, move |runtime| {
            block_in_place(|| {
                drop(runtime);
                send.send(census.alive()).unwrap();
            });
        });
        assert!(dropped.recv_timeout(Duration::from_millis(20)).is_err(), "a poll is going on");
        gate.open();
        assert_eq!(dropped.recv_timeout(PATIENCE).unwrap(), 0);
        futures::executor::block_on(task).unwrap();
    });
}

/// Gives a runtime to the first of its own threads that asks for it at its start, which drops it.
#[test]
fn a_start_hook_may_drop_its_runtime() {
    within(|| {
        for pinned in [false, true] {
            let (send, receive) = mpsc::channel::<Runtime>();
            let receive = Mutex::new(receive);
            let (dropped, is_dropped) = mpsc::channel();
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(2).enable_all().on_thread_start(move || {
                let name = std::thread::current().name().map(str::to_owned);
                let is_pinned = PINNED.load(Ordering::SeqCst);
                if is_pinned != pinned {
                    return;
                }
                let taken = receive.lock().unwrap().recv();
                if let Ok(runtime) = taken {
                    drop(runtime);
                    dropped.send(name).unwrap();
                }
            });
            static PINNED: AtomicBool = AtomicBool::new(false);
            PINNED.store(false, Ordering::SeqCst);
            let runtime = builder.build().unwrap();
            let census = Census::default();
            drop(runtime.spawn(forever(census.clone())));
            if pinned {
                eventually("the workers run", || runtime.metrics().worker_park_count(0) > 0);
                runtime.block_on(runtime.spawn(async {})).unwrap();
                PINNED.store(true, Ordering::SeqCst);
                let held = census.clone();
                let _entered = runtime.enter();
                drop(spawn_pinned(move || forever(held)));
            }
            send.send(runtime).unwrap();
            drop(send);
            is_dropped.recv_timeout(PATIENCE).unwrap();
            eventually("every future is dropped", || census.alive() == 0);
        }
    });
}

//! A runtime may be shut down from a task of its own, from a blocking job, from a hook of another
//! runtime: without a deadlock, and with the outcome that is stated for each.

use std::sync::{Arc, mpsc};
use std::time::Duration;

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
fn from_a_task_of_its_own_in_the_background() {
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
fn from_a_blocking_job_of_its_own() {
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
fn from_a_blocking_job_of_its_own_with_a_time() {
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
fn by_a_task_that_holds_the_last_arc() {
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
fn while_another_thread_is_in_block_on() {
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

//! `abort` ends a task in each of its states: not yet polled, waiting, running, done. Its future is
//! dropped exactly once, its handle tells `cancelled` unless the output was there first.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use runtime::Runtime;
use runtime::sync::oneshot;
use tests::{
    Census, Gate, Seeded, current_thread, eventually, eventually_async, forever, within, workers,
};

fn on_each(body: impl Fn(&Runtime) + Send + Sync + 'static) {
    within(move || {
        for runtime in [workers(1), workers(2), current_thread()] {
            body(&runtime);
        }
    });
}

#[test]
fn an_abort_before_the_first_poll_ends_the_task() {
    within(|| {
        let multi = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .spare_workers(0)
            .enable_all()
            .build()
            .unwrap();
        for (runtime, hogs) in [(multi, 1), (current_thread(), 0)] {
            let (census, gate) = (Census::default(), Gate::default());
            let polled = Arc::new(AtomicUsize::new(0));
            runtime.block_on(async {
                // The one worker is held; the current thread is, by this very block.
                for _ in 0..hogs {
                    let gate = gate.clone();
                    drop(runtime::spawn(async move { gate.block() }));
                }
                gate.wait_for(hogs);
                let (held, seen) = (census.clone(), polled.clone());
                let handle = runtime::spawn(async move {
                    seen.fetch_add(1, Ordering::SeqCst);
                    forever(held).await;
                });
                handle.abort();
                gate.open();
                let error = handle.await.unwrap_err();
                assert!(error.is_cancelled() && !error.is_panic());
            });
            assert_eq!((census.alive(), polled.load(Ordering::SeqCst)), (0, 0));
        }
    });
}

#[test]
fn an_abort_of_a_waiting_task_ends_it() {
    on_each(|runtime| {
        let census = Census::default();
        let (send, started) = oneshot::channel();
        let held = census.clone();
        let handle = runtime.spawn(async move {
            let _ = send.send(());
            forever(held).await;
        });
        runtime.block_on(async {
            started.await.unwrap();
            let id = handle.id();
            assert!(!handle.is_finished());
            handle.abort();
            let error = handle.await.unwrap_err();
            assert!(error.is_cancelled());
            assert_eq!(error.id(), id);
            assert!(error.to_string().contains("cancelled"), "{error}");
        });
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn an_abort_during_a_poll_ends_the_task_after_that_poll() {
    within(|| {
        let runtime = workers(2);
        let (census, gate) = (Census::default(), Gate::default());
        let (held, hold) = (census.clone(), gate.clone());
        let handle = runtime.spawn(async move {
            hold.block();
            forever(held).await;
        });
        gate.wait_for(1);
        handle.abort();
        assert!(!handle.is_finished(), "a task that runs cannot be stopped in the midst of a poll");
        gate.open();
        assert!(runtime.block_on(handle).unwrap_err().is_cancelled());
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn an_abort_in_the_last_poll_keeps_the_output() {
    within(|| {
        let runtime = workers(2);
        let gate = Gate::default();
        let hold = gate.clone();
        let handle = runtime.spawn(async move {
            hold.block();
            7
        });
        gate.wait_for(1);
        handle.abort();
        gate.open();
        // Both outcomes are right by the documentation of `abort`; either way it must end.
        match runtime.block_on(handle) {
            Ok(value) => assert_eq!(value, 7),
            Err(error) => assert!(error.is_cancelled()),
        }
    });
}

#[test]
fn an_abort_after_the_end_keeps_the_output() {
    on_each(|runtime| {
        let handle = runtime.spawn(async { "output" });
        let abort = handle.abort_handle();
        runtime.block_on(async {
            eventually_async("the task is done", || handle.is_finished()).await;
            assert!(abort.is_finished());
            handle.abort();
            abort.abort();
            assert_eq!(handle.await.unwrap(), "output");
            abort.abort();
        });
    });
}

#[test]
fn a_task_can_abort_itself() {
    on_each(|runtime| {
        let census = Census::default();
        let held = census.clone();
        let (send, receive) = oneshot::channel::<runtime::task::AbortHandle>();
        let handle = runtime.spawn(async move {
            let me = receive.await.unwrap();
            me.abort();
            forever(held).await;
        });
        assert!(send.send(handle.abort_handle()).is_ok());
        assert!(runtime.block_on(handle).unwrap_err().is_cancelled());
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn a_thread_without_a_runtime_can_abort_a_task() {
    within(|| {
        let runtime = workers(1);
        let census = Census::default();
        let handle = runtime.spawn(forever(census.clone()));
        let abort = handle.abort_handle();
        assert_eq!(abort.id(), handle.id());
        let again = abort.clone();
        std::thread::spawn(move || {
            abort.abort();
            again.abort();
        })
        .join()
        .unwrap();
        eventually("the future is dropped", || census.alive() == 0);
        assert!(futures::executor::block_on(handle).unwrap_err().is_cancelled());
    });
}

#[test]
fn a_task_without_a_handle_can_be_aborted() {
    on_each(|runtime| {
        let census = Census::default();
        let handle = runtime.spawn(forever(census.clone()));
        let abort = handle.abort_handle();
        drop(handle);
        abort.abort();
        runtime.block_on(async {
            eventually_async("the future is dropped", || census.alive() == 0).await;
            eventually_async("the task is over", || abort.is_finished()).await;
        });
    });
}

#[test]
fn a_blocking_job_that_has_not_started_is_cancelled() {
    within(|| {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(1)
            .build()
            .unwrap();
        let gate = Gate::default();
        let hold = gate.clone();
        let running = runtime.spawn_blocking(move || {
            hold.block();
            1
        });
        gate.wait_for(1);
        let waiting = runtime.spawn_blocking(|| 2);
        waiting.abort();
        running.abort(); // too late: it runs to its end
        gate.open();
        assert_eq!(runtime.block_on(running).unwrap(), 1);
        assert!(runtime.block_on(waiting).unwrap_err().is_cancelled());
    });
}

#[test]
fn an_abort_drops_the_future_in_the_context_of_the_runtime() {
    on_each(|runtime| {
        let (send, receive) = oneshot::channel();
        let handle = runtime.spawn(forever(tests::OnDrop::new(move || {
            let _ = send.send(runtime::Handle::try_current().is_ok());
        })));
        runtime.block_on(async {
            runtime::task::yield_now().await;
            handle.abort();
            let _ = handle.await;
        });
        assert_eq!(runtime.block_on(receive), Ok(true));
    });
}

#[test]
fn races_with_wakes_and_the_end() {
    // Many tasks, each aborted by one thread while another wakes it and it comes to its own end.
    within(|| {
        let runtime = workers(2);
        for seed in 0..20 {
            let mut random = Seeded::new(seed);
            let census = Census::default();
            let tasks: Vec<_> = (0..200)
                .map(|_| {
                    let (send, receive) = oneshot::channel::<()>();
                    let (held, yields) = (census.clone(), random.below(4));
                    let handle = runtime.spawn(async move {
                        let _held = held;
                        for _ in 0..yields {
                            runtime::task::yield_now().await;
                        }
                        let _ = receive.await;
                        1
                    });
                    (handle, send)
                })
                .collect();
            let aborts: Vec<_> = tasks.iter().map(|(handle, _)| handle.abort_handle()).collect();
            let (handles, senders): (Vec<_>, Vec<_>) = tasks.into_iter().unzip();
            let waker = std::thread::spawn(move || {
                for sender in senders {
                    let _ = sender.send(());
                }
            });
            let aborter = std::thread::spawn(move || {
                for abort in aborts {
                    abort.abort();
                }
            });
            for handle in handles {
                match runtime.block_on(handle) {
                    Ok(value) => assert_eq!(value, 1),
                    Err(error) => assert!(error.is_cancelled(), "seed {seed}: {error}"),
                }
            }
            waker.join().unwrap();
            aborter.join().unwrap();
            eventually("every future is dropped", || census.alive() == 0);
        }
    });
}

#[test]
fn whoever_waits_for_the_end_finds_the_future_dropped() {
    on_each(|runtime| {
        runtime.block_on(async {
            for _ in 0..100 {
                let census = Census::default();
                let held = census.clone();
                let task = runtime::spawn(forever(held));
                let handle = task.abort_handle();
                let waiters: Vec<_> = (0..4)
                    .map(|_| {
                        let handle = handle.clone();
                        runtime::spawn(async move { handle.ended().await })
                    })
                    .collect();
                // One that gives up takes nobody else's place.
                let mut gives_up = handle.ended();
                std::future::poll_fn(|cx| {
                    assert!(gives_up.poll_end(cx).is_pending());
                    std::task::Poll::Ready(())
                })
                .await;
                drop(gives_up);
                handle.abort();
                handle.ended().await;
                assert_eq!(census.alive(), 0);
                for waiter in waiters {
                    waiter.await.unwrap();
                }
                // The output is the handle's alone; the end can be waited for after it.
                assert!(task.await.unwrap_err().is_cancelled());
                handle.ended().await;
            }
        });
    });
}

#[test]
fn the_end_of_a_task_that_completes_or_panics_is_told() {
    on_each(|runtime| {
        runtime.block_on(async {
            for _ in 0..100 {
                let task = runtime::spawn(async { 7 });
                task.abort_handle().ended().await;
                assert_eq!(task.await.unwrap(), 7);
                let task = runtime::spawn(async { std::panic::panic_any(1) });
                task.abort_handle().ended().await;
                assert!(task.await.unwrap_err().is_panic());
                let job = runtime::task::spawn_blocking(|| 8);
                job.abort_handle().ended().await;
                assert_eq!(job.await.unwrap(), 8);
            }
        });
    });
}

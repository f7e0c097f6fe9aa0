//! A `JoinHandle` hands over the output once, to whoever polls it, on whatever thread; dropped, it
//! lets the task run on.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use runtime::Runtime;
use runtime::sync::oneshot;
use tests::{
    Census, CountingWaker, current_thread, eventually, eventually_async, panic_of, within, workers,
};

fn on_each(body: impl Fn(&Runtime) + Send + Sync + 'static) {
    within(move || {
        for runtime in [workers(1), workers(2), current_thread()] {
            body(&runtime);
        }
    });
}

#[test]
fn a_handle_yields_the_output() {
    on_each(|runtime| {
        let handle = runtime.spawn(async { vec![1, 2, 3] });
        assert_eq!(runtime.block_on(handle).unwrap(), [1, 2, 3]);
    });
}

#[test]
fn a_dropped_handle_lets_the_task_run_on() {
    on_each(|runtime| {
        let (send, receive) = oneshot::channel();
        drop(runtime.spawn(async move {
            runtime::task::yield_now().await;
            let _ = send.send(3);
        }));
        assert_eq!(runtime.block_on(receive), Ok(3));
    });
}

#[test]
fn polled_after_it_gave_the_output_panics() {
    on_each(|runtime| {
        let mut handle = runtime.spawn(async {});
        runtime.block_on(async { (&mut handle).await.unwrap() });
        let text = panic_of(|| runtime.block_on(handle));
        assert!(text.contains("polled after completion"), "{text}");
    });
}

#[test]
fn a_handle_can_be_awaited_without_a_runtime() {
    within(|| {
        let runtime = workers(1);
        let (send, receive) = oneshot::channel::<u8>();
        let handle = runtime.spawn(receive);
        let waiter = std::thread::spawn(move || futures::executor::block_on(handle));
        send.send(9).unwrap();
        assert_eq!(waiter.join().unwrap().unwrap(), Ok(9));
    });
}

#[test]
fn a_handle_can_be_awaited_on_another_runtime() {
    within(|| {
        let (here, there) = (workers(1), current_thread());
        let (send, receive) = oneshot::channel::<u8>();
        let handle = here.spawn(receive);
        let outer = there.spawn(handle);
        send.send(9).unwrap();
        assert_eq!(there.block_on(outer).unwrap().unwrap(), Ok(9));
    });
}

#[test]
fn a_handle_may_outlive_the_runtime() {
    within(|| {
        let runtime = workers(1);
        let done = runtime.spawn(async { 4 });
        eventually("the task is done", || done.is_finished());
        let cut_short = runtime.spawn(std::future::pending::<()>());
        drop(runtime);
        assert_eq!(futures::executor::block_on(done).unwrap(), 4);
        assert!(futures::executor::block_on(cut_short).unwrap_err().is_cancelled());
    });
}

#[test]
fn wakes_the_last_waker_it_was_polled_with() {
    within(|| {
        let runtime = workers(1);
        let (send, receive) = oneshot::channel::<()>();
        let mut handle = pin!(runtime.spawn(receive));
        let counts = [(); 3].map(|()| Arc::new(CountingWaker::default()));
        for count in &counts {
            let waker = Waker::from(count.clone());
            let mut cx = Context::from_waker(&waker);
            assert!(handle.as_mut().poll(&mut cx).is_pending());
            assert!(handle.as_mut().poll(&mut cx).is_pending());
        }
        send.send(()).unwrap();
        eventually("the last waker is woken", || counts[2].count() == 1);
        assert_eq!((counts[0].count(), counts[1].count()), (0, 0));
        assert!(handle.is_finished());
    });
}

#[test]
fn a_handle_drops_its_waker() {
    within(|| {
        let runtime = workers(1);
        let census = Arc::new(CountingWaker::default());
        let (send, receive) = oneshot::channel::<()>();
        let mut handle = Box::pin(runtime.spawn(receive));
        let waker = Waker::from(census.clone());
        assert!(handle.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        drop(handle);
        send.send(()).unwrap();
        eventually("no waker is left", || Arc::strong_count(&census) == 1);
    });
}

#[test]
fn a_dropped_handle_drops_the_output() {
    on_each(|runtime| {
        let census = Census::default();
        let output = census.clone();
        let handle = runtime.spawn(async move { output });
        runtime.block_on(async {
            eventually_async("the task is done", || handle.is_finished()).await;
        });
        assert_eq!(census.alive(), 1);
        drop(handle);
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn the_future_is_dropped_before_the_output_is_yielded() {
    on_each(|runtime| {
        for _ in 0..100 {
            let census = Census::default();
            let held = census.clone();
            let handle = runtime.spawn(async move {
                let _held = held;
                runtime::task::yield_now().await;
            });
            runtime.block_on(handle).unwrap();
            assert_eq!(census.alive(), 0);
        }
    });
}

#[test]
fn a_handle_may_be_dropped_while_the_task_ends() {
    // The handle goes on one thread while the output comes on another: one of the two drops it.
    within(|| {
        let runtime = workers(2);
        let census = Census::default();
        for _ in 0..5_000 {
            let output = census.clone();
            let handle = runtime.spawn(async move { output });
            drop(handle);
        }
        eventually("every output is dropped once", || census.alive() == 0);
    });
}

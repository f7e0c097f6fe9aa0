//! `LocalSet` and `spawn_local` run futures that are not `Send`, on the thread that made the set,
//! and such tasks end with the set.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use runtime::Runtime;
use runtime::sync::{mpsc, oneshot};
use runtime::task::{LocalSet, spawn_local, yield_now};
use tests::{current_thread, panic_of, text_of, within, workers};

fn on_each(body: impl Fn(&Runtime) + Send + Sync + 'static) {
    within(move || {
        for runtime in [workers(2), current_thread()] {
            body(&runtime);
        }
    });
}

#[test]
fn local_tasks_may_hold_values_that_are_not_send() {
    on_each(|runtime| {
        let local = LocalSet::new();
        let sum = Rc::new(Cell::new(0));
        let result = local.block_on(runtime, async {
            let here = thread::current().id();
            let handles: Vec<_> = (0..10)
                .map(|n| {
                    let sum = sum.clone();
                    spawn_local(async move {
                        yield_now().await;
                        assert_eq!(thread::current().id(), here);
                        sum.set(sum.get() + n);
                        Rc::new(n)
                    })
                })
                .collect();
            let mut outputs = 0;
            for handle in handles {
                outputs += *handle.await.unwrap();
            }
            outputs
        });
        assert_eq!((result, sum.get()), (45, 45));
    });
}

#[test]
fn local_tasks_run_beside_io_timers_and_send_tasks() {
    on_each(|runtime| {
        let local = LocalSet::new();
        local.block_on(runtime, async {
            let shared = Rc::new(RefCell::new(Vec::new()));
            let log = shared.clone();
            let sleeper = spawn_local(async move {
                runtime::time::sleep(Duration::from_millis(5)).await;
                log.borrow_mut().push("timer");
            });
            let log = shared.clone();
            let (send, mut receive) = mpsc::channel(1);
            let sender = runtime::spawn(async move { send.send("send").await });
            let receiver = spawn_local(async move {
                let word = receive.recv().await.unwrap();
                log.borrow_mut().push(word);
            });
            sleeper.await.unwrap();
            sender.await.unwrap().unwrap();
            receiver.await.unwrap();
            shared.borrow_mut().sort_unstable();
            assert_eq!(*shared.borrow(), ["send", "timer"]);
        });
    });
}

#[test]
fn local_tasks_run_only_until_run_until_is_done() {
    on_each(|runtime| {
        let local = LocalSet::new();
        let done = Rc::new(Cell::new(0));
        let seen = done.clone();
        let (send, receive) = oneshot::channel::<()>();
        local.spawn_local(async move {
            seen.set(1);
            let _ = receive.await;
            seen.set(2);
        });
        runtime.block_on(local.run_until(async {
            while done.get() == 0 {
                yield_now().await;
            }
        }));
        assert_eq!(done.get(), 1);
        send.send(()).unwrap();
        runtime.block_on(local);
        assert_eq!(done.get(), 2, "a set awaited to its end runs every task to its end");
    });
}

#[test]
fn local_tasks_are_woken_from_other_threads() {
    on_each(|runtime| {
        let local = LocalSet::new();
        let (send, receive) = oneshot::channel::<u8>();
        let thread = local.block_on(runtime, async move {
            let handle = spawn_local(receive);
            yield_now().await;
            let thread = thread::spawn(move || send.send(8).unwrap());
            assert_eq!(handle.await.unwrap(), Ok(8));
            thread
        });
        thread.join().unwrap();
    });
}

#[test]
fn local_tasks_are_dropped_with_the_set() {
    on_each(|runtime| {
        let held = Rc::new(());
        let local = LocalSet::new();
        let handles: Vec<_> = (0..5)
            .map(|_| {
                let held = held.clone();
                local.spawn_local(async move {
                    let _held = held;
                    std::future::pending::<()>().await;
                })
            })
            .collect();
        runtime.block_on(local.run_until(yield_now()));
        assert_eq!(Rc::strong_count(&held), 6);
        drop(local);
        assert_eq!(Rc::strong_count(&held), 1);
        for handle in handles {
            assert!(runtime.block_on(handle).unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn local_tasks_are_aborted_and_panic_like_others() {
    on_each(|runtime| {
        let local = LocalSet::new();
        local.block_on(runtime, async {
            let held = Rc::new(());
            let inner = held.clone();
            let waiting = spawn_local(async move {
                let _inner = inner;
                std::future::pending::<()>().await;
            });
            yield_now().await;
            waiting.abort();
            assert!(waiting.await.unwrap_err().is_cancelled());
            assert_eq!(Rc::strong_count(&held), 1);

            let panics = spawn_local(async { panic!("a local one") });
            let error: runtime::task::JoinError = panics.await.unwrap_err();
            assert_eq!(text_of(&*error.into_panic()), "a local one");
        });
    });
}

#[test]
fn local_tasks_spawn_each_other() {
    on_each(|runtime| {
        let local = LocalSet::new();
        let depth = local.block_on(runtime, async {
            fn nest(depth: u32) -> std::pin::Pin<Box<dyn Future<Output = u32>>> {
                Box::pin(async move {
                    match depth {
                        0 => 0,
                        _ => spawn_local(nest(depth - 1)).await.unwrap() + 1,
                    }
                })
            }
            spawn_local(nest(50)).await.unwrap()
        });
        assert_eq!(depth, 50);
    });
}

#[test]
fn local_tasks_need_a_set() {
    on_each(|runtime| {
        let text = panic_of(|| {
            runtime.block_on(async {
                spawn_local(async {});
            })
        });
        assert!(text.contains("spawn_local") && text.contains("LocalSet"), "{text}");
    });
}

#[test]
fn a_waker_may_outlive_the_set() {
    on_each(|runtime| {
        let local = LocalSet::new();
        let waker = local.block_on(runtime, async {
            let (send, receive) = oneshot::channel();
            let mut send = Some(send);
            let handle = spawn_local(tests::PollFn(move |cx: &mut std::task::Context<'_>| {
                if let Some(send) = send.take() {
                    let _ = send.send(cx.waker().clone());
                }
                std::task::Poll::<()>::Pending
            }));
            let waker = receive.await.unwrap();
            drop(handle);
            waker
        });
        drop(local);
        let thread = thread::spawn(move || {
            waker.wake_by_ref();
            waker.wake();
        });
        thread.join().unwrap();
    });
}

#[test]
fn local_tasks_do_not_starve_the_root_future() {
    on_each(|runtime| {
        let local = LocalSet::new();
        local.block_on(runtime, async {
            let busy = spawn_local(async {
                loop {
                    yield_now().await;
                }
            });
            runtime::time::sleep(Duration::from_millis(2)).await;
            for _ in 0..100 {
                yield_now().await;
            }
            busy.abort();
        });
    });
}

/// A task of the set that yields goes behind the future that runs beside the set, and behind tasks
/// that are none of the set.
#[test]
fn local_tasks_take_turns_with_the_root_future() {
    within(|| {
        let (turns, others) = (Rc::new(Cell::new(0)), Arc::new(AtomicUsize::new(0)));
        let (count, other) = (turns.clone(), others.clone());
        LocalSet::new().block_on(&current_thread(), async move {
            spawn_local(async move {
                loop {
                    count.set(count.get() + 1);
                    yield_now().await;
                }
            });
            runtime::spawn(async move {
                loop {
                    other.fetch_add(1, Ordering::Relaxed);
                    yield_now().await;
                }
            });
            for turn in 1..10 {
                yield_now().await;
                assert_eq!(turns.get(), turn);
                assert_eq!(others.load(Ordering::Relaxed), turn);
            }
        });
    });
}

#[test]
fn local_tasks_need_the_thread_of_their_runtime() {
    within(|| {
        let (send, receive) = std::sync::mpsc::channel();
        let (end, wait) = std::sync::mpsc::channel::<()>();
        let owner = std::thread::spawn(move || {
            let runtime = runtime::runtime::LocalRuntime::new().unwrap();
            send.send(runtime.handle().clone()).unwrap();
            let _ = wait.recv();
        });
        let handle = receive.recv().unwrap();
        let _enter = handle.enter();
        let text = panic_of(|| runtime::task::spawn_local(async {}));
        assert!(text.contains("from the thread the runtime was created on"), "{text}");
        drop(end);
        owner.join().unwrap();
    });
}

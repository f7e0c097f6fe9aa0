//! A panic in user code stays in its task, wherever it strikes: in a poll, in the drop of a future,
//! in the drop of an output, in a waker. The handle reports it, the worker lives on, nothing leaks.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use runtime::Runtime;
use tests::{
    Census, Gate, OnDrop, PanickingWaker, PollFn, current_thread, eventually, text_of, within,
    workers,
};

/// Runs the body on each flavour.
fn on_each(body: impl Fn(&Runtime) + Send + Sync + 'static) {
    within(move || {
        for runtime in [workers(1), workers(2), current_thread()] {
            body(&runtime);
            assert_works(&runtime);
        }
    });
}

/// Tasks, timers and the pool still do what they should.
fn assert_works(runtime: &Runtime) {
    runtime.block_on(async {
        assert_eq!(runtime::spawn(async { 1 }).await.unwrap(), 1);
        assert_eq!(runtime::spawn_blocking(|| 2).await.unwrap(), 2);
        runtime::time::sleep(Duration::from_millis(1)).await;
        runtime::spawn(runtime::time::sleep(Duration::from_millis(1))).await.unwrap();
    });
}

#[test]
fn a_panic_in_a_poll_is_contained() {
    on_each(|runtime| {
        runtime.block_on(async {
            for text in ["first", "second"] {
                let handle = runtime::spawn(async move {
                    runtime::task::yield_now().await;
                    std::panic::panic_any(text.to_string());
                });
                let id = handle.id();
                let error = handle.await.unwrap_err();
                assert!(error.is_panic() && !error.is_cancelled());
                assert_eq!(error.id(), id);
                assert!(error.to_string().contains("panic"), "{error}");
                assert_eq!(text_of(&*error.into_panic()), text);
            }
        });
    });
}

#[test]
fn a_panic_in_a_poll_drops_what_the_future_held() {
    on_each(|runtime| {
        let census = Census::default();
        let held = census.clone();
        let handle = runtime.spawn(async move {
            let _held = held;
            runtime::task::yield_now().await;
            panic!("as planned");
        });
        assert!(runtime.block_on(handle).unwrap_err().is_panic());
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn a_panic_of_a_detached_task_is_contained() {
    on_each(|runtime| {
        let census = Census::default();
        let held = census.clone();
        drop(runtime.spawn(async move {
            let _held = held;
            panic!("as planned");
        }));
        runtime.block_on(async {
            tests::eventually_async("the task is gone", || census.alive() == 0).await;
        });
    });
}

#[test]
fn a_panic_in_a_blocking_job_is_contained() {
    on_each(|runtime| {
        let handle = runtime.spawn_blocking(|| panic!("in the pool"));
        let error = runtime.block_on(handle).unwrap_err();
        assert!(error.is_panic());
        assert_eq!(text_of(&*error.into_panic()), "in the pool");
    });
}

#[test]
fn a_panic_in_the_root_future_passes_through_block_on() {
    within(|| {
        for runtime in [workers(1), current_thread()] {
            let text = tests::panic_of(|| runtime.block_on(async { panic!("the root") }));
            assert_eq!(text, "the root");
            assert_works(&runtime);
        }
    });
}

#[test]
fn a_panic_in_the_drop_of_an_aborted_future_is_contained() {
    on_each(|runtime| {
        let started = Gate::default();
        started.open();
        let came = started.clone();
        let handle = runtime.spawn(async move {
            let _bomb = OnDrop::new(|| panic!("in drop"));
            came.block();
            std::future::pending::<()>().await;
        });
        runtime.block_on(async {
            tests::eventually_async("the task runs", || started.arrived() == 1).await;
        });
        handle.abort();
        let error = runtime.block_on(handle).unwrap_err();
        assert!(error.is_panic(), "{error:?}");
        assert_eq!(text_of(&*error.into_panic()), "in drop");
    });
}

#[test]
fn a_panic_in_the_drop_of_a_future_at_shutdown_is_contained() {
    within(|| {
        for runtime in [workers(1), workers(2), current_thread()] {
            let census = Census::default();
            let handles: Vec<_> = (0..10)
                .map(|n| {
                    let held = census.clone();
                    runtime.spawn(async move {
                        let _held = held;
                        let _bomb = (n % 2 == 0).then(|| OnDrop::new(|| panic!("in drop")));
                        std::future::pending::<()>().await;
                    })
                })
                .collect();
            runtime.block_on(runtime::task::yield_now());
            drop(runtime);
            assert_eq!(census.alive(), 0);
            for handle in handles {
                assert!(futures::executor::block_on(handle).is_err());
            }
        }
    });
}

struct PanicsOnDrop(#[allow(dead_code, reason = "held to be counted")] Census);

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("an output's drop");
    }
}

#[test]
fn a_panic_in_the_drop_of_an_untaken_output_is_contained() {
    on_each(|runtime| {
        // Dropped by the task, whose handle had gone before it ended.
        let census = Census::default();
        let output = census.clone();
        let gate = Gate::default();
        gate.open();
        let came = gate.clone();
        drop(runtime.spawn(async move {
            runtime::task::yield_now().await;
            came.block();
            PanicsOnDrop(output)
        }));
        runtime.block_on(async {
            tests::eventually_async("the output is gone", || {
                gate.arrived() == 1 && census.alive() == 0
            })
            .await;
        });

        // Dropped by the handle, which goes after the task has ended.
        let output = census.clone();
        let handle = runtime.spawn(async move { PanicsOnDrop(output) });
        runtime.block_on(async {
            tests::eventually_async("the task is done", || handle.is_finished()).await;
        });
        drop(handle);
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn a_panic_of_a_waker_that_waits_for_a_task_is_contained() {
    on_each(|runtime| {
        let gate = runtime::sync::Semaphore::new(0);
        let gate = Arc::new(gate);
        let pass = gate.clone();
        let mut handle = pin!(runtime.spawn(async move {
            let _ = pass.acquire().await;
            5
        }));
        let waker = Waker::from(Arc::new(PanickingWaker));
        assert!(handle.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        gate.add_permits(1);
        runtime.block_on(async {
            tests::eventually_async("the task is done", || handle.is_finished()).await;
        });
        assert_eq!(runtime.block_on(handle).unwrap(), 5);
    });
}

#[test]
fn a_panic_of_a_waker_that_waits_for_a_timer_is_contained() {
    on_each(|runtime| {
        let waker = Waker::from(Arc::new(PanickingWaker));
        let _context = runtime.enter();
        // Far enough that all of them wait before it comes.
        let due = runtime::time::Instant::now() + Duration::from_millis(100) * tests::slowness();
        let mut bad: Vec<_> = (0..3).map(|_| Box::pin(runtime::time::sleep_until(due))).collect();
        for sleep in &mut bad {
            assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        // Due in the same instant as the bad ones, and later: both still come.
        runtime.block_on(async {
            runtime::time::sleep_until(due).await;
            runtime::time::sleep_until(due + Duration::from_millis(20)).await;
        });
    });
}

#[test]
fn a_panic_of_a_waker_that_waits_for_a_socket_is_contained() {
    on_each(|runtime| {
        let (listener, waiting) = runtime.block_on(async {
            let listener = runtime::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let near = runtime::net::TcpStream::connect(listener.local_addr().unwrap());
            let (near, far) = runtime::join!(near, listener.accept());
            (listener, (near.unwrap(), far.unwrap().0))
        });
        let (near, far) = waiting;
        let waker = Waker::from(Arc::new(PanickingWaker));
        assert!(near.poll_read_ready(&mut Context::from_waker(&waker)).is_pending());
        runtime.block_on(async {
            far.writable().await.unwrap();
            assert_eq!(far.try_write(b"x").unwrap(), 1);
            // The bad waker was told and panicked; who asks next is served.
            near.readable().await.unwrap();
            assert_eq!(near.try_read(&mut [0; 4]).unwrap(), 1);
            let again = runtime::net::TcpStream::connect(listener.local_addr().unwrap());
            let (again, accepted) = runtime::join!(again, listener.accept());
            assert!(again.is_ok() && accepted.is_ok());
        });
    });
}

#[test]
fn a_panic_in_any_hook_is_contained() {
    within(|| {
        for mut builder in
            [runtime::Builder::new_multi_thread(), runtime::Builder::new_current_thread()]
        {
            let calls: [Arc<AtomicUsize>; 8] = Default::default();
            let [start, stop, park, unpark, spawn, before, after, terminate] = calls.clone();
            let panics = |count: &AtomicUsize| {
                count.fetch_add(1, Ordering::SeqCst);
                panic!("in a hook");
            };
            let runtime = builder
                .worker_threads(2)
                .enable_all()
                .on_thread_start(move || panics(&start))
                .on_thread_stop(move || panics(&stop))
                .on_thread_park(move || panics(&park))
                .on_thread_unpark(move || panics(&unpark))
                .on_task_spawn(move |_| panics(&spawn))
                .on_before_task_poll(move |_| panics(&before))
                .on_after_task_poll(move |_| panics(&after))
                .on_task_terminate(move |_| panics(&terminate))
                .build()
                .unwrap();
            for _ in 0..3 {
                assert_works(&runtime);
            }
            let held = runtime.spawn(std::future::pending::<()>());
            drop(runtime);
            assert!(futures::executor::block_on(held).unwrap_err().is_cancelled());
            for (number, count) in calls.iter().enumerate() {
                assert!(count.load(Ordering::SeqCst) > 0, "hook {number} was never called");
            }
        }
    });
}

#[test]
fn a_panic_in_the_function_that_names_threads_is_an_error_of_build() {
    within(|| {
        for last in 0..3 {
            let count = AtomicUsize::new(0);
            let result = runtime::Builder::new_multi_thread()
                .worker_threads(4)
                .thread_name_fn(move || {
                    assert!(count.fetch_add(1, Ordering::SeqCst) < last, "no more names");
                    "named".to_string()
                })
                .build();
            let error = result.err().expect("not all workers have a name");
            assert!(error.to_string().contains("names threads"), "{error}");
        }
    });
}

/// Many wait for one thing; the waker of each other one panics, and the others are woken all the
/// same.
#[test]
fn a_panic_of_one_waker_among_many_is_contained() {
    use runtime::sync::{Barrier, Notify, Semaphore, broadcast, watch};
    let bad = Waker::from(Arc::new(PanickingWaker));
    let notify = Notify::new();
    let semaphore = Semaphore::new(0);
    let barrier = Barrier::new(9);
    let (news, _) = broadcast::channel::<u8>(4);
    let (value, _) = watch::channel(0);
    type Boxed<'a> = std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;
    let waits = |what: usize| -> Boxed<'_> {
        match what {
            0 => Box::pin(notify.notified()),
            1 => Box::pin(async { drop(semaphore.acquire().await) }),
            2 => Box::pin(async { _ = barrier.wait().await }),
            3 => {
                let mut receiver = news.subscribe();
                Box::pin(async move { assert_eq!(receiver.recv().await.unwrap(), 1) })
            }
            _ => {
                let mut receiver = value.subscribe();
                Box::pin(async move { receiver.changed().await.unwrap() })
            }
        }
    };
    for what in 0..5 {
        let count = Arc::new(tests::CountingWaker::default());
        let good = Waker::from(count.clone());
        let mut waiting: Vec<_> = (0..8).map(|_| waits(what)).collect();
        for (number, future) in waiting.iter_mut().enumerate() {
            let waker = if number % 2 == 0 { &bad } else { &good };
            assert!(future.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
        }
        match what {
            0 => notify.notify_waiters(),
            1 => semaphore.add_permits(8),
            2 => {
                let mut last = pin!(barrier.wait());
                assert!(last.as_mut().poll(&mut Context::from_waker(&good)).is_ready());
            }
            3 => drop(news.send(1).unwrap()),
            _ => value.send(1).unwrap(),
        }
        assert_eq!(count.count(), 4, "of {what}, not all were woken");
        for future in &mut waiting {
            assert!(future.as_mut().poll(&mut Context::from_waker(&good)).is_ready());
        }
    }
}

#[test]
fn many_panics_at_once_leak_nothing() {
    within(|| {
        let runtime = workers(2);
        let census = Census::default();
        let polled = Arc::new(AtomicUsize::new(0));
        let handles: Vec<_> = (0..1000)
            .map(|n| {
                let (held, polled) = (census.clone(), polled.clone());
                runtime.spawn(async move {
                    let _held = held;
                    for _ in 0..n % 5 {
                        runtime::task::yield_now().await;
                    }
                    polled.fetch_add(1, Ordering::Relaxed);
                    if n % 3 == 0 {
                        panic!("as planned");
                    }
                })
            })
            .collect();
        let panicked = runtime.block_on(async {
            let mut panicked = 0;
            for handle in handles {
                panicked += usize::from(handle.await.is_err());
            }
            panicked
        });
        assert_eq!(panicked, 334);
        assert_eq!(polled.load(Ordering::Relaxed), 1000);
        eventually("all futures are gone", || census.alive() == 0);
    });
}

#[test]
fn a_panic_while_panicking_tasks_wait_for_each_other() {
    // The one waits for the other's panic and panics with it: a chain through ten tasks.
    on_each(|runtime| {
        let mut last = runtime.spawn(async { panic!("the first of ten") });
        for _ in 0..9 {
            let before = last;
            last = runtime.spawn(async move {
                std::panic::resume_unwind(before.await.unwrap_err().into_panic());
            });
        }
        let error: runtime::task::JoinError = runtime.block_on(last).unwrap_err();
        assert_eq!(text_of(&*error.into_panic()), "the first of ten");
    });
}

#[test]
fn a_future_is_not_polled_again_after_its_panic() {
    on_each(|runtime| {
        let polls = Arc::new(AtomicUsize::new(0));
        let seen = polls.clone();
        let handle = runtime.spawn(PollFn(move |cx: &mut Context<'_>| -> Poll<()> {
            seen.fetch_add(1, Ordering::SeqCst);
            // Woken, so queued again at the very moment of the panic.
            cx.waker().wake_by_ref();
            panic!("as planned");
        }));
        assert!(runtime.block_on(handle).unwrap_err().is_panic());
        assert_works(runtime);
        assert_eq!(polls.load(Ordering::SeqCst), 1);
    });
}

/// A future whose own `poll` panics is dropped while the panic is under way, as a stack frame is:
/// what it holds can see that, and so a lock is poisoned.
#[test]
fn a_panic_in_a_poll_is_seen_by_what_the_future_held() {
    struct Holds<F: FnOnce()>(OnDrop<F>);
    impl<F: FnOnce()> std::future::Future for Holds<F> {
        type Output = ();
        fn poll(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<()> {
            panic!("as planned");
        }
    }
    on_each(|runtime| {
        let (send, seen) = std::sync::mpsc::channel();
        let holds = Holds(OnDrop::new(move || send.send(std::thread::panicking()).unwrap()));
        assert!(runtime.block_on(runtime.spawn(holds)).unwrap_err().is_panic());
        assert!(seen.recv().unwrap());
    });
}

#[test]
fn panics_in_a_poll_and_in_the_drop_that_follows_are_contained() {
    struct Twice;
    impl std::future::Future for Twice {
        type Output = ();
        fn poll(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<()> {
            panic!("the first");
        }
    }
    impl Drop for Twice {
        fn drop(&mut self) {
            panic!("the second");
        }
    }
    on_each(|runtime| {
        let error = runtime.block_on(runtime.spawn(Twice)).unwrap_err();
        assert_eq!(text_of(&*error.into_panic()), "the first");
    });
}

//! When a runtime goes, every future that was given to it is dropped, in whatever state its task
//! is, and before `drop` returns where that is possible. Nothing hangs, whatever is pending.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use runtime::net::{TcpListener, TcpStream, UdpSocket};
use runtime::sync::{Mutex, Notify, Semaphore, oneshot};
use runtime::{Handle, Runtime};
use tests::{
    Census, CountingWaker, Gate, OnDrop, PollFn, Seeded, current_thread, eventually_async, forever,
    within, workers,
};

fn on_each(body: impl Fn(Runtime) + Send + Sync + 'static) {
    within(move || {
        for runtime in [workers(1), workers(2), workers(4), current_thread()] {
            body(runtime);
        }
    });
}

#[test]
fn futures_that_were_never_polled_are_dropped() {
    on_each(|runtime| {
        let census = Census::default();
        let handles: Vec<_> = (0..100).map(|_| runtime.spawn(forever(census.clone()))).collect();
        drop(runtime);
        assert_eq!(census.alive(), 0);
        for handle in handles {
            assert!(futures::executor::block_on(handle).unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn waiting_for_everything_there_is() {
    on_each(|runtime| {
        let census = Census::default();
        let waiting = Arc::new(AtomicUsize::new(0));
        // The other ends: nothing becomes ready because they are gone.
        let mut outlive: Vec<Box<dyn std::any::Any>> = Vec::new();
        runtime.block_on(async {
            let (held_sender, receiver) = oneshot::channel::<()>();
            let (sender, mut queue) = runtime::sync::mpsc::channel::<()>(1);
            let (lock, notify) = (Arc::new(Mutex::new(())), Arc::new(Notify::new()));
            let none = Arc::new(Semaphore::new(0));
            let guard = lock.clone().lock_owned().await;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (near, far) = runtime::join!(TcpStream::connect(address), listener.accept());
            let (near, far) = (near.unwrap(), far.unwrap().0);
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();

            macro_rules! waits {
                ($future:expr) => {{
                    let (held, waiting) = (census.clone(), waiting.clone());
                    drop(runtime::spawn(async move {
                        let _held = held;
                        waiting.fetch_add(1, Ordering::SeqCst);
                        let _result = $future;
                        unreachable!("it cannot be ready");
                    }));
                }};
            }
            waits!(receiver.await);
            waits!(queue.recv().await);
            waits!(lock.lock().await);
            waits!(notify.notified().await);
            waits!(none.acquire().await);
            waits!(runtime::time::sleep(Duration::from_secs(3600)).await);
            waits!(runtime::time::sleep(Duration::MAX).await);
            waits!(listener.accept().await);
            waits!(near.readable().await);
            waits!(udp.recv(&mut [0; 8]).await);
            waits!(runtime::spawn(std::future::pending::<()>()).await);
            waits!(runtime::join!(std::future::pending::<()>(), std::future::pending::<()>()));
            let mut all = 12;
            #[cfg(unix)]
            {
                use runtime::signal::unix::{SignalKind, signal};
                let mut ends = runtime::net::UnixStream::pair().unwrap();
                let mut command = runtime::process::Command::new("cat");
                let command = command.stdin(std::process::Stdio::piped()).kill_on_drop(true);
                let mut child = command.spawn().unwrap();
                let stdin = child.stdin.take();
                let mut hears = signal(SignalKind::window_change()).unwrap();
                waits!(hears.recv().await);
                waits!(runtime::io::AsyncReadExt::read(&mut ends.0, &mut [0; 8]).await);
                waits!(child.wait().await);
                outlive.push(Box::new((ends.1, stdin)));
                all += 3;
            }
            eventually_async("all of them wait", || waiting.load(Ordering::SeqCst) == all).await;
            for _ in 0..100 {
                runtime::task::yield_now().await;
            }
            outlive.push(Box::new((held_sender, sender, guard, far)));
        });
        assert_eq!(census.alive(), waiting.load(Ordering::SeqCst));
        drop(runtime);
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn that_wake_themselves_without_end() {
    on_each(|runtime| {
        let census = Census::default();
        for _ in 0..50 {
            let held = census.clone();
            drop(runtime.spawn(async move {
                let _held = held;
                loop {
                    runtime::task::yield_now().await;
                }
            }));
        }
        runtime.block_on(runtime::task::yield_now());
        drop(runtime);
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn that_spawn_without_end() {
    on_each(|runtime| {
        fn breed(census: Census) -> impl Future<Output = ()> + Send {
            async move {
                let child = census.clone();
                // Boxed, for the type would contain itself.
                let child: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> =
                    Box::pin(breed(child));
                drop(runtime::spawn(child));
                runtime::task::yield_now().await;
            }
        }
        let census = Census::default();
        for _ in 0..10 {
            drop(runtime.spawn(breed(census.clone())));
        }
        runtime.block_on(async { runtime::time::sleep(Duration::from_millis(2)).await });
        drop(runtime);
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn futures_whose_drop_spawns_and_wakes_are_dropped() {
    on_each(|runtime| {
        let census = Census::default();
        let wakers = Arc::new(std::sync::Mutex::new(Vec::<Waker>::new()));
        for _ in 0..20 {
            let (held, child, wakers, others) =
                (census.clone(), census.clone(), wakers.clone(), wakers.clone());
            let in_drop = OnDrop::new(move || {
                // In its dying moment a future starts another and wakes everybody.
                if let Ok(handle) = Handle::try_current() {
                    drop(handle.spawn(forever(child)));
                }
                let others: Vec<_> = others.lock().unwrap().drain(..).collect();
                others.into_iter().for_each(Waker::wake);
            });
            drop(runtime.spawn(PollFn(move |cx: &mut Context<'_>| -> Poll<()> {
                let _held = (&held, &in_drop);
                wakers.lock().unwrap().push(cx.waker().clone());
                Poll::Pending
            })));
        }
        runtime.block_on(runtime::task::yield_now());
        drop(runtime);
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn that_hold_each_other_s_handles() {
    on_each(|runtime| {
        let census = Census::default();
        let mut last = runtime.spawn(forever(census.clone()));
        for _ in 0..100 {
            let (before, held) = (last, census.clone());
            last = runtime.spawn(async move {
                let _held = held;
                let _ = before.await;
            });
        }
        let holds_itself = Arc::new(std::sync::Mutex::new(None));
        let slot = holds_itself.clone();
        *holds_itself.lock().unwrap() = Some(runtime.spawn(forever((slot, census.clone()))));
        runtime.block_on(runtime::task::yield_now());
        drop(runtime);
        drop(last);
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn that_run_at_this_very_moment() {
    within(|| {
        let runtime = workers(2);
        let (census, gate) = (Census::default(), Gate::default());
        for _ in 0..2 {
            let (held, hold) = (census.clone(), gate.clone());
            drop(runtime.spawn(async move {
                hold.block();
                forever(held).await;
            }));
        }
        gate.wait_for(2);
        let (done, dropped) = mpsc::channel();
        thread::spawn(move || {
            drop(runtime);
            done.send(()).unwrap();
        });
        // Drop waits for polls under way: it has not come back.
        assert!(dropped.recv_timeout(Duration::from_millis(50)).is_err());
        gate.open();
        dropped.recv_timeout(tests::PATIENCE).unwrap();
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn futures_whose_last_handle_lies_in_a_task_are_dropped() {
    on_each(|runtime| {
        // A `Handle` inside a task of its own runtime must not keep the runtime alive.
        let census = Census::default();
        let handle = runtime.handle().clone();
        drop(runtime.spawn(forever((handle, census.clone()))));
        runtime.block_on(runtime::task::yield_now());
        drop(runtime);
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn futures_with_wakers_held_outside_are_dropped() {
    on_each(|runtime| {
        let census = Census::default();
        let (send, receive) = mpsc::channel();
        let held = census.clone();
        drop(runtime.spawn(PollFn(move |cx: &mut Context<'_>| -> Poll<()> {
            let _held = &held;
            let _ = send.send(cx.waker().clone());
            Poll::Pending
        })));
        let mut wakers = Vec::new();
        runtime.block_on(async {
            eventually_async("the task was polled", || {
                wakers.extend(receive.try_iter());
                !wakers.is_empty()
            })
            .await;
        });
        drop(runtime);
        assert_eq!(census.alive(), 0);
        wakers.iter().for_each(Waker::wake_by_ref);
    });
}

#[test]
fn futures_with_timers_and_sockets_held_outside_are_dropped() {
    on_each(|runtime| {
        let count = Arc::new(CountingWaker::default());
        let waker = Waker::from(count.clone());
        let mut cx = Context::from_waker(&waker);
        let (mut sleep, listener) = runtime.block_on(async {
            let sleep = Box::pin(runtime::time::sleep(Duration::from_secs(3600)));
            (sleep, TcpListener::bind("127.0.0.1:0").await.unwrap())
        });
        assert!(sleep.as_mut().poll(&mut cx).is_pending());
        assert!(listener.poll_accept(&mut cx).is_pending());
        drop(runtime);
        // The socket says that its runtime is gone instead of waiting for ever.
        match listener.poll_accept(&mut cx) {
            Poll::Ready(result) => assert!(result.is_err()),
            Poll::Pending => panic!("a listener without a runtime waits for ever"),
        }
        assert!(count.count() >= 1, "who waited was not told");
        drop(listener);
        drop(sleep);
    });
}

#[test]
fn futures_are_dropped_while_blocking_jobs_run_and_wait() {
    within(|| {
        for builder in
            [runtime::Builder::new_multi_thread(), runtime::Builder::new_current_thread()]
        {
            let mut builder = builder;
            let runtime = builder.max_blocking_threads(1).enable_all().build().unwrap();
            let (census, gate) = (Census::default(), Gate::default());
            let (hold, held) = (gate.clone(), census.clone());
            let running = runtime.spawn_blocking(move || {
                hold.block();
                drop(held);
                1
            });
            gate.wait_for(1);
            let held = census.clone();
            let queued = runtime.spawn_blocking(move || drop(held));
            let opener = gate.clone();
            let (started, begun) = mpsc::channel::<()>();
            let thread = thread::spawn(move || {
                begun.recv().unwrap();
                opener.open();
            });
            started.send(()).unwrap();
            drop(runtime);
            thread.join().unwrap();
            // What ran was waited for; what was queued was either run or dropped, never lost.
            assert_eq!(futures::executor::block_on(running).unwrap(), 1);
            let _ = futures::executor::block_on(queued);
            assert_eq!(census.alive(), 0);
        }
    });
}

#[test]
fn futures_are_dropped_while_other_threads_spawn() {
    within(|| {
        for seed in 0..tests::scaled(30).max(6) as u64 {
            let runtime = if seed % 3 == 0 { current_thread() } else { workers(2) };
            let census = Census::default();
            let stop = Arc::new(AtomicBool::new(false));
            let threads: Vec<_> = (0..2)
                .map(|n| {
                    let (handle, census, stop) =
                        (runtime.handle().clone(), census.clone(), stop.clone());
                    let mut random = Seeded::new(seed * 2 + n);
                    thread::spawn(move || {
                        let mut handles = Vec::new();
                        while !stop.load(Ordering::Relaxed) {
                            let held = census.clone();
                            match random.below(3) {
                                0 => drop(handle.spawn(forever(held))),
                                1 => handles.push(handle.spawn(forever(held))),
                                _ => drop(handle.spawn(async move { held })),
                            }
                        }
                        // Each of these was cancelled by the shutdown or refused after it.
                        for handle in handles {
                            let error = futures::executor::block_on(handle).unwrap_err();
                            assert!(error.is_cancelled());
                        }
                    })
                })
                .collect();
            runtime.block_on(async {
                runtime::time::sleep(Duration::from_micros(seed * 50)).await;
            });
            drop(runtime);
            stop.store(true, Ordering::Relaxed);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(census.alive(), 0, "seed {seed}");
        }
    });
}

#[test]
fn futures_are_dropped_in_the_context_of_the_runtime() {
    on_each(|runtime| {
        let id = runtime.handle().id();
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        for _ in 0..5 {
            let seen = seen.clone();
            drop(runtime.spawn(forever(OnDrop::new(move || {
                seen.lock().unwrap().push(Handle::try_current().ok().map(|handle| handle.id()));
            }))));
        }
        drop(runtime);
        assert_eq!(*seen.lock().unwrap(), vec![Some(id); 5]);
    });
}

#[test]
fn a_shutdown_drops_futures_soon() {
    // An idle runtime goes at once: no timeout, no keep-alive is waited for.
    on_each(|runtime| {
        runtime.block_on(async {
            runtime::spawn_blocking(|| {}).await.unwrap();
            drop(runtime::spawn(runtime::time::sleep(Duration::from_secs(3600))));
        });
        let start = Instant::now();
        drop(runtime);
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    });
}

//! A task's waker works from any thread, before the first poll has ended, during the runtime's life
//! and after its end. It wakes exactly its task, and it never keeps the future alive.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use runtime::Runtime;
use runtime::time::{Duration, Instant, sleep_until};
use tests::{
    Census, CountingWaker, PollFn, Seeded, current_thread, eventually, eventually_async, within,
    workers,
};

fn on_each(body: impl Fn(Runtime) + Send + Sync + 'static) {
    within(move || {
        for runtime in [workers(1), workers(2), current_thread()] {
            body(runtime);
        }
    });
}

/// Starts a task that hands out its waker and waits until `done`; gives the waker.
fn waiting_task(
    runtime: &Runtime,
    done: Arc<AtomicBool>,
    polls: Arc<AtomicUsize>,
    census: Census,
) -> (Waker, runtime::task::JoinHandle<()>) {
    let (send, receive) = mpsc::channel();
    let handle = runtime.spawn(PollFn(move |cx: &mut Context<'_>| {
        let _held = &census;
        polls.fetch_add(1, Ordering::SeqCst);
        let _ = send.send(cx.waker().clone());
        if done.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
    }));
    runtime.block_on(runtime::task::yield_now());
    let waker = runtime.block_on(async {
        let mut waker = None;
        eventually_async("the task was polled", || {
            waker = waker.take().or(receive.try_recv().ok());
            waker.is_some()
        })
        .await;
        waker.unwrap()
    });
    (waker, handle)
}

#[test]
fn a_wake_from_another_thread_works() {
    on_each(|runtime| {
        let done = Arc::new(AtomicBool::new(false));
        let polls = Arc::new(AtomicUsize::new(0));
        let (waker, handle) =
            waiting_task(&runtime, done.clone(), polls.clone(), Census::default());
        let thread = thread::spawn(move || {
            done.store(true, Ordering::SeqCst);
            waker.wake();
        });
        runtime.block_on(handle).unwrap();
        thread.join().unwrap();
        assert_eq!(polls.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn a_wake_during_the_poll_itself_works() {
    on_each(|runtime| {
        // Woken ten times within a poll, the task is polled once more, not ten times.
        let polls = Arc::new(AtomicUsize::new(0));
        let seen = polls.clone();
        let handle = runtime.spawn(PollFn(move |cx: &mut Context<'_>| {
            if seen.fetch_add(1, Ordering::SeqCst) == 1 {
                return Poll::Ready(());
            }
            for _ in 0..10 {
                cx.waker().wake_by_ref();
                cx.waker().clone().wake();
            }
            Poll::Pending
        }));
        runtime.block_on(handle).unwrap();
        assert_eq!(polls.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn a_wake_from_another_thread_during_the_poll_works() {
    within(|| {
        let runtime = workers(1);
        let first = Arc::new(AtomicBool::new(true));
        let handle = runtime.spawn(PollFn(move |cx: &mut Context<'_>| {
            if !first.swap(false, Ordering::SeqCst) {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            // Woken and joined before this poll returns: the wake must not be lost.
            thread::spawn(move || waker.wake()).join().unwrap();
            Poll::Pending
        }));
        runtime.block_on(handle).unwrap();
    });
}

#[test]
fn a_wake_after_the_task_has_ended_does_nothing() {
    on_each(|runtime| {
        let done = Arc::new(AtomicBool::new(false));
        let polls = Arc::new(AtomicUsize::new(0));
        let (waker, handle) =
            waiting_task(&runtime, done.clone(), polls.clone(), Census::default());
        done.store(true, Ordering::SeqCst);
        waker.wake_by_ref();
        runtime.block_on(handle).unwrap();
        let polled = polls.load(Ordering::SeqCst);
        for _ in 0..10 {
            waker.wake_by_ref();
            waker.clone().wake();
        }
        runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
        assert_eq!(polls.load(Ordering::SeqCst), polled);
        drop(waker);
    });
}

#[test]
fn a_wake_after_the_runtime_has_ended_does_nothing() {
    on_each(|runtime| {
        let census = Census::default();
        let (waker, handle) =
            waiting_task(&runtime, Arc::default(), Arc::default(), census.clone());
        drop(runtime);
        assert_eq!(census.alive(), 0, "a waker must not keep the future alive");
        let there = waker.clone();
        thread::spawn(move || {
            there.wake_by_ref();
            there.clone().wake();
            drop(there);
        })
        .join()
        .unwrap();
        waker.wake_by_ref();
        drop(handle);
        waker.wake();
    });
}

#[test]
fn wakes_while_the_runtime_ends_are_harmless() {
    // Threads wake without a pause while the runtime goes away under them.
    within(|| {
        for seed in 0..tests::scaled(30).max(6) as u64 {
            let runtime = if seed % 3 == 0 { current_thread() } else { workers(2) };
            let census = Census::default();
            let wakers = Arc::new(Mutex::new(Vec::new()));
            for _ in 0..20 {
                let (wakers, held, mut known) = (wakers.clone(), census.clone(), false);
                drop(runtime.spawn(PollFn(move |cx: &mut Context<'_>| -> Poll<()> {
                    let _held = &held;
                    if !known {
                        known = true;
                        wakers.lock().unwrap().push(cx.waker().clone());
                    }
                    Poll::Pending
                })));
            }
            runtime.block_on(async {
                eventually_async("all were polled", || wakers.lock().unwrap().len() == 20).await;
            });
            let stop = Arc::new(AtomicBool::new(false));
            let threads: Vec<_> = (0..2)
                .map(|n| {
                    let (stop, wakers) = (stop.clone(), wakers.lock().unwrap().clone());
                    let mut random = Seeded::new(seed * 2 + n);
                    thread::spawn(move || {
                        while !stop.load(Ordering::Relaxed) {
                            let waker = &wakers[random.below(20) as usize];
                            match random.below(2) {
                                0 => waker.wake_by_ref(),
                                _ => waker.clone().wake(),
                            }
                        }
                    })
                })
                .collect();
            drop(runtime);
            assert_eq!(census.alive(), 0, "seed {seed}");
            stop.store(true, Ordering::Relaxed);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
    });
}

#[test]
fn equal_wakers_know_it() {
    on_each(|runtime| {
        let (same, different) = runtime.block_on(async {
            let wakers = Arc::new(Mutex::new(Vec::new()));
            for _ in 0..2 {
                let wakers = wakers.clone();
                let mut polls = 0;
                runtime::spawn(PollFn(move |cx: &mut Context<'_>| {
                    wakers.lock().unwrap().push(cx.waker().clone());
                    cx.waker().wake_by_ref();
                    polls += 1;
                    if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
                }))
                .await
                .unwrap();
            }
            let wakers = wakers.lock().unwrap();
            (wakers[0].will_wake(&wakers[1]), wakers[0].will_wake(&wakers[2]))
        });
        assert!(same && !different);
    });
}

#[test]
fn the_root_of_block_on_has_one_too() {
    within(|| {
        for runtime in [workers(1), current_thread()] {
            let (send, receive) = mpsc::channel::<Waker>();
            let done = Arc::new(AtomicBool::new(false));
            let flag = done.clone();
            let thread = thread::spawn(move || {
                let waker = receive.recv().unwrap();
                flag.store(true, Ordering::SeqCst);
                waker.wake_by_ref();
                waker
            });
            runtime.block_on(PollFn(|cx: &mut Context<'_>| {
                if done.load(Ordering::SeqCst) {
                    return Poll::Ready(());
                }
                let _ = send.send(cx.waker().clone());
                Poll::Pending
            }));
            let waker = thread.join().unwrap();
            waker.wake_by_ref(); // after `block_on`: no effect, no harm
            runtime.block_on(async { waker.wake_by_ref() });
            drop(runtime);
            waker.wake();
        }
    });
}

#[test]
fn a_foreign_waker_polls_our_futures() {
    // The other way round: our leaf futures wake whatever waker they are polled with.
    on_each(|runtime| {
        let count = Arc::new(CountingWaker::default());
        let waker = Waker::from(count.clone());
        let mut cx = Context::from_waker(&waker);
        let mut sleep = {
            let _context = runtime.enter();
            // Far enough that it waits before it comes.
            let ahead = std::time::Duration::from_millis(100) * tests::slowness();
            Box::pin(runtime::time::sleep(ahead))
        };
        assert!(sleep.as_mut().poll(&mut cx).is_pending());
        runtime.block_on(async {
            eventually_async("the foreign waker is woken", || count.count() == 1).await;
        });
        assert!(sleep.as_mut().poll(&mut cx).is_ready());
        drop(runtime);
        eventually("nothing is woken later", || count.count() == 1);
    });
}

/// Blocks whoever calls it until all of the others have run.
struct Blocking(Mutex<mpsc::Receiver<()>>);

impl Wake for Blocking {
    fn wake(self: Arc<Self>) {
        let others = self.0.lock().unwrap();
        // Until every sender is gone.
        while others.recv().is_ok() {}
    }
}

#[test]
fn one_that_blocks_does_not_hold_up_what_was_due_with_it() {
    within(|| {
        // Nobody who would take over what a blocked worker holds.
        let builder = &mut runtime::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).spare_workers(0).enable_all().build().unwrap();
        let (send, receive) = mpsc::channel::<()>();
        let waker = Waker::from(Arc::new(Blocking(Mutex::new(receive))));
        let due = Instant::now() + Duration::from_millis(100) * tests::slowness();
        runtime
            .block_on(runtime.spawn(async move {
                let mut blocking = pin!(sleep_until(due));
                assert!(blocking.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
                let others: Vec<_> = (0..8)
                    .map(|_| {
                        let send = send.clone();
                        runtime::spawn(async move {
                            sleep_until(due).await;
                            drop(send);
                        })
                    })
                    .collect();
                drop(send);
                for other in others {
                    other.await.unwrap();
                }
            }))
            .unwrap();
    });
}

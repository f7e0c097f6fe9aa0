//! Background tasks run when the others leave time for it: no task waits for one of their polls,
//! and they go on, slowly, where there is never time.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use runtime::sync::{mpsc as channel, oneshot};
use runtime::task::{self, JoinHandle, JoinSet, LocalSet, Priority, yield_now};
use runtime::{Builder, Handle, Runtime};
use tests::{OnDrop, current_thread, eventually, within, workers};

fn background() -> task::Builder<'static> {
    task::Builder::new().priority(Priority::Background)
}

fn spawn<F>(runtime: &Runtime, future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    background().spawn_on(future, runtime.handle()).unwrap()
}

/// Two workers, and nobody who serves in their place.
fn two_workers() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).spare_workers(0).enable_all().stall_report(Duration::MAX);
    builder
}

/// Keeps a thread until `over` is set.
async fn compute(over: Arc<AtomicBool>, begun: Arc<AtomicUsize>) {
    begun.fetch_add(1, Ordering::Relaxed);
    while !over.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
}

#[test]
fn others_do_not_wait_for_a_poll_of_theirs() {
    within(|| {
        let runtime = two_workers().build().unwrap();
        let mut blocked = Vec::new();
        let (begun, begins) = mpsc::channel();
        for _ in 0..5 {
            let (sender, receiver) = mpsc::channel::<u8>();
            let begun = begun.clone();
            blocked.push((
                sender,
                spawn(&runtime, async move {
                    begun.send(()).unwrap();
                    receiver.recv().unwrap()
                }),
            ));
        }
        // As many as there are threads for them.
        (0..2).for_each(|_| begins.recv().unwrap());
        for _ in 0..100 {
            let others: Vec<_> = (0..10).map(|n| runtime.spawn(async move { n })).collect();
            let sum: i32 = runtime.block_on(async {
                let mut sum = 0;
                for other in others {
                    sum += other.await.unwrap();
                }
                runtime::time::sleep(Duration::from_micros(10)).await;
                sum
            });
            assert_eq!(sum, 45);
        }
        assert_eq!(runtime.metrics().num_background_threads(), 2);
        assert_eq!(runtime.metrics().background_queue_depth(), 3);
        for (sender, task) in blocked {
            sender.send(7).unwrap();
            assert_eq!(runtime.block_on(task).unwrap(), 7);
        }
        assert_eq!(runtime.metrics().background_queue_depth(), 0);
    });
}

#[test]
fn they_go_on_where_no_worker_ever_sleeps() {
    within(|| {
        let runtime = two_workers().build().unwrap();
        let (over, begun) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let busy = [0, 1].map(|_| runtime.spawn(compute(over.clone(), begun.clone())));
        eventually("both workers are busy", || begun.load(Ordering::Relaxed) == 2);
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                spawn(&runtime, async {
                    for _ in 0..3 {
                        yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
        over.store(true, Ordering::Relaxed);
        for task in busy {
            runtime.block_on(task).unwrap();
        }
    });
}

#[test]
fn few_of_them_run_where_no_worker_ever_sleeps() {
    within(|| {
        let runtime = two_workers().build().unwrap();
        let (over, begun) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let busy = [0, 1].map(|_| runtime.spawn(compute(over.clone(), begun.clone())));
        eventually("both workers are busy", || begun.load(Ordering::Relaxed) == 2);
        let since = Instant::now();
        let polls = Arc::new(AtomicUsize::new(0));
        let counted = polls.clone();
        let task = spawn(&runtime, async move {
            loop {
                counted.fetch_add(1, Ordering::Relaxed);
                yield_now().await;
            }
        });
        eventually("some polls", || polls.load(Ordering::Relaxed) >= 10);
        let counted = polls.load(Ordering::Relaxed) as u128;
        let most = since.elapsed().as_millis() / 10 + 1;
        assert!(counted <= most, "{counted} polls, of {most}");
        over.store(true, Ordering::Relaxed);
        for task in busy {
            runtime.block_on(task).unwrap();
        }
        // Now there is time.
        eventually("many polls", || polls.load(Ordering::Relaxed) >= 10_000);
        task.abort();
        assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    });
}

/// On a runtime of each flavour, in a local set and on a pinned thread.
fn everywhere<F>(make: impl Fn() -> F + Send + Sync + Copy + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    within(move || {
        for runtime in [workers(1), workers(2), current_thread()] {
            runtime.block_on(spawn(&runtime, make())).unwrap();
            runtime.block_on(LocalSet::new().run_until(async {
                background().spawn_local(make()).unwrap().await.unwrap();
            }));
            runtime.block_on(async { background().spawn_pinned(make).unwrap().await.unwrap() });
        }
    });
}

#[test]
fn they_wake_others_and_are_woken() {
    everywhere(|| async {
        let (to, mut there) = channel::channel(1);
        let (back, mut here) = channel::channel(1);
        let other = runtime::spawn(async move {
            while let Some(n) = there.recv().await {
                back.send(n + 1).await.unwrap();
            }
        });
        let second = background().spawn(async { 1 }).unwrap();
        for n in 0..100 {
            to.send(n).await.unwrap();
            assert_eq!(here.recv().await, Some(n + 1));
            runtime::time::sleep(Duration::from_micros(1)).await;
        }
        drop(to);
        other.await.unwrap();
        assert_eq!(second.await.unwrap(), 1);
        let mut set = JoinSet::new();
        for n in 0..10 {
            set.build_task().priority(Priority::Background).spawn(async move { n }).unwrap();
        }
        assert_eq!(set.join_all().await.into_iter().sum::<i32>(), 45);
    });
}

/// What runs, in which order, on one thread: a background task that was spawned first, and others.
async fn order(spawn_one: impl Fn(Priority, Box<dyn Fn() + Send>)) -> Vec<&'static str> {
    let ran = Arc::new(Mutex::new(Vec::new()));
    for (priority, name) in [
        (Priority::Background, "background"),
        (Priority::Normal, "first"),
        (Priority::Normal, "second"),
    ] {
        let ran = ran.clone();
        spawn_one(priority, Box::new(move || ran.lock().unwrap().push(name)));
    }
    while ran.lock().unwrap().len() < 3 {
        yield_now().await;
    }
    ran.lock().unwrap().clone()
}

const OTHERS_FIRST: [&str; 3] = ["first", "second", "background"];

#[test]
fn on_one_thread_the_others_go_first() {
    within(|| {
        let runtime = current_thread();
        let ran = runtime.block_on(order(|priority, ran| {
            drop(task::Builder::new().priority(priority).spawn(async move { ran() }));
        }));
        assert_eq!(ran, OTHERS_FIRST);
        for runtime in [workers(1), current_thread()] {
            let ran = runtime.block_on(LocalSet::new().run_until(order(|priority, ran| {
                drop(task::Builder::new().priority(priority).spawn_local(async move { ran() }));
            })));
            assert_eq!(ran, OTHERS_FIRST);
        }
    });
}

#[test]
fn on_one_thread_they_go_on_beside_a_task_that_is_always_ready() {
    within(|| {
        async fn always_ready(over: Arc<AtomicBool>) {
            while !over.load(Ordering::Relaxed) {
                yield_now().await;
            }
        }
        async fn some_turns() {
            for _ in 0..3 {
                yield_now().await;
            }
        }
        let runtime = current_thread();
        let over = Arc::new(AtomicBool::new(false));
        runtime.block_on(async {
            let others: Vec<_> =
                (0..3).map(|_| runtime::spawn(always_ready(over.clone()))).collect();
            background().spawn(some_turns()).unwrap().await.unwrap();
            over.store(true, Ordering::Relaxed);
            for other in others {
                other.await.unwrap();
            }
        });
        for runtime in [workers(1), current_thread()] {
            let over = Arc::new(AtomicBool::new(false));
            runtime.block_on(LocalSet::new().run_until(async {
                let others: Vec<_> =
                    (0..3).map(|_| task::spawn_local(always_ready(over.clone()))).collect();
                background().spawn_local(some_turns()).unwrap().await.unwrap();
                over.store(true, Ordering::Relaxed);
                for other in others {
                    other.await.unwrap();
                }
            }));
        }
    });
}

#[test]
fn events_come_between_their_polls_on_one_thread() {
    within(|| {
        let runtime = current_thread();
        runtime.block_on(async {
            let over = Arc::new(AtomicBool::new(false));
            let ends = over.clone();
            let busy = background()
                .spawn(async move {
                    while !ends.load(Ordering::Relaxed) {
                        yield_now().await;
                    }
                })
                .unwrap();
            runtime::time::sleep(Duration::from_millis(5)).await;
            let (mut near, mut far) = {
                let listener = runtime::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let near = runtime::net::TcpStream::connect(listener.local_addr().unwrap());
                let (near, far) = runtime::join!(near, listener.accept());
                (near.unwrap(), far.unwrap().0)
            };
            use runtime::io::{AsyncReadExt, AsyncWriteExt};
            for _ in 0..20 {
                near.write_all(b"ping").await.unwrap();
                far.read_exact(&mut [0; 4]).await.unwrap();
            }
            over.store(true, Ordering::Relaxed);
            busy.await.unwrap();
        });
    });
}

#[test]
fn a_shutdown_drops_them_wherever_they_are() {
    within(|| {
        for runtime in [workers(1), workers(2), current_thread()] {
            let dropped = Arc::new(AtomicUsize::new(0));
            let counted = || {
                let dropped = dropped.clone();
                OnDrop::new(move || {
                    dropped.fetch_add(1, Ordering::Relaxed);
                })
            };
            let (begun, mut begins) = channel::unbounded_channel();
            // Idle ones, and one that is always ready.
            for _ in 0..10 {
                let (counted, begun) = (counted(), begun.clone());
                spawn(&runtime, async move {
                    let _counted = counted;
                    begun.send(()).unwrap();
                    std::future::pending::<()>().await;
                });
            }
            runtime.block_on(async {
                for _ in 0..10 {
                    begins.recv().await.unwrap();
                }
            });
            let ready = counted();
            spawn(&runtime, async move {
                let _counted = ready;
                loop {
                    yield_now().await;
                }
            });
            // Ones that may not have begun.
            for _ in 0..100 {
                let counted = counted();
                spawn(&runtime, async move { drop(counted) });
            }
            drop(runtime);
            assert_eq!(dropped.load(Ordering::Relaxed), 111);
        }
    });
}

async fn panics() {
    panic!("of a background task");
}

#[test]
fn a_panic_of_theirs_is_in_the_handle() {
    everywhere(|| async {
        let error = background().spawn(panics()).unwrap().await.unwrap_err();
        assert!(error.is_panic());
        assert_eq!(background().spawn(async { 2 }).unwrap().await.unwrap(), 2);
    });
}

#[test]
fn they_are_in_scopes() {
    everywhere(|| async {
        let scope = task::Scope::new();
        let ended = background().spawn_in(async { 3 }, &scope).unwrap();
        let waits = background().spawn_in(std::future::pending::<()>(), &scope).unwrap();
        assert_eq!(ended.await.unwrap(), 3);
        drop(scope);
        assert!(waits.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn paused_time_waits_for_them() {
    within(|| {
        let mut builder = Builder::new_multi_thread();
        let several = builder.worker_threads(2).enable_all().start_paused(true).build().unwrap();
        let mut builder = Builder::new_current_thread();
        let one = builder.enable_all().start_paused(true).build().unwrap();
        for runtime in [several, one] {
            for _ in 0..20 {
                let (done, is_done) = (Arc::new(AtomicBool::new(false)), Arc::new(()));
                let set = done.clone();
                let task = spawn(&runtime, async move {
                    for _ in 0..100 {
                        yield_now().await;
                    }
                    set.store(true, Ordering::Relaxed);
                    drop(is_done);
                });
                runtime.block_on(async {
                    runtime::time::sleep(Duration::from_secs(1)).await;
                    assert!(done.load(Ordering::Relaxed), "the time has passed before");
                    task.await.unwrap();
                });
            }
        }
    });
}

#[test]
fn a_blocking_job_has_no_priority() {
    within(|| {
        let runtime = workers(1);
        let _inside = runtime.enter();
        let error = background().spawn_blocking(|| ()).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
        println!("{error}");
        assert!(background().spawn_blocking_on(|| (), &Handle::current()).is_err());
        assert!(background().spawn_blocking_in(|| (), &task::Scope::new()).is_err());
        let mut set = JoinSet::new();
        let builder = set.build_task().priority(Priority::Background);
        assert!(builder.spawn_blocking(|| ()).is_err());
    });
}

#[test]
fn a_thread_without_work_ends() {
    within(|| {
        let mut builder = two_workers();
        let runtime = builder.thread_keep_alive(Duration::from_millis(1)).build().unwrap();
        for _ in 0..3 {
            let (done, is_done) = oneshot::channel();
            spawn(&runtime, async move { done.send(1).unwrap() });
            assert_eq!(runtime.block_on(is_done).unwrap(), 1);
            eventually("it ends", || runtime.metrics().num_background_threads() == 0);
        }
    });
}

//! No task can keep the others from running by being always ready: neither by waking itself, nor by
//! reading from a channel or socket that never runs dry, nor by passing the ball to and fro.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime::fs::{self, File};
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream};
use runtime::runtime::RuntimeFlavor;
use runtime::sync::{Notify, Semaphore, mpsc};
use runtime::{Builder, Runtime};
use tests::scratch::Scratch;
use tests::{current_thread, within};

/// One thread to share, and nobody to take over from it.
fn on_one_thread(body: impl Fn(&Runtime) + Send + 'static) {
    within(move || {
        let multi = Builder::new_multi_thread()
            .worker_threads(1)
            .spare_workers(0)
            .enable_all()
            .build()
            .unwrap();
        for runtime in [multi, current_thread()] {
            body(&runtime);
        }
    });
}

/// Runs `others` to their end while `greedy` runs.
fn beside<G, O>(greedy: impl Fn() -> G + Send + 'static, others: impl Fn() -> O + Send + 'static)
where
    G: Future<Output = ()> + Send + 'static,
    O: Future<Output = ()> + Send + 'static,
{
    on_one_thread(move |runtime| {
        runtime.block_on(async {
            let hog = runtime::spawn(greedy());
            runtime::task::yield_now().await;
            runtime::spawn(others()).await.unwrap();
            assert!(!hog.is_finished(), "the greedy task has ended, so nothing was shown");
            hog.abort();
            let _ = hog.await;
        });
    });
}

async fn wakes_itself() {
    loop {
        runtime::task::yield_now().await;
    }
}

async fn echoes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = runtime::spawn(async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        for n in 0..20 {
            stream.write_u8(n).await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), n);
        }
    });
    let (mut stream, _) = listener.accept().await.unwrap();
    while let Ok(byte) = stream.read_u8().await {
        stream.write_u8(byte).await.unwrap();
    }
    client.await.unwrap();
}

#[test]
fn tasks_that_yield_do_not_starve_io() {
    beside(wakes_itself, echoes);
}

#[test]
fn tasks_that_yield_do_not_starve_timers() {
    beside(wakes_itself, || async {
        for _ in 0..20 {
            runtime::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

#[test]
fn tasks_that_yield_do_not_starve_what_comes_from_outside() {
    beside(wakes_itself, || async {
        let handle = runtime::Handle::current();
        let outside = std::thread::spawn(move || {
            for n in 0..100 {
                let task = handle.spawn(async move { n });
                assert_eq!(futures::executor::block_on(task).unwrap(), n);
            }
        });
        tests::eventually_async("the outside is done", || outside.is_finished()).await;
        outside.join().unwrap();
    });
}

#[test]
fn two_tasks_that_wake_each_other_do_not_starve_others() {
    // The LIFO slot passes from one to the other; it must not do so for ever.
    beside(
        || async {
            let (to_second, mut second) = mpsc::channel::<()>(1);
            let (to_first, mut first) = mpsc::channel::<()>(1);
            let partner = runtime::spawn(async move {
                while second.recv().await.is_some() {
                    let _ = to_first.send(()).await;
                }
            });
            let _ = to_second.send(()).await;
            while first.recv().await.is_some() {
                let _ = to_second.send(()).await;
            }
            let _ = partner.await;
        },
        || async {
            let handle = runtime::Handle::current();
            let outside =
                std::thread::spawn(move || futures::executor::block_on(handle.spawn(async {})));
            tests::eventually_async("the outside is done", || outside.is_finished()).await;
            echoes().await;
        },
    );
}

#[test]
fn a_channel_that_never_runs_dry_does_not_starve_others() {
    beside(
        || async {
            let (send, mut receive) = mpsc::unbounded_channel();
            send.send(()).unwrap();
            loop {
                receive.recv().await.unwrap();
                send.send(()).unwrap();
            }
        },
        echoes,
    );
}

#[test]
fn a_semaphore_that_is_always_free_does_not_starve_others() {
    beside(
        || async {
            let free = Semaphore::new(1);
            loop {
                drop(free.acquire().await.unwrap());
            }
        },
        echoes,
    );
}

#[test]
fn a_socket_that_is_always_ready_does_not_starve_others() {
    beside(
        || async {
            let socket = runtime::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let myself = socket.local_addr().unwrap();
            socket.send_to(b"x", myself).await.unwrap();
            loop {
                let _ = socket.recv_from(&mut [0; 8]).await.unwrap();
                socket.send_to(b"x", myself).await.unwrap();
            }
        },
        || async {
            for _ in 0..20 {
                runtime::time::sleep(Duration::from_millis(1)).await;
            }
        },
    );
}

#[test]
fn files_that_the_system_has_in_memory_do_not_starve_others() {
    let scratch = Scratch::new();
    let path = scratch.file("file", "content");
    let read = path.clone();
    let reads = move || {
        let path = read.clone();
        async move { while let Ok(_content) = fs::read(&path).await {} }
    };
    beside(reads, echoes);
    let metadata = move || {
        let path = path.clone();
        async move {
            let file = File::open(&path).await.unwrap();
            while let Ok(_metadata) = file.metadata().await {}
        }
    };
    beside(metadata, echoes);
}

#[test]
fn a_join_handle_that_is_done_costs_a_turn_too() {
    beside(
        || async {
            loop {
                runtime::spawn(async {}).await.unwrap();
            }
        },
        echoes,
    );
}

#[test]
fn the_root_future_gets_its_turn() {
    on_one_thread(|runtime| {
        let hogs: Vec<_> = (0..10).map(|_| runtime.spawn(wakes_itself())).collect();
        runtime.block_on(async {
            for _ in 0..100 {
                runtime::task::yield_now().await;
            }
            runtime::time::sleep(Duration::from_millis(2)).await;
        });
        hogs.iter().for_each(|hog| hog.abort());
    });
}

/// On the thread that does all, a root that yields, or is woken by a task, comes after the tasks
/// that were ready before: one yield is enough for each of them to have run.
#[test]
fn the_root_future_comes_after_the_tasks_that_are_ready() {
    within(|| {
        let runtime = current_thread();
        runtime.block_on(async {
            let ran = Arc::new(AtomicUsize::new(0));
            let task = || {
                let ran = ran.clone();
                runtime::spawn(async move {
                    ran.fetch_add(1, Ordering::Relaxed);
                })
            };
            for _ in 0..10 {
                task();
            }
            runtime::task::yield_now().await;
            assert_eq!(ran.swap(0, Ordering::Relaxed), 10, "a yield");
            let first = task();
            for _ in 0..10 {
                task();
            }
            first.await.unwrap();
            assert_eq!(ran.swap(0, Ordering::Relaxed), 11, "the first of them is awaited");
            // A task that yields goes behind the root.
            let turns = Arc::new(AtomicUsize::new(0));
            let count = turns.clone();
            let hog = runtime::spawn(async move {
                loop {
                    count.fetch_add(1, Ordering::Relaxed);
                    runtime::task::yield_now().await;
                }
            });
            for _ in 0..10 {
                task();
            }
            runtime::task::yield_now().await;
            assert_eq!(ran.load(Ordering::Relaxed), 10, "beside a task that yields");
            assert_eq!(turns.load(Ordering::Relaxed), 1, "the task that yields");
            hog.abort();
        });
    });
}

#[test]
fn unconstrained_lifts_the_budget() {
    // Without a budget a channel that never runs dry is read without a pause; with one it is not.
    on_one_thread(|runtime| {
        let polls_needed = |unconstrained: bool| {
            let polls = Arc::new(AtomicUsize::new(0));
            let seen = polls.clone();
            let reads = async {
                let (send, mut receive) = mpsc::unbounded_channel();
                for _ in 0..10_000 {
                    send.send(()).unwrap();
                    receive.recv().await.unwrap();
                }
            };
            let counted = |mut future: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
                tests::PollFn(move |cx: &mut std::task::Context<'_>| {
                    seen.fetch_add(1, Ordering::SeqCst);
                    future.as_mut().poll(cx)
                })
            };
            let future: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = match unconstrained {
                true => Box::pin(runtime::task::unconstrained(reads)),
                false => Box::pin(reads),
            };
            runtime.block_on(runtime.spawn(counted(future))).unwrap();
            polls.load(Ordering::SeqCst)
        };
        assert_eq!(polls_needed(true), 1);
        let polls = polls_needed(false);
        // Each reads at least 8, also where a read takes long.
        assert!((10..1300).contains(&polls), "{polls} polls for 10,000 reads");
    });
}

#[test]
fn each_of_many_gets_about_the_same() {
    on_one_thread(|runtime| {
        let (all_there, stop) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let turns: Vec<_> = (0..20).map(|_| Arc::new(AtomicUsize::new(0))).collect();
        let tasks: Vec<_> = turns
            .iter()
            .map(|turns| {
                let (all_there, stop, turns) = (all_there.clone(), stop.clone(), turns.clone());
                runtime.spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        turns
                            .fetch_add(all_there.load(Ordering::Relaxed).into(), Ordering::Relaxed);
                        runtime::task::yield_now().await;
                    }
                })
            })
            .collect();
        // This thread may have been held up for thousands of turns on the way.
        all_there.store(true, Ordering::Relaxed);
        runtime.block_on(async {
            tests::eventually_async("the first has had many turns", || {
                turns[0].load(Ordering::Relaxed) > 5_000
            })
            .await;
            stop.store(true, Ordering::Relaxed);
            for task in tasks {
                task.await.unwrap();
            }
        });
        let turns: Vec<_> = turns.iter().map(|turns| turns.load(Ordering::Relaxed)).collect();
        let (least, most) = (turns.iter().min().unwrap(), turns.iter().max().unwrap());
        assert!(least * 2 > *most, "{turns:?}");
    });
}

/// A hook that wakes the root keeps the thread from sleeping, but not from its timers.
#[test]
fn timers_beside_a_park_hook_that_wakes_the_root() {
    within(|| {
        let notify = Arc::new(Notify::new());
        let runtime = Builder::new_current_thread()
            .enable_all()
            .on_thread_park({
                let notify = notify.clone();
                move || notify.notify_waiters()
            })
            .build()
            .unwrap();
        let timer = runtime.spawn(async { runtime::time::sleep(Duration::from_millis(1)).await });
        while !timer.is_finished() {
            // Ends at the park that it leads to.
            runtime.block_on(notify.notified());
        }
    });
}

/// As above, with a hook that spawns.
#[test]
fn timers_beside_a_park_hook_that_spawns() {
    within(|| {
        let own = Arc::new(Mutex::new(None::<runtime::Handle>));
        let runtime = Builder::new_current_thread()
            .enable_all()
            .on_thread_park({
                let own = own.clone();
                move || drop(own.lock().unwrap().as_ref().map(|handle| handle.spawn(async {})))
            })
            .build()
            .unwrap();
        *own.lock().unwrap() = Some(runtime.handle().clone());
        runtime.block_on(async { runtime::time::sleep(Duration::from_millis(1)).await });
        // The hook belongs to the runtime: a handle in it would keep both for ever.
        let last = own.lock().unwrap().take();
        drop(last);
    });
}

/// On the thread that does all, one yield of a task is enough for the root to hear of its socket.
#[test]
fn the_root_hears_of_events_after_one_yield() {
    within(|| {
        let runtime = current_thread();
        runtime.block_on(async {
            let (near, far) = runtime::net::UnixDatagram::pair().unwrap();
            let turns = Arc::new(AtomicUsize::new(0));
            let count = turns.clone();
            runtime::task::yield_now().await;
            let task = runtime::spawn(async move {
                loop {
                    count.fetch_add(1, Ordering::Relaxed);
                    runtime::task::yield_now().await;
                }
            });
            for round in 1..=10 {
                near.send(b"ball").await.unwrap();
                far.recv(&mut [0; 4]).await.unwrap();
                // At first it is not known that something is there, and later nothing is waited
                // for.
                assert!(turns.load(Ordering::Relaxed) <= round, "{turns:?} in round {round}");
            }
            task.abort();
        });
    });
}

/// Who yields until an event has been seen need not yield often. Where another thread of the
/// runtime waits in the poll, it is that thread which sees the event, as soon as the machine lets
/// it run: on a crowded one that may take long, so a part of the rounds is enough. Looks that come
/// too seldom would let fewer through by luck.
#[test]
fn events_after_a_few_yields() {
    const ROUNDS: usize = 40;
    on_one_thread(|runtime| {
        let yields = runtime.block_on(async {
            let mut all = Vec::new();
            for _ in 0..ROUNDS {
                all.push(runtime::spawn(yields_until_an_event()).await.unwrap());
            }
            all
        });
        let alone = runtime.handle().runtime_flavor() == RuntimeFlavor::CurrentThread;
        let soon = yields.iter().filter(|&&yields| yields < 8).count();
        assert!(soon >= if alone { ROUNDS } else { ROUNDS / 4 }, "{yields:?}");
    });
}

async fn yields_until_an_event() -> u32 {
    let (near, far) = runtime::net::UnixDatagram::pair().unwrap();
    let seen = Arc::new(AtomicBool::new(false));
    let see = seen.clone();
    let reader = runtime::spawn(async move {
        far.recv(&mut [0; 4]).await.unwrap();
        see.store(true, Ordering::Relaxed);
    });
    let yielder = runtime::spawn(async move {
        near.send(b"ball").await.unwrap();
        let mut yields = 0;
        while !seen.load(Ordering::Relaxed) {
            runtime::task::yield_now().await;
            yields += 1;
        }
        yields
    });
    reader.await.unwrap();
    yielder.await.unwrap()
}

/// The monitor is told to take no worker for stalled: a worker that has enough to do must see by
/// itself that tasks lie behind a poll that goes on.
#[test]
fn tasks_behind_a_long_poll_are_taken_by_a_worker_that_has_others() {
    within(|| {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .stall_takeover(Duration::from_secs(100_000))
            .stall_report(Duration::MAX)
            .build()
            .unwrap();
        let turns = Arc::new(AtomicUsize::new(0));
        let busy = {
            let turns = Arc::clone(&turns);
            runtime.spawn(async move {
                loop {
                    turns.fetch_add(1, Ordering::Relaxed);
                    runtime::task::yield_now().await;
                }
            })
        };
        let long = runtime.spawn(async move {
            // From now on the other worker has the busy task, and so it never looks for work.
            let before = turns.load(Ordering::Relaxed);
            while turns.load(Ordering::Relaxed) == before {
                std::hint::spin_loop();
            }
            let ran = Arc::new(AtomicUsize::new(0));
            // The last one stays in the LIFO slot.
            for _ in 0..9 {
                let ran = Arc::clone(&ran);
                runtime::spawn(async move { ran.fetch_add(1, Ordering::Relaxed) });
            }
            while ran.load(Ordering::Relaxed) < 8 {
                std::hint::spin_loop();
            }
        });
        runtime.block_on(long).unwrap();
        busy.abort();
    });
}

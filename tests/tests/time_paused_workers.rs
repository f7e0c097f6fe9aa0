//! Paused time on several workers: it stands while anything goes on anywhere in the runtime, and
//! jumps to the next deadline when nothing does.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc as std_mpsc};

use futures::future::join_all;
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::runtime::{Builder, Handle, Runtime};
use runtime::sync::{mpsc, oneshot};
use runtime::task::{block_in_place, spawn_blocking, yield_now};
use runtime::time::{self, Duration, Instant, interval, sleep, timeout};
use tests::within;

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

fn paused(workers: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

/// Runs the body on one, two and four workers, and fails if it hangs.
#[track_caller]
fn on_workers<F: Future<Output = ()>>(body: impl Fn() -> F + Send + Sync + 'static) {
    within(move || {
        for workers in [1, 2, 4] {
            paused(workers).block_on(body());
        }
    });
}

#[test]
fn it_stands_still_by_itself() {
    on_workers(|| async {
        let start = Instant::now();
        std::thread::sleep(5 * MS);
        assert_eq!(start.elapsed(), Duration::ZERO);
        let task = runtime::spawn(async move {
            std::thread::sleep(5 * MS);
            start.elapsed()
        });
        assert_eq!(task.await.unwrap(), Duration::ZERO);
    });
}

/// In the order of the deadlines, to the nanosecond, from whatever worker's wheel.
#[test]
fn it_jumps_from_deadline_to_deadline() {
    on_workers(|| async {
        let start = Instant::now();
        let log = Arc::new(Mutex::new(Vec::new()));
        let lengths = [3u64, 1, 2, 7, 5, 3_600].map(|hours| HOUR * hours as u32 + MS / 7);
        let tasks = lengths.map(|length| {
            let log = Arc::clone(&log);
            runtime::spawn(async move {
                sleep(length).await;
                assert_eq!(start.elapsed(), length);
                log.lock().unwrap().push(length);
            })
        });
        for outcome in join_all(tasks).await {
            outcome.unwrap();
        }
        assert!(log.lock().unwrap().is_sorted());
        assert_eq!(start.elapsed(), 3_600 * HOUR + MS / 7);
    });
}

#[test]
fn the_root_future_sleeps_through_at_once() {
    on_workers(|| async {
        let start = Instant::now();
        for _ in 0..1_000 {
            sleep(HOUR).await;
        }
        assert_eq!(start.elapsed(), 1_000 * HOUR);
        let mut ticks = interval(MS);
        for _ in 0..100 {
            ticks.tick().await;
        }
        assert_eq!(start.elapsed(), 1_000 * HOUR + 99 * MS);
    });
}

/// Messages go round from task to task on all workers; no limit of time is ever reached on the way.
#[test]
fn it_stands_while_tasks_wake_each_other() {
    on_workers(|| async {
        let start = Instant::now();
        let (first, mut from) = mpsc::channel::<u32>(1);
        let mut tasks = Vec::new();
        for _ in 0..5 {
            let (to, next) = mpsc::channel(1);
            let mut from = std::mem::replace(&mut from, next);
            tasks.push(runtime::spawn(async move {
                while let Some(message) = timeout(MS, from.recv()).await.expect("time stands") {
                    to.send(message).await.unwrap();
                }
            }));
        }
        // The root future is one of them.
        for round in 0..500 {
            first.send(round).await.unwrap();
            let back = timeout(MS, from.recv()).await.expect("time stands");
            assert_eq!(back, Some(round));
        }
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

/// From a task to a blocking thread to the root future and back to a task.
#[test]
fn it_stands_while_jobs_block() {
    on_workers(|| async {
        let start = Instant::now();
        for round in 0..100 {
            let job = spawn_blocking(move || {
                if round % 10 == 0 {
                    std::thread::sleep(2 * MS);
                }
                runtime::spawn(async move { spawn_blocking(move || round).await.unwrap() })
            });
            let task = timeout(MS, job).await.expect("time stands").unwrap();
            assert_eq!(timeout(MS, task).await.expect("time stands").unwrap(), round);
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

/// The end of a job that nobody waits for lets time go on.
#[test]
fn a_job_that_ends_lets_it_jump() {
    let body = || async {
        for _ in 0..20 {
            let ended = Arc::new(AtomicBool::new(false));
            let start = Instant::now();
            let ends = Arc::clone(&ended);
            drop(spawn_blocking(move || {
                std::thread::sleep(2 * MS);
                ends.store(true, Ordering::SeqCst);
            }));
            sleep(HOUR).await;
            assert!(ended.load(Ordering::SeqCst), "time waited for the job");
            assert_eq!(start.elapsed(), HOUR);
        }
    };
    on_workers(body);
    within(move || {
        let rt = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        rt.block_on(body());
    });
}

/// What goes through the system within the program counts as going on.
#[test]
fn it_stands_while_sockets_talk() {
    on_workers(|| async {
        let start = Instant::now();
        let listener = runtime::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = runtime::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut byte = [0];
            while let Ok(1) = timeout(MS, stream.read(&mut byte)).await.expect("time stands") {
                stream.write_all(&byte).await.unwrap();
            }
        });
        let client = runtime::spawn(async move {
            let mut stream = runtime::net::TcpStream::connect(address).await.unwrap();
            for byte in 0..200 {
                stream.write_all(&[byte]).await.unwrap();
                let mut back = [0];
                timeout(MS, stream.read_exact(&mut back)).await.expect("time stands").unwrap();
                assert_eq!(back, [byte]);
            }
        });
        client.await.unwrap();
        server.await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

/// A worker that blocks or computes holds time, though a spare stands in for it.
#[test]
fn it_stands_while_a_worker_is_stalled() {
    on_workers(|| async {
        let start = Instant::now();
        let hog = runtime::spawn(async move {
            std::thread::sleep(30 * MS);
            start.elapsed()
        });
        let sleeper = runtime::spawn(async move {
            sleep(HOUR).await;
            start.elapsed()
        });
        assert_eq!(hog.await.unwrap(), Duration::ZERO);
        assert_eq!(sleeper.await.unwrap(), HOUR);
    });
}

#[test]
fn it_stands_while_tasks_yield() {
    on_workers(|| async {
        let start = Instant::now();
        let tasks = (0..8).map(|_| {
            runtime::spawn(async move {
                for _ in 0..1_000 {
                    yield_now().await;
                    assert_eq!(start.elapsed(), Duration::ZERO);
                }
            })
        });
        let (slept, ran) = futures::join!(sleep(MS), join_all(tasks));
        let () = slept;
        ran.into_iter().for_each(|outcome| outcome.unwrap());
        assert_eq!(start.elapsed(), MS);
    });
}

/// A thread that waits in `block_on` does nothing, wherever it is.
#[test]
fn it_jumps_for_whoever_waits_in_block_on() {
    on_workers(|| async {
        let start = Instant::now();
        let in_place = runtime::spawn(async {
            block_in_place(|| Handle::current().block_on(async { sleep(HOUR).await }));
            block_in_place(|| Handle::current().block_on(async { sleep(HOUR).await }));
        });
        in_place.await.unwrap();
        assert_eq!(start.elapsed(), 2 * HOUR);
        spawn_blocking(|| Handle::current().block_on(async { sleep(HOUR).await })).await.unwrap();
        assert_eq!(start.elapsed(), 3 * HOUR);
        let handle = Handle::current();
        let thread = std::thread::spawn(move || handle.block_on(async { sleep(HOUR).await }));
        let (done, joined) = oneshot::channel();
        std::thread::spawn(move || done.send(thread.join()));
        joined.await.unwrap().unwrap();
        assert_eq!(start.elapsed(), 4 * HOUR);
    });
}

/// Nobody is in `block_on`, and the futures are polled by a foreign executor or by workers alone.
#[test]
fn it_jumps_without_a_root() {
    within(|| {
        let rt = paused(2);
        let (sender, receiver) = std_mpsc::channel();
        rt.spawn(async move {
            let start = Instant::now();
            sleep(HOUR).await;
            sender.send(start.elapsed()).unwrap();
        });
        assert_eq!(receiver.recv().unwrap(), HOUR);
        let _guard = rt.enter();
        let start = Instant::now();
        futures::executor::block_on(sleep(HOUR));
        futures::executor::block_on(sleep(MS));
        assert_eq!(start.elapsed(), HOUR + MS);
    });
}

/// Timers of all workers' wheels and of the threads outside.
#[test]
fn advance_wakes_everything_that_is_due() {
    on_workers(|| async {
        let start = Instant::now();
        let hold = HoldTime::new();
        let set = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (1..=1_000u32)
            .map(|n| {
                let set = Arc::clone(&set);
                runtime::spawn(async move {
                    let mut sleep = Box::pin(sleep(MS * n));
                    assert!(futures::poll!(&mut sleep).is_pending());
                    set.fetch_add(1, Ordering::SeqCst);
                    sleep.await;
                    start.elapsed()
                })
            })
            .collect();
        while set.load(Ordering::SeqCst) < tasks.len() {
            yield_now().await;
        }
        let mut own = Box::pin(sleep(500 * MS));
        assert!(futures::poll!(&mut own).is_pending());
        time::advance(500 * MS).await;
        assert!(futures::poll!(&mut own).is_ready());
        assert_eq!(start.elapsed(), 500 * MS);
        let mut tasks = tasks.into_iter();
        for task in tasks.by_ref().take(500) {
            assert_eq!(task.await.unwrap(), 500 * MS);
        }
        time::advance(HOUR).await;
        for task in tasks {
            assert_eq!(task.await.unwrap(), 500 * MS + HOUR);
        }
        drop(hold);
    });
}

/// A blocking job that lasts until this is dropped: time does not jump.
struct HoldTime(Option<std_mpsc::Sender<()>>);

impl HoldTime {
    fn new() -> HoldTime {
        let (sender, receiver) = std_mpsc::channel::<()>();
        drop(spawn_blocking(move || receiver.recv().is_err()));
        HoldTime(Some(sender))
    }
}

impl Drop for HoldTime {
    fn drop(&mut self) {
        self.0.take();
    }
}

/// A task calls `advance`, not the root future.
#[test]
fn a_task_may_advance() {
    on_workers(|| async {
        let start = Instant::now();
        let hold = HoldTime::new();
        let (is_set, set) = oneshot::channel();
        let sleeper = runtime::spawn(async move {
            let mut sleep = Box::pin(sleep(HOUR));
            assert!(futures::poll!(&mut sleep).is_pending());
            is_set.send(()).unwrap();
            sleep.await;
            start.elapsed()
        });
        set.await.unwrap();
        let mover = runtime::spawn(async move {
            while start.elapsed() < HOUR {
                time::advance(HOUR / 100).await;
            }
        });
        mover.await.unwrap();
        assert_eq!(sleeper.await.unwrap(), HOUR);
        drop(hold);
    });
}

#[test]
fn resumed_it_goes_on_and_paused_again_it_jumps() {
    on_workers(|| async {
        let sleeper = runtime::spawn(sleep(HOUR + 20 * MS));
        sleep(HOUR).await;
        let start = Instant::now();
        let real = std::time::Instant::now();
        time::resume();
        sleeper.await.unwrap();
        assert!(real.elapsed() >= 20 * MS, "real time passed");
        assert!(start.elapsed() >= 20 * MS && start.elapsed() < HOUR / 2);
        // All workers wait for a timer that is far away in real time.
        let far = runtime::spawn(sleep(HOUR));
        sleep(5 * MS).await;
        runtime::spawn(async {
            time::pause();
            sleep(HOUR / 2).await;
        })
        .await
        .unwrap();
        far.await.unwrap();
        assert!(start.elapsed() >= HOUR);
        assert!(real.elapsed() < HOUR / 2);
    });
}

/// What waits for nothing that time could bring must sleep, not spin.
#[test]
fn a_still_runtime_sleeps() {
    within(|| {
        let rt = paused(2);
        rt.block_on(async {
            sleep(HOUR).await;
            // A cancelled timer is nothing to jump to.
            let mut cancelled = Box::pin(sleep(HOUR));
            assert!(futures::poll!(&mut cancelled).is_pending());
        });
        let metrics = rt.metrics();
        let parks = || (0..2).map(|worker| metrics.worker_park_count(worker)).sum::<u64>();
        let before = parks();
        std::thread::sleep(200 * MS);
        let parked = parks() - before;
        assert!(parked < 100, "{parked} parks in 200 ms");
    });
}

/// The stall watch and the blocking pool go by the machine's clock.
#[test]
fn the_monitor_goes_by_real_time() {
    within(|| {
        let (reported, report) = std_mpsc::channel();
        let rt = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .start_paused(true)
            .stall_report(20 * MS)
            .stall_backtrace(false)
            .on_stall(move |stall| reported.send(stall.duration()).unwrap())
            .build()
            .unwrap();
        rt.block_on(async {
            // Long jumps are no stalls.
            sleep(HOUR).await;
            // A stall lasts until it is reported.
            let stall = runtime::spawn(async move { report.recv().unwrap() });
            let duration = stall.await.unwrap();
            assert!(duration >= 20 * MS && duration < HOUR, "{duration:?}");
        });
    });
}

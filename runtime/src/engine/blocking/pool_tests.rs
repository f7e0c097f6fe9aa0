use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::time::Instant;

use super::*;

type Task = Box<dyn FnOnce() + Send>;

/// Starts threads of the operating system.
fn os_thread() -> Spawner {
    Arc::new(|builder, body| builder.spawn(body))
}

fn config(max_threads: usize, keep_alive: Duration) -> Config {
    Config {
        max_threads,
        keep_alive,
        thread_name: Arc::new(|| "pool".to_owned()),
        stack_size: None,
        on_start: None,
        on_stop: None,
        without_job: |hook| hook(),
    }
}

fn pool(max_threads: usize) -> Pool<Task> {
    Pool::new(config(max_threads, Duration::from_secs(10)), os_thread())
}

fn submit(pool: &Pool<Task>, job: impl FnOnce() + Send + 'static) {
    pool.submit(Box::new(job)).expect("the pool takes jobs");
}

fn silent(_: &Remaining) {}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "not within 20 s: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn every_job_of_a_burst_runs_and_the_burst_takes_few_threads() {
    let pool = pool(512);
    let ran = Arc::new(AtomicUsize::new(0));
    for _ in 0..10_000 {
        let ran = Arc::clone(&ran);
        submit(&pool, move || {
            ran.fetch_add(1, Ordering::Relaxed);
        });
    }
    eventually("all ran", || ran.load(Ordering::Relaxed) == 10_000);
    assert!(pool.metrics().threads_started < 400, "{:?}", pool.metrics());
    assert_eq!(pool.shutdown(None, silent).threads, 0);
    assert_eq!(pool.metrics().threads, 0);
}

#[test]
fn as_many_jobs_as_the_limit_block_at_once_and_the_next_one_waits() {
    let pool = pool(64);
    let barrier = Arc::new(Barrier::new(65));
    for _ in 0..64 {
        let barrier = Arc::clone(&barrier);
        submit(&pool, move || {
            barrier.wait();
        });
    }
    let (send, receive) = mpsc::channel();
    submit(&pool, move || send.send(()).unwrap());
    eventually("64 threads", || pool.metrics().threads == 64);
    eventually("one job waits", || pool.metrics().queue_depth == 1);
    assert_eq!(pool.metrics().idle_threads, 0);
    assert!(receive.try_recv().is_err());
    barrier.wait();
    receive.recv_timeout(Duration::from_secs(20)).expect("the queued job runs");
    pool.shutdown(None, silent);
}

#[test]
fn a_raised_limit_gives_a_waiting_job_a_thread_and_a_lowered_one_takes_threads() {
    let pool: Pool<Task> = Pool::new(config(1, Duration::from_millis(100)), os_thread());
    let (send, receive) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    submit(&pool, move || wait.recv().unwrap());
    eventually("the thread is busy", || pool.metrics().queue_depth == 0);
    let sent = send.clone();
    submit(&pool, move || sent.send(()).unwrap());
    assert_eq!(pool.metrics().queue_depth, 1);
    pool.set_max_threads(2);
    receive.recv_timeout(Duration::from_secs(20)).expect("the raised limit lets it run");
    pool.set_max_threads(1);
    eventually("one thread is left", || pool.metrics().threads == 1);
    submit(&pool, move || send.send(()).unwrap());
    assert_eq!((pool.metrics().threads, pool.metrics().queue_depth), (1, 1));
    go.send(()).unwrap();
    receive.recv_timeout(Duration::from_secs(20)).expect("the one thread runs it");
    pool.shutdown(None, silent);
}

#[test]
fn the_thread_used_last_is_used_again_and_the_others_retire() {
    let pool: Pool<Task> = Pool::new(config(8, Duration::from_millis(200)), os_thread());
    let barrier = Arc::new(Barrier::new(9));
    for _ in 0..8 {
        let barrier = Arc::clone(&barrier);
        submit(&pool, move || {
            barrier.wait();
        });
    }
    barrier.wait();
    // One job at a time keeps coming: seven threads have nothing to do.
    eventually("seven threads retire", || {
        let (send, receive) = mpsc::channel();
        submit(&pool, move || send.send(()).unwrap());
        receive.recv().unwrap();
        pool.metrics().threads <= 2
    });
    eventually("the last one retires", || pool.metrics().threads == 0);
    let (send, receive) = mpsc::channel();
    submit(&pool, move || send.send(()).unwrap());
    receive.recv_timeout(Duration::from_secs(20)).expect("a new thread starts");
    pool.shutdown(None, silent);
}

#[test]
fn with_no_thread_at_all_the_job_comes_back_with_the_reason() {
    let refuse = Arc::new(AtomicBool::new(true));
    let seen = Arc::clone(&refuse);
    let spawner: Spawner = Arc::new(move |builder, body| {
        if seen.load(Ordering::Relaxed) {
            return Err(io::Error::from(io::ErrorKind::WouldBlock));
        }
        builder.spawn(body)
    });
    let pool: Pool<Task> = Pool::new(config(4, Duration::from_secs(10)), spawner);
    match pool.submit(Box::new(|| ())) {
        Err(Rejected::NoThread(_, error)) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        other => panic!("{other:?}"),
    }
    assert_eq!(pool.metrics().threads_failed, 1);
    assert_eq!(pool.metrics().queue_depth, 0);

    // The one thread is busy and no second one starts: the job stays queued and runs later.
    refuse.store(false, Ordering::Relaxed);
    let (go, wait) = mpsc::channel::<()>();
    let (send, receive) = mpsc::channel();
    let started = send.clone();
    submit(&pool, move || {
        started.send(()).unwrap();
        wait.recv().unwrap();
    });
    receive.recv().unwrap();
    refuse.store(true, Ordering::Relaxed);
    submit(&pool, move || send.send(()).unwrap());
    assert_eq!(pool.metrics().threads_failed, 2);
    assert_eq!(pool.metrics().queue_depth, 1);
    go.send(()).unwrap();
    receive.recv_timeout(Duration::from_secs(20)).expect("the queued job runs");
    pool.shutdown(None, silent);
}

#[test]
fn a_thread_name_function_that_panics_gives_the_job_back() {
    let mut config = config(4, Duration::from_secs(10));
    config.thread_name = Arc::new(|| panic!("no name"));
    let pool: Pool<Task> = Pool::new(config, os_thread());
    assert!(matches!(pool.submit(Box::new(|| ())), Err(Rejected::NoThread(..))));
    assert_eq!(pool.metrics().threads, 0);
}

#[test]
fn panics_of_jobs_and_hooks_change_nothing() {
    let mut config = config(1, Duration::from_secs(10));
    config.on_start = Some(Arc::new(|| panic!("start hook")));
    config.on_stop = Some(Arc::new(|| panic!("stop hook")));
    let pool: Pool<Task> = Pool::new(config, os_thread());
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("payload");
        }
    }
    submit(&pool, || std::panic::panic_any(Bomb));
    submit(&pool, || panic!("job"));
    let (send, receive) = mpsc::channel();
    submit(&pool, move || send.send(()).unwrap());
    receive.recv_timeout(Duration::from_secs(20)).expect("the thread survived");
    assert_eq!(pool.metrics().threads_started, 1);
    assert_eq!(pool.shutdown(None, silent).threads, 0);
}

#[test]
fn shutdown_drops_what_waits_and_names_what_does_not_stop() {
    struct Named(mpsc::Sender<&'static str>, mpsc::Receiver<()>, Note);
    impl Job for Named {
        fn run(self) {
            self.0.send("runs").unwrap();
            let _ = self.1.recv();
        }
        fn note(&self) -> Note {
            self.2
        }
    }
    impl Drop for Named {
        fn drop(&mut self) {
            let _ = self.0.send("dropped");
        }
    }
    let pool: Pool<Named> = Pool::new(config(1, Duration::from_secs(10)), os_thread());
    let (send, receive) = mpsc::channel();
    let note = Note { id: 7, spawned_at: Some(std::panic::Location::caller()) };
    let (go, wait) = mpsc::channel();
    pool.submit(Named(send.clone(), wait, note)).unwrap();
    assert_eq!(receive.recv(), Ok("runs"));
    let (_go, wait) = mpsc::channel();
    pool.submit(Named(send.clone(), wait, Note::default())).unwrap();

    let started = Instant::now();
    let left = pool.shutdown(Some(Duration::from_millis(50)), silent);
    assert!(started.elapsed() >= Duration::from_millis(50));
    assert_eq!(receive.try_recv(), Ok("dropped"));
    assert_eq!(left.threads, 1);
    assert_eq!(left.jobs, [note]);

    let (_go, wait) = mpsc::channel();
    let refused = pool.submit(Named(send, wait, Note::default()));
    assert!(matches!(refused, Err(Rejected::ShutDown(_))));
    drop(go);
    assert_eq!(pool.shutdown(None, silent).threads, 0);
}

#[test]
fn mandatory_jobs_run_though_the_pool_is_shut_down() {
    struct Mandatory(Arc<AtomicUsize>);
    impl Job for Mandatory {
        fn run(self) {
            thread::sleep(Duration::from_millis(2));
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn is_mandatory(&self) -> bool {
            true
        }
    }
    let pool: Pool<Mandatory> = Pool::new(config(2, Duration::from_secs(10)), os_thread());
    let ran = Arc::new(AtomicUsize::new(0));
    for _ in 0..20 {
        pool.submit(Mandatory(Arc::clone(&ran))).unwrap();
    }
    assert_eq!(pool.shutdown(None, silent).threads, 0);
    assert_eq!(ran.load(Ordering::Relaxed), 20);
}

#[test]
fn a_pool_shut_down_from_its_own_thread_does_not_wait_for_itself() {
    let pool = pool(4);
    let inner = pool.clone();
    let (send, receive) = mpsc::channel();
    submit(&pool, move || send.send(inner.shutdown(None, silent).threads).unwrap());
    assert_eq!(receive.recv_timeout(Duration::from_secs(20)), Ok(0));
}

#[test]
fn hooks_run_once_on_each_thread_and_before_the_shutdown_returns() {
    let starts = Arc::new(AtomicUsize::new(0));
    let stops = Arc::new(AtomicUsize::new(0));
    let mut config = config(4, Duration::from_secs(10));
    let (a, b) = (Arc::clone(&starts), Arc::clone(&stops));
    config.on_start = Some(Arc::new(move || _ = a.fetch_add(1, Ordering::Relaxed)));
    config.on_stop = Some(Arc::new(move || _ = b.fetch_add(1, Ordering::Relaxed)));
    let pool: Pool<Task> = Pool::new(config, os_thread());
    let barrier = Arc::new(Barrier::new(4));
    for _ in 0..4 {
        let barrier = Arc::clone(&barrier);
        submit(&pool, move || {
            barrier.wait();
        });
    }
    eventually("all idle", || pool.metrics().idle_threads == 4);
    pool.shutdown(None, silent);
    assert_eq!(starts.load(Ordering::Relaxed), 4);
    assert_eq!(stops.load(Ordering::Relaxed), 4);
}

#[test]
fn many_submitters_with_short_keep_alives_lose_nothing() {
    let pool: Pool<Task> = Pool::new(config(3, Duration::from_micros(50)), os_thread());
    let ran = Arc::new(AtomicUsize::new(0));
    thread::scope(|scope| {
        for submitter in 0..3 {
            let (pool, ran) = (&pool, &ran);
            scope.spawn(move || {
                for round in 0..1000 {
                    let ran = Arc::clone(ran);
                    submit(pool, move || _ = ran.fetch_add(1, Ordering::Relaxed));
                    if round % 16 == submitter {
                        thread::sleep(Duration::from_micros(80));
                    }
                }
            });
        }
    });
    eventually("all ran", || ran.load(Ordering::Relaxed) == 3000);
    eventually("all retire", || pool.metrics().threads == 0);
    pool.shutdown(None, silent);
}

/// A job that records its place in the queue.
struct Placed {
    place: Arc<AtomicUsize>,
    run: Task,
}

impl Job for Placed {
    fn run(self) {
        (self.run)();
    }

    fn queued_at(&self, place: u64) {
        self.place.store(place as usize, Ordering::Relaxed);
    }
}

#[test]
fn jobs_that_are_taken_back_leave_no_places_behind() {
    let pool: Pool<Placed> = Pool::new(config(1, Duration::from_secs(10)), os_thread());
    let (open, gate) = mpsc::channel::<()>();
    let submit = |run: Task| {
        let place = Arc::new(AtomicUsize::new(0));
        let job = Placed { place: Arc::clone(&place), run };
        pool.submit(job).expect("the pool takes jobs");
        place
    };
    submit(Box::new(move || {
        let _ = gate.recv();
    }));
    eventually("the thread is busy", || pool.metrics().queue_depth == 0);
    let ran = Arc::new(AtomicUsize::new(0));
    let count = || {
        let ran = Arc::clone(&ran);
        Box::new(move || {
            ran.fetch_add(1, Ordering::Relaxed);
        })
    };
    submit(count());
    for _ in 0..10_000 {
        let place = submit(count());
        let place = || place.load(Ordering::Relaxed) as u64;
        assert!(pool.take_back(place).is_some());
        assert!(pool.take_back(place).is_none(), "once");
    }
    assert!(pool.shared.queue.places() < 100, "{}", pool.shared.queue.places());
    assert_eq!(pool.metrics().queue_depth, 1);
    submit(count());
    open.send(()).unwrap();
    eventually("those that are left ran", || ran.load(Ordering::Relaxed) == 2);
    pool.shutdown(None, silent);
}

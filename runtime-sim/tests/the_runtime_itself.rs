//! The runtime runs as it is: workers, monitor, blocking pool, driver, timers.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream};
use runtime::sync::mpsc;
use runtime::task::JoinSet;
use runtime::time::{Instant, sleep, timeout};
use runtime_sim::{Explorer, Network, Sim, Test};

fn multi_thread() -> runtime::Runtime {
    runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

/// Tasks that sleep, send, block and are stolen.
fn within_a_host() {
    multi_thread().block_on(async {
        assert_eq!(runtime::Handle::current().metrics().num_workers(), 4);
        let (send, mut receive) = mpsc::channel(4);
        let mut tasks = JoinSet::new();
        for number in 0..20_u64 {
            let send = send.clone();
            tasks.spawn(async move {
                sleep(Duration::from_millis(number % 5)).await;
                let value = runtime::task::spawn_blocking(move || {
                    std::thread::sleep(Duration::from_millis(number % 3));
                    number
                });
                send.send(value.await.unwrap()).await.unwrap();
                runtime::task::yield_now().await;
            });
        }
        drop(send);
        let mut sum = 0;
        while let Some(value) = receive.recv().await {
            sum += value;
        }
        assert_eq!(sum, 190);
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
        let began = Instant::now();
        assert!(timeout(Duration::from_secs(3600), std::future::pending::<()>()).await.is_err());
        assert!(began.elapsed() >= Duration::from_secs(3600));
    });
}

fn server() -> io::Result<()> {
    multi_thread().block_on(async {
        let listener = TcpListener::bind("0.0.0.0:80").await?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            runtime::spawn(async move {
                let mut place = [0; 512];
                while let Ok(length @ 1..) = stream.read(&mut place).await {
                    stream.write_all(&place[..length]).await.unwrap();
                }
            });
        }
    })
}

fn client() -> io::Result<()> {
    multi_thread().block_on(async {
        let mut tasks = JoinSet::new();
        for number in 0..5_u8 {
            tasks.spawn(async move {
                let mut stream = TcpStream::connect("server:80").await?;
                for round in 0..10_u8 {
                    let sent = vec![number ^ round; 100 * usize::from(round) + 1];
                    stream.write_all(&sent).await?;
                    let mut back = vec![0; sent.len()];
                    stream.read_exact(&mut back).await?;
                    assert_eq!(back, sent);
                }
                Ok::<_, io::Error>(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap()?;
        }
        Ok(())
    })
}

fn alone(sim: &mut Sim) {
    sim.limit(Duration::from_secs(7200));
    sim.client("user", within_a_host);
}

fn over_a_network(sim: &mut Sim) {
    sim.network(Network::wan().loss(0.01));
    sim.host("server", server);
    sim.client("client", client);
}

fn check(test: &Test, seeds: u64, different: usize) {
    let report = test.clone().seeds(200).search();
    assert!(report.failure.is_none(), "{}", report.failure.unwrap().text);
    assert!(report.different >= different, "{} of 200", report.different);
    // parking_lot finds its queues by addresses, so these stay where they are.
    let pinned = test.hashes(0..seeds, 3);
    for (seed, hashes) in pinned.iter().enumerate() {
        if !hashes.iter().all(|hash| *hash == hashes[0]) {
            panic!("{}", test.first_difference(seed as u64).unwrap_or_default());
        }
    }
}

#[test]
fn a_runtime_within_a_host_is_the_same_run_in_each_process() {
    check(&Test::new("a_runtime_within_a_host_is_the_same_run_in_each_process", alone), 20, 140);
}

#[test]
fn two_runtimes_over_a_network_are_the_same_run_in_each_process() {
    let name = "two_runtimes_over_a_network_are_the_same_run_in_each_process";
    check(&Test::new(name, over_a_network), 20, 198);
}

fn task_that_yields(sim: &mut Sim) {
    sim.step_limit(1_000_000);
    sim.client("test", || {
        multi_thread().block_on(async {
            let yields = runtime::spawn(async move {
                let has_run = Arc::new(AtomicBool::new(false));
                let sets = has_run.clone();
                let other = std::thread::spawn(move || sets.store(true, Ordering::SeqCst));
                while !has_run.load(Ordering::SeqCst) {
                    runtime::task::yield_now().await;
                }
                other.join().unwrap();
            });
            yields.await.unwrap();
        });
    });
}

/// A task that yields is no thread that does: the worker goes on with it, if the schedule lets it.
#[test]
fn no_schedule_lets_a_task_yield_for_ever() {
    let name = "no_schedule_lets_a_task_yield_for_ever";
    for explorer in [Explorer::Default, Explorer::Pct { depth: 1 }, Explorer::Mixed] {
        let report = Test::new(name, task_that_yields).explorer(explorer).seeds(20).search();
        if let Some(found) = report.failure {
            panic!("{}", found.text);
        }
    }
}

/// The same on a current-thread runtime: the thread that it waits for runs beside it.
#[runtime_sim::test(seeds = 20)]
fn a_root_future_of_a_current_thread_runtime_lets_other_threads_run() {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let has_run = Arc::new(AtomicBool::new(false));
    let sets = Arc::clone(&has_run);
    let other = std::thread::spawn(move || sets.store(true, Ordering::SeqCst));
    runtime.block_on(async {
        while !has_run.load(Ordering::SeqCst) {
            runtime::task::yield_now().await;
        }
    });
    other.join().unwrap();
}

/// Each poll of a root future is a scheduling point, as each poll of a task is.
#[runtime_sim::test(seeds = 20)]
fn a_root_future_that_yields_until_a_task_has_run_lets_it_run() {
    let runtime = runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let has_run = Arc::new(AtomicBool::new(false));
    let sets = Arc::clone(&has_run);
    runtime.spawn(async move { sets.store(true, Ordering::SeqCst) });
    runtime.block_on(async {
        while !has_run.load(Ordering::SeqCst) {
            runtime::task::yield_now().await;
        }
    });
}

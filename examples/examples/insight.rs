//! A program in which much is wrong, to try out how one sees it from outside.
//!
//! ```text
//! cargo run --release -p examples --example insight
//! ```
//!
//! It switches insight on itself and prints the address of its page, and the commands that look
//! into it. Other programs need the variable `RUNTIME_INSIGHT=1` and no change.
//!
//! What to look for, by its name:
//!
//! 1. `transfer a to b` and `transfer b to a` each hold one account and wait for the other: a
//!    deadlock. `audit a` and `interest on b` wait behind them. See *Findings*, and *Locks*.
//! 2. `report` computes for a third of a second in one poll, every second: all who are in its
//!    worker's queue wait. See *Overview*, the workers and how long polls take; *Tasks* by *Busy*.
//! 3. `lost` waits for something and has told nobody how to wake it: no waker of it is left.
//! 4. `session` is spawned ten times a second and never ends: a leak. See *Overview*, where the
//!    tasks were spawned.
//! 5. The others are well: `producer`, `consumer`, `ticker`, a server and its clients, `backup` in
//!    the blocking pool.
//!
//! `TASKS=100000` adds as many tasks that wait for a timer, to see that the table stays quick. It
//! runs until Ctrl-C.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream};
use runtime::runtime::HistogramConfiguration;
use runtime::sync::{Barrier, Mutex, Notify, mpsc};
use runtime::time::sleep;
use runtime_insight::Page;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[track_caller]
fn spawn(name: &str, task: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    // Nobody waits for its end.
    runtime::task::Builder::new().name(name).spawn(task).map(drop)
}

fn main() -> Result<(), Error> {
    let more = match std::env::var("TASKS") {
        Ok(count) => count.parse().map_err(|_| format!("TASKS is no number: {count:?}"))?,
        Err(_) => 0,
    };
    let page = Page::at("127.0.0.1:0").on_start(|address| println!("the page: {address}"));
    let runtime = runtime::Builder::new_multi_thread()
        .name("bank")
        .worker_threads(4)
        .insight(page)
        .enable_metrics_poll_time_histogram()
        .metrics_poll_time_histogram_configuration(HistogramConfiguration::log(
            runtime::runtime::LogHistogram::builder()
                .min_value(Duration::from_micros(1))
                .max_value(Duration::from_secs(4))
                .precision_exact(0)
                .build(),
        ))
        .enable_all()
        .build()?;
    let pid = std::process::id();
    println!("the tasks as text:  runtime-insight {pid} dump");
    println!("the busiest tasks:  runtime-insight {pid} top");
    runtime.block_on(async move {
        deadlock()?;
        slow_poll()?;
        lost()?;
        leak()?;
        well().await?;
        for _ in 0..more {
            spawn("one of many", sleep(Duration::from_secs(86_400)))?;
        }
        println!("started; Ctrl-C ends it");
        runtime::signal::ctrl_c().await
    })?;
    // Not all of its tasks would ever end.
    runtime.shutdown_background();
    Ok(())
}

/// Two tasks that lock the same two accounts, each in its own order.
fn deadlock() -> io::Result<()> {
    let a = Arc::new(Mutex::new(100));
    let b = Arc::new(Mutex::new(100));
    let both_hold_one = Arc::new(Barrier::new(2));
    for (name, from, to) in [("transfer a to b", &a, &b), ("transfer b to a", &b, &a)] {
        let (from, to, barrier) = (Arc::clone(from), Arc::clone(to), Arc::clone(&both_hold_one));
        spawn(name, async move {
            let mut from = from.lock().await;
            barrier.wait().await;
            let mut to = to.lock().await;
            *from -= 1;
            *to += 1;
        })?;
    }
    for (name, account) in [("audit a", a), ("interest on b", b)] {
        spawn(name, async move {
            // The two above come first.
            sleep(Duration::from_millis(200)).await;
            *account.lock().await += 1;
        })?;
    }
    Ok(())
}

/// A task that does not let go of its worker.
fn slow_poll() -> io::Result<()> {
    spawn("report", async {
        loop {
            let began = Instant::now();
            let mut sum = 0_u64;
            while began.elapsed() < Duration::from_millis(330) {
                sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
            }
            sleep(Duration::from_secs(1)).await;
        }
    })
}

/// A task whose future keeps no waker.
fn lost() -> io::Result<()> {
    spawn("lost", std::future::pending())
}

/// Tasks that are spawned and never end.
fn leak() -> io::Result<()> {
    let never = Arc::new(Notify::new());
    spawn("listener", async move {
        loop {
            sleep(Duration::from_millis(100)).await;
            let never = Arc::clone(&never);
            if spawn("session", async move { never.notified().await }).is_err() {
                return;
            }
        }
    })
}

/// What a healthy program does: a channel, timers, a server with clients, blocking jobs.
async fn well() -> io::Result<()> {
    let (send, mut receive) = mpsc::channel(16);
    spawn("producer", async move {
        for number in 0_u64.. {
            if send.send(number).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
    })?;
    spawn("consumer", async move { while receive.recv().await.is_some() {} })?;
    for _ in 0..20 {
        spawn("ticker", async {
            let mut ticks = runtime::time::interval(Duration::from_millis(10));
            loop {
                ticks.tick().await;
            }
        })?;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    spawn("server", async move {
        while let Ok((stream, _)) = listener.accept().await {
            if spawn("connection", echo(stream)).is_err() {
                return;
            }
        }
    })?;
    for _ in 0..5 {
        spawn("client", async move {
            let Ok(mut stream) = TcpStream::connect(address).await else { return };
            let mut answer = [0; 4];
            while stream.write_all(b"ping").await.is_ok()
                && stream.read_exact(&mut answer).await.is_ok()
            {
                sleep(Duration::from_millis(20)).await;
            }
        })?;
    }
    spawn("backup", async {
        loop {
            let copied = runtime::task::spawn_blocking(|| {
                std::thread::sleep(Duration::from_millis(700));
            });
            if copied.await.is_err() {
                return;
            }
            sleep(Duration::from_millis(300)).await;
        }
    })
}

async fn echo(mut stream: TcpStream) {
    let mut bytes = [0; 1024];
    while let Ok(read @ 1..) = stream.read(&mut bytes).await {
        if stream.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

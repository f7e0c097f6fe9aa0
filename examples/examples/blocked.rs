//! One task blocks its thread, another never yields. Everything else goes on.
//!
//! ```text
//! cargo run --release -p examples --example blocked
//! ```
//!
//! Two workers, and two tasks that each do what no async code should: `napper` calls
//! `std::thread::sleep`, `spinner` computes without an `.await`. Together they hold both workers.
//!
//! Meanwhile a metronome ticks every 10 ms and two tasks echo bytes over a socket. On a runtime
//! whose workers alone deliver timers and I/O both would stand still until a hog comes back,
//! without a word about why. Here the monitor thread notices that a worker's poll does not end,
//! lets a spare worker take over what waits behind it, and names the culprit on stderr: the task's
//! name, where it was spawned, how long it has blocked and, on Linux, the stack it stands on.
//!
//! The program prints how late the ticks came and how long an echo took. The lines on stderr that
//! begin with the runtime's name come from the runtime itself.

use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream};
use runtime::task::JoinHandle;
use runtime::time::{MissedTickBehavior, interval};

const WORKERS: usize = 2;
const HOLD: Duration = Duration::from_millis(600);
const SHOW: Duration = Duration::from_secs(3);

fn main() -> io::Result<()> {
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .stall_report(Duration::from_millis(100))
        .enable_all()
        .build()?;
    runtime.block_on(async {
        println!("with nobody in the way:");
        show(Duration::from_secs(1)).await?;

        println!("with {WORKERS} workers and a task that blocks each of them {HOLD:?} at a time:");
        let hogs = [named("napper", napper())?, named("spinner", spinner())?];
        show(SHOW).await?;
        hogs.iter().for_each(JoinHandle::abort);

        println!("stalls noticed: {}", runtime::Handle::current().metrics().stall_count());
        Ok(())
    })
}

/// Names the task; the place that a report gives is the caller's.
#[track_caller]
fn named(
    name: &str,
    task: impl Future<Output = ()> + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    runtime::task::Builder::new().name(name).spawn(task)
}

/// Blocks its thread, as a call into a synchronous library would.
async fn napper() {
    loop {
        std::thread::sleep(HOLD);
        runtime::task::yield_now().await;
    }
}

/// Computes, as a big parse or a tight loop would.
async fn spinner() {
    loop {
        let start = Instant::now();
        let mut sum = 0u64;
        while start.elapsed() < HOLD {
            for number in 0..10_000u64 {
                sum = black_box(sum.wrapping_mul(31).wrapping_add(number));
            }
        }
        runtime::task::yield_now().await;
    }
}

/// Runs the metronome and the echo side by side and prints what they saw.
async fn show(how_long: Duration) -> io::Result<()> {
    let metronome = runtime::spawn(metronome(how_long));
    let echo = runtime::spawn(echo(how_long));
    report("a 10 ms tick was late by", metronome.await.map_err(io::Error::other)?);
    report("an echo took", echo.await.map_err(io::Error::other)??);
    Ok(())
}

async fn metronome(how_long: Duration) -> Vec<Duration> {
    let mut ticks = interval(Duration::from_millis(10));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let end = runtime::time::Instant::now() + how_long;
    let mut late = Vec::new();
    loop {
        let due = ticks.tick().await;
        if due >= end {
            return late;
        }
        late.push(due.elapsed());
    }
}

async fn echo(how_long: Duration) -> io::Result<Vec<Duration>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut near = TcpStream::connect(listener.local_addr()?).await?;
    let (mut far, _) = listener.accept().await?;
    runtime::spawn(async move {
        let mut byte = [0];
        while far.read_exact(&mut byte).await.is_ok() && far.write_all(&byte).await.is_ok() {}
    });

    let mut took = Vec::new();
    let start = Instant::now();
    while start.elapsed() < how_long {
        let sent = Instant::now();
        near.write_all(b"!").await?;
        near.read_exact(&mut [0]).await?;
        took.push(sent.elapsed());
        runtime::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(took)
}

fn report(what: &str, mut durations: Vec<Duration>) {
    durations.sort_unstable();
    let at = |part: usize| durations[(durations.len() - 1) * part / 100];
    let count = durations.len();
    println!("  {what}: half within {:?}, 99 % within {:?} ({count} times)", at(50), at(99));
}

//! How fast the simulation is: three hosts, 200 requests, 60 s of virtual time, faults of all
//! kinds.
//!
//! A user asks a web server, which asks a database: each request goes over two connections, and is
//! tried again until it is answered. Hosts crash and come back meanwhile, packets get lost, clocks
//! go wrong.
//!
//! ```sh
//! cargo run --release -p runtime-sim --example sixty_seconds
//! # On one core, as the figures in docs/simulation.md are.
//! RUNTIME_SIM_JOBS=1 cargo run --release -p runtime-sim --example sixty_seconds
//! ```

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use runtime::net::{TcpListener, TcpStream};
use runtime::time::{Instant, sleep, sleep_until, timeout};
use runtime_sim::{Faults, Network, Sim, Test};

const REQUESTS: u32 = 200;
const TIME: Duration = Duration::from_secs(60);
const SEEDS: u64 = 1000;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// Answers each line of each connection.
async fn serve<F>(
    port: u16,
    answer: impl Fn(String) -> F + Clone + Send + 'static,
) -> io::Result<()>
where
    F: Future<Output = io::Result<String>> + Send,
{
    let listener = TcpListener::bind(("0.0.0.0", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let answer = answer.clone();
        runtime::spawn(async move {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            while let Ok(1..) = stream.read_line(&mut line).await {
                let Ok(text) = answer(std::mem::take(&mut line)).await else { return };
                if stream.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
    }
}

async fn ask(host: &str, port: u16, line: &str) -> io::Result<String> {
    let asked = async {
        let mut stream = BufReader::new(TcpStream::connect((host, port)).await?);
        stream.write_all(line.as_bytes()).await?;
        let mut answer = String::new();
        match stream.read_line(&mut answer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(answer),
        }
    };
    timeout(Duration::from_millis(500), asked).await?
}

/// Counts how often it was asked for a name.
fn db() -> io::Result<()> {
    let counts: Arc<Mutex<BTreeMap<String, u64>>> = Arc::default();
    block_on(serve(80, move |name| {
        let counts = counts.clone();
        async move {
            let mut counts = counts.lock().expect("the counts");
            let count = counts.entry(name).or_default();
            *count += 1;
            Ok(format!("{count}\n"))
        }
    }))
}

fn web() -> io::Result<()> {
    block_on(serve(80, |name| async move { ask("db", 80, &name).await }))
}

fn user() {
    block_on(async {
        let began = Instant::now();
        for number in 0..REQUESTS {
            while ask("web", 80, &format!("name {number}\n")).await.is_err() {
                sleep(Duration::from_millis(50)).await;
            }
            sleep_until(began + TIME * (number + 1) / REQUESTS).await;
        }
    });
}

fn world(sim: &mut Sim) {
    sim.network(Network::lan().loss(0.001));
    sim.faults(Faults::swarm().during(TIME));
    sim.host("db", db);
    sim.host("web", web);
    sim.client("user", user);
}

fn main() {
    let test = Test::new("sixty_seconds", world).in_program().seeds(SEEDS);
    let report = test.search();
    if let Some(found) = &report.failure {
        println!("{}", found.text);
    }
    let ms = report.took.as_secs_f64() * 1000.0;
    println!(
        "{} seeds, {} of them different, {} steps a seed, {:.1} s of virtual time a seed, {:.2} ms",
        report.seeds,
        report.different,
        report.steps / report.seeds.max(1),
        report.simulated.as_secs_f64() / report.seeds.max(1) as f64,
        ms / report.seeds.max(1) as f64,
    );
}

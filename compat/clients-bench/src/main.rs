//! Clients of PostgreSQL, Redis and NATS as their users write them, and a TCP proxy.
//!
//! `clients-bench LOAD ADDRESS SECONDS` runs one load against a server and prints what was counted
//! (`count.rs`). `clients-bench peer ..` is the other end of the proxy's connections.

mod count;
mod messages;
mod pools;
mod proxy;
mod redis_loads;

use std::env;
use std::error::Error;
use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;

use count::{Operations, measure};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// One of a load's tasks. It ends at its first error, and so does the program.
fn task(work: impl Future<Output = Outcome> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = work.await {
            eprintln!("{error}");
            std::process::exit(1);
        }
    })
}

/// Sets a load up, and leaves its tasks at work.
async fn start(load: &str, address: &str, operations: &Operations) -> Outcome {
    match load {
        "nats-request" => messages::requests(address, operations, 200).await,
        "nats-request-1" => messages::requests(address, operations, 1).await,
        "redis-ping" => redis_loads::pings(address, operations).await,
        "redis-shared" => redis_loads::shared(address, operations, 400).await,
        "redis-pubsub" => redis_loads::published(address, operations).await,
        "postgres-pipelined" => pools::pipelined(address, operations, 100).await,
        "deadpool-select" => pools::deadpool(address, operations, 400, 20).await,
        "sqlx-select" => pools::sqlx(address, operations, 400, 20).await,
        "proxy-bulk" => proxy::run(operations, "bulk", 4).await,
        "proxy-echo" => proxy::run(operations, "echo", 50).await,
        other => Err(format!("there is no load `{other}`").into()),
    }
}

#[tokio::main]
async fn run(load: &str, address: &str, time: Duration) -> Outcome {
    let operations = Operations::default();
    start(load, address, &operations).await?;
    measure(&operations, time).await
}

fn main() -> Outcome {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["peer", kind, connections, proxy, report] => proxy::peer(kind, connections, proxy, report),
        [load, address, seconds] => run(load, address, Duration::from_secs_f64(seconds.parse()?)),
        _ => Err("usage: clients-bench LOAD ADDRESS SECONDS".into()),
    }
}

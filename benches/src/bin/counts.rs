//! A fixed number of operations of one workload, for whoever counts instructions.
//!
//! `cargo xtask counts` runs it under valgrind, twice with different numbers, so that what a start
//! and an end cost falls out of the difference. `counts PEER WORKLOAD WORKERS OPERATIONS`

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;

use benches::peers::ours::Ours;
use benches::peers::tokio::Tokio;
use benches::peers::{Peer, on_worker};

/// What one operation is.
const WORKLOADS: &[&str] = &["spawn", "batch", "yield", "ping-pong", "echo", "semaphore", "sleep"];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [peer, workload, workers, operations] = &words[..] else {
        eprintln!("counts PEER WORKLOAD WORKERS OPERATIONS");
        return ExitCode::FAILURE;
    };
    let (Ok(workers), Ok(operations)) = (workers.parse(), operations.parse()) else {
        eprintln!("WORKERS and OPERATIONS are numbers");
        return ExitCode::FAILURE;
    };
    let known = match peer.as_str() {
        "ours" => run::<Ours>(workload, workers, operations),
        "tokio" => run::<Tokio>(workload, workers, operations),
        _ => false,
    };
    if known {
        ExitCode::SUCCESS
    } else {
        eprintln!("the peers are ours and tokio, the workloads {}", WORKLOADS.join(", "));
        ExitCode::FAILURE
    }
}

fn run<P: Peer>(workload: &str, workers: usize, n: usize) -> bool {
    let rt = P::start(workers);
    match workload {
        "spawn" => on_worker::<P, _>(&rt, async move {
            for _ in 0..n {
                P::spawn(async {}).await;
            }
        }),
        "batch" => on_worker::<P, _>(&rt, batches::<P>(n)),
        "yield" => on_worker::<P, _>(&rt, async move {
            for _ in 0..n {
                P::yield_now().await;
            }
        }),
        "ping-pong" => on_worker::<P, _>(&rt, ping_pong::<P>(n)),
        "echo" => echo::<P>(&rt, n),
        "semaphore" => on_worker::<P, _>(&rt, permits::<P>(n)),
        "sleep" => on_worker::<P, _>(&rt, async move {
            for _ in 0..n {
                let never = std::future::pending::<()>();
                P::timeout(std::time::Duration::from_micros(1), never).await;
            }
        }),
        _ => return false,
    }
    P::stop(rt);
    true
}

/// A hundred at a time, then joined.
async fn batches<P: Peer>(n: usize) {
    for _ in 0..n / 100 {
        let tasks: Vec<_> = (0..100).map(|_| P::spawn(async {})).collect();
        for task in tasks {
            task.await;
        }
    }
}

/// A value goes to another task and comes back.
async fn ping_pong<P: Peer>(n: usize) {
    let (to, mut there) = P::bounded(1);
    let (back, mut here) = P::bounded(1);
    let other = P::spawn(async move {
        while let Some(value) = P::recv(&mut there).await {
            P::send(&back, value).await;
        }
    });
    for value in 0..n as u64 {
        P::send(&to, value).await;
        P::recv(&mut here).await;
    }
    drop(to);
    other.await;
}

/// One permit, which four tasks ask for and yield under.
async fn permits<P: Peer>(n: usize) {
    let semaphore = std::sync::Arc::new(P::semaphore(1));
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let semaphore = semaphore.clone();
            P::spawn(async move {
                for _ in 0..n / 4 {
                    let _permit = P::acquire(&semaphore).await;
                    P::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await;
    }
}

/// Sixty-four bytes there and back over TCP; the client is a thread of the standard library.
fn echo<P: Peer>(rt: &P::Runtime, n: usize) {
    let listener = P::block_on(rt, P::bind(([127, 0, 0, 1], 0).into())).expect("a free port");
    let address = P::local_addr(&listener).expect("the listener has an address");
    let client = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).expect("somebody listens");
        let mut bytes = [7; 64];
        for _ in 0..n {
            stream.write_all(&bytes).expect("the server reads");
            stream.read_exact(&mut bytes).expect("the server answers");
        }
    });
    on_worker::<P, _>(rt, async move {
        let mut stream = P::accept(&listener).await.expect("the client connects");
        let mut bytes = [0; 64];
        loop {
            let read = P::read(&mut stream, &mut bytes).await.expect("the client writes");
            if read == 0 {
                break;
            }
            P::write_all(&mut stream, &bytes[..read]).await.expect("the client reads");
        }
    });
    client.join().expect("the client sees no error");
}

//! Writes a trace of a small busy program for the Perfetto UI: `cargo run -p runtime-insight
//! --example trace -- trace.pftrace`, then open the file at <https://ui.perfetto.dev>.

use std::error::Error;
use std::time::Duration;

use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream};
use runtime::{task, time};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: trace FILE")?;
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .name("example")
        .insight(true)
        .enable_all()
        .build()?;
    runtime.block_on(work())?;
    let trace = runtime.handle().trace(Duration::from_secs(10));
    let polls: u64 = {
        let metrics = runtime.handle().metrics();
        (0..metrics.num_workers()).map(|worker| metrics.worker_poll_count(worker)).sum()
    };
    std::fs::write(&path, runtime_insight::perfetto::convert(&trace.to_bytes())?)?;
    println!("{} events, {polls} polls", trace.event_count());
    Ok(())
}

/// Connections that send to and fro, timers, a job, one poll that takes too long.
async fn work() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = task::Builder::new().name("accept").spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            runtime::spawn(async move {
                let mut bytes = [0; 64];
                while let Ok(count @ 1..) = stream.read(&mut bytes).await {
                    if stream.write_all(&bytes[..count]).await.is_err() {
                        break;
                    }
                }
            });
        }
    })?;
    let clients: Vec<_> = (0..4)
        .map(|n| {
            runtime::spawn(async move {
                let mut stream = TcpStream::connect(address).await?;
                for _ in 0..500 {
                    stream.write_all(&[n; 64]).await?;
                    stream.read_exact(&mut [0; 64]).await?;
                }
                std::io::Result::Ok(())
            })
        })
        .collect();
    let slow = task::Builder::new().name("slow").spawn(async {
        time::sleep(Duration::from_millis(5)).await;
        std::thread::sleep(Duration::from_millis(40));
    })?;
    let job = runtime::spawn_blocking(|| std::thread::sleep(Duration::from_millis(10)));
    for client in clients {
        client.await??;
    }
    slow.await?;
    job.await?;
    server.abort();
    let _ = server.await;
    Ok(())
}

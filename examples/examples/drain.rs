//! A server that ends in good order: what has been begun is finished, for a while.
//!
//! ```text
//! cargo run --release -p examples --example drain
//! nc 127.0.0.1 7004        # type a number of milliseconds, and ctrl-c the server meanwhile
//! ```
//!
//! The idea is the scope. Every connection is a task of one scope; at the signal the scope is told
//! to end, and from then on there are three kinds of tasks. One that waits for its client hears of
//! it and leaves. One that is at work finishes that piece of work and then leaves. One that has not
//! left after [`GRACE`] is dropped where it stands, unless it holds a `CancelGuard`: it is in the
//! middle of something that must not be torn, here the last line of an answer. When `shutdown`
//! returns, no task is left.
//!
//! The port is 7004, or what the variable `PORT` says.

use std::io;
use std::time::Duration;

use runtime::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use runtime::net::{TcpListener, TcpStream};
use runtime::task::{CancelGuard, Scope};

/// How long work may go on after the signal.
const GRACE: Duration = Duration::from_secs(2);

#[runtime::main]
async fn main() -> io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(7004);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?);

    let scope = Scope::new();
    // One future for the whole loop: a signal that came between two would be lost.
    let signal = runtime::signal::ctrl_c();
    runtime::pin!(signal);
    loop {
        runtime::select! {
            accepted = listener.accept() => {
                let (stream, peer) = accepted?;
                drop(scope.spawn(async move {
                    if let Err(error) = serve(stream).await {
                        eprintln!("{peer}: {error}");
                    }
                }));
            }
            signal = &mut signal => {
                signal?;
                break;
            }
        }
    }
    drop(listener);
    eprintln!("ending; {} connections", scope.alive_tasks());
    scope.shutdown(GRACE).await.map_err(io::Error::other)
}

/// Each line is a number of milliseconds of work.
async fn serve(stream: TcpStream) -> io::Result<()> {
    let told = Scope::current().cancelled();
    runtime::pin!(told);
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        runtime::select! {
            _ = &mut told => break,
            read = stream.read_line(&mut line) => if read? == 0 { break },
        }
        let work = line.trim().parse().unwrap_or(0);
        stream.write_all(b"begun\n").await?;
        runtime::time::sleep(Duration::from_millis(work)).await;
        let _guard = CancelGuard::new();
        stream.write_all(format!("worked for {work} ms\n").as_bytes()).await?;
    }
    stream.write_all(b"goodbye\n").await
}

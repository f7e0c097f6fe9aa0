//! The smallest server: whatever a client sends comes back.
//!
//! ```text
//! cargo run --release -p examples --example echo
//! nc 127.0.0.1 7000
//! ```
//!
//! One task listens, one task a connection copies. The code reads as if each connection had a
//! thread of its own; what runs is two workers for any number of them. A connection ends when its
//! client closes or its socket fails, and a failure ends that connection alone.
//!
//! The port is 7000, or what the variable `PORT` says.

use std::io;
use std::time::Duration;

use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream};

#[runtime::main]
async fn main() -> io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(7000);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?);

    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // The handle is dropped: the task runs on, and nobody waits for it.
                runtime::spawn(async move {
                    if let Err(error) = echo(stream).await {
                        eprintln!("{peer}: {error}");
                    }
                });
            }
            Err(error) => {
                eprintln!("accept: {error}");
                runtime::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n]).await?,
        }
    }
}

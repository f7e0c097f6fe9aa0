//! A TCP proxy made of `copy_bidirectional`, as in bore. Both ends of its connections belong to
//! another process, so that only the proxy is counted.

use std::env;
use std::io::{self, Read, Write};
use std::net::{self, SocketAddr};
use std::process::Command;
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::count::Operations;
use crate::{Outcome, task};

/// What is sent at a time, and counted as one operation: in bulk, and in a round trip.
const PIECE: usize = 64 * 1024;
const MESSAGE: usize = 64;

/// How often the other process says how far it is.
const REPORT_EVERY: Duration = Duration::from_millis(20);

/// Starts a proxy and the process with the ends. With `kind` `bulk` so many connections send all
/// they can; with `echo` each sends a message and waits until it is back.
pub(crate) async fn run(operations: &Operations, kind: &str, connections: usize) -> Outcome {
    let (listener, reports) = (listen().await?, listen().await?);
    let mut peer = Command::new(env::current_exe()?);
    peer.args(["peer", kind, &connections.to_string()]);
    peer.args([listener.local_addr()?.to_string(), reports.local_addr()?.to_string()]);
    // It ends when it cannot report any more. Nobody waits for it.
    drop(peer.spawn()?);
    let (mut report, _) = reports.accept().await?;
    let target = SocketAddr::from(([127, 0, 0, 1], report.read_u16().await?));
    task(async move {
        loop {
            let (mut from, _) = listener.accept().await?;
            task(async move {
                let mut to = TcpStream::connect(target).await?;
                from.set_nodelay(true)?;
                to.set_nodelay(true)?;
                copy_bidirectional(&mut from, &mut to).await?;
                Ok(())
            });
        }
    });
    let operations = operations.clone();
    task(async move {
        loop {
            operations.add(report.read_u64().await?);
        }
    });
    Ok(())
}

async fn listen() -> Outcome<TcpListener> {
    Ok(TcpListener::bind("127.0.0.1:0").await?)
}

// ---- the other process: threads ----

/// Both ends of the connections. An end whose connection breaks ends its thread: the proxy is gone.
pub(crate) fn peer(kind: &str, connections: &str, proxy: &str, report: &str) -> Outcome {
    let (near, far): (End, End) = match kind {
        "bulk" => (send, receive),
        "echo" => (ask, answer),
        other => return Err(format!("there are no ends of the kind `{other}`").into()),
    };
    let listener = net::TcpListener::bind("127.0.0.1:0")?;
    let mut report = net::TcpStream::connect(report)?;
    report.write_all(&listener.local_addr()?.port().to_be_bytes())?;
    let done = Operations::default();
    for _ in 0..connections.parse()? {
        let ends = [(near, net::TcpStream::connect(proxy)?), (far, listener.accept()?.0)];
        for (run, stream) in ends {
            stream.set_nodelay(true)?;
            let done = done.clone();
            thread::spawn(move || run(stream, &done));
        }
    }
    loop {
        thread::sleep(REPORT_EVERY);
        // The proxy has ended.
        if report.write_all(&done.take().to_be_bytes()).is_err() {
            return Ok(());
        }
    }
}

type End = fn(net::TcpStream, &Operations) -> io::Result<()>;

fn send(mut stream: net::TcpStream, _: &Operations) -> io::Result<()> {
    let piece = vec![7; PIECE];
    loop {
        stream.write_all(&piece)?;
    }
}

fn receive(mut stream: net::TcpStream, done: &Operations) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        stream.read_exact(&mut piece)?;
        done.add(1);
    }
}

fn ask(mut stream: net::TcpStream, done: &Operations) -> io::Result<()> {
    let mut message = [7; MESSAGE];
    loop {
        stream.write_all(&message)?;
        stream.read_exact(&mut message)?;
        done.add(1);
    }
}

fn answer(mut stream: net::TcpStream, _: &Operations) -> io::Result<()> {
    let mut message = [0; MESSAGE];
    loop {
        stream.read_exact(&mut message)?;
        stream.write_all(&message)?;
    }
}

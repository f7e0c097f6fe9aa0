//! The server's end of the workloads over TCP, a process of its own so that its CPU time and its
//! system calls are its own.
//!
//! It prints its address, then answers each line on its standard input with the CPU time that it
//! has used so far, in microseconds; at the end of its input it exits. For the kind `lines` both
//! are what is copied.

use std::convert::Infallible;
use std::io::{BufRead, Read, Write};
use std::sync::{Mutex, mpsc};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};

use crate::measure::cpu_time;
use crate::peers::{self, Peer, on_worker};
use crate::workloads::spawn::Idle;

pub fn main(args: &[String]) {
    let mut peer = "tokio";
    let mut kind = "echo";
    let mut workers = 2;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let value = args.next().map(String::as_str).unwrap_or_default();
        match arg.as_str() {
            "--peer" => peer = value,
            "--kind" => kind = value,
            "--workers" => workers = value.parse().expect("--workers takes a number"),
            _ => panic!(
                "serve: --peer NAME, --kind echo|udp|http|idle|memory|lines, --workers N; not {arg}"
            ),
        }
    }
    if kind == "lines" {
        return lines(peer, workers);
    }
    let (addr_tx, addr) = mpsc::channel();
    let kind = kind.to_owned();
    match peer {
        #[cfg(feature = "ours")]
        "ours" => start::<peers::ours::Ours>(kind, workers, addr_tx),
        "tokio" => start::<peers::tokio::Tokio>(kind, workers, addr_tx),
        "smol" => start::<peers::smol::Smol>(kind, workers, addr_tx),
        "async-std" => start::<peers::async_std::AsyncStd>(kind, workers, addr_tx),
        "raw" if kind == "udp" => drop(thread::spawn(|| raw_udp(addr_tx))),
        "raw" => drop(thread::spawn(|| raw_echo(addr_tx))),
        _ => panic!("serve: no peer named {peer}"),
    }
    println!("{}", addr.recv().unwrap());
    for line in std::io::stdin().lock().lines() {
        if line.is_err() {
            break;
        }
        println!("{}", cpu_time().as_micros());
    }
    std::process::exit(0);
}

/// Copies lines until there are no more.
fn lines(peer: &str, workers: usize) {
    fn on<P: Peer>(workers: usize) {
        let rt = P::start(workers);
        on_worker::<P, _>(&rt, P::copy_lines()).unwrap();
        // Without stopping: a reader of stdin may still be in its system call.
        std::process::exit(0);
    }
    match peer {
        #[cfg(feature = "ours")]
        "ours" => on::<peers::ours::Ours>(workers),
        "tokio" => on::<peers::tokio::Tokio>(workers),
        "smol" => on::<peers::smol::Smol>(workers),
        "async-std" => on::<peers::async_std::AsyncStd>(workers),
        _ => panic!("serve: no peer named {peer}"),
    }
}

/// Runs the peer on a thread that lives as long as the process.
fn start<P: Peer>(kind: String, workers: usize, addr_tx: mpsc::Sender<String>) {
    thread::spawn(move || {
        let rt = P::start(workers);
        let server = P::spawn_on(&rt, async move {
            let listener = P::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
            if kind == "memory" {
                addr_tx.send(resident::<P>().await.to_string()).unwrap();
                return std::future::pending().await;
            }
            if kind == "udp" {
                return udp::<P>(addr_tx).await;
            }
            addr_tx.send(P::local_addr(&listener).unwrap().to_string()).unwrap();
            match kind.as_str() {
                "echo" => echo::<P>(listener).await,
                "http" => http::<P>(listener).await,
                // Settles after a timer and a task; after that nothing is left to do.
                _ => {
                    P::spawn(P::sleep(Duration::from_millis(5))).await;
                    std::future::pending().await
                }
            }
        });
        P::block_on(&rt, server)
    });
}

/// Bytes that the process grows by for each of 100,000 idle tasks; where their handles and wakers
/// go is there before.
async fn resident<P: Peer>() -> f64 {
    const TASKS: usize = 100_000;
    static WAKERS: Mutex<Vec<Waker>> = Mutex::new(Vec::new());
    // The tasks' own first pages, so that a first task's setting up is not counted.
    P::spawn(P::sleep(Duration::from_millis(1))).await;
    let mut handles: Vec<Option<P::Join<()>>> = (0..TASKS).map(|_| None).collect();
    *WAKERS.lock().unwrap() = vec![Waker::noop().clone(); TASKS];
    WAKERS.lock().unwrap().clear();
    let before = resident_bytes();
    for handle in &mut handles {
        *handle = Some(P::spawn(Idle::new(&WAKERS)));
    }
    while WAKERS.lock().unwrap().len() < TASKS {
        P::sleep(Duration::from_millis(1)).await;
    }
    (resident_bytes() - before) / TASKS as f64
}

fn resident_bytes() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|n| n.parse::<f64>().ok());
    pages.unwrap_or(f64::NAN) * 4096.0
}

async fn echo<P: Peer>(listener: P::Listener) {
    loop {
        let Ok(mut stream) = P::accept(&listener).await else { continue };
        P::detach(P::spawn(async move {
            let mut buf = [0; 1024];
            while let Ok(n) = P::read(&mut stream, &mut buf).await {
                if n == 0 || P::write_all(&mut stream, &buf[..n]).await.is_err() {
                    break;
                }
            }
        }));
    }
}

/// Answers datagrams on one socket, one task.
async fn udp<P: Peer>(addr_tx: mpsc::Sender<String>) {
    let socket = P::udp_bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    addr_tx.send(P::udp_local_addr(&socket).unwrap().to_string()).unwrap();
    let mut buf = [0; 1024];
    loop {
        let Ok((n, from)) = P::recv_from(&socket, &mut buf).await else { continue };
        let _ = P::send_to(&socket, &buf[..n], from).await;
    }
}

async fn http<P: Peer>(listener: P::Listener) {
    async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        Ok(Response::new(Full::new(Bytes::from_static(b"Hello, World!"))))
    }
    loop {
        let Ok(stream) = P::accept(&listener).await else { continue };
        let io = P::hyper_io(stream);
        P::detach(P::spawn(async move {
            let _ = http1::Builder::new()
                .pipeline_flush(true)
                .serve_connection(io, service_fn(hello))
                .await;
        }));
    }
}

/// One thread and one socket that waits by itself: what the machine itself allows.
fn raw_udp(addr_tx: mpsc::Sender<String>) {
    let socket = std::net::UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    addr_tx.send(socket.local_addr().unwrap().to_string()).unwrap();
    let mut buf = [0; 1024];
    loop {
        let Ok((n, from)) = socket.recv_from(&mut buf) else { continue };
        let _ = socket.send_to(&buf[..n], from);
    }
}

/// One thread, one epoll, no runtime: what the machine itself allows.
fn raw_echo(addr_tx: mpsc::Sender<String>) {
    use mio::{Events, Interest, Poll, Token, net::TcpListener, net::TcpStream};
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(1024);
    let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into()).unwrap();
    addr_tx.send(listener.local_addr().unwrap().to_string()).unwrap();
    poll.registry().register(&mut listener, Token(0), Interest::READABLE).unwrap();
    let mut streams: Vec<TcpStream> = Vec::new();
    let mut buf = [0; 1024];
    loop {
        if poll.poll(&mut events, None).is_err() {
            continue;
        }
        for event in &events {
            if event.token() == Token(0) {
                while let Ok((mut stream, _)) = listener.accept() {
                    let token = Token(streams.len() + 1);
                    poll.registry().register(&mut stream, token, Interest::READABLE).unwrap();
                    streams.push(stream);
                }
                continue;
            }
            let stream = &mut streams[event.token().0 - 1];
            // A short read has emptied the socket: no second one.
            while let Ok(n) = stream.read(&mut buf) {
                if n == 0 || stream.write_all(&buf[..n]).is_err() {
                    let _ = poll.registry().deregister(stream);
                    break;
                }
                if n < buf.len() {
                    break;
                }
            }
        }
    }
}

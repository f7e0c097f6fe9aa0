//! The client's end of the echo: one thread, one epoll, no runtime, the same for every peer.
//!
//! Each connection sends 64 bytes, waits until they are back, and sends again. Prints one line:
//! requests, nanoseconds, and the latency's p50, p90, p99, p99.9 and maximum in microseconds.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::measure::percentile;

const MESSAGE: [u8; 64] = *b"sixty-four bytes that go there and come back, over and over...\r\n";

struct Connection {
    stream: TcpStream,
    sent: Instant,
    got: usize,
}

pub fn main(args: &[String]) {
    let mut addr: Option<SocketAddr> = None;
    let mut connections = 50;
    let mut ms = 1000;
    let mut requests = u64::MAX;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let value = args.next().map(String::as_str).unwrap_or_default();
        let number = || value.parse::<u64>().expect("a number");
        match arg.as_str() {
            "--addr" => addr = Some(value.parse().expect("--addr takes ADDRESS:PORT")),
            "--connections" => connections = number() as usize,
            "--ms" => ms = number(),
            "--requests" => requests = number(),
            _ => panic!("load: --addr A:P, --connections N, --ms N or --requests N; not {arg}"),
        }
    }
    let limit = if requests == u64::MAX { ms } else { 60_000 };
    run(addr.expect("--addr ADDRESS:PORT"), connections, Duration::from_millis(limit), requests);
}

fn run(addr: SocketAddr, connections: usize, limit: Duration, requests: u64) {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(1024);
    let mut all: Vec<Connection> = (0..connections)
        .map(|i| {
            let mut stream = std::net::TcpStream::connect(addr).expect("the server accepts");
            stream.set_nodelay(true).unwrap();
            // Once there and back before the next connects: no accept queue overflows.
            stream.write_all(&MESSAGE).unwrap();
            stream.read_exact(&mut [0; MESSAGE.len()]).unwrap();
            stream.set_nonblocking(true).unwrap();
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(i), Interest::READABLE).unwrap();
            Connection { stream, sent: Instant::now(), got: 0 }
        })
        .collect();
    let mut latency = Vec::new();
    let began = Instant::now();
    for c in &mut all {
        c.send();
    }
    let mut buf = [0; 4096];
    let mut done = 0;
    'load: loop {
        match poll.poll(&mut events, Some(Duration::from_millis(100))) {
            Err(e) if e.kind() != ErrorKind::Interrupted => panic!("{e}"),
            _ => {}
        }
        for event in &events {
            let c = &mut all[event.token().0];
            match c.stream.read(&mut buf) {
                Ok(0) => panic!("the server closed a connection"),
                Ok(n) => c.got += n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => continue,
                Err(e) => panic!("{e}"),
            }
            if c.got < MESSAGE.len() {
                continue;
            }
            latency.push(c.sent.elapsed().as_nanos() as f64 / 1000.0);
            done += 1;
            if done >= requests {
                break 'load;
            }
            c.send();
        }
        if began.elapsed() >= limit {
            break;
        }
    }
    let took = began.elapsed().as_nanos();
    let mut line = format!("{done} {took}");
    for q in [0.5, 0.9, 0.99, 0.999, 1.0] {
        line += &format!(" {:.1}", percentile(&mut latency, q));
    }
    println!("{line}");
}

impl Connection {
    fn send(&mut self) {
        self.got = 0;
        self.sent = Instant::now();
        self.stream.write_all(&MESSAGE).expect("room for 64 bytes");
    }
}

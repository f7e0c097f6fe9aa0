//! The client's end of the echo: one thread, one epoll, no runtime, the same for every peer.
//!
//! Each connection sends 64 bytes, waits until they are back, and sends again; with `--udp` each
//! socket, with datagrams. Prints one line:
//! requests, nanoseconds, and the latency's p50, p90, p99, p99.9 and maximum in microseconds.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::event::Source;
use mio::net::{TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Token};

use crate::measure::percentile;

const MESSAGE: [u8; 64] = *b"sixty-four bytes that go there and come back, over and over...\r\n";

enum Socket {
    Tcp(TcpStream),
    Udp(UdpSocket),
}

impl Socket {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            Socket::Tcp(stream) => stream,
            Socket::Udp(socket) => socket,
        }
    }

    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read(buf),
            Socket::Udp(socket) => socket.recv(buf),
        }
    }

    fn write(&mut self, buf: &[u8]) -> std::io::Result<()> {
        match self {
            Socket::Tcp(stream) => stream.write_all(buf),
            Socket::Udp(socket) => socket.send(buf).map(drop),
        }
    }
}

/// Once there and back before the next connects: no accept queue overflows.
fn connect(addr: SocketAddr, udp: bool) -> Socket {
    if udp {
        let socket = std::net::UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        socket.connect(addr).unwrap();
        socket.send(&MESSAGE).unwrap();
        socket.recv(&mut [0; MESSAGE.len()]).expect("the server answers");
        socket.set_nonblocking(true).unwrap();
        return Socket::Udp(UdpSocket::from_std(socket));
    }
    let mut stream = std::net::TcpStream::connect(addr).expect("the server accepts");
    stream.set_nodelay(true).unwrap();
    stream.write_all(&MESSAGE).unwrap();
    stream.read_exact(&mut [0; MESSAGE.len()]).unwrap();
    stream.set_nonblocking(true).unwrap();
    Socket::Tcp(TcpStream::from_std(stream))
}

struct Connection {
    socket: Socket,
    sent: Instant,
    got: usize,
}

pub fn main(args: &[String]) {
    let mut addr: Option<SocketAddr> = None;
    let mut connections = 50;
    let mut ms = 1000;
    let mut requests = u64::MAX;
    let mut udp = false;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--udp" {
            udp = true;
            continue;
        }
        let value = args.next().map(String::as_str).unwrap_or_default();
        let number = || value.parse::<u64>().expect("a number");
        match arg.as_str() {
            "--addr" => addr = Some(value.parse().expect("--addr takes ADDRESS:PORT")),
            "--connections" => connections = number() as usize,
            "--ms" => ms = number(),
            "--requests" => requests = number(),
            _ => panic!(
                "load: --addr A:P, --connections N, --udp, --ms N or --requests N; not {arg}"
            ),
        }
    }
    let limit = if requests == u64::MAX { ms } else { 60_000 };
    let limit = Duration::from_millis(limit);
    run(addr.expect("--addr ADDRESS:PORT"), connections, udp, limit, requests);
}

fn run(addr: SocketAddr, connections: usize, udp: bool, limit: Duration, requests: u64) {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(1024);
    let mut all: Vec<Connection> = (0..connections)
        .map(|i| {
            let mut socket = connect(addr, udp);
            poll.registry().register(socket.source(), Token(i), Interest::READABLE).unwrap();
            Connection { socket, sent: Instant::now(), got: 0 }
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
            match c.socket.read(&mut buf) {
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
        self.socket.write(&MESSAGE).expect("room for 64 bytes");
    }
}

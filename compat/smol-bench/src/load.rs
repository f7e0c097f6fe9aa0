//! The client of the echo servers: one thread, one epoll, no runtime.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

const MESSAGE: [u8; 64] = [b'x'; 64];

struct Connection {
    stream: TcpStream,
    sent: Instant,
    got: usize,
}

/// Every connection sends its next message when it has the last one back. Prints how many came back
/// in a second, and the median and the 99th percentile of how long one took, in microseconds.
pub(crate) fn run(address: &str, connections: u64, ms: u64) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut all = Vec::new();
    for token in 0..connections as usize {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(token), Interest::READABLE)?;
        all.push(Connection { stream, sent: Instant::now(), got: 0 });
    }
    let (start, limit) = (Instant::now(), Duration::from_millis(ms));
    for connection in &mut all {
        connection.stream.write_all(&MESSAGE)?;
    }
    let (mut events, mut buffer, mut latencies) = (Events::with_capacity(1024), [0; 4096], vec![]);
    while start.elapsed() < limit {
        poll.poll(&mut events, Some(Duration::from_millis(100)))?;
        for event in &events {
            let connection = &mut all[event.token().0];
            loop {
                match connection.stream.read(&mut buffer) {
                    Ok(0) => return Err(io::Error::other("the server closed a connection")),
                    Ok(n) => connection.got += n,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
                if connection.got >= MESSAGE.len() {
                    connection.got = 0;
                    latencies.push(connection.sent.elapsed().as_nanos() as f64 / 1000.0);
                    connection.sent = Instant::now();
                    connection.stream.write_all(&MESSAGE)?;
                }
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    latencies.sort_by(f64::total_cmp);
    let part = |percent: usize| latencies[(latencies.len() - 1) * percent / 100];
    println!("{:.0} {:.1} {:.1}", latencies.len() as f64 / seconds, part(50), part(99));
    Ok(())
}

//! The clients: any number of connections on one thread, over `mio`.
//!
//! Two phases. *Flat out*: every connection sends again as soon as it has its answer. That shows
//! the throughput, and what a request costs the server. *Paced*: 5 connections send every
//! millisecond, in turns, whether or not earlier answers are there. That shows the latency. The
//! latency of a server that is flat out says no more than its throughput: of 10,000 requests under
//! way each waits for 9,999 others.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// A request, in whole: 64 bytes.
const LINE: &[u8; 64] = b"a line of sixty-four bytes that goes there and comes back again\n";

/// The paced phase sends so many requests every [`STEP`].
const PACE: usize = 5;
const STEP: Duration = Duration::from_millis(1);

/// A server that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Load {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    /// All phases together, the first exchange included.
    answers: u64,
}

struct Connection {
    stream: TcpStream,
    /// When each request was sent whose answer is not there yet.
    sent: VecDeque<Instant>,
}

/// What a phase came to.
pub(crate) struct Phase {
    pub(crate) took: Duration,
    /// How many answers came in that time.
    pub(crate) in_time: usize,
    /// Of all requests of the phase, those that were answered after it too.
    pub(crate) latencies: Vec<Duration>,
}

impl Load {
    /// Opens `count` connections; each has had an answer when this returns.
    pub(crate) fn open(address: SocketAddr, count: usize) -> io::Result<Load> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(count);
        for index in 0..count {
            let mut stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            exchange(&mut stream, index as u64 + 1)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
            connections.push(Connection { stream, sent: VecDeque::new() });
        }
        let answers = count as u64;
        Ok(Load { poll, events: Events::with_capacity(1024), connections, answers })
    }

    /// Each connection sends again when it has its answer, until `limit` is over.
    pub(crate) fn flat_out(&mut self, limit: Duration) -> io::Result<Phase> {
        let began = Instant::now();
        let mut latencies = Vec::new();
        for connection in &mut self.connections {
            connection.send()?;
        }
        while began.elapsed() < limit {
            self.wait(PATIENCE, &mut latencies, true)?;
        }
        let (took, in_time) = (began.elapsed(), latencies.len());
        self.finish(&mut latencies)?;
        Ok(Phase { took, in_time, latencies })
    }

    /// A few connections send at every step, until `limit` is over.
    pub(crate) fn paced(&mut self, limit: Duration) -> io::Result<Phase> {
        let began = Instant::now();
        let mut latencies = Vec::new();
        let mut next = 0;
        let mut step = began;
        while began.elapsed() < limit {
            let now = Instant::now();
            if now >= step {
                for _ in 0..PACE {
                    self.connections[next].send()?;
                    next = (next + 1) % self.connections.len();
                }
                step += STEP;
            } else {
                self.wait(step - now, &mut latencies, false)?;
            }
        }
        let (took, in_time) = (began.elapsed(), latencies.len());
        self.finish(&mut latencies)?;
        Ok(Phase { took, in_time, latencies })
    }

    /// Closes all, and asks once more whether the server has counted what was answered.
    pub(crate) fn check(self, address: SocketAddr) -> io::Result<()> {
        drop(self.connections);
        exchange(&mut std::net::TcpStream::connect(address)?, self.answers + 1)
    }

    /// Waits for the answers that are still under way.
    fn finish(&mut self, latencies: &mut Vec<Duration>) -> io::Result<()> {
        while self.connections.iter().any(|connection| !connection.sent.is_empty()) {
            self.wait(PATIENCE, latencies, false)?;
        }
        Ok(())
    }

    /// Waits for answers, up to `limit`, and takes those that have come.
    fn wait(&mut self, limit: Duration, all: &mut Vec<Duration>, again: bool) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(limit)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        if limit == PATIENCE && self.events.is_empty() {
            return Err(io::Error::new(ErrorKind::TimedOut, "the server does not answer"));
        }
        for event in &self.events {
            let connection = &mut self.connections[event.token().0];
            let before = all.len();
            connection.receive(all)?;
            self.answers += (all.len() - before) as u64;
            if again && connection.sent.is_empty() {
                connection.send()?;
            }
        }
        Ok(())
    }
}

impl Connection {
    fn send(&mut self) -> io::Result<()> {
        self.sent.push_back(Instant::now());
        self.stream.write_all(LINE)
    }

    fn receive(&mut self, latencies: &mut Vec<Duration>) -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::Error::other("the server has closed a connection")),
                Ok(n) => {
                    for _ in buffer[..n].iter().filter(|&&byte| byte == b'\n') {
                        let sent = self.sent.pop_front().ok_or(ErrorKind::InvalidData)?;
                        latencies.push(sent.elapsed());
                    }
                    if n < buffer.len() {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

/// One request and its answer, on a stream that waits.
fn exchange(stream: &mut std::net::TcpStream, number: u64) -> io::Result<()> {
    let expected = [format!("{number} ").as_bytes(), LINE].concat();
    let mut answer = vec![0; expected.len()];
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(LINE)?;
    stream.read_exact(&mut answer)?;
    if answer != expected {
        let (answer, expected) = (answer.escape_ascii(), expected.escape_ascii());
        return Err(io::Error::other(format!("the answer is `{answer}`, not `{expected}`")));
    }
    Ok(())
}

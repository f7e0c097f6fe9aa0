//! A TCP echo server, and the traffic sent to it through a tunnel: `Open` opens a connection there.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use super::{Done, Running};
use crate::Outcome;

/// A connection to the echo server through the tunnel.
pub(super) type Open = fn(&Running) -> Result<TcpStream, String>;

/// The longest time that an answer may take.
const LIMIT: Duration = Duration::from_secs(20);
const PIECE: usize = 64 * 1024;

/// The echo server of this process. It starts at the first use, and stays.
pub(super) fn echo() -> Result<SocketAddr, String> {
    static ADDRESS: OnceLock<Result<SocketAddr, String>> = OnceLock::new();
    let start = || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(said)?;
        let address = listener.local_addr().map_err(said)?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || answer(stream));
            }
        });
        Ok(address)
    };
    ADDRESS.get_or_init(start).clone()
}

/// Sends back all that comes, until the end.
fn answer(mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut piece = vec![0; PIECE];
    while let Ok(length @ 1..) = stream.read(&mut piece) {
        if stream.write_all(&piece[..length]).is_err() {
            return;
        }
    }
}

fn said(error: std::io::Error) -> String {
    error.to_string()
}

/// Connects, with limits for hangs.
pub(super) fn connect(address: SocketAddr) -> Result<TcpStream, String> {
    let stream = TcpStream::connect_timeout(&address, LIMIT).map_err(said)?;
    stream.set_nodelay(true).map_err(said)?;
    stream.set_read_timeout(Some(LIMIT)).map_err(said)?;
    stream.set_write_timeout(Some(LIMIT)).map_err(said)?;
    Ok(stream)
}

/// Bytes that are not alike: the upper half of a linear congruence.
pub(super) fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Sends and reads back at once, and compares.
fn there_and_back(stream: &mut TcpStream, sent: &[u8]) -> Outcome {
    let mut back = vec![0; sent.len()];
    let mut writer = stream.try_clone().map_err(said)?;
    thread::scope(|scope| {
        let writes = scope.spawn(move || writer.write_all(sent));
        stream.read_exact(&mut back).map_err(|error| format!("reading back: {error}"))?;
        match writes.join() {
            Ok(written) => written.map_err(said),
            Err(_) => Err("the writer panicked".into()),
        }
    })?;
    if back == sent { Ok(()) } else { Err("what came back is not what was sent".into()) }
}

/// Checks that must pass whatever the load: one byte, large amounts, the end of one direction, many
/// connections at once.
pub(super) fn check(running: &Running, open: Open) -> Outcome {
    for length in [1, 4096, 3_000_000] {
        let sent = bytes(length, length as u64);
        there_and_back(&mut open(running)?, &sent)
            .map_err(|error| format!("{length} bytes: {error}"))?;
    }
    // The end of what is sent arrives, and what is still under way comes back before the other end.
    let mut stream = open(running)?;
    stream.write_all(b"the last words").map_err(said)?;
    stream.shutdown(std::net::Shutdown::Write).map_err(said)?;
    let mut back = Vec::new();
    stream.read_to_end(&mut back).map_err(|error| format!("after half was closed: {error}"))?;
    if back != b"the last words" {
        return Err(format!("after half was closed, {} bytes came back", back.len()));
    }
    let many = thread::scope(|scope| {
        let all: Vec<_> = (0..100)
            .map(|at| scope.spawn(move || there_and_back(&mut open(running)?, &bytes(20_000, at))))
            .collect();
        all.into_iter()
            .try_for_each(|one| one.join().map_err(|_| "a client panicked".to_owned())?)
    });
    many.map_err(|error| format!("one of 100 at once: {error}"))
}

/// Round trips of 64 bytes on 16 connections that stay.
pub(super) fn round_trips(running: &Running, open: Open, seconds: f64) -> Result<Done, String> {
    let open_all = (0..16).map(|_| open(running)).collect::<Result<Vec<_>, _>>()?;
    in_parallel(open_all, seconds, |mut stream, at, over| {
        let sent = bytes(64, at);
        let mut back = [0; 64];
        let mut count = 0;
        while !over() {
            stream.write_all(&sent).map_err(said)?;
            stream.read_exact(&mut back).map_err(said)?;
            if back != sent[..] {
                return Err("what came back is not what was sent".into());
            }
            count += 1;
        }
        Ok(f64::from(count))
    })
}

/// MiB there and back, on 4 connections.
pub(super) fn bulk(running: &Running, open: Open, seconds: f64) -> Result<Done, String> {
    let open_all = (0..4).map(|_| open(running)).collect::<Result<Vec<_>, _>>()?;
    in_parallel(open_all, seconds, |mut stream, at, over| {
        let sent = bytes(1 << 20, at);
        let mut count = 0;
        while !over() {
            there_and_back(&mut stream, &sent)?;
            count += 1;
        }
        Ok(f64::from(count))
    })
}

/// Connections that send a few bytes, read them back and go; 8 at a time.
pub(super) fn connections(running: &Running, open: Open, seconds: f64) -> Result<Done, String> {
    in_parallel(vec![(); 8], seconds, |(), at, over| {
        let sent = bytes(100, at);
        let mut count = 0;
        while !over() {
            there_and_back(&mut open(running)?, &sent)?;
            count += 1;
        }
        Ok(f64::from(count))
    })
}

/// Runs clients until the time is over, and adds up what they have done.
pub(super) fn in_parallel<T: Send>(
    clients: Vec<T>,
    seconds: f64,
    run: impl Fn(T, u64, &dyn Fn() -> bool) -> Result<f64, String> + Sync,
) -> Result<Done, String> {
    let start = Instant::now();
    let run = &run;
    let counts = thread::scope(|scope| {
        let threads: Vec<_> = clients
            .into_iter()
            .zip(0..)
            .map(|(client, at)| {
                scope.spawn(move || run(client, at, &|| start.elapsed().as_secs_f64() >= seconds))
            })
            .collect();
        let joined = threads.into_iter().map(|thread| match thread.join() {
            Ok(count) => count,
            Err(_) => Err("a client panicked".into()),
        });
        joined.collect::<Result<Vec<f64>, String>>()
    })?;
    Ok(Done { operations: counts.iter().sum(), seconds: start.elapsed().as_secs_f64() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_is_what_was_sent() {
        let mut stream = connect(echo().unwrap()).unwrap();
        there_and_back(&mut stream, &bytes(300_000, 7)).unwrap();
    }

    #[test]
    fn bytes_differ_by_seed_and_place() {
        assert_ne!(bytes(64, 1), bytes(64, 2));
        assert_ne!(bytes(64, 1)[..32], bytes(64, 1)[32..]);
    }
}

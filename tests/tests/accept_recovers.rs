//! Out of file descriptors a server goes on: the connections it has are served, and as soon as some
//! close, those that wait are accepted. None is lost. So it is with a loop that pauses after an
//! error and with one that asks again at once.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::TcpListener;
use tests::process::leave_descriptors;
use tests::{PATIENCE, again, role, workers};

/// Connections that the server has descriptors for.
const ROOM: usize = 10;
const CLIENTS: usize = 40;

#[test]
fn accept_recovers_in_a_loop_that_pauses() {
    run("accept_recovers_in_a_loop_that_pauses", Some(Duration::from_millis(5)));
}

#[test]
fn accept_recovers_in_a_loop_that_retries_at_once() {
    run("accept_recovers_in_a_loop_that_retries_at_once", None);
}

fn run(test: &str, pause: Option<Duration>) {
    if role().is_some() {
        return serve(pause);
    }
    let mut server =
        again(test, "server").stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let address = BufReader::new(server.stdout.take().unwrap())
        .lines()
        .find_map(|line| line.unwrap().split("listens on ").nth(1).map(str::to_string))
        .expect("the server says where it listens");

    // All of them are established as far as their clients can see: the kernel's backlog has them.
    let mut waiting: Vec<_> = (0..CLIENTS).map(|_| Client::connect(&address)).collect();
    let mut served = Vec::new();
    while served.len() < ROOM {
        collect(&mut waiting, &mut served);
    }
    // Nobody else can be served, and those who are, are still.
    for _ in 0..5 {
        served.iter_mut().for_each(Client::exchange);
        collect(&mut waiting, &mut served);
        assert_eq!(served.len(), ROOM, "the limit does not hold");
    }
    // One goes, one comes, until all have been served.
    while !waiting.is_empty() {
        let before = served.len();
        drop(served.remove(0));
        let start = Instant::now();
        while served.len() < before {
            assert!(start.elapsed() < PATIENCE, "{} were never accepted", waiting.len());
            collect(&mut waiting, &mut served);
        }
        served.iter_mut().for_each(Client::exchange);
    }
    // And with room again, a new one comes in as if nothing had been.
    served.truncate(ROOM / 2);
    let mut late = Client::connect(&address);
    late.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(late.answered());
    let _ = server.kill();
    let _ = server.wait();
}

struct Client {
    stream: TcpStream,
}

impl Client {
    /// Connects and sends the first byte.
    fn connect(address: &str) -> Client {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"x").unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        Client { stream }
    }

    /// Whether the byte has come back.
    fn answered(&mut self) -> bool {
        match self.stream.read(&mut [0]) {
            Ok(1) => true,
            Ok(_) => panic!("an established connection was closed"),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                false
            }
            Err(error) => panic!("an established connection was lost: {error}"),
        }
    }

    fn exchange(&mut self) {
        self.stream.write_all(b"y").unwrap();
        let start = Instant::now();
        while !self.answered() {
            assert!(start.elapsed() < PATIENCE, "a served connection is served no more");
        }
    }
}

/// Moves those whose byte has come back.
fn collect(waiting: &mut Vec<Client>, served: &mut Vec<Client>) {
    let mut at = 0;
    while at < waiting.len() {
        match waiting[at].answered() {
            true => served.push(waiting.remove(at)),
            false => at += 1,
        }
    }
}

fn serve(pause: Option<Duration>) {
    let runtime = workers(1);
    runtime.block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        leave_descriptors(ROOM);
        println!("listens on {address}");
        let accepting = runtime::spawn(async move {
            loop {
                let mut stream = match (listener.accept().await, pause) {
                    (Ok((stream, _)), _) => stream,
                    (Err(_), Some(pause)) => {
                        runtime::time::sleep(pause).await;
                        continue;
                    }
                    (Err(_), None) => continue,
                };
                drop(runtime::spawn(async move {
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).await.is_ok() {
                        stream.write_all(&byte).await.unwrap();
                    }
                }));
            }
        });
        accepting.await.unwrap();
    });
}

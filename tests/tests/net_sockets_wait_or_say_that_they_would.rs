//! Sockets and pipes of every kind: what cannot be done at once waits for its event, `try_` says so
//! instead, and when the runtime goes, whoever waits is told.
#![cfg(unix)]

use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::time::Duration;

use runtime::Runtime;
use runtime::io::Interest;
use runtime::net::{
    TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream, unix::pipe,
};
use runtime::runtime::is_rt_shutdown_err;
use runtime::task::yield_now;
use tests::scratch::Scratch;
use tests::{current_thread, within, workers};

fn each() -> [Runtime; 3] {
    [workers(1), workers(2), current_thread()]
}

fn would_block<T: std::fmt::Debug>(result: io::Result<T>) {
    assert_eq!(result.unwrap_err().kind(), ErrorKind::WouldBlock);
}

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap());
    let (near, far) = runtime::join!(near, listener.accept());
    (near.unwrap(), far.unwrap().0)
}

async fn udp_pair() -> (UdpSocket, UdpSocket) {
    let near = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let far = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    near.connect(far.local_addr().unwrap()).await.unwrap();
    far.connect(near.local_addr().unwrap()).await.unwrap();
    (near, far)
}

/// Fills a stream until `try_write` says that it would block, and reads it empty.
macro_rules! fills_and_empties {
    ($writer:expr, $reader:expr) => {{
        let (writer, reader) = ($writer, $reader);
        would_block(reader.try_read(&mut [0; 8]));
        let mut sent = 0;
        writer.writable().await.unwrap();
        loop {
            match writer.try_write(&[7; 4096]) {
                Ok(n) => sent += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(sent > 0);
        let mut received = 0;
        while received < sent {
            reader.readable().await.unwrap();
            match reader.try_read(&mut [0; 5000]) {
                Ok(n) => received += n,
                // Readiness may be wrong; it is cleared then.
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        would_block(reader.try_read(&mut [0; 8]));
        // There is room again.
        writer.writable().await.unwrap();
        drop(writer);
        reader.readable().await.unwrap();
        assert_eq!(reader.try_read(&mut [0; 8]).unwrap(), 0);
    }};
}

#[test]
fn streams() {
    within(|| {
        for runtime in each() {
            runtime.block_on(async {
                let (near, far) = tcp_pair().await;
                fills_and_empties!(near, far);
                let (near, far) = UnixStream::pair().unwrap();
                fills_and_empties!(near, far);
                let (sender, receiver) = pipe::pipe().unwrap();
                fills_and_empties!(sender, receiver);
            });
        }
    });
}

#[test]
fn listeners_and_datagrams() {
    within(|| {
        for runtime in each() {
            runtime.block_on(async {
                let (near, far) = udp_pair().await;
                let mut buf = [0; 64];
                would_block(far.try_recv(&mut buf));
                would_block(far.try_recv_from(&mut buf));
                would_block(far.try_io(Interest::READABLE, || {
                    Err::<(), _>(io::Error::from(ErrorKind::WouldBlock))
                }));
                near.writable().await.unwrap();
                assert_eq!(near.try_send(b"one").unwrap(), 3);
                far.readable().await.unwrap();
                let from = near.local_addr().unwrap();
                assert_eq!(far.try_recv_from(&mut buf).unwrap(), (3, from));
                assert_eq!(&buf[..3], b"one");
                would_block(far.try_recv(&mut buf));

                let (near, far) = UnixDatagram::pair().unwrap();
                would_block(far.try_recv(&mut buf));
                near.writable().await.unwrap();
                let mut sent = 0;
                while near.try_send(&[7; 1000]).is_ok() {
                    sent += 1;
                }
                would_block(near.try_send(&[7; 1000]));
                for _ in 0..sent {
                    assert_eq!(far.recv(&mut [0; 2000]).await.unwrap(), 1000);
                }
                would_block(far.try_recv(&mut buf));
                near.writable().await.unwrap();
                // Nobody reads any more.
                drop(far);
                assert!(near.send(b"x").await.is_err());
            });
        }
    });
}

/// An operation that waits, and its name.
type Waits = (&'static str, Pin<Box<dyn Future<Output = io::Error> + Send>>);

/// One that waits for something that never comes, for each kind; `keep` holds the other ends.
async fn all_that_wait(scratch: &Scratch, keep: &mut Vec<Box<dyn std::any::Any>>) -> Vec<Waits> {
    let mut all: Vec<Waits> = Vec::new();
    macro_rules! waits {
        ($name:literal, $operation:expr) => {
            all.push(($name, Box::pin(async move { $operation.await.map(drop).unwrap_err() })));
        };
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    waits!("accept", listener.accept());
    let (near, far) = tcp_pair().await;
    waits!("readable", near.readable());
    keep.push(Box::new(far));
    let (near, far) = udp_pair().await;
    waits!("recv", near.recv(&mut [0; 8]));
    waits!("recv_from", far.recv_from(&mut [0; 8]));
    let listener = UnixListener::bind(scratch.join("socket")).unwrap();
    waits!("unix accept", listener.accept());
    let (near, far) = UnixDatagram::pair().unwrap();
    waits!("unix recv", near.recv(&mut [0; 8]));
    keep.push(Box::new(far));
    let (near, far) = UnixStream::pair().unwrap();
    waits!("unix readable", near.readable());
    keep.push(Box::new(far));
    let (sender, receiver) = pipe::pipe().unwrap();
    waits!("pipe readable", receiver.readable());
    keep.push(Box::new(sender));
    let (sender, receiver) = pipe::pipe().unwrap();
    sender.writable().await.unwrap();
    while sender.try_write(&[0; 4096]).is_ok() {}
    waits!("pipe writable", sender.writable());
    keep.push(Box::new(receiver));
    all
}

#[test]
fn waiting_tasks_get_an_error_when_the_runtime_ends() {
    within(|| {
        for runtime in each() {
            let (scratch, mut keep) = (Scratch::new(), Vec::new());
            let waiting = runtime.block_on(all_that_wait(&scratch, &mut keep));
            let (begun, has_begun) = std::sync::mpsc::channel();
            // Elsewhere: what the runtime polls itself, it drops.
            let other = std::thread::spawn(move || {
                futures::executor::block_on(async {
                    let mut all: Vec<_> = waiting
                        .into_iter()
                        .map(|(name, mut operation)| async move {
                            assert!(futures::poll!(&mut operation).is_pending(), "{name}");
                            (name, operation)
                        })
                        .collect();
                    let mut polled = Vec::new();
                    for operation in all.drain(..) {
                        polled.push(operation.await);
                    }
                    begun.send(()).unwrap();
                    for (name, operation) in polled {
                        let error = operation.await;
                        assert!(is_rt_shutdown_err(&error), "{name}: {error}");
                    }
                });
            });
            has_begun.recv().unwrap();
            runtime.shutdown_timeout(Duration::from_secs(30));
            other.join().unwrap();
        }
    });
}

#[test]
fn tasks_that_wait_are_dropped() {
    within(|| {
        for runtime in each() {
            let (scratch, mut keep) = (Scratch::new(), Vec::new());
            let census = tests::Census::default();
            runtime.block_on(async {
                for (_, operation) in all_that_wait(&scratch, &mut keep).await {
                    let held = census.clone();
                    drop(runtime::spawn(async move {
                        let _held = held;
                        operation.await;
                    }));
                }
                yield_now().await;
            });
            assert!(census.alive() > 5);
            drop(runtime);
            assert_eq!(census.alive(), 0);
        }
    });
}

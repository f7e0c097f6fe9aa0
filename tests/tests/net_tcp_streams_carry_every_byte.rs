//! What is written to a TCP stream is read at its other end: every byte, in order, and then the
//! end.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use runtime::io::{AsyncReadExt, AsyncWriteExt, Interest};
use runtime::net::tcp::ReuniteError;
use runtime::net::{TcpListener, TcpSocket, TcpStream};

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (near, far) = runtime::join!(TcpStream::connect(addr), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

#[runtime::test]
async fn an_echo_comes_back() {
    let (mut near, mut far) = pair().await;
    far.set_nodelay(true).unwrap();
    let echo = runtime::spawn(async move {
        let mut buf = [0; 64];
        loop {
            let n = far.read(&mut buf).await.unwrap();
            if n == 0 {
                break;
            }
            far.write_all(&buf[..n]).await.unwrap();
        }
    });
    for i in 0..100u8 {
        near.write_all(&[i; 100]).await.unwrap();
        let mut buf = [0; 100];
        near.read_exact(&mut buf).await.unwrap();
        assert_eq!(buf, [i; 100]);
    }
    near.shutdown().await.unwrap();
    assert_eq!(near.read(&mut [0; 1]).await.unwrap(), 0);
    echo.await.unwrap();
}

#[runtime::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_connections_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = runtime::spawn(async move {
        for _ in 0..100 {
            let (mut stream, _) = listener.accept().await.unwrap();
            runtime::spawn(async move {
                let (mut read, mut write) = stream.split();
                runtime::io::copy(&mut read, &mut write).await.unwrap();
            });
        }
    });
    let clients: Vec<_> = (0..100u8)
        .map(|i| {
            runtime::spawn(async move {
                let mut stream = TcpStream::connect(addr).await.unwrap();
                for _ in 0..20 {
                    stream.write_all(&[i; 33]).await.unwrap();
                    let mut buf = [0; 33];
                    stream.read_exact(&mut buf).await.unwrap();
                    assert_eq!(buf, [i; 33]);
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    server.await.unwrap();
}

#[runtime::test]
async fn large_writes_meet_a_slow_reader() {
    let (near, far) = pair().await;
    let (mut read, mut write) = near.into_split();
    let (mut far_read, far_write) = far.into_split();
    let sent: Arc<Vec<u8>> = Arc::new((0..5_000_000u32).map(|i| i as u8).collect());
    let writer = runtime::spawn({
        let sent = sent.clone();
        async move { write.write_all(&sent).await.unwrap() }
    });
    let mut got = Vec::new();
    far_read.read_to_end(&mut got).await.unwrap();
    assert!(got == *sent);
    writer.await.unwrap();
    drop(far_read.reunite(far_write).unwrap());
    assert_eq!(read.read(&mut [0; 1]).await.unwrap(), 0);
}

#[runtime::test]
async fn peeking_takes_nothing() {
    let (near, mut far) = pair().await;
    far.write_all(b"abc").await.unwrap();
    let mut buf = [0; 2];
    assert_eq!(near.peek(&mut buf).await.unwrap(), 2);
    let (mut read, _write) = near.into_split();
    assert_eq!(read.peek(&mut buf).await.unwrap(), 2);
    let mut all = [0; 3];
    read.read_exact(&mut all).await.unwrap();
    assert_eq!(&all, b"abc");
}

#[runtime::test]
async fn try_methods_say_that_they_would_block() {
    let (near, far) = pair().await;
    let blocked = near.try_read(&mut [0; 1]).unwrap_err();
    assert_eq!(blocked.kind(), io::ErrorKind::WouldBlock);
    far.writable().await.unwrap();
    let mut sent = 0;
    loop {
        match far.try_write(&[1; 65_536]) {
            Ok(n) => sent += n,
            Err(e) => {
                assert_eq!(e.kind(), io::ErrorKind::WouldBlock);
                break;
            }
        }
    }
    let mut buf = Vec::with_capacity(1 << 20);
    while buf.len() < sent {
        near.readable().await.unwrap();
        match near.try_read_buf(&mut buf) {
            Ok(0) => panic!("the end, after {} of {sent} bytes", buf.len()),
            Ok(_) => buf.reserve(1 << 20),
            Err(e) => assert_eq!(e.kind(), io::ErrorKind::WouldBlock),
        }
    }
    far.writable().await.unwrap();
    assert!(far.ready(Interest::WRITABLE).await.unwrap().is_writable());
}

#[runtime::test]
async fn an_accepted_stream_is_tried_before_the_first_event() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut far = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    std::io::Write::write_all(&mut far, b"first").unwrap();
    let (near, _) = listener.accept().await.unwrap();
    // Until the bytes are there, without a look at the events.
    let peeks = socket2::SockRef::from(&near);
    tests::eventually("they have come", || {
        peeks.peek(&mut [std::mem::MaybeUninit::uninit()]).is_ok()
    });
    let mut buf = [0; 8];
    assert_eq!(near.try_read(&mut buf).unwrap(), 5);
    assert_eq!(near.try_write(b"back").unwrap(), 4);
    // What was taken for granted wrongly is given up.
    assert_eq!(near.try_read(&mut buf).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert!(futures::poll!(Box::pin(near.readable())).is_pending());
    std::io::Write::write_all(&mut far, b"second").unwrap();
    near.readable().await.unwrap();
    assert_eq!(near.try_read(&mut buf).unwrap(), 6);
}

#[runtime::test]
async fn a_stream_that_is_ready_stays_so_however_often_one_asks() {
    let (near, _far) = pair().await;
    // More often than a task may do something before others get a turn.
    for _ in 0..1000 {
        assert!(futures::poll!(Box::pin(near.writable())).is_ready());
    }
}

#[runtime::test]
async fn many_tasks_may_wait_for_one_stream() {
    let (near, mut far) = pair().await;
    let near = Arc::new(near);
    let waits: Vec<_> = (0..20)
        .map(|_| {
            let near = near.clone();
            runtime::spawn(async move { near.readable().await })
        })
        .collect();
    runtime::time::sleep(Duration::from_millis(20)).await;
    far.write_all(b"x").await.unwrap();
    for wait in waits {
        wait.await.unwrap().unwrap();
    }
}

#[runtime::test]
async fn a_refused_connection_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let refused = TcpStream::connect(addr).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    let socket = TcpSocket::new_v4().unwrap();
    let refused = socket.connect(addr).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    let none: &[SocketAddr] = &[];
    assert_eq!(TcpStream::connect(none).await.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[runtime::test]
async fn halves_of_two_streams_do_not_reunite() {
    let (near, far) = pair().await;
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    let error = near_read.reunite(far_write).unwrap_err();
    assert!(error.to_string().contains("same socket"));
    let ReuniteError(near_read, far_write) = error;
    assert!(near_read.reunite(near_write).is_ok());
    assert!(far_read.reunite(far_write).is_ok());
}

#[runtime::test]
async fn a_stream_goes_to_std_and_back() {
    let (near, mut far) = pair().await;
    let near = TcpStream::from_std(near.into_std().unwrap()).unwrap();
    far.write_all(b"x").await.unwrap();
    near.readable().await.unwrap();
    assert_eq!(near.try_read(&mut [0; 8]).unwrap(), 1);
}

#[cfg(debug_assertions)]
#[runtime::test]
#[should_panic = "set_nonblocking(true)"]
async fn a_blocking_socket_is_refused_with_advice() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let _ = TcpListener::from_std(listener);
}

#[test]
#[should_panic = "there is no reactor running"]
fn a_socket_outside_a_runtime_panics_with_advice() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let _ = TcpListener::from_std(listener);
}

#[test]
fn a_stream_that_outlives_its_runtime_says_so() {
    let rt = runtime::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (near, _far) = rt.block_on(pair());
    drop(rt);
    let rt = runtime::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = rt.block_on(near.readable()).unwrap_err();
    assert!(error.to_string().contains("shut down"), "{error}");
}

#[test]
fn the_traits_that_users_rely_on_are_there() {
    fn check<T: Send + Sync + Unpin + std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    fn sends(_: impl Send) {}
    fn boxed<'a>(
        addr: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send + 'a>> {
        Box::pin(async move { TcpStream::connect(addr).await })
    }
    check::<TcpListener>();
    check::<TcpStream>();
    check::<TcpSocket>();
    check::<runtime::net::tcp::OwnedWriteHalf>();
    check::<runtime::net::tcp::ReadHalf<'static>>();
    sends(TcpStream::connect("name:80"));
    sends(TcpStream::connect(("name", 80)));
    sends(TcpListener::bind("127.0.0.1:0"));
    drop(boxed("x:1"));
}

#[runtime::test]
async fn ending_a_connection_that_the_other_side_has_reset_is_no_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap());
    let (near, far) = runtime::join!(near, listener.accept());
    let (mut near, far) = (near.unwrap(), far.unwrap().0);
    // Unread bytes at the close: the system answers with a reset.
    near.write_all(b"unread").await.unwrap();
    far.readable().await.unwrap();
    drop(far);
    let mut byte = [0];
    let error = near.read(&mut byte).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    near.shutdown().await.unwrap();
}

/// A burst of clients waits in the queue of a listener that is slow to accept; none is left to its
/// retransmissions, which take a second and more.
#[runtime::test]
async fn a_burst_of_connections_waits_to_be_accepted() {
    let at_most = std::fs::read_to_string("/proc/sys/net/core/somaxconn")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(128_usize);
    let burst = at_most.min(300);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let connect = move || std::net::TcpStream::connect_timeout(&addr, Duration::from_millis(900));
    let mut clients = Vec::new();
    for _ in 0..burst {
        clients.push(connect().expect("there is room in the queue"));
    }
    for _ in 0..burst {
        listener.accept().await.unwrap();
    }
}

//! A UDP socket sends and receives datagrams whole, says who sent them, and says when nobody is
//! there.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use runtime::io::{Interest, ReadBuf};
use runtime::net::UdpSocket;
use runtime::time::timeout;

async fn bound() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

async fn connected() -> (UdpSocket, UdpSocket) {
    let (a, b) = (bound().await, bound().await);
    a.connect(b.local_addr().unwrap()).await.unwrap();
    b.connect(a.local_addr().unwrap()).await.unwrap();
    (a, b)
}

#[runtime::test]
async fn a_datagram_arrives_with_its_sender() {
    let (a, b) = (bound().await, bound().await);
    assert_eq!(a.send_to(b"hello", b.local_addr().unwrap()).await.unwrap(), 5);
    let mut buf = [0; 64];
    assert_eq!(b.peek_sender().await.unwrap(), a.local_addr().unwrap());
    assert_eq!(b.peek_from(&mut buf).await.unwrap(), (5, a.local_addr().unwrap()));
    assert_eq!(b.recv_from(&mut buf).await.unwrap(), (5, a.local_addr().unwrap()));
    assert_eq!(&buf[..5], b"hello");
    assert_eq!(b.try_recv_from(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(b.try_peek_sender().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[runtime::test]
async fn connected_sockets_need_no_address() {
    let (a, b) = connected().await;
    assert_eq!(a.peer_addr().unwrap(), b.local_addr().unwrap());
    a.send(b"one").await.unwrap();
    let mut buf = Vec::with_capacity(64);
    assert_eq!(b.recv_buf(&mut buf).await.unwrap(), 3);
    assert_eq!(buf, b"one");
    a.send(b"two").await.unwrap();
    let (n, sender) = b.recv_buf_from(&mut buf).await.unwrap();
    assert_eq!((n, sender, &buf[..]), (3, a.local_addr().unwrap(), &b"onetwo"[..]));
    poll_fn(|cx| b.poll_send(cx, b"back")).await.unwrap();
    let mut memory = [std::mem::MaybeUninit::uninit(); 16];
    let mut buf = ReadBuf::uninit(&mut memory);
    poll_fn(|cx| a.poll_peek(cx, &mut buf)).await.unwrap();
    poll_fn(|cx| a.poll_recv(cx, &mut buf)).await.unwrap();
    assert_eq!(buf.filled(), b"backback");
}

#[runtime::test]
async fn a_send_and_a_receive_go_on_at_the_same_time() {
    let (a, b) = connected().await;
    let (a, b) = (Arc::new(a), Arc::new(b));
    let echo = runtime::spawn(async move {
        let mut buf = [0; 64];
        for _ in 0..50 {
            let n = b.recv(&mut buf).await.unwrap();
            b.send(&buf[..n]).await.unwrap();
        }
    });
    for i in 0..50u8 {
        a.send(&[i; 10]).await.unwrap();
        let mut buf = [0; 64];
        assert_eq!(a.recv(&mut buf).await.unwrap(), 10);
        assert_eq!(buf[0], i);
    }
    echo.await.unwrap();
}

/// The system reports an error, not that anything can be read: a reader must hear of it all the
/// same.
#[cfg(target_os = "linux")]
#[runtime::test]
async fn a_reader_hears_that_nobody_is_there() {
    let (a, b) = connected().await;
    drop(b);
    let a = Arc::new(a);
    let reader = runtime::spawn({
        let a = a.clone();
        async move { a.recv(&mut [0; 8]).await }
    });
    runtime::time::sleep(Duration::from_millis(20)).await;
    a.send(b"is anybody there").await.unwrap();
    let heard = timeout(tests::patience(), reader).await.expect("the reader is woken");
    assert_eq!(heard.unwrap().unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[runtime::test]
async fn what_does_not_fit_is_lost() {
    let (a, b) = connected().await;
    a.send(b"long").await.unwrap();
    a.send(b"next").await.unwrap();
    assert_eq!(b.recv(&mut [0; 2]).await.unwrap(), 2);
    let mut buf = [0; 8];
    assert_eq!(b.recv(&mut buf).await.unwrap(), 4);
    assert_eq!(&buf[..4], b"next");
}

#[runtime::test]
async fn many_readers_share_a_socket() {
    let (a, b) = connected().await;
    let b = Arc::new(b);
    let readers: Vec<_> = (0..10)
        .map(|_| {
            let b = b.clone();
            runtime::spawn(async move { b.recv(&mut [0; 8]).await.unwrap() })
        })
        .collect();
    for _ in 0..10 {
        a.send(b"x").await.unwrap();
    }
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 1);
    }
    assert!(b.ready(Interest::WRITABLE).await.unwrap().is_writable());
}

#[runtime::test]
async fn settings_are_kept() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    socket.set_broadcast(true).unwrap();
    assert!(socket.broadcast().unwrap());
    socket.set_ttl(7).unwrap();
    assert_eq!(socket.ttl().unwrap(), 7);
    socket.set_tos_v4(0x10).unwrap();
    assert_eq!(socket.tos_v4().unwrap(), 0x10);
    socket.set_multicast_ttl_v4(3).unwrap();
    assert_eq!(socket.multicast_ttl_v4().unwrap(), 3);
    let socket = UdpSocket::from_std(socket.into_std().unwrap()).unwrap();
    assert_eq!(socket.ttl().unwrap(), 7);
}

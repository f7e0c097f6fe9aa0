//! The sockets, on one thread.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{TcpListener, TcpSocket, TcpStream};
use crate::engine::driver::Driver;
use crate::engine::wake_list::WakeList;
use crate::io::{AsyncReadExt, AsyncWriteExt};
use crate::runtime::context;

pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    crate::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Both at the same time.
pub(super) async fn both<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut a_done, mut b_done) = (None, None);
    poll_fn(move |cx| {
        if a_done.is_none() {
            if let Poll::Ready(done) = a.as_mut().poll(cx) {
                a_done = Some(done);
            }
        }
        if b_done.is_none() {
            if let Poll::Ready(done) = b.as_mut().poll(cx) {
                b_done = Some(done);
            }
        }
        if a_done.is_some() && b_done.is_some() {
            Poll::Ready((a_done.take().unwrap(), b_done.take().unwrap()))
        } else {
            Poll::Pending
        }
    })
    .await
}

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (near, far) = both(TcpStream::connect(addr), listener.accept()).await;
    (near.unwrap(), far.unwrap().0)
}

#[test]
fn an_echo_comes_back() {
    block_on(async {
        let (mut near, mut far) = tcp_pair().await;
        both(
            async {
                for i in 0..100u8 {
                    near.write_all(&[i; 100]).await.unwrap();
                    let mut buf = [0; 100];
                    near.read_exact(&mut buf).await.unwrap();
                    assert_eq!(buf, [i; 100]);
                }
                near.shutdown().await.unwrap();
                assert_eq!(near.read(&mut [0; 1]).await.unwrap(), 0);
            },
            async {
                let mut buf = [0; 64];
                loop {
                    let n = far.read(&mut buf).await.unwrap();
                    if n == 0 {
                        break;
                    }
                    far.write_all(&buf[..n]).await.unwrap();
                }
                drop(far);
            },
        )
        .await;
    });
}

#[test]
fn a_refused_connection_is_an_error() {
    block_on(async {
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
    });
}

#[test]
fn large_writes_meet_a_slow_reader() {
    block_on(async {
        let (near, far) = tcp_pair().await;
        let (mut read, mut write) = near.into_split();
        let (mut far_read, far_write) = far.into_split();
        let sent = vec![7; 5_000_000];
        both(
            async {
                write.write_all(&sent).await.unwrap();
                drop(write);
            },
            async {
                let mut got = Vec::new();
                far_read.read_to_end(&mut got).await.unwrap();
                assert!(got == sent);
            },
        )
        .await;
        drop(far_read.reunite(far_write).unwrap());
        assert_eq!(read.read(&mut [0; 1]).await.unwrap(), 0);
    });
}

#[test]
fn halves_of_two_streams_do_not_reunite() {
    block_on(async {
        let (near, far) = tcp_pair().await;
        let (near_read, near_write) = near.into_split();
        let (far_read, far_write) = far.into_split();
        let error = near_read.reunite(far_write).unwrap_err();
        assert!(error.to_string().contains("same socket"));
        assert!(error.0.reunite(near_write).is_ok());
        assert!(far_read.reunite(error.1).is_ok());
    });
}

#[test]
fn the_traits_that_users_rely_on_are_there() {
    fn check<T: Send + Sync + Unpin + std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    fn sends(_: impl Send) {}
    check::<TcpListener>();
    check::<TcpStream>();
    check::<TcpSocket>();
    check::<super::tcp::OwnedWriteHalf>();
    check::<super::tcp::ReadHalf<'static>>();
    sends(TcpStream::connect("name:80"));
    sends(TcpStream::connect(("name", 80)));
    sends(TcpListener::bind("127.0.0.1:0"));
    fn boxed<'a>(
        addr: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send + 'a>> {
        Box::pin(async move { TcpStream::connect(addr).await })
    }
    drop(boxed("x:1"));
}

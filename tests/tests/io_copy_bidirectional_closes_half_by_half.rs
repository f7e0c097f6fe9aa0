//! When one direction of `copy_bidirectional` ends, its writer is shut down at once and the other
//! direction goes on.

use futures::executor::block_on;
use futures::future::join;
use runtime::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ErrorKind, copy_bidirectional,
    copy_bidirectional_with_sizes, duplex, join as joined,
};
use runtime::net::{TcpListener, TcpStream};
use tests::scripted::Event::{Flushed, ShutDown, Wrote};
use tests::scripted::Read::{Fail, Give, Stuck, Wait};
use tests::scripted::{Reader, Writer};
use tests::{current_thread, within, workers};

#[test]
fn copy_bidirectional_closes_half_by_half() {
    let (mut client, mut in_) = duplex(16);
    let (mut out, mut server) = duplex(16);
    let proxy = copy_bidirectional_with_sizes(&mut in_, &mut out, 3, 5);
    let talk = async {
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut question = String::new();
        // The end arrives here while the way back is open.
        server.read_to_string(&mut question).await.unwrap();
        assert_eq!(question, "question");
        for _ in 0..100 {
            server.write_all(b"answer").await.unwrap();
            let mut answer = [0; 6];
            client.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"answer");
        }
        server.shutdown().await.unwrap();
        assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
    };
    let (copied, ()) = block_on(join(proxy, talk));
    assert_eq!(copied.unwrap(), (8, 600));
}

/// A proxy between sockets: much goes both ways, and each end is passed on while the other way is
/// open.
#[test]
fn sockets_are_closed_half_by_half() {
    async fn talk(
        mut client: impl AsyncRead + AsyncWrite + Unpin,
        mut server: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) {
        let question: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
        let answer: Vec<u8> = (0..500_000u32).map(|n| (n % 241) as u8).collect();
        let (expected, reply) = (question.clone(), answer.clone());
        let serves = runtime::spawn(async move {
            let mut heard = Vec::new();
            server.read_to_end(&mut heard).await.unwrap();
            assert!(heard == expected);
            server.write_all(&reply).await.unwrap();
        });
        client.write_all(&question).await.unwrap();
        client.shutdown().await.unwrap();
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.unwrap();
        assert!(heard == answer);
        serves.await.unwrap();
    }
    async fn tcp_pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap());
        let (near, far) = runtime::join!(near, listener.accept());
        (near.unwrap(), far.unwrap().0)
    }
    within(|| {
        for runtime in [workers(2), current_thread()] {
            runtime.block_on(async {
                let (client, mut in_) = tcp_pair().await;
                let (mut out, server) = tcp_pair().await;
                let proxy =
                    runtime::spawn(
                        async move { copy_bidirectional(&mut in_, &mut out).await.unwrap() },
                    );
                talk(client, server).await;
                assert_eq!(proxy.await.unwrap(), (300_000, 500_000));
            });
        }
    });
}

#[test]
fn each_writer_is_flushed_and_shut_down_once() {
    let mut a = joined(Reader::new([Give(b"ab"), Wait]), Writer::default());
    let mut b = joined(Reader::new([Wait, Wait, Give(b"c")]), Writer::default());
    assert_eq!(block_on(copy_bidirectional(&mut a, &mut b)).unwrap(), (2, 1));
    let b = &b.writer().events;
    assert_eq!(b[0], Wrote(b"ab".to_vec()));
    assert_eq!(b[b.len() - 2..], [Flushed, ShutDown]);
    assert_eq!(a.writer().events, [Wrote(b"c".to_vec()), Flushed, ShutDown]);
}

#[test]
fn an_error_ends_both() {
    let mut a = joined(Reader::new([Stuck]), Writer::default());
    let mut b = joined(Reader::new([Wait, Fail(ErrorKind::ConnectionReset)]), Writer::default());
    let error = block_on(copy_bidirectional(&mut a, &mut b)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
#[should_panic(expected = "greater than 0")]
fn a_buffer_of_no_size_panics() {
    let (mut a, mut b) = duplex(1);
    let _ = block_on(copy_bidirectional_with_sizes(&mut a, &mut b, 0, 1));
}

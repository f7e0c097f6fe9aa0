//! When one direction of `copy_bidirectional` ends, its writer is shut down at once and the other
//! direction goes on.

use futures::executor::block_on;
use futures::future::join;
use runtime::io::{
    AsyncReadExt, AsyncWriteExt, ErrorKind, copy_bidirectional, copy_bidirectional_with_sizes,
    duplex, join as joined,
};
use tests::scripted::Event::{Flushed, ShutDown, Wrote};
use tests::scripted::Read::{Fail, Give, Stuck, Wait};
use tests::scripted::{Reader, Writer};

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

//! The halves of a stream know each other, work side by side, and become the stream again.

use futures::executor::block_on;
use runtime::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex, join, split};
use std::io::Cursor;

#[test]
fn halves_come_together_again() {
    let (near, mut far) = duplex(64);
    let (mut reader, mut writer) = split(near);
    block_on(async {
        writer.write_all(b"ping").await.unwrap();
        far.write_all(b"pong").await.unwrap();
        assert_eq!(reader.read_u32().await.unwrap(), u32::from_be_bytes(*b"pong"));
    });
    assert!(reader.is_pair_of(&writer) && writer.is_pair_of(&reader));
    let mut near = reader.unsplit(writer);
    block_on(async {
        near.shutdown().await.unwrap();
        let mut text = String::new();
        far.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "ping");
    });
}

#[test]
#[should_panic(expected = "different streams")]
fn halves_of_two_streams_do_not() {
    let (a, b) = duplex(1);
    let ((reader, _w), (_r, writer)) = (split(a), split(b));
    assert!(!reader.is_pair_of(&writer));
    let _ = reader.unsplit(writer);
}

#[test]
fn halves_say_what_the_stream_says() {
    assert!(split(duplex(1).0).1.is_write_vectored());
    let plain = join(&b""[..], tests::scripted::Writer::default());
    assert!(!split(plain).1.is_write_vectored());
}

#[test]
fn halves_can_be_used_by_two_threads() {
    let (near, mut far) = duplex(3);
    let (mut reader, mut writer) = split(near);
    std::thread::scope(|scope| {
        scope.spawn(move || block_on(writer.write_all(&[7; 10_000])).unwrap());
        scope.spawn(move || block_on(reader.read_exact(&mut [0; 10_000])).unwrap());
        scope.spawn(move || {
            block_on(async {
                for _ in 0..1_000 {
                    far.write_all(&[1; 10]).await.unwrap();
                    far.read_exact(&mut [0; 10]).await.unwrap();
                }
            });
        });
    });
}

#[test]
fn a_joined_stream_is_its_parts() {
    let mut stream = join(Cursor::new(b"abc"), Vec::new());
    block_on(async {
        stream.write_all(b"xyz").await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'a');
    });
    assert_eq!((stream.reader().position(), &stream.writer()[..]), (1, &b"xyz"[..]));
    assert_eq!(stream.into_inner().1, b"xyz");
}

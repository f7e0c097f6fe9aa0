//! `FuturesIo` makes of our streams those of `futures-io` and of theirs ours, in reading, writing
//! and seeking, and loses nothing on the way.

use std::io::{Cursor, IoSlice, SeekFrom};

use futures::executor::block_on;
use futures::io as theirs;
use runtime::io as ours;
use runtime::io::compat::FuturesIo;
use tests::scripted::Event::{Flushed, ShutDown, Wrote};
use tests::scripted::Read::{Give, Wait};
use tests::scripted::{Reader, Writer};

#[test]
fn our_reader_is_theirs() {
    use theirs::{AsyncBufReadExt, AsyncReadExt};
    let reader = ours::BufReader::new(Reader::new([Give(b"one\n"), Wait, Give(b"two")]));
    let mut reader = FuturesIo::new(reader);
    block_on(async {
        let mut line = String::new();
        assert_eq!(reader.read_line(&mut line).await.unwrap(), 4);
        let mut rest = Vec::new();
        assert_eq!(reader.read_to_end(&mut rest).await.unwrap(), 3);
        assert_eq!((&*line, &rest[..]), ("one\n", &b"two"[..]));
    });
}

#[test]
fn our_writer_is_theirs() {
    use theirs::AsyncWriteExt;
    let mut writer = FuturesIo::new(Writer::default());
    block_on(async {
        writer.write_all(b"abc").await.unwrap();
        let written =
            writer.write_vectored(&[IoSlice::new(b""), IoSlice::new(b"d")]).await.unwrap();
        assert_eq!(written, 1);
        writer.flush().await.unwrap();
        writer.close().await.unwrap();
    });
    let events = [Wrote(b"abc".to_vec()), Wrote(b"d".to_vec()), Flushed, ShutDown];
    assert_eq!(writer.into_inner().events, events);
}

#[test]
fn our_position_is_theirs() {
    use theirs::{AsyncReadExt, AsyncSeekExt};
    let mut stream = FuturesIo::new(ours::BufReader::new(Cursor::new(b"0123456789")));
    block_on(async {
        assert_eq!(stream.seek(SeekFrom::Start(7)).await.unwrap(), 7);
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        assert_eq!(byte, *b"7");
        assert_eq!(stream.seek(SeekFrom::Current(-2)).await.unwrap(), 6);
        assert!(stream.seek(SeekFrom::Current(-7)).await.is_err());
        assert_eq!(stream.seek(SeekFrom::Current(1)).await.unwrap(), 7);
    });
}

#[test]
fn their_stream_is_ours() {
    use ours::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
    let mut stream = FuturesIo::new(theirs::BufReader::new(theirs::Cursor::new(vec![b'.'; 6])));
    block_on(async {
        assert_eq!(stream.seek(SeekFrom::Start(2)).await.unwrap(), 2);
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "....");
        assert_eq!(stream.fill_buf().await.unwrap(), b"");
    });
    let mut writer = FuturesIo::new(theirs::Cursor::new(Vec::new()));
    block_on(async {
        writer.write_all(b"ab").await.unwrap();
        writer.shutdown().await.unwrap();
    });
    assert_eq!(writer.into_inner().into_inner(), b"ab");
}

#[test]
fn there_and_back_is_the_same() {
    use ours::{AsyncReadExt, AsyncWriteExt};
    let (near, mut far) = ours::duplex(3);
    let mut near = FuturesIo::new(FuturesIo::new(near));
    let there = async {
        near.write_all(b"question").await.unwrap();
        near.shutdown().await.unwrap();
        let mut answer = String::new();
        near.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
    };
    let back = async {
        let mut question = String::new();
        far.read_to_string(&mut question).await.unwrap();
        assert_eq!(question, "question");
        far.write_all(b"answer").await.unwrap();
        far.shutdown().await.unwrap();
    };
    block_on(futures::future::join(there, back));
}

//! What `write_all_buf` wrote is gone from its source, and nothing else: a cancelled or failed call
//! is resumed by another.

use bytes::{Buf, Bytes};
use futures::FutureExt;
use futures::executor::block_on;
use runtime::io::{AsyncWriteExt, ErrorKind};
use tests::scripted::Write::{Fail, Take, Wait};
use tests::scripted::Writer;

#[test]
fn write_all_buf_can_be_resumed() {
    let mut writer = Writer::new([Take(2), Wait, Take(1), Fail(ErrorKind::TimedOut)]);
    let mut source = Bytes::from_static(b"abc").chain(Bytes::from_static(b"defg"));
    assert!(writer.write_all_buf(&mut source).now_or_never().is_none());
    assert_eq!(source.remaining(), 5);
    let error = block_on(writer.write_all_buf(&mut source)).unwrap_err();
    assert_eq!((error.kind(), source.remaining()), (ErrorKind::TimedOut, 4));
    block_on(writer.write_all_buf(&mut source)).unwrap();
    assert_eq!((writer.written(), source.remaining()), (b"abcdefg".to_vec(), 0));
}

#[test]
fn an_interrupted_write_is_made_again() {
    let mut writer = Writer::new([Fail(ErrorKind::Interrupted), Take(1)]);
    block_on(writer.write_all_buf(&mut &b"abc"[..])).unwrap();
    assert_eq!(writer.written(), b"abc");
}

#[test]
fn write_buf_writes_once() {
    let mut writer = Writer::new([Take(2)]);
    let mut source = &b"abc"[..];
    assert_eq!(block_on(writer.write_buf(&mut source)).unwrap(), 2);
    assert_eq!(source, b"c");
    assert_eq!(block_on(writer.write_buf(&mut &b""[..])).unwrap(), 0);
    assert_eq!(writer.events.len(), 1);
}

#[test]
fn all_chunks_go_out_at_once_where_the_writer_can() {
    let mut writer = Vec::new();
    let mut source = Bytes::from_static(b"abc").chain(Bytes::from_static(b"defg"));
    assert_eq!(block_on(writer.write_buf(&mut source)).unwrap(), 7);
    assert_eq!(writer, b"abcdefg");
}

#[test]
fn a_writer_that_takes_nothing_is_an_error() {
    let mut none = [0; 0];
    let mut full = std::io::Cursor::new(&mut none[..]);
    let kind = |result: std::io::Result<()>| result.unwrap_err().kind();
    assert_eq!(kind(block_on(full.write_all(b"x"))), ErrorKind::WriteZero);
    assert_eq!(kind(block_on(full.write_all_buf(&mut &b"x"[..]))), ErrorKind::WriteZero);
    assert_eq!(kind(block_on(full.write_u64(1))), ErrorKind::WriteZero);
}

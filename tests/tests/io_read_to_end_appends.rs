//! `read_to_end` and `read_to_string` append all there is, past interruptions, and leave what was
//! there.

use futures::FutureExt;
use futures::executor::block_on;
use runtime::io::{AsyncReadExt, ErrorKind};
use tests::scripted::Read::{Fail, Give, Wait};
use tests::scripted::Reader;

#[test]
fn read_to_end_appends() {
    let long = tests::scripted::kept((0..100_000_u32).map(|n| n as u8).collect());
    let script = [Give(long), Wait, Fail(ErrorKind::Interrupted), Give(b"end")];
    let mut bytes = b"start".to_vec();
    let read = block_on(Reader::new(script).read_to_end(&mut bytes)).unwrap();
    assert_eq!(read, long.len() + 3);
    assert_eq!(bytes, [b"start", long, b"end"].concat());
}

#[test]
fn what_came_before_an_error_is_kept() {
    let mut bytes = Vec::new();
    let mut reader = Reader::new([Give(b"ab"), Fail(ErrorKind::TimedOut), Give(b"c"), Wait]);
    assert_eq!(block_on(reader.read_to_end(&mut bytes)).unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(reader.read_to_end(&mut bytes).now_or_never().is_none());
    assert_eq!(bytes, b"abc");
}

#[test]
fn no_more_is_allocated_than_was_brought() {
    for len in [0, 1, 31, 32, 33, 5_000] {
        let content = tests::scripted::kept(vec![7; len]);
        let mut bytes = Vec::with_capacity(len);
        let brought = bytes.capacity();
        block_on(Reader::new([Give(content)]).read_to_end(&mut bytes)).unwrap();
        assert_eq!(bytes, content);
        if len >= 32 {
            assert_eq!(bytes.capacity(), brought, "{len}");
        }
    }
}

#[test]
fn a_string_keeps_what_it_held() {
    let mut text = String::from("> ");
    let mut reader = Reader::new([Give(b"\xe2\x82"), Wait, Give(b"\xac"), Give(b"!")]);
    assert_eq!(block_on(reader.read_to_string(&mut text)).unwrap(), 4);
    assert_eq!(text, "> €!");

    let mut reader = Reader::new([Give(b"good \xff")]);
    assert_eq!(
        block_on(reader.read_to_string(&mut text)).unwrap_err().kind(),
        ErrorKind::InvalidData
    );
    assert_eq!(text, "> €!");

    let mut reader = Reader::new([Give(b"good"), Wait, Fail(ErrorKind::TimedOut)]);
    assert!(reader.read_to_string(&mut text).now_or_never().is_none());
    assert_eq!(block_on(reader.read_to_string(&mut text)).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(text, "> €!");
}

#[test]
fn read_buf_fills_what_is_left() {
    let mut bytes = bytes::BytesMut::with_capacity(64);
    let mut reader = Reader::new([Give(b"ab"), Give(b"cd")]);
    while block_on(reader.read_buf(&mut bytes)).unwrap() > 0 {}
    assert_eq!(&bytes[..], b"abcd");

    let mut two = [0; 2];
    let mut room = &mut two[..];
    assert_eq!(block_on(Reader::new([Give(b"abc")]).read_buf(&mut room)).unwrap(), 2);
    assert_eq!(block_on(Reader::new([Give(b"abc")]).read_buf(&mut room)).unwrap(), 0);
    assert_eq!(&two, b"ab");
}

//! Lines and segments come whole, in order and without their ends, however the bytes arrive and
//! however often the caller gives up.

use futures::FutureExt;
use futures::executor::block_on;
use runtime::io::{AsyncBufReadExt, BufReader, ErrorKind};
use tests::scripted::Read::{Fail, Give, Wait};
use tests::scripted::Reader;

fn buffered(script: impl IntoIterator<Item = tests::scripted::Read>) -> BufReader<Reader> {
    BufReader::with_capacity(4, Reader::new(script))
}

#[test]
fn lines_keep_their_content() {
    let script =
        [Give("größer\r\n".as_bytes()), Wait, Give(b"\n"), Give(b"a\rb\n\r\n"), Give(b"c\r")];
    let mut lines = buffered(script).lines();
    for expected in ["größer", "", "a\rb", "", "c\r"] {
        assert_eq!(block_on(lines.next_line()).unwrap().unwrap(), expected);
    }
    assert_eq!(block_on(lines.next_line()).unwrap(), None);
    assert_eq!(block_on(lines.next_line()).unwrap(), None);
}

#[test]
fn a_line_given_up_amid_is_not_lost() {
    let mut lines =
        buffered([Give(b"one "), Wait, Give(b"two "), Wait, Give(b"three\nfour")]).lines();
    assert!(lines.next_line().now_or_never().is_none());
    assert!(lines.next_line().now_or_never().is_none());
    assert_eq!(block_on(lines.next_line()).unwrap().unwrap(), "one two three");
    assert_eq!(block_on(lines.next_line()).unwrap().unwrap(), "four");
}

#[test]
fn a_line_survives_an_error() {
    let mut lines = buffered([Give(b"one "), Fail(ErrorKind::TimedOut), Give(b"two\n")]).lines();
    assert_eq!(block_on(lines.next_line()).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(block_on(lines.next_line()).unwrap().unwrap(), "one two");
}

#[test]
fn a_line_that_is_no_text_is_skipped() {
    let mut lines = buffered([Give(b"a\xffb\nc\n")]).lines();
    assert_eq!(block_on(lines.next_line()).unwrap_err().kind(), ErrorKind::InvalidData);
    assert_eq!(block_on(lines.next_line()).unwrap().unwrap(), "c");
}

#[test]
fn segments_keep_their_content() {
    let mut segments = buffered([Give(b"a,"), Wait, Give(b",\xff"), Wait, Give(b"c,")]).split(b',');
    assert!(segments.next_segment().now_or_never().unwrap().unwrap().unwrap() == b"a");
    assert!(segments.next_segment().now_or_never().is_none());
    assert_eq!(block_on(segments.next_segment()).unwrap().unwrap(), b"");
    assert!(segments.next_segment().now_or_never().is_none());
    assert_eq!(block_on(segments.next_segment()).unwrap().unwrap(), b"\xffc");
    assert_eq!(block_on(segments.next_segment()).unwrap(), None);
}

#[test]
fn a_line_that_is_no_text_is_in_the_error() {
    let mut lines = (&b"\xff\xfe\nnext\n"[..]).lines();
    let error = block_on(lines.next_line()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let inner = error.into_inner().unwrap().downcast::<std::string::FromUtf8Error>().unwrap();
    assert_eq!(inner.into_bytes(), b"\xff\xfe");
    assert_eq!(block_on(lines.next_line()).unwrap().as_deref(), Some("next"));
}

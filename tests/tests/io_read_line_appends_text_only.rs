//! `read_line` leaves a string a string, whatever comes: a cancelled call has appended the whole
//! characters that came, a line that is no text leaves it as it was.

use futures::FutureExt;
use futures::executor::block_on;
use runtime::io::{AsyncBufReadExt, BufReader, ErrorKind};
use tests::scripted::Read::{Fail, Give, Wait};
use tests::scripted::Reader;

fn buffered(script: impl IntoIterator<Item = tests::scripted::Read>) -> BufReader<Reader> {
    BufReader::with_capacity(3, Reader::new(script))
}

#[test]
fn lines_come_with_their_end() {
    let mut reader = buffered([Give("wörld\n".as_bytes()), Wait, Give("😀".as_bytes())]);
    let mut text = String::from("> ");
    assert_eq!(block_on(reader.read_line(&mut text)).unwrap(), 7);
    assert_eq!(block_on(reader.read_line(&mut text)).unwrap(), 4);
    assert_eq!(block_on(reader.read_line(&mut text)).unwrap(), 0);
    assert_eq!(text, "> wörld\n😀");
}

#[test]
fn a_cancelled_call_keeps_whole_characters() {
    let mut reader = buffered([Give("aö".as_bytes()), Wait, Give(b"b\n")]);
    let mut text = String::from("> ");
    assert!(reader.read_line(&mut text).now_or_never().is_none());
    assert_eq!(text, "> aö");
    assert_eq!(block_on(reader.read_line(&mut text)).unwrap(), 2);
    assert_eq!(text, "> aöb\n");
}

#[test]
fn a_line_that_is_no_text_changes_nothing() {
    for bytes in [&b"good \xff bad\nnext\n"[..], b"good \xe2\x82\nnext\n", b"\x80\nnext\n"] {
        let mut reader = buffered([Give(bytes)]);
        let mut text = String::from("> ");
        assert_eq!(
            block_on(reader.read_line(&mut text)).unwrap_err().kind(),
            ErrorKind::InvalidData
        );
        assert_eq!(text, "> ");
        block_on(reader.read_line(&mut text)).unwrap();
        assert_eq!(text, "> next\n");
    }
}

#[test]
fn a_cut_character_at_the_end_is_no_text() {
    let mut text = String::new();
    let error = block_on(buffered([Give(b"a\xe2\x82")]).read_line(&mut text)).unwrap_err();
    assert_eq!((error.kind(), &*text), (ErrorKind::InvalidData, ""));
}

#[test]
fn an_error_keeps_what_came() {
    let mut reader =
        buffered([Give(b"ab"), Fail(ErrorKind::Interrupted), Fail(ErrorKind::TimedOut)]);
    let mut text = String::new();
    assert_eq!(block_on(reader.read_line(&mut text)).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(text, "ab");
}

#[test]
fn read_until_goes_on_after_a_cancelled_call() {
    let mut reader = buffered([Give(b"ab"), Wait, Give(b"c;d")]);
    let mut bytes = Vec::new();
    assert!(reader.read_until(b';', &mut bytes).now_or_never().is_none());
    assert_eq!(bytes, b"ab");
    assert_eq!(block_on(reader.read_until(b';', &mut bytes)).unwrap(), 2);
    assert_eq!(bytes, b"abc;");
    assert_eq!(block_on(reader.fill_buf()).unwrap(), b"d");
}

#[test]
fn the_error_says_where_the_text_ends() {
    let place = |error: runtime::io::Error| {
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        error.into_inner().unwrap().downcast::<std::str::Utf8Error>().unwrap().valid_up_to()
    };
    // In one piece, in the middle of a character, at the end; behind what was there before.
    const SCRIPTS: [&[&[u8]]; 3] =
        [&[b"bc\xc3\xa9", b"\xffd\n"], &[b"bc\xc3", b"\xa9\xff\n"], &[b"bc\xc3\xa9\xc3"]];
    for script in SCRIPTS {
        let mut line = String::from("a");
        let mut reader = buffered(script.iter().map(|piece| Give(piece)));
        assert_eq!(place(block_on(reader.read_line(&mut line)).unwrap_err()), 5);
        assert_eq!(line, "a");
    }
    let mut text = String::from("a");
    let mut reader = &b"bc\xc3\xa9\xff"[..];
    use runtime::io::AsyncReadExt;
    assert_eq!(place(block_on(reader.read_to_string(&mut text)).unwrap_err()), 5);
    assert_eq!(text, "a");
}

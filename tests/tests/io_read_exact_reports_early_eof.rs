//! A value that the stream cuts short is an `UnexpectedEof`, never a value.

use futures::executor::block_on;
use runtime::io::{AsyncReadExt, ErrorKind};
use tests::scripted::Read::{Fail, Give, Wait};
use tests::scripted::Reader;

#[test]
fn read_exact_reports_early_eof() {
    let mut reader = Reader::new([Give(b"ab"), Wait, Give(b"c")]);
    let error = block_on(reader.read_exact(&mut [0; 4])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert!(error.to_string().contains("early eof"), "{error}");
}

#[test]
fn numbers_report_early_eof() {
    let mut reader = Reader::new([Give(b"abc")]);
    assert_eq!(block_on(reader.read_u32()).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(block_on(Reader::default().read_i8()).unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn read_exact_joins_what_comes_in_pieces() {
    let mut reader = Reader::new([Give(b"a"), Wait, Give(b"bc"), Wait, Give(b"defgh")]);
    let mut buf = [0; 6];
    assert_eq!(block_on(reader.read_exact(&mut buf)).unwrap(), 6);
    assert_eq!(&buf, b"abcdef");
    assert_eq!(block_on(reader.read_u16()).unwrap(), u16::from_be_bytes(*b"gh"));
}

#[test]
fn read_exact_of_nothing_reads_nothing() {
    let mut reader = Reader::default();
    assert_eq!(block_on(reader.read_exact(&mut [])).unwrap(), 0);
    assert_eq!(reader.polls, 0);
}

#[test]
fn read_exact_passes_errors_on() {
    let mut reader = Reader::new([Give(b"a"), Fail(ErrorKind::ConnectionReset)]);
    let error = block_on(reader.read_exact(&mut [0; 2])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

//! A `BufWriter` gives everything, once, in order, and in few writes; nothing before a flush that
//! fits, everything after it.

use futures::FutureExt;
use futures::executor::block_on;
use runtime::io::{AsyncWriteExt, BufWriter, ErrorKind};
use std::io::IoSlice;
use tests::scripted::Event::{Flushed, ShutDown, Wrote};
use tests::scripted::Write::{Fail, Take, Wait};
use tests::scripted::Writer;

#[test]
fn small_writes_are_collected() {
    let mut writer = BufWriter::with_capacity(4, Writer::default());
    for byte in b"abcdef" {
        block_on(writer.write_u8(*byte)).unwrap();
    }
    assert_eq!(writer.get_ref().events, [Wrote(b"abcd".to_vec())]);
    assert_eq!(writer.buffer(), b"ef");
    block_on(writer.flush()).unwrap();
    assert_eq!(
        writer.into_inner().events,
        [Wrote(b"abcd".to_vec()), Wrote(b"ef".to_vec()), Flushed]
    );
}

#[test]
fn large_writes_go_past_the_buffer_in_order() {
    let mut writer = BufWriter::with_capacity(4, Writer::default());
    block_on(writer.write_all(b"ab")).unwrap();
    block_on(writer.write_all(b"cdefgh")).unwrap();
    assert_eq!(writer.get_ref().events, [Wrote(b"ab".to_vec()), Wrote(b"cdefgh".to_vec())]);
}

#[test]
fn shutdown_writes_first() {
    let mut writer = BufWriter::new(Writer::default());
    block_on(writer.write_all(b"ab")).unwrap();
    block_on(writer.shutdown()).unwrap();
    assert_eq!(writer.into_inner().events, [Wrote(b"ab".to_vec()), ShutDown]);
}

#[test]
fn a_flush_given_up_amid_goes_on() {
    let mut writer = BufWriter::new(Writer::new([Take(2), Wait, Fail(ErrorKind::Interrupted)]));
    block_on(writer.write_all(b"abcde")).unwrap();
    assert!(writer.flush().now_or_never().is_none());
    assert_eq!(writer.buffer(), b"cde");
    block_on(writer.flush()).unwrap();
    assert_eq!(writer.get_ref().written(), b"abcde");
}

#[test]
fn an_error_loses_nothing() {
    let mut writer = BufWriter::new(Writer::new([Take(2), Fail(ErrorKind::TimedOut), Take(0)]));
    block_on(writer.write_all(b"abcde")).unwrap();
    assert_eq!(block_on(writer.flush()).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(writer.buffer(), b"cde");
    assert_eq!(block_on(writer.flush()).unwrap_err().kind(), ErrorKind::WriteZero);
    block_on(writer.flush()).unwrap();
    assert_eq!(writer.get_ref().written(), b"abcde");
}

#[test]
fn any_mix_of_writes_keeps_order() {
    for capacity in [0, 1, 3, 8, 100] {
        // Once over a writer that takes several buffers at once, once over one that does not.
        let mut many = BufWriter::with_capacity(capacity, Vec::new());
        let mut one = BufWriter::with_capacity(capacity, Writer::new((1..9).map(Take)));
        let bytes: Vec<u8> = (0..=255).collect();
        for writer in [&mut many as &mut (dyn runtime::io::AsyncWrite + Unpin), &mut one] {
            let (mut rest, mut step) = (&bytes[..], 0);
            while !rest.is_empty() {
                step += 1;
                let n = (step * 7 % 11).min(rest.len());
                let written = if step % 3 == 0 {
                    block_on(writer.write(&rest[..n])).unwrap()
                } else {
                    let (a, b) = rest[..n].split_at(n / 3);
                    let parts = [IoSlice::new(&[]), IoSlice::new(a), IoSlice::new(b)];
                    block_on(writer.write_vectored(&parts)).unwrap()
                };
                assert!(written > 0 || n == 0);
                rest = &rest[written..];
            }
            block_on(writer.flush()).unwrap();
        }
        assert_eq!(many.get_ref(), &bytes, "{capacity}");
        assert_eq!(one.get_ref().written(), bytes, "{capacity}");
    }
}

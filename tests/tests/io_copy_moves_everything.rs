//! `copy` moves every byte once, in order, whatever the two ends do; it flushes before it waits
//! for more, so that a reader that waits for its own words gets them.

use futures::executor::block_on;
use runtime::io::{
    AsyncReadExt, AsyncWriteExt, BufReader, BufWriter, ErrorKind, copy, copy_buf, duplex,
};
use tests::scripted::Event::{Flushed, Wrote};
use tests::scripted::Read::{Fail, Give, Wait};
use tests::scripted::Write::{Take, Wait as NoRoom};
use tests::scripted::{Reader, Writer};

fn long() -> &'static [u8] {
    tests::scripted::kept((0..50_000_u32).map(|n| (n / 7) as u8).collect())
}

fn hard_to_read() -> Reader {
    let interrupted = Fail(ErrorKind::Interrupted);
    Reader::new([Give(b"start"), Wait, interrupted, Give(long()), Wait, Give(b"end")])
}

fn hard_to_write() -> Writer {
    let interrupted = tests::scripted::Write::Fail(ErrorKind::Interrupted);
    Writer::new([NoRoom, Take(1), interrupted, NoRoom, Take(5_000), NoRoom, Take(3)])
}

#[test]
fn copy_moves_everything() {
    let mut writer = hard_to_write();
    let copied = block_on(copy(&mut hard_to_read(), &mut writer)).unwrap();
    assert_eq!(copied, long().len() as u64 + 8);
    assert_eq!(writer.written(), [b"start", long(), b"end"].concat());
    assert_eq!(writer.events.last(), Some(&Flushed));
}

#[test]
fn copy_buf_moves_everything() {
    let mut writer = hard_to_write();
    let mut reader = BufReader::with_capacity(100, hard_to_read());
    let copied = block_on(copy_buf(&mut reader, &mut writer)).unwrap();
    assert_eq!(copied, long().len() as u64 + 8);
    assert_eq!(writer.written(), [b"start", long(), b"end"].concat());
    assert_eq!(writer.events.last(), Some(&Flushed));
}

#[test]
fn a_wait_for_more_flushes_first() {
    let expected = [Wrote(b"ab".to_vec()), Flushed, Wrote(b"c".to_vec()), Flushed];
    let script = || Reader::new([Give(b"ab"), Wait, Wait, Give(b"c")]);
    let mut writer = Writer::default();
    block_on(copy(&mut script(), &mut writer)).unwrap();
    assert_eq!(writer.events, expected);
    let mut writer = Writer::default();
    block_on(copy_buf(&mut BufReader::new(script()), &mut writer)).unwrap();
    assert_eq!(writer.events, expected);
}

#[test]
fn an_echo_behind_a_buffer_does_not_hang() {
    let (near, far) = duplex(64);
    let (mut reader, writer) = runtime::io::split(far);
    let mut writer = BufWriter::new(writer);
    let echo = copy(&mut reader, &mut writer);
    let talk = async {
        let mut near = near;
        for word in ["one", "two"] {
            near.write_all(word.as_bytes()).await.unwrap();
            let mut back = [0; 3];
            near.read_exact(&mut back).await.unwrap();
            assert_eq!(back, word.as_bytes());
        }
        near.shutdown().await.unwrap();
    };
    let (copied, ()) = block_on(futures::future::join(echo, talk));
    assert_eq!(copied.unwrap(), 6);
}

#[test]
fn a_writer_that_is_slow_gets_large_pieces() {
    let reader = [Give(b"a"), Give(b"b"), Give(b"c"), Wait];
    let mut writer = Writer::new([NoRoom, NoRoom]);
    block_on(copy(&mut Reader::new(reader), &mut writer)).unwrap();
    assert_eq!(writer.events[0], Wrote(b"abc".to_vec()));
}

#[test]
fn errors_are_passed_on() {
    let mut reader = Reader::new([Give(b"ab"), Fail(ErrorKind::TimedOut)]);
    let error = block_on(copy(&mut reader, &mut Writer::default())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let mut writer = Writer::new([Take(0)]);
    let error = block_on(copy(&mut &b"ab"[..], &mut writer)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WriteZero);
    let mut writer = Writer::new([Take(0)]);
    let error = block_on(copy_buf(&mut &b"ab"[..], &mut writer)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WriteZero);
}

//! Models of `io/duplex.rs`.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;

use loom::future::block_on;
use loom::thread;

use crate::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

/// A pipe with room for one byte: the second one waits for the first to be read.
const LIMIT: usize = 1;

/// Reads the next byte; `None` at the end.
fn read(stream: &mut DuplexStream) -> Option<u8> {
    let mut byte = [0];
    let mut buf = ReadBuf::new(&mut byte);
    block_on(poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, &mut buf))).unwrap();
    buf.filled().first().copied()
}

fn write(stream: &mut DuplexStream, byte: u8) -> io::Result<usize> {
    block_on(poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, &[byte])))
}

/// A reader that sleeps while a byte is there, or a writer that sleeps while there is room.
#[test]
fn reader_and_writer_wake_each_other() {
    loom::model(|| {
        let (mut near, mut far) = duplex(LIMIT);
        let writer = thread::spawn(move || {
            for byte in [1, 2] {
                assert_eq!(write(&mut far, byte).unwrap(), 1);
            }
            far
        });
        assert_eq!([read(&mut near), read(&mut near)], [Some(1), Some(2)]);
        drop(writer.join().unwrap());
        assert_eq!(read(&mut near), None);
    });
}

/// A reader that waits for more after the end.
#[test]
fn a_shutdown_ends_the_reader() {
    loom::model(|| {
        let (mut near, mut far) = duplex(LIMIT);
        let writer = thread::spawn(move || {
            block_on(poll_fn(|cx| Pin::new(&mut far).poll_shutdown(cx))).unwrap();
            far
        });
        assert_eq!(read(&mut near), None);
        drop(writer.join().unwrap());
    });
}

/// A reader that waits for a writer that has gone.
#[test]
fn a_dropped_end_wakes_the_reader() {
    loom::model(|| {
        let (mut near, far) = duplex(LIMIT);
        let other = thread::spawn(move || drop(far));
        assert_eq!(read(&mut near), None);
        other.join().unwrap();
    });
}

/// A writer that waits for room although the reader, which would make it, has gone.
#[test]
fn a_dropped_end_wakes_the_writer() {
    loom::model(|| {
        let (mut near, far) = duplex(LIMIT);
        let other = thread::spawn(move || drop(far));
        // The first one may fit, the second one never does.
        let _ = write(&mut near, 1);
        assert_eq!(write(&mut near, 2).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        other.join().unwrap();
    });
}

//! A pipe in memory takes no more bytes than its limit, and each end learns what the other does:
//! that there is room, that there are bytes, that it is gone.

use std::io::IoSlice;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use futures::FutureExt;
use futures::executor::block_on;
use futures::future::join;
use runtime::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ErrorKind, ReadBuf,
    SimplexStream, duplex, simplex,
};

/// Counts how often it was woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Count {
    fn new() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (Arc::clone(&count), Waker::from(count))
    }

    fn get(&self) -> usize {
        self.0.load(SeqCst)
    }
}

fn poll_read(stream: &mut DuplexStream, waker: &Waker) -> Poll<Vec<u8>> {
    let mut memory = [0; 16];
    let mut buf = ReadBuf::new(&mut memory);
    let read = Pin::new(stream).poll_read(&mut Context::from_waker(waker), &mut buf);
    read.map(|result| result.map(|()| buf.filled().to_vec()).unwrap())
}

fn poll_write(stream: &mut DuplexStream, waker: &Waker, bytes: &[u8]) -> Poll<usize> {
    Pin::new(stream).poll_write(&mut Context::from_waker(waker), bytes).map(Result::unwrap)
}

#[test]
fn duplex_holds_no_more_than_its_limit() {
    let (mut near, mut far) = duplex(4);
    assert_eq!(near.write(b"abcdef").now_or_never().unwrap().unwrap(), 4);
    assert!(near.write(b"e").now_or_never().is_none());
    let mut two = [0; 2];
    assert_eq!(far.read(&mut two).now_or_never().unwrap().unwrap(), 2);
    let parts = [IoSlice::new(b"e"), IoSlice::new(b""), IoSlice::new(b"fg")];
    assert_eq!(near.write_vectored(&parts).now_or_never().unwrap().unwrap(), 2);
    let mut rest = [0; 4];
    assert_eq!(far.read(&mut rest).now_or_never().unwrap().unwrap(), 4);
    assert_eq!(&rest, b"cdef");
    // The other way has a limit of its own.
    assert_eq!(far.write(b"1234").now_or_never().unwrap().unwrap(), 4);
}

#[test]
fn everything_arrives_in_order() {
    let (mut near, mut far) = duplex(7);
    let bytes: Vec<u8> = (0..10_000_u32).map(|n| (n / 3) as u8).collect();
    let write = async {
        for piece in bytes.chunks(13) {
            near.write_all(piece).await.unwrap();
        }
        drop(near);
    };
    let mut arrived = Vec::new();
    let (read, ()) = block_on(join(far.read_to_end(&mut arrived), write));
    assert_eq!((read.unwrap(), arrived), (10_000, bytes));
}

#[test]
fn each_end_wakes_the_other() {
    let (mut near, mut far) = duplex(4);
    let (reads, reader) = Count::new();
    let (writes, writer) = Count::new();
    assert!(poll_read(&mut far, &reader).is_pending());
    assert_eq!(poll_write(&mut near, &writer, b"abcd"), Poll::Ready(4));
    assert_eq!((reads.get(), writes.get()), (1, 0));
    assert!(poll_write(&mut near, &writer, b"e").is_pending());
    assert_eq!(poll_read(&mut far, &reader), Poll::Ready(b"abcd".to_vec()));
    assert_eq!((reads.get(), writes.get()), (1, 1));
    // Nobody waits any more, so nobody is woken.
    assert_eq!(poll_write(&mut near, &writer, b"e"), Poll::Ready(1));
    assert_eq!((reads.get(), writes.get()), (1, 1));
}

#[test]
fn the_latest_waker_counts() {
    let (mut near, mut far) = duplex(4);
    let ((old, first), (new, second)) = (Count::new(), Count::new());
    assert!(poll_read(&mut far, &first).is_pending());
    assert!(poll_read(&mut far, &second).is_pending());
    assert_eq!(poll_write(&mut near, Waker::noop(), b"a"), Poll::Ready(1));
    assert_eq!((old.get(), new.get()), (0, 1));
}

#[test]
fn dropping_an_end_tells_the_other() {
    let (mut near, mut far) = duplex(4);
    let (woken, waker) = Count::new();
    assert_eq!(poll_write(&mut near, &waker, b"abcd"), Poll::Ready(4));
    assert_eq!(poll_write(&mut far, &waker, b"123"), Poll::Ready(3));
    assert!(poll_write(&mut near, &waker, b"e").is_pending());
    drop(far);
    assert_eq!(woken.get(), 1);
    let error = near.write(b"e").now_or_never().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    // What it had written can be read; then the end.
    let mut text = String::new();
    block_on(near.read_to_string(&mut text)).unwrap();
    assert_eq!(text, "123");
}

#[test]
fn shutdown_ends_one_direction() {
    let (mut near, mut far) = duplex(4);
    let (woken, waker) = Count::new();
    assert!(poll_read(&mut far, &waker).is_pending());
    block_on(near.shutdown()).unwrap();
    assert_eq!(woken.get(), 1);
    assert_eq!(poll_read(&mut far, &waker), Poll::Ready(Vec::new()));
    assert_eq!(block_on(near.write(b"a")).unwrap_err().kind(), ErrorKind::BrokenPipe);
    block_on(far.write_all(b"ok")).unwrap();
    assert_eq!(poll_read(&mut near, &waker), Poll::Ready(b"ok".to_vec()));
}

/// Reads the pipe when it is woken, cloned or dropped, as an executor that polls inline would.
struct Nosy(Mutex<Option<DuplexStream>>);

impl Wake for Nosy {
    fn wake(self: Arc<Self>) {
        if let Some(stream) = &mut *self.0.lock().unwrap() {
            let _ = poll_read(stream, Waker::noop());
            let _ = poll_write(stream, Waker::noop(), b"x");
        }
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        if let Some(stream) = self.0.get_mut().unwrap() {
            let _ = poll_write(stream, Waker::noop(), b"x");
        }
    }
}

#[test]
fn a_waker_may_come_back_into_the_pipe() {
    let (mut near, far) = duplex(4);
    let nosy = Arc::new(Nosy(Mutex::new(None)));
    let waker = Waker::from(Arc::clone(&nosy));
    let mut far = far;
    assert!(poll_read(&mut far, &waker).is_pending());
    drop(waker);
    *nosy.0.lock().unwrap() = Some(far);
    // Wakes `nosy`, which reads this byte and writes one.
    assert_eq!(poll_write(&mut near, Waker::noop(), b"a"), Poll::Ready(1));
    assert_eq!(poll_read(&mut near, Waker::noop()), Poll::Ready(b"x".to_vec()));
    // Replaced, `nosy` is dropped by this poll, and writes amid it.
    assert!(poll_read(&mut near, &Waker::from(nosy)).is_pending());
    let (woken, waker) = Count::new();
    let replaced = poll_read(&mut near, &waker);
    assert!(replaced.is_pending());
    assert_eq!(woken.get(), 1);
}

#[test]
fn simplex_goes_one_way() {
    let (mut reader, mut writer) = simplex(4);
    assert_eq!(writer.write(b"abcdef").now_or_never().unwrap().unwrap(), 4);
    assert!(writer.write(b"e").now_or_never().is_none());
    assert_eq!(block_on(reader.read_u32()).unwrap(), u32::from_be_bytes(*b"abcd"));
    assert!(reader.read(&mut [0; 1]).now_or_never().is_none());
    block_on(writer.write_all(b"ef")).unwrap();
    block_on(writer.shutdown()).unwrap();
    let mut rest = Vec::new();
    block_on(reader.read_to_end(&mut rest)).unwrap();
    assert_eq!(rest, b"ef");

    let mut both = SimplexStream::new_unsplit(4);
    block_on(both.write_all(b"abc")).unwrap();
    assert_eq!(block_on(both.read_u8()).unwrap(), b'a');
}

#[test]
fn only_a_shutdown_ends_a_simplex() {
    let (mut reader, mut writer) = simplex(4);
    let (woken, waker) = Count::new();
    let mut cx = Context::from_waker(&waker);
    let mut memory = [0; 8];
    let mut buf = ReadBuf::new(&mut memory);
    assert!(Pin::new(&mut reader).poll_read(&mut cx, &mut buf).is_pending());
    block_on(writer.shutdown()).unwrap();
    assert_eq!(woken.get(), 1);
    assert_eq!(block_on(reader.read(&mut [0; 1])).unwrap(), 0);
    assert_eq!(block_on(writer.write(b"x")).unwrap_err().kind(), ErrorKind::BrokenPipe);

    // The halves share the pipe: one that goes closes nothing.
    let (mut reader, writer) = simplex(4);
    drop(writer);
    assert!(reader.read(&mut [0; 1]).now_or_never().is_none());
    let (reader, mut writer) = simplex(4);
    drop(reader);
    assert_eq!(block_on(writer.write(b"full!")).unwrap(), 4);
    assert!(writer.write(b"x").now_or_never().is_none());
}

#[test]
#[should_panic(expected = "greater than 0")]
fn a_pipe_of_no_size_panics() {
    let _ = duplex(0);
}

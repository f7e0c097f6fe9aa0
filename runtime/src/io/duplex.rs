//! Pipes in memory: [`duplex`] goes both ways, [`simplex`] one way.
//!
//! # Problem
//!
//! A writer and a reader share a bounded buffer, and wait for each other. Code under the lock must
//! not call user code, and wakers are user code: cloning, dropping or calling one may panic or call
//! the pipe again.
//!
//! # Rules
//!
//! 1. Under the lock a poll only moves bytes, compares wakers and moves them in and out.
//! 2. A waker that must be registered is cloned before the lock is taken again: the poll tries
//!    first without one, and only when it would wait (and is not registered already) clones, locks
//!    and tries once more ([`poll_pipe`]).
//! 3. Wakers that were moved out (to be woken, or replaced) are used after the lock.
//!
//! # Who wakes whom
//!
//! A write that moved bytes wakes the reader; a read that moved bytes wakes the writer; closing
//! wakes the side that could wait for it.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::traits::{forward_read, forward_write};
use super::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf, split};
use crate::engine::coop;
use crate::engine::insight::{Kind, Wait};
use crate::engine::messages;
use crate::engine::primitive::{Arc, Mutex};
use crate::engine::wake_list::WakeList;

/// A bounded buffer that one end writes and the other reads.
#[derive(Debug)]
struct Pipe {
    bytes: VecDeque<u8>,
    limit: usize,
    closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// Which end of a pipe.
#[derive(Clone, Copy)]
enum End {
    Reader,
    Writer,
}

impl End {
    fn other(self) -> End {
        match self {
            End::Reader => End::Writer,
            End::Writer => End::Reader,
        }
    }

    /// Returns what a poll at this end waits for.
    #[cold]
    fn wait(self) -> Wait {
        match self {
            End::Reader => Wait::new(Kind::DuplexRead, 0),
            End::Writer => Wait::new(Kind::DuplexWrite, 0),
        }
    }
}

impl Pipe {
    #[track_caller]
    fn new(limit: usize) -> Pipe {
        assert!(limit > 0, "`max_buf_size` {}", messages::ZERO_SIZE);
        Pipe { bytes: VecDeque::new(), limit, closed: false, reader: None, writer: None }
    }

    /// The slot of the waker that waits at `end`.
    fn waiter(&mut self, end: End) -> &mut Option<Waker> {
        match end {
            End::Reader => &mut self.reader,
            End::Writer => &mut self.writer,
        }
    }

    /// Moves bytes out. `Pending` if there are none yet.
    fn read(&mut self, buf: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(0));
        }
        if self.bytes.is_empty() && !self.closed {
            return Poll::Pending;
        }
        let mut moved = 0;
        let (front, back) = self.bytes.as_slices();
        for part in [front, back] {
            let n = part.len().min(buf.remaining());
            buf.put_slice(&part[..n]);
            moved += n;
        }
        self.bytes.drain(..moved);
        Poll::Ready(Ok(moved))
    }

    /// Moves bytes in. `Pending` if there is no room yet.
    fn write(&mut self, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut moved = 0;
        for buf in bufs.iter().filter(|buf| !buf.is_empty()) {
            let n = buf.len().min(self.limit - self.bytes.len());
            self.bytes.extend(&buf[..n]);
            moved += n;
            if n < buf.len() {
                // The buffer is full.
                return if moved > 0 { Poll::Ready(Ok(moved)) } else { Poll::Pending };
            }
        }
        Poll::Ready(Ok(moved))
    }

    /// Refuses more bytes. Returns the waker at the `other` end, to be called.
    #[must_use = "the waker is to be woken after the lock"]
    fn close(&mut self, other: End) -> Option<Waker> {
        self.closed = true;
        self.waiter(other).take()
    }
}

/// One poll of a pipe at `end`: moves bytes and wakes the other end if any moved, or registers
/// `cx`'s waker.
fn poll_pipe(
    pipe: &Mutex<Pipe>,
    cx: &mut Context<'_>,
    end: End,
    mut work: impl FnMut(&mut Pipe) -> Poll<io::Result<usize>>,
) -> Poll<io::Result<usize>> {
    let unit = ready!(coop::poll_proceed(cx));
    let mut spare: Option<Waker> = None;
    loop {
        let mut guard = pipe.lock();
        if let Poll::Ready(result) = work(&mut guard) {
            let moved = matches!(result, Ok(1..));
            let woken = if moved { guard.waiter(end.other()).take() } else { None };
            drop(guard);
            if let Some(waker) = woken {
                waker.wake(); // wake: the other end of the pipe
            }
            unit.made_progress();
            return Poll::Ready(result);
        }
        let waiter = guard.waiter(end);
        if waiter.as_ref().is_some_and(|old| old.will_wake(cx.waker())) {
            return unit.pending(|| end.wait());
        }
        if spare.is_some() {
            // The wakers are swapped, so that the old one is dropped after the lock (3).
            std::mem::swap(waiter, &mut spare);
            drop(guard);
            return unit.pending(|| end.wait());
        }
        drop(guard);
        spare = Some(cx.waker().clone());
    }
}

/// Closes a pipe at `end`, and wakes the other end.
fn close_pipe(pipe: &Mutex<Pipe>, end: End) {
    let waker = pipe.lock().close(end.other());
    if let Some(waker) = waker {
        waker.wake(); // wake: the other end of a closed pipe
    }
}

/// A pipe behind its lock. A shared borrow of it can be read and written.
#[derive(Debug)]
struct Shared(Mutex<Pipe>);

impl Shared {
    #[track_caller]
    fn new(limit: usize) -> Shared {
        Shared(Mutex::new(Pipe::new(limit)))
    }
}

impl AsyncRead for &Shared {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        poll_pipe(&self.0, cx, End::Reader, |pipe| pipe.read(buf)).map_ok(|_| ())
    }
}

impl AsyncWrite for &Shared {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        poll_pipe(&self.0, cx, End::Writer, |pipe| pipe.write(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        close_pipe(&self.0, End::Writer);
        Poll::Ready(Ok(()))
    }
}

/// One end of a pipe that goes both ways. Made by [`duplex`].
///
/// Dropping it ends the other end's reads and breaks its writes.
///
/// # Examples
///
/// See [`duplex`].
#[derive(Debug)]
pub struct DuplexStream {
    incoming: Arc<Shared>,
    outgoing: Arc<Shared>,
}

/// A pipe in memory that goes both ways; each end reads what the other writes.
///
/// At most `max_buf_size` bytes wait in either direction. A write beyond that waits for a read.
///
/// # Panics
///
/// When `max_buf_size` is 0.
///
/// # Examples
///
/// ```
/// use runtime::io::{AsyncReadExt, AsyncWriteExt, duplex};
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (mut client, mut server) = duplex(64);
/// client.write_all(b"ping").await?;
/// let mut buf = [0; 4];
/// server.read_exact(&mut buf).await?;
/// assert_eq!(&buf, b"ping");
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn duplex(max_buf_size: usize) -> (DuplexStream, DuplexStream) {
    let one = Arc::new(Shared::new(max_buf_size));
    let two = Arc::new(Shared::new(max_buf_size));
    (
        DuplexStream { incoming: Arc::clone(&one), outgoing: Arc::clone(&two) },
        DuplexStream { incoming: two, outgoing: one },
    )
}

impl AsyncRead for DuplexStream {
    forward_read!(self => Pin::new(&mut &*self.incoming));
}

impl AsyncWrite for DuplexStream {
    forward_write!(self => Pin::new(&mut &*self.outgoing), &&*self.outgoing);
}

impl Drop for DuplexStream {
    fn drop(&mut self) {
        let mut waiting = WakeList::new();
        for (pipe, end) in [(&self.outgoing, End::Writer), (&self.incoming, End::Reader)] {
            let (other, own) = {
                let mut pipe = pipe.0.lock();
                (pipe.close(end.other()), pipe.waiter(end).take())
            };
            // No waker waits at this end any more.
            drop(own);
            if let Some(waker) = other {
                waiting.push(waker);
            }
        }
        waiting.wake_all(); // wake: the other end of both pipes
    }
}

/// A pipe in memory that goes one way, with both ends in one value: what is written can be read.
///
/// [`simplex`] returns the ends separately.
///
/// # Examples
///
/// See [`SimplexStream::new_unsplit`].
#[derive(Debug)]
pub struct SimplexStream {
    pipe: Shared,
}

/// A pipe in memory that goes one way: what is written to the second half can be read from the
/// first.
///
/// At most `max_buf_size` bytes wait in it; more writing waits for reading. The reader sees the end
/// when the writer is shut down. Dropping a half closes nothing, since [`ReadHalf::unsplit`] and
/// the halves share the pipe: use [`duplex`] where dropping must tell the other end.
///
/// # Panics
///
/// When `max_buf_size` is 0.
///
/// # Examples
///
/// ```
/// use runtime::io::{AsyncReadExt, AsyncWriteExt, simplex};
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (mut reader, mut writer) = simplex(64);
/// writer.write_all(b"hello").await?;
/// writer.shutdown().await?;
/// let mut text = String::new();
/// reader.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn simplex(max_buf_size: usize) -> (ReadHalf<SimplexStream>, WriteHalf<SimplexStream>) {
    split(SimplexStream::new_unsplit(max_buf_size))
}

impl SimplexStream {
    /// A pipe whose ends are in one value; see [`simplex`].
    ///
    /// # Panics
    ///
    /// When `max_buf_size` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::io::{AsyncReadExt, AsyncWriteExt, SimplexStream};
    ///
    /// let mut buffer = SimplexStream::new_unsplit(64);
    /// buffer.write_all(b"kept").await?;
    /// let mut back = [0; 4];
    /// buffer.read_exact(&mut back).await?;
    /// assert_eq!(&back, b"kept");
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn new_unsplit(max_buf_size: usize) -> SimplexStream {
        SimplexStream { pipe: Shared::new(max_buf_size) }
    }
}

impl AsyncRead for SimplexStream {
    forward_read!(self => Pin::new(&mut &self.pipe));
}

impl AsyncWrite for SimplexStream {
    forward_write!(self => Pin::new(&mut &self.pipe), &&self.pipe);
}

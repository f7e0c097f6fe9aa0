//! From a reader to a writer: [`copy`], [`copy_buf`], [`copy_bidirectional`].

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::op::uninterrupted;
use super::{AsyncBufRead, AsyncRead, AsyncWrite, BUFFER_BYTES, ReadBuf, write_zero};
use crate::engine::coop::{self, RestoreOnPending};
use crate::engine::messages;

/// One direction of a copy.
///
/// 1. `memory[start..end]` has been read and is still to be written.
/// 2. It reads while there is room behind, and writes while there is something to write: so a slow
///    writer gets large pieces, and a slow reader delays nothing that has come.
/// 3. Before it waits for the reader with nothing left to write, it flushes: the source of the
///    reader may wait for bytes that the writer still buffers.
#[derive(Debug)]
struct Transfer {
    memory: Box<[u8]>,
    start: usize,
    end: usize,
    written: u64,
    ended: bool,
    unflushed: bool,
}

impl Transfer {
    fn new(size: usize) -> Transfer {
        let memory = vec![0; size].into_boxed_slice();
        Transfer { memory, start: 0, end: 0, written: 0, ended: false, unflushed: false }
    }

    /// Whether a read makes sense.
    fn wants_more(&self) -> bool {
        !self.ended && self.end < self.memory.len()
    }

    /// One read, appended to the bytes in memory.
    fn poll_fill<R: AsyncRead + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
    ) -> Poll<io::Result<()>> {
        let mut room = ReadBuf::new(&mut self.memory[self.end..]);
        ready!(uninterrupted(|| reader.as_mut().poll_read(cx, &mut room)))?;
        let read = room.filled().len();
        self.ended = read == 0;
        self.end += read;
        Poll::Ready(Ok(()))
    }

    /// Copies until the reader has ended and all is flushed; returns how many bytes there were.
    fn poll_copy<R: AsyncRead + ?Sized, W: AsyncWrite + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<u64>> {
        let unit = ready!(coop::poll_proceed(cx));
        loop {
            if self.wants_more() {
                let filled = self.poll_fill(cx, reader.as_mut());
                if filled.is_pending() && self.start == self.end {
                    ready!(poll_flush_once(cx, writer, &mut self.unflushed, &unit))?;
                    return Poll::Pending;
                }
                if let Poll::Ready(filled) = filled {
                    unit.made_progress();
                    filled?;
                }
            }
            while self.start < self.end {
                let rest = &self.memory[self.start..self.end];
                let Poll::Ready(written) = uninterrupted(|| writer.as_mut().poll_write(cx, rest))
                else {
                    // Reads during the wait: these bytes go out with the next write.
                    if self.wants_more() {
                        ready!(self.poll_fill(cx, reader))?;
                        unit.made_progress();
                    }
                    return Poll::Pending;
                };
                unit.made_progress();
                match written? {
                    0 => return Poll::Ready(Err(write_zero())),
                    n => {
                        self.start += n;
                        self.written += n as u64;
                        self.unflushed = true;
                    }
                }
            }
            self.start = 0;
            self.end = 0;
            if self.ended {
                ready!(writer.poll_flush(cx))?;
                unit.made_progress();
                return Poll::Ready(Ok(self.written));
            }
        }
    }
}

/// Flushes what was written since the last flush (3).
fn poll_flush_once<W: AsyncWrite + ?Sized>(
    cx: &mut Context<'_>,
    writer: Pin<&mut W>,
    unflushed: &mut bool,
    unit: &RestoreOnPending,
) -> Poll<io::Result<()>> {
    if *unflushed {
        ready!(writer.poll_flush(cx))?;
        unit.made_progress();
        *unflushed = false;
    }
    Poll::Ready(Ok(()))
}

/// Copies all that `reader` gives to `writer`, flushes, and returns how many bytes were copied.
///
/// The buffer has 8 KiB; [`copy_buf`] uses a reader's own. The writer is also flushed whenever the
/// reader has nothing. It is not shut down at the end.
///
/// # Errors
///
/// Errors of the reader or the writer; an interrupted operation is made again.
///
/// # Cancel safety
///
/// Not cancel safe: if it is dropped before it is done, what was read and not written is lost.
///
/// # Examples
///
/// ```
/// use runtime::io;
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut reader = &b"hello"[..];
/// let mut writer = Vec::new();
/// assert_eq!(io::copy(&mut reader, &mut writer).await?, 5);
/// # Ok(())
/// # }
/// ```
pub async fn copy<R, W>(reader: &mut R, writer: &mut W) -> io::Result<u64>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut transfer = Transfer::new(BUFFER_BYTES);
    poll_fn(|cx| transfer.poll_copy(cx, Pin::new(&mut *reader), Pin::new(&mut *writer))).await
}

/// Copies all that a buffered reader gives to `writer`, flushes, and returns the number of bytes.
///
/// Like [`copy`], without a buffer of its own.
///
/// # Errors
///
/// Errors of the reader or the writer; an interrupted read is made again.
///
/// # Cancel safety
///
/// Cancel safe: if it is dropped before it is done, what was not written is still in the reader's
/// buffer. Another call copies the rest, and its count begins at 0.
///
/// # Examples
///
/// ```
/// use runtime::io;
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut reader = &b"hello"[..];
/// let mut writer = Vec::new();
/// assert_eq!(io::copy_buf(&mut reader, &mut writer).await?, 5);
/// # Ok(())
/// # }
/// ```
pub async fn copy_buf<R, W>(reader: &mut R, writer: &mut W) -> io::Result<u64>
where
    R: AsyncBufRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let (mut copied, mut unflushed) = (0, false);
    poll_fn(|cx| {
        let unit = ready!(coop::poll_proceed(cx));
        let (mut reader, mut writer) = (Pin::new(&mut *reader), Pin::new(&mut *writer));
        loop {
            let held = match reader.as_mut().poll_fill_buf(cx) {
                Poll::Ready(Ok(held)) => held,
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    ready!(poll_flush_once(cx, writer, &mut unflushed, &unit))?;
                    return Poll::Pending;
                }
            };
            unit.made_progress();
            if held.is_empty() {
                ready!(writer.poll_flush(cx))?;
                return Poll::Ready(Ok(copied));
            }
            let written = ready!(uninterrupted(|| writer.as_mut().poll_write(cx, held)))?;
            if written == 0 {
                return Poll::Ready(Err(write_zero()));
            }
            copied += written as u64;
            unflushed = true;
            reader.as_mut().consume(written);
        }
    })
    .await
}

/// The progress of one direction of [`copy_bidirectional`].
enum Direction {
    Copying(Transfer),
    ShuttingDown(u64),
    Done(u64),
}

impl Direction {
    fn poll<R, W>(&mut self, cx: &mut Context<'_>, r: &mut R, w: &mut W) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + Unpin + ?Sized,
        W: AsyncWrite + Unpin + ?Sized,
    {
        loop {
            *self = match self {
                Direction::Copying(transfer) => {
                    let copied = ready!(transfer.poll_copy(cx, Pin::new(r), Pin::new(w)))?;
                    Direction::ShuttingDown(copied)
                }
                Direction::ShuttingDown(copied) => {
                    ready!(Pin::new(&mut *w).poll_shutdown(cx))?;
                    Direction::Done(*copied)
                }
                Direction::Done(copied) => return Poll::Ready(Ok(*copied)),
            };
        }
    }
}

/// Copies what `a` gives to `b` and what `b` gives to `a`, at the same time, until both have ended.
/// Returns how many bytes went from `a` to `b` and from `b` to `a`.
///
/// When one direction ends, its writer is shut down, and the other goes on. The buffers have 8 KiB
/// each: see [`copy_bidirectional_with_sizes`].
///
/// # Errors
///
/// The first error of either direction, at once. What was read and not written is lost then.
///
/// # Cancel safety
///
/// Not cancel safe: if it is dropped before it is done, what was read and not written is lost.
///
/// # Examples
///
/// ```
/// use runtime::io::{self, AsyncReadExt, AsyncWriteExt};
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (mut client, mut proxy_in) = io::duplex(64);
/// let (mut proxy_out, mut server) = io::duplex(64);
/// client.write_all(b"hello").await?;
/// client.shutdown().await?;
/// server.write_all(b"hi").await?;
/// server.shutdown().await?;
/// assert_eq!(io::copy_bidirectional(&mut proxy_in, &mut proxy_out).await?, (5, 2));
/// # Ok(())
/// # }
/// ```
pub async fn copy_bidirectional<A, B>(a: &mut A, b: &mut B) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    copy_bidirectional_with_sizes(a, b, BUFFER_BYTES, BUFFER_BYTES).await
}

/// [`copy_bidirectional`] with buffers of the given sizes, in bytes.
///
/// # Panics
///
/// When a size is 0.
///
/// # Errors
///
/// As for [`copy_bidirectional`].
///
/// # Cancel safety
///
/// As [`copy_bidirectional`].
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use runtime::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional_with_sizes, duplex};
///
/// let (mut client, mut inbound) = duplex(64);
/// let (mut outbound, mut server) = duplex(64);
/// let proxy = runtime::spawn(async move {
///     // Requests are small, answers large.
///     copy_bidirectional_with_sizes(&mut inbound, &mut outbound, 1024, 64 * 1024).await
/// });
/// client.write_all(b"ping").await?;
/// client.shutdown().await?;
/// let mut request = String::new();
/// server.read_to_string(&mut request).await?;
/// assert_eq!(request, "ping");
/// drop(server);
/// assert_eq!(proxy.await??, (4, 0));
/// # Ok(())
/// # }
/// ```
pub async fn copy_bidirectional_with_sizes<A, B>(
    a: &mut A,
    b: &mut B,
    a_to_b_buf_size: usize,
    b_to_a_buf_size: usize,
) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    assert!(a_to_b_buf_size > 0, "`a_to_b_buf_size` {}", messages::ZERO_SIZE);
    assert!(b_to_a_buf_size > 0, "`b_to_a_buf_size` {}", messages::ZERO_SIZE);
    let mut there = Direction::Copying(Transfer::new(a_to_b_buf_size));
    let mut back = Direction::Copying(Transfer::new(b_to_a_buf_size));
    poll_fn(|cx| {
        // Both directions are polled before the check. A direction that is done stays done.
        let a_to_b = there.poll(cx, a, b)?;
        let b_to_a = back.poll(cx, b, a)?;
        Poll::Ready(Ok((ready!(a_to_b), ready!(b_to_a))))
    })
    .await
}

//! A reader with a buffer in front.

use std::fmt;
use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::traits::forward_write;
use super::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, BUFFER_BYTES, ReadBuf};
use crate::engine::messages;

pin_project! {
    /// Reads ahead into a buffer, so that many small reads cost few reads of the inner stream.
    ///
    /// Reads that are as large as the buffer, while it is empty, go past it. What is written goes
    /// straight through. Dropping it, or [`into_inner`](BufReader::into_inner), loses what was read
    /// ahead.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut reader = BufReader::new(&b"\x00\x05hello\n"[..]);
    /// assert_eq!(reader.read_u16().await?, 5);
    /// let mut line = String::new();
    /// reader.read_line(&mut line).await?;
    /// assert_eq!(line, "hello\n");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The buffer and the inner stream:
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::io::{AsyncReadExt, BufReader};
    ///
    /// let source: &[u8] = b"hello";
    /// let mut reader = BufReader::with_capacity(4, source);
    /// assert_eq!(reader.read_u8().await?, b'h');
    /// assert_eq!(reader.buffer(), b"ell");
    /// assert_eq!(reader.get_ref(), b"o");
    /// *reader.get_mut() = b"!";
    /// // What was read and not used is lost.
    /// assert_eq!(reader.into_inner(), b"!");
    /// # Ok(())
    /// # }
    /// ```
    pub struct BufReader<R> {
        #[pin]
        pub(super) inner: R,
        pub(super) buffer: ReadAhead,
    }
}

/// What was read ahead, and a move that has not ended.
pub(super) struct ReadAhead {
    /// `memory[start..end]` was read and not used.
    memory: Box<[u8]>,
    start: usize,
    end: usize,
    seek: Seek,
}

/// How far a move is.
///
/// The inner stream is ahead of the user's position by the buffered bytes. So a relative seek is
/// shortened by their number; if that overflows, it is done in two steps: back by that number
/// first.
#[derive(Clone, Copy, Debug)]
enum Seek {
    /// No move.
    None,
    /// To be begun.
    Asked(SeekFrom),
    /// The inner stream seeks back to the user's position; then by this much.
    Back(i64),
    /// The inner stream seeks.
    Moving,
}

impl ReadAhead {
    #[track_caller]
    fn new(capacity: usize) -> ReadAhead {
        assert!(capacity > 0, "{}", messages::ZERO_CAPACITY);
        let memory = vec![0; capacity].into_boxed_slice();
        ReadAhead { memory, start: 0, end: 0, seek: Seek::None }
    }

    #[inline]
    fn rest(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }

    fn forget(&mut self) {
        self.start = 0;
        self.end = 0;
    }
}

impl<R: AsyncRead> BufReader<R> {
    /// A reader with a buffer of 8 KiB.
    ///
    /// # Examples
    ///
    /// See [`BufReader`].
    pub fn new(inner: R) -> BufReader<R> {
        BufReader::with_capacity(BUFFER_BYTES, inner)
    }

    /// A reader with a buffer of `capacity` bytes.
    ///
    /// # Panics
    ///
    /// When `capacity` is 0.
    ///
    /// # Examples
    ///
    /// See [`BufReader`].
    #[track_caller]
    pub fn with_capacity(capacity: usize, inner: R) -> BufReader<R> {
        BufReader { inner, buffer: ReadAhead::new(capacity) }
    }
}

impl<R> BufReader<R> {
    /// The inner stream.
    ///
    /// # Examples
    ///
    /// See [`BufReader`].
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The inner stream, mutably. What is read from it directly comes before what was read
    /// ahead already.
    ///
    /// # Examples
    ///
    /// See [`BufReader`].
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The inner stream, pinned.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    /// use runtime::io::BufReader;
    ///
    /// let mut reader = pin!(BufReader::new(&b"hello"[..]));
    /// *reader.as_mut().get_pin_mut() = b"bye";
    /// assert_eq!(reader.get_ref(), b"bye");
    /// ```
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut R> {
        self.project().inner
    }

    /// Returns the inner stream. What was read ahead is lost.
    ///
    /// # Examples
    ///
    /// See [`BufReader`].
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// What was read ahead. Unlike [`fill_buf`](super::AsyncBufReadExt::fill_buf) this reads
    /// nothing.
    ///
    /// # Examples
    ///
    /// See [`BufReader`].
    pub fn buffer(&self) -> &[u8] {
        self.buffer.rest()
    }
}

impl<R: fmt::Debug> fmt::Debug for BufReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (held, capacity) = (self.buffer.rest().len(), self.buffer.memory.len());
        f.debug_struct("BufReader")
            .field("reader", &self.inner)
            .field("buffer", &format_args!("{held}/{capacity}"))
            .finish()
    }
}

impl<R: AsyncRead> AsyncRead for BufReader<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.buffer.rest().is_empty() && buf.remaining() >= self.buffer.memory.len() {
            return self.get_pin_mut().poll_read(cx, buf);
        }
        let held = ready!(self.as_mut().poll_fill_buf(cx))?;
        let n = held.len().min(buf.remaining());
        buf.put_slice(&held[..n]);
        self.consume(n);
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncRead> AsyncBufRead for BufReader<R> {
    #[inline]
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.project();
        let buffer = this.buffer;
        if buffer.start >= buffer.end {
            let mut read = ReadBuf::new(&mut buffer.memory);
            ready!(this.inner.poll_read(cx, &mut read))?;
            let end = read.filled().len();
            buffer.start = 0;
            buffer.end = end;
        }
        Poll::Ready(Ok(buffer.rest()))
    }

    #[inline]
    fn consume(self: Pin<&mut Self>, amt: usize) {
        let buffer = self.project().buffer;
        buffer.start = buffer.start.saturating_add(amt).min(buffer.end);
    }
}

/// A seek discards the buffered bytes, even if the target is among them.
impl<R: AsyncRead + AsyncSeek> AsyncSeek for BufReader<R> {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        // There is no context to wait with, so `poll_complete` begins the seek.
        self.project().buffer.seek = Seek::Asked(position);
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let mut this = self.project();
        let (mut inner, buffer) = (this.inner.as_mut(), this.buffer);
        let ahead = buffer.rest().len() as i64;
        loop {
            let begin = match buffer.seek {
                Seek::None => {
                    let position = ready!(inner.as_mut().poll_complete(cx))?;
                    return Poll::Ready(Ok(position.saturating_sub(ahead as u64)));
                }
                Seek::Moving => {
                    let position = ready!(inner.as_mut().poll_complete(cx));
                    buffer.seek = Seek::None;
                    return Poll::Ready(position.inspect(|_| buffer.forget()));
                }
                Seek::Back(by) => {
                    if let Err(error) = ready!(inner.as_mut().poll_complete(cx)) {
                        buffer.seek = Seek::None;
                        return Poll::Ready(Err(error));
                    }
                    buffer.forget();
                    (SeekFrom::Current(by), Seek::Moving)
                }
                Seek::Asked(SeekFrom::Current(by)) => match by.checked_sub(ahead) {
                    Some(by) => (SeekFrom::Current(by), Seek::Moving),
                    None => (SeekFrom::Current(-ahead), Seek::Back(by)),
                },
                Seek::Asked(position) => (position, Seek::Moving),
            };
            buffer.seek = Seek::None;
            inner.as_mut().start_seek(begin.0)?;
            buffer.seek = begin.1;
        }
    }
}

impl<R: AsyncRead + AsyncWrite> AsyncWrite for BufReader<R> {
    forward_write!(self => self.get_pin_mut(), self.get_ref());
}

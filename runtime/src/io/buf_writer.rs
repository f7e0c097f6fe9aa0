//! A writer with a buffer in front.

use std::fmt;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::traits::{forward_buf_read, forward_read};
use super::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, BUFFER_BYTES, write_zero};

pin_project! {
    /// Collects what is written in a buffer, so that many small writes cost few writes of what is
    /// inside.
    ///
    /// Writes as large as the buffer go past it, in order. What is read comes straight through.
    /// **Nothing is flushed when it is dropped**: call [`flush`](super::AsyncWriteExt::flush) or
    /// [`shutdown`](super::AsyncWriteExt::shutdown) before.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::{AsyncWriteExt, BufWriter};
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut writer = BufWriter::new(Vec::new());
    /// for n in 0..3 {
    ///     writer.write_u8(n).await?;
    /// }
    /// assert_eq!(writer.buffer(), [0, 1, 2]);
    /// writer.flush().await?;
    /// assert_eq!(writer.into_inner(), [0, 1, 2]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The buffer and the inner stream:
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::io::{AsyncWriteExt, BufWriter};
    ///
    /// let mut writer = BufWriter::with_capacity(1024, Vec::new());
    /// writer.write_all(b"hello").await?;
    /// assert_eq!(writer.buffer(), b"hello");
    /// assert!(writer.get_ref().is_empty(), "not there before a flush");
    /// writer.flush().await?;
    /// writer.get_mut().push(b'!');
    /// assert_eq!(writer.into_inner(), b"hello!");
    /// # Ok(())
    /// # }
    /// ```
    pub struct BufWriter<W> {
        #[pin]
        pub(super) inner: W,
        pub(super) buffer: WriteBehind,
    }
}

/// What is to be written, and a move that has not ended.
pub(super) struct WriteBehind {
    /// `memory[written..]` is to be written. Never grows beyond its capacity.
    memory: Vec<u8>,
    written: usize,
    seek: Seek,
}

/// How far a move is.
#[derive(Clone, Copy, Debug)]
enum Seek {
    /// No move.
    None,
    /// To be begun, when all is written.
    Asked(SeekFrom),
    /// The inner stream seeks.
    Moving,
}

impl WriteBehind {
    fn new(capacity: usize) -> WriteBehind {
        WriteBehind { memory: Vec::with_capacity(capacity), written: 0, seek: Seek::None }
    }

    #[inline]
    fn room(&self) -> usize {
        self.memory.capacity() - self.memory.len()
    }
}

impl<W: AsyncWrite> BufWriter<W> {
    /// A writer with a buffer of 8 KiB.
    ///
    /// # Examples
    ///
    /// See [`BufWriter`].
    pub fn new(inner: W) -> BufWriter<W> {
        BufWriter::with_capacity(BUFFER_BYTES, inner)
    }

    /// A writer with a buffer of `capacity` bytes; 0 writes everything through.
    ///
    /// # Examples
    ///
    /// See [`BufWriter`].
    pub fn with_capacity(capacity: usize, inner: W) -> BufWriter<W> {
        BufWriter { inner, buffer: WriteBehind::new(capacity) }
    }

    /// Writes all that is in the buffer. If it is dropped midway, the next call goes on there.
    fn poll_write_out(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut this = self.project();
        let buffer = this.buffer;
        while buffer.written < buffer.memory.len() {
            let rest = &buffer.memory[buffer.written..];
            let error = match ready!(this.inner.as_mut().poll_write(cx, rest)) {
                Ok(0) => write_zero(),
                Ok(n) => {
                    buffer.written += n;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            buffer.memory.drain(..buffer.written);
            buffer.written = 0;
            return Poll::Ready(Err(error));
        }
        buffer.memory.clear();
        buffer.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<W> BufWriter<W> {
    /// The inner stream.
    ///
    /// # Examples
    ///
    /// See [`BufWriter`].
    pub fn get_ref(&self) -> &W {
        &self.inner
    }

    /// The inner stream, mutably. What is written to it directly comes before what is in the
    /// buffer.
    ///
    /// # Examples
    ///
    /// See [`BufWriter`].
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// The inner stream, pinned.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    /// use runtime::io::BufWriter;
    ///
    /// let mut writer = pin!(BufWriter::new(Vec::new()));
    /// writer.as_mut().get_pin_mut().push(b'!');
    /// assert_eq!(writer.get_ref(), b"!");
    /// ```
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut W> {
        self.project().inner
    }

    /// Returns the inner stream. What is in the buffer is lost.
    ///
    /// # Examples
    ///
    /// See [`BufWriter`].
    pub fn into_inner(self) -> W {
        self.inner
    }

    /// What is in the buffer, not yet written.
    ///
    /// # Examples
    ///
    /// See [`BufWriter`].
    pub fn buffer(&self) -> &[u8] {
        &self.buffer.memory[self.buffer.written..]
    }
}

impl<W: fmt::Debug> fmt::Debug for BufWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (held, capacity) = (self.buffer().len(), self.buffer.memory.capacity());
        f.debug_struct("BufWriter")
            .field("writer", &self.inner)
            .field("buffer", &format_args!("{held}/{capacity}"))
            .finish()
    }
}

impl<W: AsyncWrite> AsyncWrite for BufWriter<W> {
    #[inline]
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if buf.len() > self.buffer.room() {
            ready!(self.as_mut().poll_write_out(cx))?;
        }
        let this = self.project();
        let memory = &mut this.buffer.memory;
        if buf.len() >= memory.capacity() {
            return this.inner.poll_write(cx, buf);
        }
        memory.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = bufs.iter().fold(0_usize, |sum, buf| sum.saturating_add(buf.len()));
        if all > self.buffer.room() && self.inner.is_write_vectored() {
            ready!(self.as_mut().poll_write_out(cx))?;
            if all >= self.buffer.memory.capacity() {
                return self.project().inner.poll_write_vectored(cx, bufs);
            }
        }
        // As many as fit. The first one goes through a plain write, which makes room for it.
        let mut bufs = bufs.iter().filter(|buf| !buf.is_empty());
        let Some(first) = bufs.next() else { return Poll::Ready(Ok(0)) };
        let mut written = ready!(self.as_mut().poll_write(cx, first))?;
        if written == first.len() {
            let memory = &mut self.project().buffer.memory;
            for buf in bufs {
                if buf.len() > memory.capacity() - memory.len() {
                    break;
                }
                memory.extend_from_slice(buf);
                written += buf.len();
            }
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_write_out(cx))?;
        self.get_pin_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_write_out(cx))?;
        self.get_pin_mut().poll_shutdown(cx)
    }
}

/// A seek first writes the buffered bytes.
impl<W: AsyncWrite + AsyncSeek> AsyncSeek for BufWriter<W> {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        // Without a context nothing can be written: `poll_complete` begins.
        self.project().buffer.seek = Seek::Asked(position);
        Ok(())
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        if let Seek::Asked(position) = self.buffer.seek {
            ready!(self.as_mut().poll_write_out(cx))?;
            let this = self.as_mut().project();
            let mut inner = this.inner;
            ready!(inner.as_mut().poll_complete(cx))?;
            this.buffer.seek = Seek::None;
            inner.start_seek(position)?;
            this.buffer.seek = Seek::Moving;
        }
        let this = self.project();
        let position = ready!(this.inner.poll_complete(cx));
        match std::mem::replace(&mut this.buffer.seek, Seek::None) {
            // The user's position: after the buffered bytes.
            Seek::None => {
                let behind = (this.buffer.memory.len() - this.buffer.written) as u64;
                Poll::Ready(position.map(|position| position.saturating_add(behind)))
            }
            _ => Poll::Ready(position),
        }
    }
}

impl<W: AsyncWrite + AsyncRead> AsyncRead for BufWriter<W> {
    forward_read!(self => self.get_pin_mut());
}

impl<W: AsyncWrite + AsyncBufRead> AsyncBufRead for BufWriter<W> {
    forward_buf_read!(self => self.get_pin_mut());
}

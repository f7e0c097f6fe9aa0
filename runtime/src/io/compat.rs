//! Between this crate's traits and those of `futures-io` (feature `futures-io`).
//!
//! [`FuturesIo`] wraps a stream of one kind and is one of the other. It is a wrapper, not an impl
//! on the streams themselves, since two extension traits in scope would make `s.read(..)`
//! ambiguous.
//!
//! # Examples
//!
//! ```
//! use runtime::io::compat::FuturesIo;
//! use runtime::io::duplex;
//!
//! fn theirs(_: impl futures_io::AsyncRead + futures_io::AsyncWrite) {}
//! fn ours(_: impl runtime::io::AsyncRead + runtime::io::AsyncWrite) {}
//!
//! let (near, far) = duplex(64);
//! theirs(FuturesIo::new(near));
//! // What is theirs is wrapped in the same way: here, our own stream on its way back.
//! ours(FuturesIo::new(FuturesIo::new(far)));
//! ```

use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

pin_project! {
    /// A stream of this crate as one of `futures-io`, or the other way round.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    /// use runtime::io::compat::FuturesIo;
    ///
    /// let mut wrapped = FuturesIo::new(&b"bytes"[..]);
    /// assert_eq!(wrapped.get_ref(), b"bytes");
    /// *wrapped.get_mut() = b"other";
    /// *pin!(&mut wrapped).get_mut().get_mut() = b"others";
    /// assert_eq!(wrapped.into_inner(), b"others");
    /// ```
    #[derive(Debug)]
    pub struct FuturesIo<T> {
        #[pin]
        inner: T,
        // The requested seek: in their traits not begun yet, in ours begun and not ended.
        seek: Option<SeekFrom>,
    }
}

impl<T> FuturesIo<T> {
    /// Wraps `inner`.
    ///
    /// # Examples
    ///
    /// See [`FuturesIo`].
    pub fn new(inner: T) -> FuturesIo<T> {
        FuturesIo { inner, seek: None }
    }

    /// The inner stream.
    ///
    /// # Examples
    ///
    /// See [`FuturesIo`].
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The inner stream, mutably.
    ///
    /// # Examples
    ///
    /// See [`FuturesIo`].
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// The inner stream, pinned.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    /// use runtime::io::compat::FuturesIo;
    ///
    /// let mut wrapped = pin!(FuturesIo::new(&b"bytes"[..]));
    /// *wrapped.as_mut().get_pin_mut() = b"other";
    /// assert_eq!(wrapped.get_ref(), b"other");
    /// ```
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut T> {
        self.project().inner
    }

    /// Returns the inner stream.
    ///
    /// # Examples
    ///
    /// See [`FuturesIo`].
    pub fn into_inner(self) -> T {
        self.inner
    }
}

/// The body of an `AsyncBufRead`, theirs or ours, whose inner is one of the other kind.
macro_rules! buf_read_of_inner {
    () => {
        fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
            self.project().inner.poll_fill_buf(cx)
        }

        fn consume(self: Pin<&mut Self>, amt: usize) {
            self.project().inner.consume(amt);
        }
    };
}

/// The body of an `AsyncWrite`, theirs or ours, whose inner is one of the other kind. Only the
/// names of the end differ.
macro_rules! write_of_inner {
    ($end:ident => $inner_end:ident) => {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.project().inner.poll_write(cx, buf)
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bufs: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.project().inner.poll_write_vectored(cx, bufs)
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.project().inner.poll_flush(cx)
        }

        fn $end(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.project().inner.$inner_end(cx)
        }
    };
}

// Theirs from ours.

impl<T: AsyncRead> futures_io::AsyncRead for FuturesIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        ready!(self.project().inner.poll_read(cx, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

impl<T: AsyncBufRead> futures_io::AsyncBufRead for FuturesIo<T> {
    buf_read_of_inner!();
}

impl<T: AsyncWrite> futures_io::AsyncWrite for FuturesIo<T> {
    write_of_inner!(poll_close => poll_shutdown);
}

impl<T: AsyncSeek> futures_io::AsyncSeek for FuturesIo<T> {
    fn poll_seek(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        position: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        let mut this = self.project();
        if *this.seek != Some(position) {
            // An earlier seek that was given up ends first.
            ready!(this.inner.as_mut().poll_complete(cx))?;
            *this.seek = None;
            this.inner.as_mut().start_seek(position)?;
            *this.seek = Some(position);
        }
        let position = ready!(this.inner.poll_complete(cx));
        *this.seek = None;
        Poll::Ready(position)
    }
}

// Ours from theirs.

impl<T: futures_io::AsyncRead> AsyncRead for FuturesIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(self.project().inner.poll_read(cx, buf.initialize_unfilled()))?;
        buf.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl<T: futures_io::AsyncBufRead> AsyncBufRead for FuturesIo<T> {
    buf_read_of_inner!();
}

/// Vectored writes count as not efficient, since `futures-io` does not tell.
impl<T: futures_io::AsyncWrite> AsyncWrite for FuturesIo<T> {
    write_of_inner!(poll_shutdown => poll_close);
}

impl<T: futures_io::AsyncSeek> AsyncSeek for FuturesIo<T> {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        *self.project().seek = Some(position);
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let this = self.project();
        let Some(position) = *this.seek else { return Poll::Ready(Ok(0)) };
        let position = ready!(this.inner.poll_seek(cx, position));
        *this.seek = None;
        Poll::Ready(position)
    }
}

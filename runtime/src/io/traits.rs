//! The abilities of a stream of bytes, as poll functions: [`AsyncRead`], [`AsyncWrite`],
//! [`AsyncBufRead`], [`AsyncSeek`].
//!
//! Implementors write these; users call the methods of the extension traits.

use std::io::{self, IoSlice, SeekFrom};
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::ReadBuf;

/// Reads bytes.
///
/// This is what a type implements; [`AsyncReadExt`](super::AsyncReadExt) is what a user calls.
///
/// # Examples
///
/// A source that gives the same byte again and again:
///
/// ```
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::{io, pin::Pin, task::{Context, Poll}};
/// use runtime::io::{AsyncRead, AsyncReadExt, ReadBuf};
///
/// struct Same(u8);
///
/// impl AsyncRead for Same {
///     fn poll_read(
///         self: Pin<&mut Self>,
///         _: &mut Context<'_>,
///         buf: &mut ReadBuf<'_>,
///     ) -> Poll<io::Result<()>> {
///         buf.initialize_unfilled().fill(self.0);
///         buf.advance(buf.remaining());
///         Poll::Ready(Ok(()))
///     }
/// }
///
/// let mut four = [0; 4];
/// Same(7).read_exact(&mut four).await?;
/// assert_eq!(four, [7; 4]);
/// # Ok(())
/// # }
/// ```
pub trait AsyncRead {
    /// Tries to put bytes into `buf`.
    ///
    /// `Ready(Ok(()))` with nothing added to `buf` (that had room) means that the end has come.
    /// With `Pending`, nothing was read, and the task of `cx` is woken when a read may succeed. Of
    /// several callers only the latest one's task is woken.
    ///
    /// # Errors
    ///
    /// Errors of the source. Nothing was read then.
    ///
    /// # Examples
    ///
    /// See [`AsyncRead`].
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>>;
}

/// Writes bytes.
///
/// This is what a type implements; [`AsyncWriteExt`](super::AsyncWriteExt) is what a user calls.
///
/// # Examples
///
/// A sink that counts what is written:
///
/// ```
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::{io, pin::Pin, task::{Context, Poll}};
/// use runtime::io::{AsyncWrite, AsyncWriteExt};
///
/// struct Count(usize);
///
/// impl AsyncWrite for Count {
///     fn poll_write(
///         mut self: Pin<&mut Self>,
///         _: &mut Context<'_>,
///         buf: &[u8],
///     ) -> Poll<io::Result<usize>> {
///         self.0 += buf.len();
///         Poll::Ready(Ok(buf.len()))
///     }
///
///     fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
///         Poll::Ready(Ok(()))
///     }
///
///     fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
///         self.poll_flush(cx)
///     }
/// }
///
/// let mut count = Count(0);
/// count.write_all(b"hello").await?;
/// count.shutdown().await?;
/// assert_eq!(count.0, 5);
/// # Ok(())
/// # }
/// ```
pub trait AsyncWrite {
    /// Tries to write bytes from the start of `buf`, and returns how many were taken.
    ///
    /// With `Pending`, nothing was taken, and the task of `cx` is woken when a write may succeed.
    /// Of several callers only the latest one's task is woken. `Ready(Ok(0))` for a `buf` that is
    /// not empty means that the sink is unlikely ever to take more bytes.
    ///
    /// # Errors
    ///
    /// Errors of the sink. Nothing was taken then.
    ///
    /// # Examples
    ///
    /// See [`AsyncWrite`].
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>>;

    /// Tries to bring all that was taken to its destination.
    ///
    /// # Errors
    ///
    /// Errors of the sink; what was taken may be lost.
    ///
    /// # Examples
    ///
    /// See [`AsyncWrite`].
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Flushes, and ends the writing: the other side sees the end of the stream.
    ///
    /// After `Ready` nothing more is written. A wrapper flushes what it holds and then shuts down
    /// what it wraps.
    ///
    /// # Errors
    ///
    /// Errors of the sink; it need not be called again.
    ///
    /// # Examples
    ///
    /// See [`AsyncWrite`].
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Like [`poll_write`](AsyncWrite::poll_write), from several buffers in turn.
    ///
    /// Unless a type says better, only the first that is not empty is written.
    ///
    /// # Errors
    ///
    /// As for [`poll_write`](AsyncWrite::poll_write).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::future::poll_fn;
    /// use std::io::IoSlice;
    /// use std::pin::Pin;
    /// use runtime::io::AsyncWrite;
    ///
    /// let mut sink = Vec::new();
    /// assert!(sink.is_write_vectored());
    /// let parts = [IoSlice::new(b"head"), IoSlice::new(b"body")];
    /// let n = poll_fn(|cx| Pin::new(&mut sink).poll_write_vectored(cx, &parts)).await?;
    /// assert_eq!(sink[..n], b"headbody"[..n]);
    /// # Ok(())
    /// # }
    /// ```
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
        self.poll_write(cx, first)
    }

    /// Whether [`poll_write_vectored`](AsyncWrite::poll_write_vectored) is better than copying all
    /// into one buffer. `false` unless a type says otherwise.
    ///
    /// # Examples
    ///
    /// See [`poll_write_vectored`](Self::poll_write_vectored).
    fn is_write_vectored(&self) -> bool {
        false
    }
}

/// Reads bytes through a buffer that can be looked into.
///
/// This is what a type implements; [`AsyncBufReadExt`](super::AsyncBufReadExt) is what a user
/// calls.
///
/// # Examples
///
/// The first line that is in the buffer, without reading more:
///
/// ```
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::{future::poll_fn, pin::Pin};
/// use runtime::io::AsyncBufRead;
///
/// let mut reader: &[u8] = b"first\nsecond";
/// let bytes = poll_fn(|cx| Pin::new(&mut reader).poll_fill_buf(cx).map_ok(<[u8]>::to_vec)).await?;
/// let length = bytes.iter().position(|&byte| byte == b'\n').unwrap();
/// Pin::new(&mut reader).consume(length + 1);
/// assert_eq!(reader, b"second");
/// # Ok(())
/// # }
/// ```
pub trait AsyncBufRead: AsyncRead {
    /// Returns what the buffer holds, and fills it first if it is empty. An empty slice means that
    /// the end has come.
    ///
    /// The same bytes are given again until [`consume`](AsyncBufRead::consume) says that they have
    /// been used.
    ///
    /// # Errors
    ///
    /// Errors of the source.
    ///
    /// # Examples
    ///
    /// See [`AsyncBufRead`].
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>>;

    /// Marks the first `amt` bytes of the buffer as used.
    ///
    /// `amt` must be no more than [`poll_fill_buf`](AsyncBufRead::poll_fill_buf) gave; what happens
    /// otherwise is up to the type.
    ///
    /// # Examples
    ///
    /// See [`AsyncBufRead`].
    fn consume(self: Pin<&mut Self>, amt: usize);
}

/// Moves to a position in a stream.
///
/// This is what a type implements; [`AsyncSeekExt`](super::AsyncSeekExt) is what a user calls.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::io::{Cursor, SeekFrom};
/// use std::{future::poll_fn, pin::Pin};
/// use runtime::io::AsyncSeek;
///
/// let mut stream = Cursor::new("hello");
/// Pin::new(&mut stream).start_seek(SeekFrom::End(-1))?;
/// let position = poll_fn(|cx| Pin::new(&mut stream).poll_complete(cx)).await?;
/// assert_eq!(position, 4);
/// # Ok(())
/// # }
/// ```
pub trait AsyncSeek {
    /// Begins to move to `position`; [`poll_complete`](AsyncSeek::poll_complete) ends it.
    ///
    /// Call [`poll_complete`](AsyncSeek::poll_complete) before, so that an earlier move has ended.
    ///
    /// # Errors
    ///
    /// Fails when an earlier move has not ended, or the source refuses.
    ///
    /// # Examples
    ///
    /// See [`AsyncSeek`].
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()>;

    /// Waits for the move to end, and returns the new position from the start, in bytes.
    ///
    /// If no move was begun, the returned value is not specified.
    ///
    /// # Errors
    ///
    /// Errors of the source.
    ///
    /// # Examples
    ///
    /// See [`AsyncSeek`].
    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>>;
}

// Forwarding: the body of an impl that hands each call to something inside. The first argument
// names `self`, the second is the pinned inner, the third the inner by reference.

/// The body of an `AsyncRead` that forwards to an inner one.
macro_rules! forward_read {
    ($this:ident => $inner:expr) => {
        #[inline]
        #[allow(unused_mut, reason = "some ways to the inner need it")]
        fn poll_read(
            mut $this: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
            buf: &mut $crate::io::ReadBuf<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            $crate::io::AsyncRead::poll_read($inner, cx, buf)
        }
    };
}

/// The body of an `AsyncWrite` that forwards to an inner one.
macro_rules! forward_write {
    ($this:ident => $inner:expr, $shared:expr) => {
        #[inline]
        #[allow(unused_mut, reason = "some ways to the inner need it")]
        fn poll_write(
            mut $this: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
            buf: &[u8],
        ) -> std::task::Poll<std::io::Result<usize>> {
            $crate::io::AsyncWrite::poll_write($inner, cx, buf)
        }

        #[inline]
        #[allow(unused_mut, reason = "some ways to the inner need it")]
        fn poll_flush(
            mut $this: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            $crate::io::AsyncWrite::poll_flush($inner, cx)
        }

        #[inline]
        #[allow(unused_mut, reason = "some ways to the inner need it")]
        fn poll_shutdown(
            mut $this: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            $crate::io::AsyncWrite::poll_shutdown($inner, cx)
        }

        #[inline]
        #[allow(unused_mut, reason = "some ways to the inner need it")]
        fn poll_write_vectored(
            mut $this: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
            bufs: &[std::io::IoSlice<'_>],
        ) -> std::task::Poll<std::io::Result<usize>> {
            $crate::io::AsyncWrite::poll_write_vectored($inner, cx, bufs)
        }

        #[inline]
        fn is_write_vectored(&$this) -> bool {
            $crate::io::AsyncWrite::is_write_vectored($shared)
        }
    };
}

/// The body of an `AsyncBufRead` that forwards to an inner one.
macro_rules! forward_buf_read {
    ($this:ident => $fill:expr, $consume:expr) => {
        #[inline]
        fn poll_fill_buf(
            $this: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<&[u8]>> {
            $crate::io::AsyncBufRead::poll_fill_buf($fill, cx)
        }

        #[inline]
        #[allow(unused_mut, reason = "some ways to the inner need it")]
        fn consume(mut $this: std::pin::Pin<&mut Self>, amt: usize) {
            $crate::io::AsyncBufRead::consume($consume, amt)
        }
    };
    ($this:ident => $inner:expr) => {
        forward_buf_read!($this => $inner, $inner);
    };
}

/// The body of an `AsyncSeek` that forwards to an inner one.
macro_rules! forward_seek {
    ($this:ident => $inner:expr) => {
        #[inline]
        #[allow(unused_mut, reason = "some ways to the inner need it")]
        fn start_seek(
            mut $this: std::pin::Pin<&mut Self>,
            position: std::io::SeekFrom,
        ) -> std::io::Result<()> {
            $crate::io::AsyncSeek::start_seek($inner, position)
        }

        #[inline]
        #[allow(unused_mut, reason = "some ways to the inner need it")]
        fn poll_complete(
            mut $this: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<u64>> {
            $crate::io::AsyncSeek::poll_complete($inner, cx)
        }
    };
}

pub(crate) use {forward_buf_read, forward_read, forward_seek, forward_write};

impl<T: AsyncRead + Unpin + ?Sized> AsyncRead for Box<T> {
    forward_read!(self => Pin::new(&mut **self));
}

impl<T: AsyncRead + Unpin + ?Sized> AsyncRead for &mut T {
    forward_read!(self => Pin::new(&mut **self));
}

impl<P: DerefMut<Target: AsyncRead>> AsyncRead for Pin<P> {
    forward_read!(self => self.as_deref_mut());
}

impl<T: AsyncWrite + Unpin + ?Sized> AsyncWrite for Box<T> {
    forward_write!(self => Pin::new(&mut **self), &**self);
}

impl<T: AsyncWrite + Unpin + ?Sized> AsyncWrite for &mut T {
    forward_write!(self => Pin::new(&mut **self), &**self);
}

impl<P: DerefMut<Target: AsyncWrite>> AsyncWrite for Pin<P> {
    forward_write!(self => self.as_deref_mut(), &**self);
}

impl<T: AsyncBufRead + Unpin + ?Sized> AsyncBufRead for Box<T> {
    forward_buf_read!(self => Pin::new(&mut **self.get_mut()));
}

impl<T: AsyncBufRead + Unpin + ?Sized> AsyncBufRead for &mut T {
    forward_buf_read!(self => Pin::new(&mut **self.get_mut()));
}

impl<P: DerefMut<Target: AsyncBufRead>> AsyncBufRead for Pin<P> {
    forward_buf_read!(self => self.as_deref_mut());
}

impl<T: AsyncSeek + Unpin + ?Sized> AsyncSeek for Box<T> {
    forward_seek!(self => Pin::new(&mut **self));
}

impl<T: AsyncSeek + Unpin + ?Sized> AsyncSeek for &mut T {
    forward_seek!(self => Pin::new(&mut **self));
}

impl<P: DerefMut<Target: AsyncSeek>> AsyncSeek for Pin<P> {
    forward_seek!(self => self.as_deref_mut());
}

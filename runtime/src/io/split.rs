//! One stream as a reading half and a writing half.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{AsyncRead, AsyncWrite, ReadBuf};
use crate::engine::messages;
use crate::engine::primitive::{Arc, Mutex};

/// The state that both halves share. The box pins the stream without any `unsafe`.
struct Shared<T> {
    stream: Mutex<Pin<Box<T>>>,
    is_write_vectored: bool,
}

/// The half that reads. Made by [`split`].
///
/// # Examples
///
/// ```
/// use runtime::io::{duplex, split};
///
/// let (stream, _far) = duplex(64);
/// let (reader, writer) = split(stream);
/// assert!(reader.is_pair_of(&writer) && writer.is_pair_of(&reader));
/// let _stream = reader.unsplit(writer);
/// ```
pub struct ReadHalf<T> {
    shared: Arc<Shared<T>>,
}

/// The half that writes. Made by [`split`].
///
/// # Examples
///
/// See [`split`].
pub struct WriteHalf<T> {
    shared: Arc<Shared<T>>,
}

/// Splits a stream into a half that reads and a half that writes, to be used by two tasks.
///
/// Each poll holds a lock that both halves share. A socket's own `into_split` needs none: prefer
/// it. [`ReadHalf::unsplit`] puts the halves together again. Dropping the writing half does not
/// shut the stream down: it lives while either half does.
///
/// # Examples
///
/// ```
/// use runtime::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (near, mut far) = duplex(64);
/// let (mut reader, mut writer) = split(near);
/// writer.write_u8(1).await?;
/// far.write_u8(2).await?;
/// assert_eq!((reader.read_u8().await?, far.read_u8().await?), (2, 1));
/// let near = reader.unsplit(writer);
/// # drop(near);
/// # Ok(())
/// # }
/// ```
pub fn split<T: AsyncRead + AsyncWrite>(stream: T) -> (ReadHalf<T>, WriteHalf<T>) {
    let is_write_vectored = stream.is_write_vectored();
    let shared = Arc::new(Shared { stream: Mutex::new(Box::pin(stream)), is_write_vectored });
    (ReadHalf { shared: Arc::clone(&shared) }, WriteHalf { shared })
}

impl<T> ReadHalf<T> {
    /// Whether both halves are of one stream.
    ///
    /// # Examples
    ///
    /// See [`ReadHalf`].
    pub fn is_pair_of(&self, other: &WriteHalf<T>) -> bool {
        other.is_pair_of(self)
    }

    /// Puts the halves together again.
    ///
    /// # Panics
    ///
    /// When they are of different streams.
    ///
    /// # Examples
    ///
    /// See [`ReadHalf`].
    #[track_caller]
    pub fn unsplit(self, other: WriteHalf<T>) -> T
    where
        T: Unpin,
    {
        assert!(self.is_pair_of(&other), "{}", messages::UNRELATED_HALVES);
        drop(other);
        // Both halves were made together, and one is gone.
        let shared = Arc::try_unwrap(self.shared).ok().expect(messages::UNRELATED_HALVES);
        *Pin::into_inner(shared.stream.into_inner())
    }
}

impl<T> WriteHalf<T> {
    /// Whether both halves are of one stream.
    ///
    /// # Examples
    ///
    /// See [`ReadHalf`].
    pub fn is_pair_of(&self, other: &ReadHalf<T>) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T: AsyncRead> AsyncRead for ReadHalf<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.shared.stream.lock().as_mut().poll_read(cx, buf)
    }
}

impl<T: AsyncWrite> AsyncWrite for WriteHalf<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.shared.stream.lock().as_mut().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.stream.lock().as_mut().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.stream.lock().as_mut().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.shared.stream.lock().as_mut().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.shared.is_write_vectored
    }
}

impl<T> fmt::Debug for ReadHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for WriteHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").finish_non_exhaustive()
    }
}

//! The halves of a byte stream: one pair that borrows it, one that shares it.
//!
//! [`net::tcp`](crate::net::tcp) and [`net::unix`](crate::net::unix) give them their names; nobody
//! else can.

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BufMut;

use super::evented::{PollEvented, Transport};
use crate::engine::driver::{Interest, Ready};
use crate::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a half needs of the stream it is half of.
pub trait Stream: fmt::Debug + 'static {
    #[doc(hidden)]
    type Source: Transport + mio::event::Source + fmt::Debug;
    /// The address of either end.
    type Addr;

    #[doc(hidden)]
    fn evented(&self) -> &PollEvented<Self::Source>;
    #[doc(hidden)]
    fn shutdown_write(&self) -> io::Result<()>;
    #[doc(hidden)]
    fn near_addr(&self) -> io::Result<Self::Addr>;
    #[doc(hidden)]
    fn far_addr(&self) -> io::Result<Self::Addr>;
}

/// The reading half of a stream, borrowed: made by `split`.
///
/// Dropping it changes nothing.
#[derive(Debug)]
pub struct ReadHalf<'a, S>(pub(super) &'a S);

/// The writing half of a stream, borrowed: made by `split`.
///
/// Dropping it changes nothing; `shutdown` ends what the other side can read.
#[derive(Debug)]
pub struct WriteHalf<'a, S>(pub(super) &'a S);

/// The reading half of a stream, owned: made by `into_split`, to be moved to a task of its own.
///
/// Dropping it changes nothing as long as the writing half lives; with the last half the stream is
/// closed.
#[derive(Debug)]
pub struct OwnedReadHalf<S>(pub(super) Arc<S>);

/// The writing half of a stream, owned: made by `into_split`, to be moved to a task of its own.
///
/// Dropping it ends what the other side can read, as `shutdown` does; see
/// [`forget`](Self::forget).
#[derive(Debug)]
pub struct OwnedWriteHalf<S: Stream> {
    pub(super) stream: Arc<S>,
    shutdown_on_drop: bool,
}

/// The two halves given to `reunite` are not of the same stream; here they are again.
#[derive(Debug)]
pub struct ReuniteError<S: Stream>(pub OwnedReadHalf<S>, pub OwnedWriteHalf<S>);

pub(super) fn into_halves<S: Stream>(stream: S) -> (OwnedReadHalf<S>, OwnedWriteHalf<S>) {
    let stream = Arc::new(stream);
    (OwnedReadHalf(stream.clone()), OwnedWriteHalf { stream, shutdown_on_drop: true })
}

fn reunite<S: Stream>(
    read: OwnedReadHalf<S>,
    write: OwnedWriteHalf<S>,
) -> Result<S, ReuniteError<S>> {
    if !Arc::ptr_eq(&read.0, &write.stream) {
        return Err(ReuniteError(read, write));
    }
    write.forget();
    Ok(Arc::into_inner(read.0).expect("the two halves are the only owners"))
}

impl<S: Stream> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these two halves are not of the same socket, so they cannot be reunited")
    }
}

impl<S: Stream> Error for ReuniteError<S> {}

impl<S: Stream> OwnedReadHalf<S> {
    /// Puts the two halves together again.
    ///
    /// # Errors
    ///
    /// If they are not of the same stream; the error hands them back.
    pub fn reunite(self, other: OwnedWriteHalf<S>) -> Result<S, ReuniteError<S>> {
        reunite(self, other)
    }
}

impl<S: Stream> OwnedWriteHalf<S> {
    /// Puts the two halves together again.
    ///
    /// # Errors
    ///
    /// If they are not of the same stream; the error hands them back.
    pub fn reunite(self, other: OwnedReadHalf<S>) -> Result<S, ReuniteError<S>> {
        reunite(other, self)
    }

    /// Drops the half without ending what the other side can read.
    pub fn forget(mut self) {
        self.shutdown_on_drop = false;
    }
}

impl<S: Stream> Drop for OwnedWriteHalf<S> {
    fn drop(&mut self) {
        if self.shutdown_on_drop {
            let _ = self.stream.shutdown_write();
        }
    }
}

impl<S> AsRef<S> for ReadHalf<'_, S> {
    fn as_ref(&self) -> &S {
        self.0
    }
}

impl<S> AsRef<S> for WriteHalf<'_, S> {
    fn as_ref(&self) -> &S {
        self.0
    }
}

impl<S> AsRef<S> for OwnedReadHalf<S> {
    fn as_ref(&self) -> &S {
        &self.0
    }
}

impl<S: Stream> AsRef<S> for OwnedWriteHalf<S> {
    fn as_ref(&self) -> &S {
        &self.stream
    }
}

/// What both halves of a pair can do.
macro_rules! half {
    ($half:ty) => {
        impl<S: Stream> $half {
            /// Waits until the stream is ready for any of `interest`, and says for what.
            ///
            /// # Errors
            ///
            /// When the runtime that the stream was made in has been shut down.
            ///
            /// # Cancel safety
            ///
            /// Safe: once ready, the stream stays ready until an operation would block.
            pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
                self.as_ref().evented().ready(interest).await
            }

            /// The address of this end.
            ///
            /// # Errors
            ///
            /// What the system says.
            pub fn local_addr(&self) -> io::Result<S::Addr> {
                self.as_ref().near_addr()
            }

            /// The address of the other end.
            ///
            /// # Errors
            ///
            /// What the system says.
            pub fn peer_addr(&self) -> io::Result<S::Addr> {
                self.as_ref().far_addr()
            }
        }
    };
}

macro_rules! read_half {
    ($half:ty) => {
        half!($half);

        impl<S: Stream> $half {
            /// Waits until the stream is readable.
            ///
            /// # Errors
            ///
            /// When the runtime that the stream was made in has been shut down.
            ///
            /// # Cancel safety
            ///
            /// Safe: once readable, the stream stays so until an operation would block.
            pub async fn readable(&self) -> io::Result<()> {
                self.ready(Interest::READABLE).await.map(|_| ())
            }

            /// Reads what is there without waiting, and says how much; 0 is the end.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there.
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize>
            where
                for<'r> &'r S::Source: Read,
            {
                self.as_ref().evented().try_read(buf)
            }

            /// As [`try_read`](Self::try_read), into several buffers in turn.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there.
            pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize>
            where
                for<'r> &'r S::Source: Read,
            {
                self.as_ref().evented().try_read_vectored(bufs)
            }

            /// As [`try_read`](Self::try_read), into the spare room of `buf`.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there.
            pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
                self.as_ref().evented().try_read_buf(buf)
            }
        }

        impl<S: Stream> AsyncRead for $half {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                self.as_ref().get_ref().as_ref().evented().poll_read(cx, buf)
            }
        }
    };
}

macro_rules! write_half {
    ($half:ty, |$this:ident| $after_shutdown:block) => {
        half!($half);

        impl<S: Stream> $half {
            /// Waits until the stream is writable.
            ///
            /// # Errors
            ///
            /// When the runtime that the stream was made in has been shut down.
            ///
            /// # Cancel safety
            ///
            /// Safe: once writable, the stream stays so until an operation would block.
            pub async fn writable(&self) -> io::Result<()> {
                self.ready(Interest::WRITABLE).await.map(|_| ())
            }

            /// Writes what there is room for without waiting, and says how much.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no room.
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize>
            where
                for<'w> &'w S::Source: Write,
            {
                self.as_ref().evented().try_write(buf)
            }

            /// As [`try_write`](Self::try_write), from several buffers in turn.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no room.
            pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>
            where
                for<'w> &'w S::Source: Write,
            {
                self.as_ref().evented().try_write_vectored(bufs)
            }
        }

        impl<S: Stream> AsyncWrite for $half
        where
            for<'w> &'w S::Source: Write,
        {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.as_ref().get_ref().as_ref().evented().poll_write(cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.as_ref().get_ref().as_ref().evented().poll_write_vectored(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            /// Does nothing: the system has every byte that was written.
            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self.get_mut();
                let done = (*$this).as_ref().shutdown_write();
                if done.is_ok() $after_shutdown
                Poll::Ready(done)
            }
        }
    };
}

read_half!(ReadHalf<'_, S>);
read_half!(OwnedReadHalf<S>);
write_half!(WriteHalf<'_, S>, |_this| {});
write_half!(OwnedWriteHalf<S>, |this| { this.shutdown_on_drop = false });

//! The halves of a byte stream: one pair that borrows it, one that shares it. Each type of stream
//! has its own types, with the same methods.

/// Declares `ReadHalf`, `WriteHalf`, `OwnedReadHalf`, `OwnedWriteHalf` and `ReuniteError` of a
/// stream that has a field `io`, its `PollEvented`, and a method `shutdown_write`; and how it is
/// split. `$make` is a line of an example that makes a stream.
macro_rules! halves {
    ($stream:ident, $addr:ty, $make:literal) => {
        use std::error::Error;
        use std::fmt;
        use std::io::{self, IoSlice, IoSliceMut};
        use std::pin::Pin;
        use std::sync::Arc;
        use std::task::{Context, Poll};

        use bytes::BufMut;

        use crate::engine::driver::{Direction, Interest, Ready};
        use crate::io::{AsyncRead, AsyncWrite};
        use crate::net::split::{read_half, write_half};

        #[doc = concat!("The reading half of a [`", stringify!($stream), "`], borrowed: made by")]
        #[doc = concat!("[`", stringify!($stream), "::split`].")]
        ///
        /// Dropping it changes nothing.
        ///
        /// # Examples
        ///
        /// See [`net`](crate::net).
        #[derive(Debug)]
        pub struct ReadHalf<'a>(&'a $stream);

        #[doc = concat!("The writing half of a [`", stringify!($stream), "`], borrowed: made by")]
        #[doc = concat!("[`", stringify!($stream), "::split`].")]
        ///
        /// Dropping it changes nothing; `shutdown` ends what the other side can read.
        ///
        /// # Examples
        ///
        /// See [`net`](crate::net).
        #[derive(Debug)]
        pub struct WriteHalf<'a>(&'a $stream);

        #[doc = concat!("The reading half of a [`", stringify!($stream), "`], owned: made by")]
        #[doc = concat!("[`", stringify!($stream), "::into_split`], to be moved to a task of its own.")]
        ///
        /// Dropping it changes nothing as long as the writing half lives; with the last half the
        /// stream is closed.
        ///
        /// # Examples
        ///
        /// See [`net`](crate::net).
        #[derive(Debug)]
        pub struct OwnedReadHalf(Arc<$stream>);

        #[doc = concat!("The writing half of a [`", stringify!($stream), "`], owned: made by")]
        #[doc = concat!("[`", stringify!($stream), "::into_split`], to be moved to a task of its own.")]
        ///
        /// Dropping it ends what the other side can read, as `shutdown` does; see
        /// [`forget`](Self::forget).
        ///
        /// # Examples
        ///
        /// See [`net`](crate::net).
        #[derive(Debug)]
        pub struct OwnedWriteHalf {
            stream: Arc<$stream>,
            shutdown_on_drop: bool,
        }

        /// The two halves given to `reunite` are not of the same stream. Holds both.
        ///
        /// # Examples
        ///
        /// See [`net`](crate::net).
        #[derive(Debug)]
        pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

        impl $stream {
            /// Lends the two halves, for one task that reads and writes at the same time.
            ///
            /// For two tasks there is [`into_split`](Self::into_split).
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> std::io::Result<()> {
            #[doc = $make]
            /// let mut socket = socket;
            /// let (reader, writer) = socket.split();
            /// # drop((reader, writer));
            /// # Ok(()) }
            /// ```
            pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
                (ReadHalf(self), WriteHalf(self))
            }

            /// Splits the stream into two halves that can move to different tasks.
            ///
            /// Dropping the writing half ends what the other side can read.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
            #[doc = $make]
            /// let (reader, writer) = socket.into_split();
            /// let socket = reader.reunite(writer)?;
            /// # drop(socket);
            /// # Ok(()) }
            /// ```
            pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
                let stream = Arc::new(self);
                (OwnedReadHalf(stream.clone()), OwnedWriteHalf { stream, shutdown_on_drop: true })
            }
        }

        impl fmt::Display for ReuniteError {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(crate::engine::messages::UNRELATED_OWNED_HALVES)
            }
        }

        impl Error for ReuniteError {}

        impl OwnedReadHalf {
            /// Puts the two halves together again.
            ///
            /// # Errors
            ///
            /// If they are not of the same stream; the error hands them back.
            ///
            /// # Examples
            ///
            /// See [`net`](crate::net).
            pub fn reunite(self, other: OwnedWriteHalf) -> Result<$stream, ReuniteError> {
                if !Arc::ptr_eq(&self.0, &other.stream) {
                    return Err(ReuniteError(self, other));
                }
                other.forget();
                let stream = self.0.clone();
                drop(self);
                Ok(Arc::into_inner(stream).expect("the two halves are the only owners"))
            }
        }

        impl OwnedWriteHalf {
            /// Puts the two halves together again.
            ///
            /// # Errors
            ///
            /// If they are not of the same stream; the error hands them back.
            ///
            /// # Examples
            ///
            /// See [`net`](crate::net).
            pub fn reunite(self, other: OwnedReadHalf) -> Result<$stream, ReuniteError> {
                other.reunite(self)
            }

            /// Drops the half without ending what the other side can read.
            ///
            /// # Examples
            ///
            /// See [`net`](crate::net).
            pub fn forget(mut self) {
                self.shutdown_on_drop = false;
            }
        }

        impl Drop for OwnedReadHalf {
            fn drop(&mut self) {
                self.0.io.end_turn(Direction::Read);
            }
        }

        impl Drop for OwnedWriteHalf {
            fn drop(&mut self) {
                if self.shutdown_on_drop {
                    let _ = self.stream.shutdown_write();
                }
                self.stream.io.end_turn(Direction::Write);
            }
        }

        impl AsRef<$stream> for ReadHalf<'_> {
            fn as_ref(&self) -> &$stream {
                self.0
            }
        }

        impl AsRef<$stream> for WriteHalf<'_> {
            fn as_ref(&self) -> &$stream {
                self.0
            }
        }

        impl AsRef<$stream> for OwnedReadHalf {
            fn as_ref(&self) -> &$stream {
                &self.0
            }
        }

        impl AsRef<$stream> for OwnedWriteHalf {
            fn as_ref(&self) -> &$stream {
                &self.stream
            }
        }

        read_half!(ReadHalf<'_>, $addr);
        read_half!(OwnedReadHalf, $addr);
        write_half!(WriteHalf<'_>, $addr, |_this| {});
        write_half!(OwnedWriteHalf, $addr, |this| { this.shutdown_on_drop = false });
    };
}
pub(super) use halves;

/// The methods that both halves of a pair have.
macro_rules! half {
    ($half:ty, $addr:ty) => {
        impl $half {
            /// Waits until the stream is ready for any of `interest`, and returns what it is ready
            /// for.
            ///
            /// # Errors
            ///
            /// When the runtime that the stream was made in has been shut down.
            ///
            /// # Cancel safety
            ///
            /// Safe: once ready, the stream stays ready until an operation would block.
            ///
            /// # Examples
            ///
            /// See [`net`](crate::net).
            pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
                self.as_ref().io.ready(interest).await
            }

            /// The address of this end.
            ///
            /// # Errors
            ///
            /// Errors of the system.
            ///
            /// # Examples
            ///
            /// See [`net`](crate::net).
            pub fn local_addr(&self) -> io::Result<$addr> {
                self.as_ref().local_addr()
            }

            /// The address of the other end.
            ///
            /// # Errors
            ///
            /// Errors of the system.
            ///
            /// # Examples
            ///
            /// See [`net`](crate::net).
            pub fn peer_addr(&self) -> io::Result<$addr> {
                self.as_ref().peer_addr()
            }
        }
    };
}

pub(super) use half;

macro_rules! read_half {
    ($half:ty, $addr:ty) => {
        crate::net::split::half!($half, $addr);

        impl $half {
            /// Waits until the stream is readable.
            ///
            /// # Errors
            ///
            /// When the runtime that the stream was made in has been shut down.
            ///
            /// # Cancel safety
            ///
            /// Safe: once readable, the stream stays so until an operation would block.
            ///
            /// # Examples
            ///
            /// See [`net`](crate::net).
            pub async fn readable(&self) -> io::Result<()> {
                self.ready(Interest::READABLE).await.map(|_| ())
            }

            /// Reads what is there without waiting, and returns how many bytes; 0 is the end.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there.
            ///
            /// # Examples
            ///
            /// See [`net`](crate::net).
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.as_ref().io.try_read(buf)
            }

            /// As [`try_read`](Self::try_read), into several buffers in turn.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there.
            ///
            /// # Examples
            ///
            /// See [`net`](crate::net).
            pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.as_ref().io.try_read_vectored(bufs)
            }

            /// As [`try_read`](Self::try_read), into the spare room of `buf`.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there.
            ///
            /// # Examples
            ///
            /// See [`net`](crate::net).
            pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
                self.as_ref().io.try_read_buf(buf)
            }
        }

        impl AsyncRead for $half {
            crate::net::socket_macros::evented_read!(self => (*self).as_ref().io);
        }
    };
}

pub(super) use read_half;

macro_rules! write_half {
    ($half:ty, $addr:ty, |$this:ident| $after_shutdown:block) => {
        crate::net::split::half!($half, $addr);

        impl $half {
            /// Waits until the stream is writable.
            ///
            /// # Errors
            ///
            /// When the runtime that the stream was made in has been shut down.
            ///
            /// # Cancel safety
            ///
            /// Safe: once writable, the stream stays so until an operation would block.
            ///
            /// # Examples
            ///
            /// See [`net`](crate::net).
            pub async fn writable(&self) -> io::Result<()> {
                self.ready(Interest::WRITABLE).await.map(|_| ())
            }

            /// Writes what there is room for without waiting, and returns how many bytes.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no room.
            ///
            /// # Examples
            ///
            /// See [`net`](crate::net).
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                self.as_ref().io.try_write(buf)
            }

            /// As [`try_write`](Self::try_write), from several buffers in turn.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no room.
            ///
            /// # Examples
            ///
            /// See [`net`](crate::net).
            pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.as_ref().io.try_write_vectored(bufs)
            }
        }

        impl AsyncWrite for $half {
            crate::net::socket_macros::evented_write!(self => (*self).as_ref().io);

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self.get_mut();
                let done = (*$this).as_ref().shutdown_write();
                if done.is_ok() $after_shutdown
                Poll::Ready(done)
            }
        }
    };
}
pub(super) use write_half;

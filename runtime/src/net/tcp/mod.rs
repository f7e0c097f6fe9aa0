//! TCP: the halves of a stream. The sockets themselves are in [`net`](crate::net).

use std::io;
use std::task::{Context, Poll};

use super::split;
use crate::io::ReadBuf;

pub(super) mod listener;
pub(super) mod socket;
pub(super) mod stream;

use stream::TcpStream;

/// The reading half of a [`TcpStream`], borrowed: made by [`TcpStream::split`].
pub type ReadHalf<'a> = split::ReadHalf<'a, TcpStream>;
/// The writing half of a [`TcpStream`], borrowed: made by [`TcpStream::split`].
pub type WriteHalf<'a> = split::WriteHalf<'a, TcpStream>;
/// The reading half of a [`TcpStream`], owned: made by [`TcpStream::into_split`].
pub type OwnedReadHalf = split::OwnedReadHalf<TcpStream>;
/// The writing half of a [`TcpStream`], owned: made by [`TcpStream::into_split`].
pub type OwnedWriteHalf = split::OwnedWriteHalf<TcpStream>;
/// The two halves given to `reunite` are not of the same [`TcpStream`]; here they are again.
pub type ReuniteError = split::ReuniteError<TcpStream>;

macro_rules! peek_methods {
    ($half:ty) => {
        impl $half {
            /// Waits for data and copies it into `buf`, but leaves it in the stream; says how
            /// much. 0 is the end of the stream.
            ///
            /// # Errors
            ///
            /// What the system says, and when the runtime has been shut down.
            ///
            /// # Cancel safety
            ///
            /// Safe: nothing is taken from the stream.
            pub async fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.as_ref().peek(buf).await
            }

            /// As [`peek`](Self::peek), as the stream's one reader.
            ///
            /// # Errors
            ///
            /// What the system says, and when the runtime has been shut down.
            pub fn poll_peek(
                &mut self,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<usize>> {
                self.as_ref().poll_peek(cx, buf)
            }
        }
    };
}

peek_methods!(ReadHalf<'_>);
peek_methods!(OwnedReadHalf);

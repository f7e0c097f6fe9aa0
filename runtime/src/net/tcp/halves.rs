//! The halves of a TCP stream.

use std::net::SocketAddr;

use super::super::split::halves;
use super::stream::TcpStream;

halves!(
    TcpStream,
    SocketAddr,
    "let socket = runtime::net::TcpStream::connect(\"127.0.0.1:8080\").await?;"
);

macro_rules! peek_methods {
    ($half:ty) => {
        impl $half {
            /// Waits for data and copies it into `buf`, but leaves it in the stream; returns how
            /// many bytes. 0 means the end of the stream.
            ///
            /// # Errors
            ///
            /// Errors of the system, and if the runtime has been shut down.
            ///
            /// # Cancel safety
            ///
            /// Safe: nothing is taken from the stream.
            ///
            /// # Examples
            ///
            /// See [`TcpStream::peek`](crate::net::TcpStream::peek).
            pub async fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.as_ref().peek(buf).await
            }

            /// As [`peek`](Self::peek), but only one task may wait.
            ///
            /// # Errors
            ///
            /// Errors of the system, and if the runtime has been shut down.
            ///
            /// # Examples
            ///
            /// See [`TcpStream::poll_peek`](crate::net::TcpStream::poll_peek).
            pub fn poll_peek(
                &mut self,
                cx: &mut Context<'_>,
                buf: &mut crate::io::ReadBuf<'_>,
            ) -> Poll<io::Result<usize>> {
                self.as_ref().poll_peek(cx, buf)
            }
        }
    };
}

peek_methods!(ReadHalf<'_>);
peek_methods!(OwnedReadHalf);

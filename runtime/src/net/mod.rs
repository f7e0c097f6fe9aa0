//! Sockets: TCP, UDP and those of Unix.
//!
//! Everything here belongs to the runtime on whose thread it was made, and works as long as that
//! runtime lives. Names and meaning follow `tokio::net`.
//!
//! # Examples
//!
//! An echo server:
//!
//! ```no_run
//! use runtime::io::{AsyncReadExt, AsyncWriteExt};
//! use runtime::net::TcpListener;
//!
//! # async fn example() -> std::io::Result<()> {
//! let listener = TcpListener::bind("127.0.0.1:8080").await?;
//! let (mut stream, _) = listener.accept().await?;
//! let mut buf = [0; 1024];
//! loop {
//!     let n = stream.read(&mut buf).await?;
//!     if n == 0 {
//!         return Ok(());
//!     }
//!     stream.write_all(&buf[..n]).await?;
//! }
//! # }
//! ```

mod addr;
pub(crate) mod evented;
mod options;
mod socket_macros;
mod split;
pub mod tcp;
mod udp;
#[cfg(unix)]
pub mod unix;

pub use addr::{ToSocketAddrs, lookup_host};
pub use tcp::{listener::TcpListener, socket::TcpSocket, stream::TcpStream};
pub use udp::UdpSocket;
#[cfg(unix)]
pub use unix::{
    datagram::UnixDatagram, listener::UnixListener, socket::UnixSocket, stream::UnixStream,
};

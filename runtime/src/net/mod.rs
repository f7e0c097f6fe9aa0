//! Sockets: TCP, UDP and those of Unix.
//!
//! | you want | use |
//! |---|---|
//! | to be connected to over TCP, or to connect | [`TcpListener`], [`TcpStream`] |
//! | settings before it connects or listens | [`TcpSocket`] |
//! | datagrams | [`UdpSocket`] |
//! | to talk to processes of the same machine | [`UnixListener`], [`UnixStream`], [`UnixDatagram`], [`pipe`](unix::pipe) |
//! | the addresses of a name | [`lookup_host`]; functions that take an address look names up by themselves |
//!
//! A stream is read and written by the methods of [`AsyncReadExt`](crate::io::AsyncReadExt) and
//! [`AsyncWriteExt`](crate::io::AsyncWriteExt). Dropping a socket closes it.
//!
//! Everything here belongs to the runtime in which it was made, and works until that runtime is
//! shut down. Names and meaning follow `tokio::net`.
//!
//! # Examples
//!
//! An echo server, with a task for each connection:
//!
//! ```no_run
//! use runtime::net::TcpListener;
//!
//! #[runtime::main]
//! async fn main() -> std::io::Result<()> {
//!     let listener = TcpListener::bind("127.0.0.1:8080").await?;
//!     loop {
//!         let (mut stream, _address) = listener.accept().await?;
//!         runtime::spawn(async move {
//!             let (mut reader, mut writer) = stream.split();
//!             runtime::io::copy(&mut reader, &mut writer).await
//!         });
//!     }
//! }
//! ```
//!
//! A client:
//!
//! ```no_run
//! use runtime::io::{AsyncReadExt, AsyncWriteExt};
//! use runtime::net::TcpStream;
//!
//! # async fn example() -> std::io::Result<()> {
//! let mut stream = TcpStream::connect("127.0.0.1:8080").await?;
//! stream.write_all(b"hello").await?;
//! stream.shutdown().await?; // no more from here; the answer can still be read
//! let mut answer = String::new();
//! stream.read_to_string(&mut answer).await?;
//! # Ok(()) }
//! ```
//!
//! # Reading and writing at the same time
//!
//! One task: `split` borrows the stream and gives two halves. Two tasks: `into_split` gives halves
//! that own it together. When the writing half is dropped, the other side sees the end of the
//! stream.
//!
//! ```
//! use runtime::io::{AsyncReadExt, AsyncWriteExt};
//! use runtime::net::TcpStream;
//! use runtime::net::tcp::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};
//!
//! # #[runtime::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let listener = runtime::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let stream = TcpStream::connect(listener.local_addr()?).await?;
//! # let (mut peer, _) = listener.accept().await?;
//! let (mut reader, mut writer): (OwnedReadHalf, OwnedWriteHalf) = stream.into_split();
//! let writing = runtime::spawn(async move {
//!     writer.write_all(b"question").await.unwrap();
//!     writer // to put the stream together again
//! });
//! # let mut question = [0; 8];
//! # peer.read_exact(&mut question).await?;
//! # peer.write_all(b"answer").await?;
//! let mut answer = [0; 6];
//! reader.read_exact(&mut answer).await?;
//! let stream: Result<TcpStream, ReuniteError> = reader.reunite(writing.await?);
//!
//! let (reader, writer) = stream?.into_split();
//! writer.forget(); // drops it without telling the other side
//! # drop(reader);
//! # Ok(())
//! # }
//! ```
//!
//! # Without waiting
//!
//! The methods that begin with `try_` do what can be done now, and return
//! [`WouldBlock`](std::io::ErrorKind::WouldBlock) if that is nothing. Wait with `readable` or
//! `writable` first. Streams and their halves have them:
//!
//! ```
//! use std::io::{IoSlice, IoSliceMut};
//! use runtime::io::Interest;
//! use runtime::net::tcp::{ReadHalf, WriteHalf};
//!
//! # #[runtime::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let listener = runtime::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let mut stream = runtime::net::TcpStream::connect(listener.local_addr()?).await?;
//! # let (mut peer, _) = listener.accept().await?;
//! # let (mut peer_reader, mut peer_writer) = peer.split();
//! # runtime::io::AsyncWriteExt::write_all(&mut peer_writer, b"hello, world").await?;
//! let (reader, writer): (ReadHalf, WriteHalf) = stream.split();
//! println!("{} to {}", reader.local_addr()?, writer.peer_addr()?);
//! assert!(writer.ready(Interest::WRITABLE).await?.is_writable());
//! writer.writable().await?;
//! let sent = writer.try_write(b"hi")?;
//! let sent_more = writer.try_write_vectored(&[IoSlice::new(b"a"), IoSlice::new(b"b")])?;
//! # assert_eq!(sent + sent_more, 4);
//!
//! reader.readable().await?;
//! let mut first = [0; 2];
//! assert_eq!(reader.try_read(&mut first)?, 2);
//! assert_eq!(reader.try_read_vectored(&mut [IoSliceMut::new(&mut first)])?, 2);
//! let mut rest = Vec::with_capacity(64);
//! reader.try_read_buf(&mut rest)?;
//! assert_eq!(rest, b"o, world");
//! # Ok(())
//! # }
//! ```
//!
//! In a `poll` method of your own, wait with `poll_read_ready` and `poll_write_ready`; for
//! datagrams with `poll_recv_ready` and `poll_send_ready`:
//!
//! ```
//! use std::future::poll_fn;
//! use runtime::net::UdpSocket;
//!
//! # #[runtime::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let socket = UdpSocket::bind("127.0.0.1:0").await?;
//! socket.connect(socket.local_addr()?).await?;
//! poll_fn(|cx| socket.poll_send_ready(cx)).await?;
//! socket.try_send(b"to myself")?;
//! poll_fn(|cx| socket.poll_recv_ready(cx)).await?;
//! assert_eq!(socket.try_recv(&mut [0; 16])?, 9);
//! # Ok(())
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

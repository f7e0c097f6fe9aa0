//! Unix sockets that accept connections.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::task::{Context, Poll};

use socket2::{SockAddr, Type};

use super::super::evented::{PollEvented, check_nonblocking};
use super::super::socket_macros::{descriptor, std_conversions};
use super::SocketAddr;
use super::addr::system_addr;
use super::socket::UnixSocket;
use super::stream::UnixStream;
use crate::engine::driver::{Direction, Interest, Ready};

/// A Unix socket that accepts connections.
///
/// When it is dropped, the file at its path stays.
///
/// # Examples
///
/// ```no_run
/// use runtime::net::UnixListener;
///
/// # async fn example() -> std::io::Result<()> {
/// let listener = UnixListener::bind("/tmp/socket")?;
/// let (stream, _) = listener.accept().await?;
/// # drop(stream);
/// # Ok(()) }
/// ```
pub struct UnixListener {
    io: PollEvented<mio::net::UnixListener>,
}

std_conversions!(
    UnixListener,
    std::os::unix::net::UnixListener,
    mio::net::UnixListener,
    "let listener = std::os::unix::net::UnixListener::bind(\"/tmp/socket\")?;
listener.set_nonblocking(true)?;
let listener = runtime::net::UnixListener::from_std(listener)?;
let listener = listener.into_std()?;"
);
descriptor!(UnixListener);

impl UnixListener {
    /// Listens at `path`, which must not exist. On Linux a path that begins with a zero byte is a
    /// name in the abstract namespace, and an empty one lets the system choose such a name (see
    /// [`local_addr`](Self::local_addr)).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a path that is too long or has a zero byte
    /// in it, and errors of the system.
    ///
    /// # Examples
    ///
    /// See [`UnixListener`].
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        UnixListener::listen(&system_addr(path.as_ref())?)
    }

    #[track_caller]
    fn listen(addr: &SockAddr) -> io::Result<UnixListener> {
        let socket = UnixSocket::new_stream()?;
        socket.bind_to(addr)?;
        socket.listen(u32::MAX)
    }

    /// Listens at `addr`.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::future::poll_fn;
    /// use runtime::net::{UnixListener, UnixStream, unix::SocketAddr};
    ///
    /// # let path = std::env::temp_dir().join(format!("doc-bindaddr-{}", std::process::id()));
    /// let address: SocketAddr = std::os::unix::net::SocketAddr::from_pathname(&path)?.into();
    /// let listener = UnixListener::bind_addr(&address)?;
    /// let client = UnixStream::connect_addr(&listener.local_addr()?).await?;
    /// let (_stream, _) = poll_fn(|cx| listener.poll_accept(cx)).await?;
    /// assert_eq!(client.peer_addr()?.as_pathname(), Some(path.as_path()));
    /// # runtime::fs::remove_file(path).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixListener> {
        UnixListener::listen(&addr.to_system()?)
    }

    #[track_caller]
    pub(super) fn from_mio(
        listener: mio::net::UnixListener,
        initially: Ready,
    ) -> io::Result<UnixListener> {
        Ok(UnixListener { io: PollEvented::with(listener, Interest::READABLE, initially)? })
    }

    /// Waits for a connection and accepts it; returns the peer's address, which is mostly unnamed.
    ///
    /// # Errors
    ///
    /// Errors of the system. When the process is out of file descriptors (`EMFILE`), the connection
    /// goes on waiting, and the next call tries again at once.
    ///
    /// # Cancel safety
    ///
    /// Safe: no connection is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::io::{AsyncReadExt, AsyncWriteExt};
    /// use runtime::net::{UnixListener, UnixStream};
    ///
    /// # let path = std::env::temp_dir().join(format!("doc-accept-{}", std::process::id()));
    /// let listener = UnixListener::bind(&path)?;
    /// let mut client = UnixStream::connect(&path).await?;
    /// let (mut stream, _address) = listener.accept().await?;
    /// client.write_all(b"hello").await?;
    /// let mut buf = [0; 5];
    /// stream.read_exact(&mut buf).await?;
    /// assert_eq!(&buf, b"hello");
    /// assert!(listener.take_error()?.is_none());
    /// # runtime::fs::remove_file(path).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (stream, peer) = self.io.own(Interest::READABLE, |listener| listener.accept()).await?;
        Ok((UnixStream::accepted(stream)?, SocketAddr(peer)))
    }

    /// As [`accept`](Self::accept), but only one task may wait: of several tasks that poll this,
    /// only the last is woken.
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept).
    ///
    /// # Examples
    ///
    /// See [`bind_addr`](Self::bind_addr).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        self.io.poll_own(cx, Direction::Read, |listener| listener.accept()).map(|accepted| {
            let (stream, peer) = accepted?;
            Ok((UnixStream::accepted(stream)?, SocketAddr(peer)))
        })
    }

    /// The address at which it listens.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`bind_addr`](Self::bind_addr).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr().map(SocketAddr)
    }

    /// Takes the pending error of the socket, if there is one.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`accept`](Self::accept).
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.take_error()
    }
}

// Turns a socket into a listener.
impl UnixSocket {
    /// Makes the socket a listener. Up to `backlog` connections wait to be accepted.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Errors
    ///
    /// If the socket was not made by [`new_stream`](Self::new_stream), and errors of the system.
    ///
    /// # Examples
    ///
    /// See [`UnixSocket`].
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<UnixListener> {
        self.must_be(Type::STREAM, "listen cannot be called on a datagram socket")?;
        self.socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        let listener = mio::net::UnixListener::from_std(OwnedFd::from(self.socket).into());
        UnixListener::from_mio(listener, Ready::EMPTY)
    }
}

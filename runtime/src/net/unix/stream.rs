//! Unix stream sockets.

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::{SockAddr, Type};

use super::super::evented::{BOTH, PollEvented, check_nonblocking};
use super::super::socket_macros::{
    descriptor, poll_ready_methods, std_conversions, stream_traits, try_stream_methods,
    wait_methods,
};
use super::addr::system_addr;
use super::socket::UnixSocket;
use super::{SocketAddr, UCred, ucred};
use crate::engine::driver::{Interest, Ready};
use crate::io::{AsyncRead, AsyncWrite};

/// A connection between two processes of this host.
///
/// Made by [`connect`](UnixStream::connect), [`pair`](UnixStream::pair) or
/// [`UnixListener::accept`](crate::net::UnixListener::accept). Dropping it closes the connection.
///
/// # Examples
///
/// ```no_run
/// use runtime::io::AsyncWriteExt;
/// use runtime::net::UnixStream;
///
/// # async fn example() -> std::io::Result<()> {
/// let mut stream = UnixStream::connect("/tmp/socket").await?;
/// stream.write_all(b"hello").await?;
/// # Ok(()) }
/// ```
pub struct UnixStream {
    pub(super) io: PollEvented<mio::net::UnixStream>,
}

wait_methods!(
    UnixStream,
    "let socket = runtime::net::UnixStream::connect(\"/tmp/socket\").await?;"
);
poll_ready_methods!(UnixStream, poll_read_ready, poll_write_ready);
try_stream_methods!(
    UnixStream,
    "let socket = runtime::net::UnixStream::connect(\"/tmp/socket\").await?;"
);
stream_traits!(UnixStream);
std_conversions!(
    UnixStream,
    std::os::unix::net::UnixStream,
    mio::net::UnixStream,
    "let socket = std::os::unix::net::UnixStream::connect(\"/tmp/socket\")?;
socket.set_nonblocking(true)?;
let socket = runtime::net::UnixStream::from_std(socket)?;
let socket = socket.into_std()?;"
);
descriptor!(UnixStream);

impl UnixStream {
    /// Connects to the socket at `path`. On Linux a path that begins with a zero byte is a name in
    /// the abstract namespace.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a path that is too long or has a zero byte
    /// in it, and errors of the system, for example if nobody listens, or (`WouldBlock`) if too
    /// many connections wait to be accepted.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no socket is left behind.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::net::{UnixListener, UnixStream};
    ///
    /// # let path = std::env::temp_dir().join(format!("doc-sconnect-{}", std::process::id()));
    /// let listener = UnixListener::bind(&path)?;
    /// let client = UnixStream::connect(&path).await?;
    /// let (server, _) = listener.accept().await?;
    /// assert_eq!(client.peer_addr()?.as_pathname(), Some(path.as_path()));
    /// assert!(client.local_addr()?.is_unnamed() && client.take_error()?.is_none());
    ///
    /// let peer = server.peer_cred()?;
    /// println!("user {}, group {}, process {:?}", peer.uid(), peer.gid(), peer.pid());
    /// # runtime::fs::remove_file(path).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect<P: AsRef<Path>>(path: P) -> io::Result<UnixStream> {
        let addr = system_addr(path.as_ref())?;
        UnixSocket::new_stream()?.connect_to(&addr).await
    }

    /// Connects to the socket at `addr`.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no socket is left behind.
    ///
    /// # Examples
    ///
    /// See [`UnixListener::bind_addr`](crate::net::UnixListener::bind_addr).
    pub async fn connect_addr(addr: &SocketAddr) -> io::Result<UnixStream> {
        UnixSocket::new_stream()?.connect_to(&addr.to_system()?).await
    }

    /// Waits for a connection that was begun.
    pub(super) async fn connected(self) -> io::Result<UnixStream> {
        self.io.connected(|socket| socket.take_error()).await?;
        Ok(self)
    }

    /// Makes two sockets that are connected to each other.
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
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let (left, right) = runtime::net::UnixStream::pair()?;
    /// # drop((left, right));
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (a, b) = mio::net::UnixStream::pair()?;
        Ok((UnixStream::from_mio(a, Ready::WRITABLE)?, UnixStream::from_mio(b, Ready::WRITABLE)?))
    }

    /// A stream just accepted. Its first bytes have mostly come with the connection, so it is taken
    /// to be ready: a call that finds nothing costs less than a wait for the first event.
    #[track_caller]
    pub(super) fn accepted(socket: mio::net::UnixStream) -> io::Result<UnixStream> {
        UnixStream::from_mio(socket, Ready::READABLE | Ready::WRITABLE)
    }

    #[track_caller]
    pub(super) fn from_mio(
        socket: mio::net::UnixStream,
        initially: Ready,
    ) -> io::Result<UnixStream> {
        Ok(UnixStream { io: PollEvented::with(socket, BOTH, initially)? })
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`connect`](Self::connect).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr().map(SocketAddr)
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`connect`](Self::connect).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr().map(SocketAddr)
    }

    /// The credentials of the process at the other end when the connection was made.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`connect`](Self::connect).
    pub fn peer_cred(&self) -> io::Result<UCred> {
        ucred::of_peer(self.as_fd())
    }

    /// Takes the pending error of the socket, if there is one.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`connect`](Self::connect).
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.take_error()
    }
}

// Turns a socket into a stream.
impl UnixSocket {
    /// Connects to the socket at `path`.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Errors
    ///
    /// An error if the socket was not made by [`new_stream`](Self::new_stream) (one for datagrams
    /// is connected after [`datagram`](Self::datagram));
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a path that is too long or has a zero byte
    /// in it; and errors of the system.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the socket.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::net::UnixSocket;
    ///
    /// # let path = std::env::temp_dir().join(format!("doc-uconnect-{}", std::process::id()));
    /// let server = UnixSocket::new_stream()?;
    /// server.bind(&path)?;
    /// let listener = server.listen(16)?;
    /// let client = UnixSocket::new_stream()?.connect(&path).await?;
    /// let (_stream, _) = listener.accept().await?;
    /// # runtime::fs::remove_file(path).await?;
    /// # drop(client);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(self, path: impl AsRef<Path>) -> io::Result<UnixStream> {
        self.must_be(Type::STREAM, "connect cannot be called on a datagram socket")?;
        self.connect_to(&system_addr(path.as_ref())?).await
    }

    async fn connect_to(self, addr: &SockAddr) -> io::Result<UnixStream> {
        match self.socket.connect(addr) {
            Err(e) if e.raw_os_error() != Some(libc::EINPROGRESS) => return Err(e),
            _ => {}
        }
        let stream = mio::net::UnixStream::from_std(OwnedFd::from(self.socket).into());
        UnixStream::from_mio(stream, Ready::EMPTY)?.connected().await
    }
}

//! Unix sockets that are set up before they connect or listen.
#![allow(unsafe_code, reason = "`FromRawFd` is an unsafe trait; see docs/unsafe.md")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

use super::addr::system_addr;
use super::datagram::UnixDatagram;
use crate::engine::driver::Ready;

/// A Unix socket that is not yet connected and does not listen.
///
/// # Examples
///
/// ```no_run
/// use runtime::net::UnixSocket;
///
/// # async fn example() -> std::io::Result<()> {
/// let socket = UnixSocket::new_stream()?;
/// socket.bind("/tmp/socket")?;
/// let listener = socket.listen(1024)?;
/// # drop(listener);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct UnixSocket {
    pub(super) socket: Socket,
}

impl UnixSocket {
    /// Makes a socket for datagrams.
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
    /// use runtime::net::UnixSocket;
    ///
    /// # let path = std::env::temp_dir().join(format!("doc-newdgram-{}", std::process::id()));
    /// let socket = UnixSocket::new_datagram()?;
    /// socket.bind(&path)?;
    /// let datagrams = socket.datagram()?;
    /// # runtime::fs::remove_file(path).await?;
    /// # drop(datagrams);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new_datagram() -> io::Result<UnixSocket> {
        UnixSocket::new(Type::DGRAM)
    }

    /// Makes a socket for streams.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`UnixSocket`].
    pub fn new_stream() -> io::Result<UnixSocket> {
        UnixSocket::new(Type::STREAM)
    }

    fn new(kind: Type) -> io::Result<UnixSocket> {
        let socket = Socket::new(Domain::UNIX, kind, None)?;
        socket.set_nonblocking(true)?;
        Ok(UnixSocket { socket })
    }

    /// Gives the socket the address `path`, which must not exist. On Linux a path that begins with
    /// a zero byte is a name in the abstract namespace, and an empty one lets the system choose
    /// such a name.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a path that is too long or has a zero byte
    /// in it, and errors of the system.
    ///
    /// # Examples
    ///
    /// See [`UnixSocket`].
    pub fn bind(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.bind_to(&system_addr(path.as_ref())?)
    }

    pub(super) fn bind_to(&self, addr: &SockAddr) -> io::Result<()> {
        self.socket.bind(addr)
    }

    pub(super) fn must_be(&self, kind: Type, refusal: &'static str) -> io::Result<()> {
        if self.socket.r#type()? == kind { Ok(()) } else { Err(io::Error::other(refusal)) }
    }

    /// Makes the socket a [`UnixDatagram`].
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Errors
    ///
    /// If [`new_datagram`](Self::new_datagram) has not made the socket, and errors of the system.
    ///
    /// # Examples
    ///
    /// See [`new_datagram`](Self::new_datagram).
    pub fn datagram(self) -> io::Result<UnixDatagram> {
        self.must_be(Type::DGRAM, "datagram cannot be called on a stream socket")?;
        let socket = mio::net::UnixDatagram::from_std(OwnedFd::from(self.socket).into());
        UnixDatagram::from_mio(socket, Ready::WRITABLE)
    }
}

impl AsRawFd for UnixSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsFd for UnixSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl FromRawFd for UnixSocket {
    /// # Safety
    ///
    /// `fd` is an open Unix socket that nobody else owns, in non-blocking mode.
    unsafe fn from_raw_fd(fd: RawFd) -> UnixSocket {
        // SAFETY: the caller says that `fd` is open and not owned by anybody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        UnixSocket { socket: fd.into() }
    }
}

impl IntoRawFd for UnixSocket {
    fn into_raw_fd(self) -> RawFd {
        self.socket.into_raw_fd()
    }
}

//! Unix datagram sockets.

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::task::{Context, Poll};

use bytes::BufMut;
use socket2::{SockAddr, SockRef};

use super::super::evented::{Anonymous, BOTH, PollEvented, Receive, Signed, check_nonblocking};
use super::super::socket_macros::{
    datagram_methods, descriptor, poll_ready_methods, std_conversions, wait_methods,
};
use super::SocketAddr;
use super::addr::system_addr;
use crate::engine::driver::{Direction, Interest, Ready};
use crate::io::ReadBuf;

/// A Unix socket for datagrams: messages that arrive whole, in order, and are not lost.
///
/// All methods take `&self`, and any number of tasks may wait at the same time: to use it from
/// several, share it in an `Arc`. When it is dropped, the file at its path stays.
///
/// # Examples
///
/// ```no_run
/// use runtime::net::UnixDatagram;
///
/// # async fn example() -> std::io::Result<()> {
/// let (left, right) = UnixDatagram::pair()?;
/// left.send(b"hello").await?;
/// let mut buf = [0; 64];
/// assert_eq!(right.recv(&mut buf).await?, 5);
/// # Ok(()) }
/// ```
pub struct UnixDatagram {
    io: PollEvented<mio::net::UnixDatagram>,
}

wait_methods!(UnixDatagram, "let (socket, _other) = runtime::net::UnixDatagram::pair()?;");
poll_ready_methods!(UnixDatagram, poll_recv_ready, poll_send_ready);
datagram_methods!(
    UnixDatagram,
    SocketAddr,
    "let (socket, _other) = runtime::net::UnixDatagram::pair()?;"
);
std_conversions!(
    UnixDatagram,
    std::os::unix::net::UnixDatagram,
    mio::net::UnixDatagram,
    "let socket = std::os::unix::net::UnixDatagram::unbound()?;
socket.set_nonblocking(true)?;
let socket = runtime::net::UnixDatagram::from_std(socket)?;
let socket = socket.into_std()?;"
);
descriptor!(UnixDatagram);

impl UnixDatagram {
    /// Makes a socket at `path`, which must not exist. On Linux a path that begins with a zero byte
    /// is a name in the abstract namespace, and an empty one lets the system choose such a name
    /// (see [`local_addr`](Self::local_addr)).
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
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::net::UnixDatagram;
    ///
    /// # let path = std::env::temp_dir().join(format!("runtime-doc-dgram-{}", std::process::id()));
    /// let server = UnixDatagram::bind(&path)?;
    /// let client = UnixDatagram::unbound()?;
    /// client.send_to(b"by its name", &path).await?;
    /// client.connect(&path)?;
    /// client.send(b"connected").await?;
    ///
    /// let mut buf = [0; 64];
    /// assert_eq!(server.recv(&mut buf).await?, 11);
    /// assert_eq!(server.recv(&mut buf).await?, 9);
    /// println!("{:?} and {:?}", server.local_addr()?, client.peer_addr()?);
    /// # runtime::fs::remove_file(path).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        let addr = system_addr(path.as_ref())?;
        let socket = mio::net::UnixDatagram::unbound()?;
        SockRef::from(&socket).bind(&addr)?;
        UnixDatagram::from_mio(socket, Ready::WRITABLE)
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
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::net::Shutdown;
    /// use runtime::net::UnixDatagram;
    ///
    /// let (one, two) = UnixDatagram::pair()?;
    /// one.send(b"ping").await?;
    /// assert_eq!(two.recv(&mut [0; 16]).await?, 4);
    /// one.shutdown(Shutdown::Write)?;
    /// assert!(one.send(b"more").await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (a, b) = mio::net::UnixDatagram::pair()?;
        Ok((
            UnixDatagram::from_mio(a, Ready::WRITABLE)?,
            UnixDatagram::from_mio(b, Ready::WRITABLE)?,
        ))
    }

    /// Makes a socket without a name.
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
    /// See [`bind`](Self::bind).
    #[track_caller]
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::from_mio(mio::net::UnixDatagram::unbound()?, Ready::WRITABLE)
    }

    #[track_caller]
    pub(super) fn from_mio(
        socket: mio::net::UnixDatagram,
        initially: Ready,
    ) -> io::Result<UnixDatagram> {
        Ok(UnixDatagram { io: PollEvented::of_datagrams(socket, BOTH, initially)? })
    }

    fn sender(addr: SockAddr) -> io::Result<SocketAddr> {
        SocketAddr::from_system(addr)
    }

    /// Connects the socket: it sends to `path` alone, and receives from `path` alone.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a path that is too long or has a zero byte
    /// in it, and errors of the system.
    ///
    /// # Examples
    ///
    /// See [`bind`](Self::bind).
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        SockRef::from(&*self.io).connect(&system_addr(path.as_ref())?)
    }

    /// Sends `buf` as one datagram to the socket at `target`, and returns how much was sent.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a path that is too long or has a zero byte
    /// in it, and errors of the system.
    ///
    /// # Cancel safety
    ///
    /// Safe: a future that was dropped before it was done has sent nothing.
    ///
    /// # Examples
    ///
    /// See [`bind`](Self::bind).
    pub async fn send_to<P: AsRef<Path>>(&self, buf: &[u8], target: P) -> io::Result<usize> {
        let target = system_addr(target.as_ref())?;
        let send = |socket: &_| SockRef::from(socket).send_to(buf, &target);
        self.io.own(Interest::WRITABLE, send).await
    }

    /// As [`send_to`](Self::send_to), but only one task may wait: of several tasks that poll this,
    /// only the last is woken.
    ///
    /// # Errors
    ///
    /// As for [`send_to`](Self::send_to).
    ///
    /// # Examples
    ///
    /// See [`try_send_to`](Self::try_send_to).
    pub fn poll_send_to<P: AsRef<Path>>(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: P,
    ) -> Poll<io::Result<usize>> {
        let target = system_addr(target.as_ref())?;
        self.io.poll_own(cx, Direction::Write, |socket| SockRef::from(socket).send_to(buf, &target))
    }

    /// As [`send_to`](Self::send_to), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no room, and as for
    /// [`send_to`](Self::send_to).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::future::poll_fn;
    /// use runtime::net::UnixDatagram;
    ///
    /// # let path = std::env::temp_dir().join(format!("doc-trysend-{}", std::process::id()));
    /// let server = UnixDatagram::bind(&path)?;
    /// let client = UnixDatagram::unbound()?;
    /// client.writable().await?;
    /// assert_eq!(client.try_send_to(b"ping", &path)?, 4);
    /// assert_eq!(poll_fn(|cx| client.poll_send_to(cx, b"pong", &path)).await?, 4);
    /// assert_eq!(server.recv(&mut [0; 16]).await?, 4);
    /// # runtime::fs::remove_file(path).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_send_to<P: AsRef<Path>>(&self, buf: &[u8], target: P) -> io::Result<usize> {
        let target = system_addr(target.as_ref())?;
        self.io.try_own(Interest::WRITABLE, |socket| SockRef::from(socket).send_to(buf, &target))
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`bind`](Self::bind).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr().map(SocketAddr)
    }

    /// The address the socket is connected to.
    ///
    /// # Errors
    ///
    /// Errors of the system, for example if the socket is not connected.
    ///
    /// # Examples
    ///
    /// See [`bind`](Self::bind).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr().map(SocketAddr)
    }

    /// Ends receiving, sending or both.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`pair`](Self::pair).
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.io.shutdown(how)
    }
}

//! TCP sockets that are set up before they connect or listen.
#![allow(unsafe_code, reason = "`FromRawFd` is an unsafe trait; see docs/unsafe.md")]

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::super::options::shared_options;
use super::stream::TcpStream;
use crate::engine::driver::Ready;

/// A TCP socket that is not yet connected and does not listen. It is for settings that must be made
/// before that.
///
/// # Examples
///
/// ```no_run
/// use runtime::net::TcpSocket;
///
/// # async fn example() -> std::io::Result<()> {
/// let socket = TcpSocket::new_v4()?;
/// socket.set_reuseaddr(true)?;
/// socket.bind("127.0.0.1:8080".parse().unwrap())?;
/// let listener = socket.listen(1024)?;
/// # drop(listener);
/// # Ok(()) }
/// ```
///
/// Settings, and what the system makes of them:
///
/// ```
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use runtime::net::TcpSocket;
///
/// let socket = TcpSocket::new_v4()?;
/// socket.set_keepalive(true)?;
/// socket.set_nodelay(true)?;
/// socket.set_reuseaddr(true)?;
/// socket.set_zero_linger()?;
/// assert!(socket.keepalive()? && socket.nodelay()? && socket.reuseaddr()?);
/// assert_eq!(socket.linger()?, Some(std::time::Duration::ZERO));
/// socket.set_send_buffer_size(64 * 1024)?;
/// socket.set_recv_buffer_size(64 * 1024)?;
/// println!("{} and {} bytes", socket.send_buffer_size()?, socket.recv_buffer_size()?);
/// println!("{} {:?}", socket.local_addr()?, socket.take_error()?);
/// # runtime::task::yield_now().await;
/// # Ok(())
/// # }
/// ```
pub struct TcpSocket {
    pub(super) socket: Socket,
}

shared_options!(TcpSocket);

impl TcpSocket {
    /// Makes a socket for IPv4.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let socket = runtime::net::TcpSocket::new_v4()?;
    /// let stream = socket.connect("127.0.0.1:8080".parse().unwrap()).await?;
    /// # drop(stream);
    /// # Ok(()) }
    /// ```
    pub fn new_v4() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV4)
    }

    /// Makes a socket for IPv6.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v6()?;
    /// socket.bind("[::1]:8080".parse()?)?;
    /// let listener = socket.listen(1024)?;
    /// # runtime::task::yield_now().await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn new_v6() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV6)
    }

    pub(super) fn new(domain: Domain) -> io::Result<TcpSocket> {
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        Ok(TcpSocket { socket })
    }

    /// Takes over a socket of `std` that is in non-blocking mode and neither connected nor
    /// listening.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use runtime::net::TcpSocket;
    /// use socket2::{Domain, Socket, Type};
    ///
    /// # async fn example() -> std::io::Result<()> {
    /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    /// socket.set_nonblocking(true)?;
    /// let socket = TcpSocket::from_std_stream(socket.into());
    /// let stream = socket.connect("127.0.0.1:8080".parse().unwrap()).await?;
    /// # drop(stream);
    /// # Ok(()) }
    /// ```
    pub fn from_std_stream(stream: std::net::TcpStream) -> TcpSocket {
        TcpSocket { socket: stream.into() }
    }

    /// Gives the socket an address of this host; port 0 lets the system choose.
    ///
    /// # Errors
    ///
    /// Errors of the system, for example if the address is in use.
    ///
    /// # Examples
    ///
    /// See [`TcpSocket`].
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        self.socket.bind(&addr.into())
    }

    /// Connects to `addr`.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the socket.
    ///
    /// # Examples
    ///
    /// Connects from an address of its own, with settings that hold from the first packet on:
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::net::{TcpListener, TcpSocket};
    ///
    /// let server = TcpListener::bind("127.0.0.1:0").await?;
    /// let socket = TcpSocket::new_v4()?;
    /// socket.bind("127.0.0.1:0".parse()?)?;
    /// socket.set_nodelay(true)?;
    /// let stream = socket.connect(server.local_addr()?).await?;
    /// assert!(stream.nodelay()?);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        match self.socket.connect(&addr.into()) {
            Err(e) if e.raw_os_error() != Some(libc::EINPROGRESS) => return Err(e),
            _ => {}
        }
        let socket = mio::net::TcpStream::from_std(self.socket.into());
        TcpStream::from_mio(socket, Ready::EMPTY)?.connected().await
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`TcpSocket`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()?.as_socket().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "this is neither an IPv4 nor an IPv6 socket",
            )
        })
    }

    /// Takes the pending error of the socket, if there is one.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`TcpSocket`].
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.take_error()
    }

    /// Whether the system checks from time to time that the other side is there (`SO_KEEPALIVE`).
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`TcpSocket`].
    pub fn keepalive(&self) -> io::Result<bool> {
        self.socket.keepalive()
    }

    /// Sets `SO_KEEPALIVE`.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`TcpSocket`].
    pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
        self.socket.set_keepalive(keepalive)
    }

    /// Whether an address may be bound that lingering connections use (`SO_REUSEADDR`).
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`TcpSocket`].
    pub fn reuseaddr(&self) -> io::Result<bool> {
        self.socket.reuse_address()
    }

    /// Sets `SO_REUSEADDR`.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`TcpSocket`].
    pub fn set_reuseaddr(&self, reuseaddr: bool) -> io::Result<()> {
        self.socket.set_reuse_address(reuseaddr)
    }

    /// Whether several sockets may share the address (`SO_REUSEPORT`).
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`set_reuseport`](Self::set_reuseport).
    pub fn reuseport(&self) -> io::Result<bool> {
        self.socket.reuse_port()
    }

    /// Sets `SO_REUSEPORT`.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// Several listeners at one address; the system shares out the connections:
    ///
    /// ```
    /// use runtime::net::TcpSocket;
    ///
    /// let first = TcpSocket::new_v4()?;
    /// first.set_reuseport(true)?;
    /// assert!(first.reuseport()?);
    /// first.bind("127.0.0.1:0".parse()?)?;
    /// let second = TcpSocket::new_v4()?;
    /// second.set_reuseport(true)?;
    /// second.bind(first.local_addr()?)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_reuseport(&self, reuseport: bool) -> io::Result<()> {
        self.socket.set_reuse_port(reuseport)
    }

    /// The size of the buffer for sending, in bytes.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`TcpSocket`].
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        Ok(self.socket.send_buffer_size()? as u32)
    }

    /// Sets the size of the buffer for sending, in bytes; the system may choose another (Linux
    /// doubles it).
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`TcpSocket`].
    pub fn set_send_buffer_size(&self, size: u32) -> io::Result<()> {
        self.socket.set_send_buffer_size(size as usize)
    }

    /// The size of the buffer for receiving, in bytes.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`TcpSocket`].
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        Ok(self.socket.recv_buffer_size()? as u32)
    }

    /// Sets the size of the buffer for receiving, in bytes; the system may choose another (Linux
    /// doubles it).
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`TcpSocket`].
    pub fn set_recv_buffer_size(&self, size: u32) -> io::Result<()> {
        self.socket.set_recv_buffer_size(size as usize)
    }

    /// How long closing waits for data to be sent (`SO_LINGER`).
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`TcpSocket`].
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.socket.linger()
    }

    /// Sets how long closing waits for data to be sent (`SO_LINGER`).
    ///
    /// A time other than zero can block the thread that drops the stream, and with it a worker.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    #[deprecated = "a linger time blocks the thread that drops the socket; \
                    `set_zero_linger` resets the connection without blocking"]
    pub fn set_linger(&self, duration: Option<Duration>) -> io::Result<()> {
        self.socket.set_linger(duration)
    }

    /// Makes closing reset the connection: unsent data is discarded.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`TcpSocket`].
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.socket.set_linger(Some(Duration::ZERO))
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`TcpSocket`].
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket.tcp_nodelay()
    }

    /// Whether small writes should be sent at once (`TCP_NODELAY`), not held back to be joined.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`TcpSocket`].
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket.set_tcp_nodelay(nodelay)
    }

    fn socket(&self) -> &Socket {
        &self.socket
    }
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}

impl AsRawFd for TcpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl FromRawFd for TcpSocket {
    /// # Safety
    ///
    /// `fd` is an open TCP socket that nobody else owns, in non-blocking mode.
    unsafe fn from_raw_fd(fd: RawFd) -> TcpSocket {
        // SAFETY: the caller says that `fd` is open and not owned by anybody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        TcpSocket { socket: fd.into() }
    }
}

impl IntoRawFd for TcpSocket {
    fn into_raw_fd(self) -> RawFd {
        self.socket.into_raw_fd()
    }
}

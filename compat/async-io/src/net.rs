//! The sockets of the standard library.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::Path;

use futures_lite::stream::{self, Stream};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::Async;

/// Begins to connect a new socket, in non-blocking mode.
fn begin_to_connect(
    domain: Domain,
    protocol: Option<Protocol>,
    address: &SockAddr,
) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::STREAM, protocol)?;
    socket.set_nonblocking(true)?;
    match socket.connect(address) {
        Ok(()) => Ok(socket),
        Err(error) if is_on_its_way(&error) => Ok(socket),
        Err(error) => Err(error),
    }
}

fn is_on_its_way(error: &io::Error) -> bool {
    let in_progress = rustix::io::Errno::INPROGRESS.raw_os_error();
    error.raw_os_error() == Some(in_progress) || crate::source::would_block(error)
}

impl Async<TcpListener> {
    /// Listens on an address.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See the head of the crate.
    pub fn bind<A: Into<SocketAddr>>(addr: A) -> io::Result<Async<TcpListener>> {
        Async::new(TcpListener::bind(addr.into())?)
    }

    /// Accepts a connection. Safe to be cancelled.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub async fn accept(&self) -> io::Result<(Async<TcpStream>, SocketAddr)> {
        let (stream, addr) = self.read_with(|io| io.accept()).await?;
        Ok((Async::new(stream)?, addr))
    }

    /// The connections that come, without an end.
    pub fn incoming(&self) -> impl Stream<Item = io::Result<Async<TcpStream>>> + Send + '_ {
        stream::unfold(self, |listener| async move {
            let accepted = listener.accept().await;
            Some((accepted.map(|(stream, _)| stream), listener))
        })
    }
}

impl Async<TcpStream> {
    /// Connects to an address.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See the head of the crate.
    pub async fn connect<A: Into<SocketAddr>>(addr: A) -> io::Result<Async<TcpStream>> {
        let addr = addr.into();
        let socket =
            begin_to_connect(Domain::for_address(addr), Some(Protocol::TCP), &addr.into())?;
        let stream = Async::new_nonblocking(TcpStream::from(socket))?;
        stream.writable().await?;
        match stream.get_ref().take_error()? {
            None => Ok(stream),
            Some(error) => Err(error),
        }
    }

    /// Reads without taking the bytes out.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_with(|io| io.peek(buf)).await
    }
}

impl Async<UdpSocket> {
    /// Binds a socket to an address.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`Async`].
    pub fn bind<A: Into<SocketAddr>>(addr: A) -> io::Result<Async<UdpSocket>> {
        Async::new(UdpSocket::bind(addr.into())?)
    }

    /// Receives a datagram.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.read_with(|io| io.recv_from(buf)).await
    }

    /// Receives a datagram without taking it out.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.read_with(|io| io.peek_from(buf)).await
    }

    /// Sends a datagram.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub async fn send_to<A: Into<SocketAddr>>(&self, buf: &[u8], addr: A) -> io::Result<usize> {
        let addr = addr.into();
        self.write_with(|io| io.send_to(buf, addr)).await
    }

    /// Receives a datagram from the peer to which the socket is connected.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_with(|io| io.recv(buf)).await
    }

    /// As [`recv`](Self::recv), without taking the datagram out.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_with(|io| io.peek(buf)).await
    }

    /// Sends a datagram to the peer to which the socket is connected.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.write_with(|io| io.send(buf)).await
    }
}

impl Async<UnixListener> {
    /// Listens on a path.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Async<UnixListener>> {
        Async::new(UnixListener::bind(path)?)
    }

    /// Accepts a connection. Safe to be cancelled.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub async fn accept(&self) -> io::Result<(Async<UnixStream>, UnixAddr)> {
        let (stream, addr) = self.read_with(|io| io.accept()).await?;
        Ok((Async::new(stream)?, addr))
    }

    /// The connections that come, without an end.
    pub fn incoming(&self) -> impl Stream<Item = io::Result<Async<UnixStream>>> + Send + '_ {
        stream::unfold(self, |listener| async move {
            let accepted = listener.accept().await;
            Some((accepted.map(|(stream, _)| stream), listener))
        })
    }
}

impl Async<UnixStream> {
    /// Connects to a path. On Linux a path that begins with a zero byte is an abstract name.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub async fn connect<P: AsRef<Path>>(path: P) -> io::Result<Async<UnixStream>> {
        let socket = begin_to_connect(Domain::UNIX, None, &SockAddr::unix(path)?)?;
        let stream = Async::new_nonblocking(UnixStream::from(socket))?;
        stream.writable().await?;
        // A socket whose connection was refused may be writable, too.
        stream.get_ref().peer_addr()?;
        Ok(stream)
    }

    /// Two sockets that are connected.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub fn pair() -> io::Result<(Async<UnixStream>, Async<UnixStream>)> {
        let (one, other) = UnixStream::pair()?;
        Ok((Async::new(one)?, Async::new(other)?))
    }
}

impl Async<UnixDatagram> {
    /// Binds a socket to a path.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Async<UnixDatagram>> {
        Async::new(UnixDatagram::bind(path)?)
    }

    /// A socket without an address.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub fn unbound() -> io::Result<Async<UnixDatagram>> {
        Async::new(UnixDatagram::unbound()?)
    }

    /// Two sockets that are connected.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub fn pair() -> io::Result<(Async<UnixDatagram>, Async<UnixDatagram>)> {
        let (one, other) = UnixDatagram::pair()?;
        Ok((Async::new(one)?, Async::new(other)?))
    }

    /// Receives a datagram.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, UnixAddr)> {
        self.read_with(|io| io.recv_from(buf)).await
    }

    /// Sends a datagram to a path.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub async fn send_to<P: AsRef<Path>>(&self, buf: &[u8], path: P) -> io::Result<usize> {
        self.write_with(|io| io.send_to(buf, &path)).await
    }

    /// Receives a datagram from the peer to which the socket is connected.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_with(|io| io.recv(buf)).await
    }

    /// Sends a datagram to the peer to which the socket is connected.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.write_with(|io| io.send(buf)).await
    }
}

macro_rules! from_std {
    ($($socket:ty),*) => {$(
        impl TryFrom<$socket> for Async<$socket> {
            type Error = io::Error;

            fn try_from(socket: $socket) -> io::Result<Self> {
                Async::new(socket)
            }
        }
    )*};
}

from_std!(TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream, UnixDatagram);

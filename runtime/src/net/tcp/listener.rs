//! TCP listeners.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::task::{Context, Poll};

use socket2::Domain;

use super::super::addr::{self, ToSocketAddrs};
use super::super::evented::{PollEvented, check_nonblocking};
use super::super::socket_macros::{descriptor, std_conversions};
use super::socket::TcpSocket;
use super::stream::TcpStream;
use crate::engine::driver::{Direction, Interest, Ready};

/// A TCP socket that accepts connections.
///
/// # Examples
///
/// ```no_run
/// use runtime::net::TcpListener;
///
/// # async fn example() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:8080").await?;
/// loop {
///     let (stream, peer) = listener.accept().await?;
///     println!("{peer} is here");
///     drop(stream);
/// }
/// # }
/// ```
pub struct TcpListener {
    io: PollEvented<mio::net::TcpListener>,
}

std_conversions!(
    TcpListener,
    std::net::TcpListener,
    mio::net::TcpListener,
    "let listener = std::net::TcpListener::bind(\"127.0.0.1:0\")?;
listener.set_nonblocking(true)?;
let listener = runtime::net::TcpListener::from_std(listener)?;
let listener = listener.into_std()?;"
);
descriptor!(TcpListener);

impl TcpListener {
    /// Listens at the first of the addresses of `addr` that can be bound. Port 0 lets the system
    /// choose (see [`local_addr`](Self::local_addr)). The address may still be in use by lingering
    /// connections of an earlier listener (`SO_REUSEADDR`). As many connections wait to be accepted
    /// as the system allows (on Linux `net.core.somaxconn`, by default 4096). For other settings
    /// there is [`TcpSocket`].
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Errors
    ///
    /// The error of the last address tried; an error of resolving the name; and
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if there is no address at all.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no socket is left behind.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let listener = runtime::net::TcpListener::bind("127.0.0.1:0").await?;
    /// println!("listening at {}", listener.local_addr()?);
    /// # Ok(()) }
    /// ```
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<TcpListener> {
        addr::each_at_once(addr, |addr| {
            let socket = TcpSocket::new(Domain::for_address(addr))?;
            // On Windows the option would let two sockets have the same address at once.
            #[cfg(not(windows))]
            socket.set_reuseaddr(true)?;
            socket.bind(addr)?;
            socket.listen(u32::MAX)
        })
        .await
    }

    #[track_caller]
    pub(super) fn from_mio(
        listener: mio::net::TcpListener,
        initially: Ready,
    ) -> io::Result<TcpListener> {
        Ok(TcpListener { io: PollEvented::with(listener, Interest::READABLE, initially)? })
    }

    /// Waits for a connection and accepts it; returns it with the address of the other end.
    ///
    /// # Errors
    ///
    /// Errors of the system. When the process is out of file descriptors (`EMFILE`), the connection
    /// goes on waiting, and the next call tries again at once: a loop should sleep for a moment
    /// before it calls again. Other errors may concern only one connection, which the other side
    /// has given up.
    ///
    /// # Cancel safety
    ///
    /// Safe: no connection is lost.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let listener = runtime::net::TcpListener::bind("127.0.0.1:8080").await?;
    /// let (stream, peer) = listener.accept().await?;
    /// # drop((stream, peer));
    /// # Ok(()) }
    /// ```
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.io.own(Interest::READABLE, |listener| listener.accept()).await?;
        Ok((TcpStream::accepted(stream)?, peer))
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
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::future::poll_fn;
    /// use runtime::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let client = TcpStream::connect(listener.local_addr()?);
    /// let accept = poll_fn(|cx| listener.poll_accept(cx));
    /// let (client, accepted) = runtime::try_join!(client, accept)?;
    /// assert_eq!(client.local_addr()?, accepted.1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.io.poll_own(cx, Direction::Read, |listener| listener.accept()).map(|accepted| {
            let (stream, peer) = accepted?;
            Ok((TcpStream::accepted(stream)?, peer))
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
    /// See [`bind`](Self::bind).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// The time to live of packets, in hops.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`set_ttl`](Self::set_ttl).
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.ttl()
    }

    /// Sets the time to live of packets, in hops.
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
    /// use runtime::net::TcpListener;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// assert_ne!(listener.local_addr()?.port(), 0, "the system has chosen one");
    /// listener.set_ttl(32)?;
    /// assert_eq!(listener.ttl()?, 32);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.set_ttl(ttl)
    }
}

// Turns a socket into a listener.
impl TcpSocket {
    /// Makes the socket a listener. Up to `backlog` connections wait to be accepted (the system may
    /// set a lower limit).
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
    /// use runtime::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_reuseaddr(true)?; // the port of a server that has just ended
    /// socket.bind("127.0.0.1:0".parse()?)?;
    /// let listener = socket.listen(1024)?;
    /// println!("listens at {}", listener.local_addr()?);
    /// # runtime::task::yield_now().await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        self.socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        let listener = mio::net::TcpListener::from_std(self.socket.into());
        TcpListener::from_mio(listener, Ready::EMPTY)
    }
}

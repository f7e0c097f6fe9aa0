//! TCP streams.

use std::fmt;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;

use super::super::addr::{self, ToSocketAddrs};
use super::super::evented::{Anonymous, BYTE_STREAM, PollEvented, Receive, check_nonblocking};
use super::super::socket_macros::{
    descriptor, poll_ready_methods, std_conversions, stream_traits, try_stream_methods,
    wait_methods,
};
use crate::engine::driver::{Direction, Interest, Ready};
use crate::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A TCP connection.
///
/// Made by [`connect`](TcpStream::connect) or [`TcpListener::accept`]. Reading and writing go
/// through [`AsyncRead`] and [`AsyncWrite`] (with their extension traits). One task may read while
/// another writes: see [`into_split`](TcpStream::into_split).
///
/// Dropping it closes the connection.
///
/// [`TcpListener::accept`]: crate::net::TcpListener::accept
///
/// # Examples
///
/// ```no_run
/// use runtime::io::{AsyncReadExt, AsyncWriteExt};
/// use runtime::net::TcpStream;
///
/// # async fn example() -> std::io::Result<()> {
/// let mut stream = TcpStream::connect("127.0.0.1:8080").await?;
/// stream.write_all(b"hello").await?;
/// let mut answer = Vec::new();
/// stream.read_to_end(&mut answer).await?;
/// # Ok(()) }
/// ```
///
/// Addresses and settings:
///
/// ```
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use runtime::net::{TcpListener, TcpStream};
///
/// let server = TcpListener::bind("127.0.0.1:0").await?;
/// let stream = TcpStream::connect(server.local_addr()?).await?;
/// assert_eq!(stream.peer_addr()?, server.local_addr()?);
/// println!("from {}", stream.local_addr()?);
/// stream.set_nodelay(true)?;
/// stream.set_ttl(32)?;
/// assert!(stream.nodelay()? && stream.ttl()? == 32);
/// assert_eq!(stream.linger()?, None);
/// stream.set_zero_linger()?; // dropping it resets the connection
/// if let Some(error) = stream.take_error()? {
///     println!("the system has noticed: {error}");
/// }
/// # Ok(())
/// # }
/// ```
pub struct TcpStream {
    pub(super) io: PollEvented<mio::net::TcpStream>,
}

wait_methods!(
    TcpStream,
    "let socket = runtime::net::TcpStream::connect(\"127.0.0.1:8080\").await?;"
);
poll_ready_methods!(TcpStream, poll_read_ready, poll_write_ready);
try_stream_methods!(
    TcpStream,
    "let socket = runtime::net::TcpStream::connect(\"127.0.0.1:8080\").await?;"
);
stream_traits!(TcpStream);
std_conversions!(
    TcpStream,
    std::net::TcpStream,
    mio::net::TcpStream,
    "let socket = std::net::TcpStream::connect(\"127.0.0.1:8080\")?;
socket.set_nonblocking(true)?;
let socket = runtime::net::TcpStream::from_std(socket)?;
let socket = socket.into_std()?;"
);
descriptor!(TcpStream);

impl TcpStream {
    /// Connects to the first of the addresses of `addr` that answers.
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
    /// Safe: dropping the future gives the connection up.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use runtime::net::TcpStream;
    ///
    /// # async fn example() -> std::io::Result<()> {
    /// let stream = TcpStream::connect("localhost:8080").await?;
    /// println!("connected to {}", stream.peer_addr()?);
    /// # Ok(()) }
    /// ```
    pub async fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<TcpStream> {
        addr::each(addr, |addr| async move {
            let stream = TcpStream::from_mio(mio::net::TcpStream::connect(addr)?, Ready::EMPTY)?;
            stream.connected().await
        })
        .await
    }

    /// Waits for a connection that was begun.
    pub(super) async fn connected(self) -> io::Result<TcpStream> {
        self.io.connected(|socket| socket.take_error()).await?;
        Ok(self)
    }

    /// A stream just accepted. Its first bytes have mostly come with the connection, so it is taken
    /// to be ready: a call that finds nothing costs less than a wait for the first event.
    #[track_caller]
    pub(super) fn accepted(socket: mio::net::TcpStream) -> io::Result<TcpStream> {
        TcpStream::from_mio(socket, Ready::READABLE | Ready::WRITABLE)
    }

    #[track_caller]
    pub(super) fn from_mio(socket: mio::net::TcpStream, initially: Ready) -> io::Result<TcpStream> {
        Ok(TcpStream { io: PollEvented::with(socket, BYTE_STREAM, initially)? })
    }

    fn socket(&self) -> SockRef<'_> {
        SockRef::from(&*self.io)
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`TcpStream`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// Errors of the system, for example if the socket is not connected.
    ///
    /// # Examples
    ///
    /// See [`TcpStream`].
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr()
    }

    /// Takes the pending error of the socket, if there is one.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`TcpStream`].
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.take_error()
    }

    /// Waits for data and copies it into `buf`, but leaves it in the stream; returns how many
    /// bytes. 0 means the end of the stream.
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
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let stream = runtime::net::TcpStream::connect("127.0.0.1:8080").await?;
    /// let mut first = [0; 1];
    /// if stream.peek(&mut first).await? == 1 && first[0] == 0x16 {
    ///     println!("somebody speaks TLS");
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.own(Interest::READABLE, |socket| socket.peek(buf)).await
    }

    /// As [`peek`](Self::peek), but only one task may wait: of several tasks that poll this, only
    /// the last is woken.
    ///
    /// # Errors
    ///
    /// Errors of the system, and if the runtime has been shut down.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::future::poll_fn;
    /// use runtime::io::{AsyncWriteExt, ReadBuf};
    /// use runtime::net::{TcpListener, TcpStream};
    ///
    /// let server = TcpListener::bind("127.0.0.1:0").await?;
    /// let mut client = TcpStream::connect(server.local_addr()?).await?;
    /// let (stream, _) = server.accept().await?;
    /// client.write_all(b"hello").await?;
    /// let mut memory = [0; 16];
    /// let mut buf = ReadBuf::new(&mut memory);
    /// let n = poll_fn(|cx| stream.poll_peek(cx, &mut buf)).await?;
    /// assert_eq!(buf.filled(), &b"hello"[..n]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        self.io.poll_own(cx, Direction::Read, |socket| {
            let before = buf.filled().len();
            Anonymous { peek: true }.fill_rest(SockRef::from(socket), buf)?;
            Ok(buf.filled().len() - before)
        })
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`TcpStream`].
    pub fn nodelay(&self) -> io::Result<bool> {
        self.io.nodelay()
    }

    /// Whether small writes should be sent at once (`TCP_NODELAY`), not held back to be joined.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let stream = runtime::net::TcpStream::connect("127.0.0.1:8080").await?;
    /// stream.set_nodelay(true)?;
    /// # Ok(()) }
    /// ```
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.io.set_nodelay(nodelay)
    }

    /// Whether acknowledgements are sent at once (`TCP_QUICKACK`).
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`set_quickack`](Self::set_quickack).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn quickack(&self) -> io::Result<bool> {
        self.socket().tcp_quickack()
    }

    /// Whether acknowledgements should be sent at once (`TCP_QUICKACK`). The system may go back to
    /// delaying them by itself.
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
    /// use runtime::net::{TcpListener, TcpStream};
    ///
    /// let server = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpStream::connect(server.local_addr()?).await?;
    /// stream.set_quickack(true)?; // acknowledges at once, for now
    /// println!("{}", stream.quickack()?);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        self.socket().set_tcp_quickack(quickack)
    }

    /// How long closing waits for data to be sent (`SO_LINGER`). `None` is the system's default:
    /// the data is sent in the background.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`TcpStream`].
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.socket().linger()
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
        self.socket().set_linger(duration)
    }

    /// Makes closing reset the connection: unsent data is discarded.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`TcpStream`].
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.socket().set_linger(Some(Duration::ZERO))
    }

    /// The time to live of packets, in hops.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`TcpStream`].
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
    /// See [`TcpStream`].
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.set_ttl(ttl)
    }
}

//! UDP sockets.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::task::{Context, Poll};

use bytes::BufMut;
use socket2::{SockAddr, SockRef};

use super::addr::{self, ToSocketAddrs};
use super::evented::{Anonymous, BOTH, PollEvented, Receive, Signed, check_nonblocking};
use super::options::shared_options;
use super::socket_macros::{
    datagram_methods, descriptor, poll_ready_methods, std_conversions, wait_methods,
};
use crate::engine::driver::{Direction, Interest, Ready};
use crate::io::ReadBuf;

/// A UDP socket.
///
/// It sends to and receives from anybody ([`send_to`](UdpSocket::send_to),
/// [`recv_from`](UdpSocket::recv_from)), or, once it is [connected](UdpSocket::connect), one
/// address alone ([`send`](UdpSocket::send), [`recv`](UdpSocket::recv)). All of these take `&self`,
/// and any number of tasks may wait at the same time: to use it from several, share it in an `Arc`.
///
/// # Examples
///
/// ```no_run
/// use runtime::net::UdpSocket;
///
/// # async fn example() -> std::io::Result<()> {
/// let socket = UdpSocket::bind("127.0.0.1:8080").await?;
/// let mut buf = [0; 1500];
/// loop {
///     let (n, sender) = socket.recv_from(&mut buf).await?;
///     socket.send_to(&buf[..n], sender).await?;
/// }
/// # }
/// ```
///
/// Settings:
///
/// ```
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use runtime::net::UdpSocket;
///
/// let socket = UdpSocket::bind("127.0.0.1:0").await?;
/// socket.set_broadcast(true)?;
/// socket.set_ttl(32)?;
/// socket.set_multicast_loop_v4(false)?;
/// socket.set_multicast_ttl_v4(4)?;
/// socket.set_tos_v4(0x10)?;
/// assert!(socket.broadcast()? && !socket.multicast_loop_v4()?);
/// assert_eq!((socket.ttl()?, socket.multicast_ttl_v4()?, socket.tos_v4()?), (32, 4, 0x10));
/// # Ok(())
/// # }
/// ```
///
/// Two sockets that talk to each other only:
///
/// ```
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use runtime::net::UdpSocket;
///
/// let one = UdpSocket::bind("127.0.0.1:0").await?;
/// let two = UdpSocket::bind("127.0.0.1:0").await?;
/// one.connect(two.local_addr()?).await?;
/// two.connect(one.local_addr()?).await?;
/// assert_eq!(one.peer_addr()?, two.local_addr()?);
/// one.send(b"ping").await?;
/// let mut buf = [0; 16];
/// assert_eq!(two.recv(&mut buf).await?, 4);
/// # Ok(())
/// # }
/// ```
///
/// IPv6, and one network device of several:
///
/// ```no_run
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use runtime::net::UdpSocket;
///
/// let socket = UdpSocket::bind("[::1]:0").await?;
/// socket.set_tclass_v6(0x10)?;
/// socket.set_multicast_loop_v6(false)?;
/// println!("{} {}", socket.tclass_v6()?, socket.multicast_loop_v6()?);
/// socket.bind_device(Some(b"eth0"))?;
/// println!("{:?}", socket.device()?);
/// # Ok(())
/// # }
/// ```
pub struct UdpSocket {
    io: PollEvented<mio::net::UdpSocket>,
}

wait_methods!(UdpSocket, "let socket = runtime::net::UdpSocket::bind(\"127.0.0.1:0\").await?;");
poll_ready_methods!(UdpSocket, poll_recv_ready, poll_send_ready);
datagram_methods!(
    UdpSocket,
    SocketAddr,
    "let socket = runtime::net::UdpSocket::bind(\"127.0.0.1:0\").await?;"
);
std_conversions!(
    UdpSocket,
    std::net::UdpSocket,
    mio::net::UdpSocket,
    "let socket = std::net::UdpSocket::bind(\"127.0.0.1:0\")?;
socket.set_nonblocking(true)?;
let socket = runtime::net::UdpSocket::from_std(socket)?;
let socket = socket.into_std()?;"
);
descriptor!(UdpSocket);
shared_options!(UdpSocket);

impl UdpSocket {
    /// Makes a socket that is bound to the first free one of the addresses of `addr`. Port 0 lets
    /// the system choose (see [`local_addr`](Self::local_addr)).
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
    /// let socket = runtime::net::UdpSocket::bind("0.0.0.0:0").await?;
    /// println!("bound to {}", socket.local_addr()?);
    /// # Ok(()) }
    /// ```
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<UdpSocket> {
        addr::each_at_once(addr, |addr| {
            UdpSocket::from_mio(mio::net::UdpSocket::bind(addr)?, Ready::WRITABLE)
        })
        .await
    }

    #[track_caller]
    fn from_mio(socket: mio::net::UdpSocket, initially: Ready) -> io::Result<UdpSocket> {
        Ok(UdpSocket { io: PollEvented::of_datagrams(socket, BOTH, initially)? })
    }

    fn socket(&self) -> SockRef<'_> {
        SockRef::from(&*self.io)
    }

    fn sender(addr: SockAddr) -> io::Result<SocketAddr> {
        addr.as_socket().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "the sender has no address of IPv4 or IPv6")
        })
    }

    /// Connects the socket to the first of the addresses of `addr` that the system accepts. It then
    /// sends to that address alone, and receives from it alone.
    ///
    /// # Errors
    ///
    /// The error of the last address tried; an error of resolving the name; and
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if there is no address at all.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: until it is ready, the socket is as it was.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let socket = runtime::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.connect("127.0.0.1:8080").await?;
    /// socket.send(b"hello").await?;
    /// # Ok(()) }
    /// ```
    pub async fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        addr::each_at_once(addr, |addr| self.io.connect(addr)).await
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`UdpSocket`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// The address the socket is connected to.
    ///
    /// # Errors
    ///
    /// Errors of the system, for example if the socket is not connected.
    ///
    /// # Examples
    ///
    /// See [`UdpSocket`].
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr()
    }

    /// Sends `buf` as one datagram to `addr`, the first of its addresses, and returns how much was
    /// sent.
    ///
    /// # Errors
    ///
    /// Errors of the system, and [`InvalidInput`](io::ErrorKind::InvalidInput) if there is no
    /// address at all.
    ///
    /// # Cancel safety
    ///
    /// Safe: a future that was dropped before it was done has sent nothing.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let socket = runtime::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.send_to(b"hello", "127.0.0.1:8080").await?;
    /// # Ok(()) }
    /// ```
    pub async fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], addr: A) -> io::Result<usize> {
        let target = addr::first(addr).await?;
        self.io.own(Interest::WRITABLE, |socket| socket.send_to(buf, target)).await
    }

    /// As [`send_to`](Self::send_to), but only one task may wait: of several tasks that poll this,
    /// only the last is woken.
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
    /// use runtime::net::UdpSocket;
    ///
    /// let one = UdpSocket::bind("127.0.0.1:0").await?;
    /// let two = UdpSocket::bind("127.0.0.1:0").await?;
    /// let target = two.local_addr()?;
    /// assert_eq!(poll_fn(|cx| one.poll_send_to(cx, b"ping", target)).await?, 4);
    /// # Ok(())
    /// # }
    /// ```
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.io.poll_own(cx, Direction::Write, |socket| socket.send_to(buf, target))
    }

    /// As [`send_to`](Self::send_to), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no room, and errors of the system.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::net::UdpSocket;
    ///
    /// let one = UdpSocket::bind("127.0.0.1:0").await?;
    /// let two = UdpSocket::bind("127.0.0.1:0").await?;
    /// one.writable().await?;
    /// let n = one.try_send_to(b"ping", two.local_addr()?)?;
    /// let (received, sender) = two.recv_from(&mut [0; 16]).await?;
    /// assert_eq!((received, sender), (n, one.local_addr()?));
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_send_to(&self, buf: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.io.try_own(Interest::WRITABLE, |socket| socket.send_to(buf, target))
    }

    /// As [`recv`](Self::recv), but leaves the datagram to be received again.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is taken.
    ///
    /// # Examples
    ///
    /// See [`peek_from`](Self::peek_from).
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.own(Interest::READABLE, |socket| socket.peek(buf)).await
    }

    /// As [`peek`](Self::peek), but only one task may wait.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`poll_peek_from`](Self::poll_peek_from).
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.io.poll_own(cx, Direction::Read, |socket| {
            Anonymous { peek: true }.fill_rest(SockRef::from(socket), buf)
        })
    }

    /// As [`peek`](Self::peek), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there.
    ///
    /// # Examples
    ///
    /// See [`try_peek_from`](Self::try_peek_from).
    pub fn try_peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.try_own(Interest::READABLE, |socket| socket.peek(buf))
    }

    /// As [`recv_from`](Self::recv_from), but leaves the datagram to be received again.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is taken.
    ///
    /// # Examples
    ///
    /// To look at a datagram and leave it for the next call:
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::net::UdpSocket;
    ///
    /// let one = UdpSocket::bind("127.0.0.1:0").await?;
    /// let two = UdpSocket::bind("127.0.0.1:0").await?;
    /// one.send_to(b"ping", two.local_addr()?).await?;
    /// let mut buf = [0; 16];
    /// let (n, sender) = two.peek_from(&mut buf).await?;
    /// assert_eq!((n, sender), (4, one.local_addr()?));
    /// assert_eq!(two.peek_sender().await?, sender);
    /// assert_eq!(two.peek(&mut buf).await?, 4);
    /// assert_eq!(two.recv(&mut buf).await?, 4);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io.own(Interest::READABLE, |socket| socket.peek_from(buf)).await
    }

    /// As [`peek_from`](Self::peek_from), but only one task may wait.
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
    /// use std::future::poll_fn;
    /// use runtime::io::ReadBuf;
    /// use runtime::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:7000").await?;
    /// let mut memory = [0; 16];
    /// let mut buf = ReadBuf::new(&mut memory);
    /// let sender = poll_fn(|cx| socket.poll_peek_from(cx, &mut buf)).await?;
    /// buf.clear();
    /// poll_fn(|cx| socket.poll_peek(cx, &mut buf)).await?;
    /// assert_eq!(poll_fn(|cx| socket.poll_peek_sender(cx)).await?, sender);
    /// # Ok(())
    /// # }
    /// ```
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        self.io.poll_own(cx, Direction::Read, |socket| {
            UdpSocket::sender(Signed { peek: true }.fill_rest(SockRef::from(socket), buf)?)
        })
    }

    /// As [`peek_from`](Self::peek_from), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:7000").await?;
    /// let mut buf = [0; 16];
    /// socket.readable().await?;
    /// let (n, sender) = socket.try_peek_from(&mut buf)?;
    /// assert_eq!(socket.try_peek(&mut buf)?, n);
    /// assert_eq!(socket.try_peek_sender()?, sender);
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io.try_own(Interest::READABLE, |socket| socket.peek_from(buf))
    }

    /// Waits for a datagram and returns its sender, but leaves it to be received.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is taken.
    ///
    /// # Examples
    ///
    /// See [`peek_from`](Self::peek_from).
    pub async fn peek_sender(&self) -> io::Result<SocketAddr> {
        self.io.own(Interest::READABLE, |_| self.sender_of_next()).await
    }

    /// As [`peek_sender`](Self::peek_sender), but only one task may wait.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`poll_peek_from`](Self::poll_peek_from).
    pub fn poll_peek_sender(&self, cx: &mut Context<'_>) -> Poll<io::Result<SocketAddr>> {
        self.io.poll_own(cx, Direction::Read, |_| self.sender_of_next())
    }

    /// As [`peek_sender`](Self::peek_sender), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there.
    ///
    /// # Examples
    ///
    /// See [`try_peek_from`](Self::try_peek_from).
    pub fn try_peek_sender(&self) -> io::Result<SocketAddr> {
        self.io.try_own(Interest::READABLE, |_| self.sender_of_next())
    }

    fn sender_of_next(&self) -> io::Result<SocketAddr> {
        UdpSocket::sender(self.socket().peek_sender()?)
    }

    /// Whether datagrams may be sent to everybody (`SO_BROADCAST`).
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`UdpSocket`].
    pub fn broadcast(&self) -> io::Result<bool> {
        self.io.broadcast()
    }

    /// Sets `SO_BROADCAST`.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`UdpSocket`].
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.io.set_broadcast(on)
    }

    /// Whether multicast datagrams come back to this host (`IP_MULTICAST_LOOP`).
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`UdpSocket`].
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.io.multicast_loop_v4()
    }

    /// Sets `IP_MULTICAST_LOOP`.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`UdpSocket`].
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        self.io.set_multicast_loop_v4(on)
    }

    /// The time to live of multicast datagrams, in hops (`IP_MULTICAST_TTL`).
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`UdpSocket`].
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.io.multicast_ttl_v4()
    }

    /// Sets `IP_MULTICAST_TTL`.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`UdpSocket`].
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.io.set_multicast_ttl_v4(ttl)
    }

    /// Whether multicast datagrams come back to this host (`IPV6_MULTICAST_LOOP`).
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`UdpSocket`].
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.io.multicast_loop_v6()
    }

    /// Sets `IPV6_MULTICAST_LOOP`.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`UdpSocket`].
    pub fn set_multicast_loop_v6(&self, on: bool) -> io::Result<()> {
        self.io.set_multicast_loop_v6(on)
    }

    /// The time to live of datagrams, in hops.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`UdpSocket`].
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.ttl()
    }

    /// Sets the time to live of datagrams, in hops.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`UdpSocket`].
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.set_ttl(ttl)
    }

    /// Joins a multicast group at the interface with the address `interface`.
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
    /// use std::net::Ipv4Addr;
    /// use runtime::net::UdpSocket;
    ///
    /// let group = Ipv4Addr::new(239, 1, 2, 3);
    /// let socket = UdpSocket::bind("0.0.0.0:7000").await?;
    /// socket.join_multicast_v4(group, Ipv4Addr::UNSPECIFIED)?;
    /// let mut buf = [0; 1500];
    /// let (n, sender) = socket.recv_from(&mut buf).await?;
    /// println!("{n} bytes from {sender}");
    /// socket.leave_multicast_v4(group, Ipv4Addr::UNSPECIFIED)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn join_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.io.join_multicast_v4(&multiaddr, &interface)
    }

    /// Joins a multicast group at the interface with the index `interface`.
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
    /// use runtime::net::UdpSocket;
    ///
    /// let group = "ff02::123".parse()?;
    /// let socket = UdpSocket::bind("[::]:7000").await?;
    /// socket.join_multicast_v6(&group, 0)?; // 0: the system chooses the device
    /// let mut buf = [0; 1500];
    /// let (n, sender) = socket.recv_from(&mut buf).await?;
    /// println!("{n} bytes from {sender}");
    /// socket.leave_multicast_v6(&group, 0)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.io.join_multicast_v6(multiaddr, interface)
    }

    /// Leaves a multicast group that [`join_multicast_v4`](Self::join_multicast_v4) has joined.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`join_multicast_v4`](Self::join_multicast_v4).
    pub fn leave_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.io.leave_multicast_v4(&multiaddr, &interface)
    }

    /// Leaves a multicast group that [`join_multicast_v6`](Self::join_multicast_v6) has joined.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// See [`join_multicast_v6`](Self::join_multicast_v6).
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.io.leave_multicast_v6(multiaddr, interface)
    }
}

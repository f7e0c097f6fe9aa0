//! Calls that every kind of descriptor has, and those of all sockets: each goes to its kind.

use std::io::{IoSlice, IoSliceMut};

use super::addr::SockAddr;
use super::errno::{Errno, Result};
use super::table::Kind;
use super::tcp::TcpId;
use super::unix::Form;
use super::{Fd, HostId, Nanos, ObjectId, Os, Received};

/// What the kinds of a socket are called here.
#[derive(Clone, Copy)]
enum Socket {
    Tcp(TcpId),
    Udp,
    Unix,
}

impl Os {
    fn socket_at(&self, host: HostId, fd: Fd) -> Result<(ObjectId, Socket)> {
        let id = self.find(host, fd)?;
        match &self.object(id).kind {
            Kind::Tcp(tcp) => Ok((id, Socket::Tcp(*tcp))),
            Kind::Udp(_) => Ok((id, Socket::Udp)),
            Kind::Unix(_) => Ok((id, Socket::Unix)),
            _ => Err(Errno::ENOTSOCK),
        }
    }

    /// Ends a call: what was sent over a loopback arrives before it returns.
    fn finish_call<T>(&mut self, result: Result<T>) -> Result<T> {
        self.deliver_local();
        result
    }
}

/// Which Unix socket a type means.
fn unix_form(kind: i32) -> Result<Form> {
    match kind {
        libc::SOCK_STREAM => Ok(Form::Stream),
        libc::SOCK_DGRAM => Ok(Form::Datagram),
        libc::SOCK_SEQPACKET => Ok(Form::Packets),
        _ => Err(Errno::EPROTONOSUPPORT),
    }
}

/// # Reading and writing
impl Os {
    /// `read` and `readv` of every kind of descriptor.
    pub(crate) fn read(
        &mut self,
        host: HostId,
        now: Nanos,
        fd: Fd,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Result<usize> {
        self.begin(now);
        let id = self.find(host, fd)?;
        let is_empty = super::bytes::room(bufs) == 0;
        let result = match &self.object(id).kind {
            Kind::EventFd(_) => self.read_eventfd(id, bufs),
            Kind::Timer(_) => self.read_timer(id, bufs),
            Kind::PipeReader(pipe) => {
                let pipe = *pipe;
                self.read_pipe(pipe, bufs)
            }
            Kind::PipeWriter(_) => Err(Errno::EBADF),
            Kind::Epoll(_) => Err(Errno::EINVAL),
            Kind::File(file) => {
                let file = *file;
                self.read_file(id, file, bufs)
            }
            Kind::Tcp(_) | Kind::Udp(_) | Kind::Unix(_) if is_empty => Ok(0),
            Kind::Tcp(_) | Kind::Udp(_) | Kind::Unix(_) => {
                self.receive_any(host, fd, bufs, 0, &mut []).map(|received| received.bytes)
            }
        };
        self.finish_call(result)
    }

    /// `write` and `writev` of every kind of descriptor. `EPIPE` where the kernel would also send
    /// `SIGPIPE`.
    pub(crate) fn write(
        &mut self,
        host: HostId,
        now: Nanos,
        fd: Fd,
        bufs: &[IoSlice<'_>],
    ) -> Result<usize> {
        self.begin(now);
        let id = self.find(host, fd)?;
        let result = match &self.object(id).kind {
            Kind::EventFd(_) => self.write_eventfd(id, bufs),
            Kind::Timer(_) | Kind::Epoll(_) => Err(Errno::EINVAL),
            Kind::PipeReader(_) => Err(Errno::EBADF),
            Kind::File(file) => {
                let file = *file;
                self.write_file(id, file, bufs)
            }
            Kind::PipeWriter(pipe) => {
                let pipe = *pipe;
                self.write_pipe(pipe, bufs)
            }
            Kind::Tcp(_) | Kind::Udp(_) | Kind::Unix(_) => {
                self.send_any(host, fd, bufs, 0, None, &[])
            }
        };
        self.finish_call(result)
    }

    /// `FIONREAD`.
    pub(crate) fn bytes_to_read(&mut self, host: HostId, fd: Fd) -> Result<usize> {
        let id = self.find(host, fd)?;
        match &self.object(id).kind {
            Kind::PipeReader(pipe) | Kind::PipeWriter(pipe) => Ok(self.pipe_len(*pipe)),
            Kind::Tcp(tcp) => {
                let tcp = *tcp;
                self.tcp_unread(tcp)
            }
            Kind::Udp(socket) => Ok(socket.next_len()),
            Kind::Unix(socket) if socket.is_listening() => Err(Errno::EINVAL),
            Kind::Unix(socket) => Ok(socket.unread()),
            Kind::File(_) => self.unread_of_file(id),
            Kind::EventFd(_) | Kind::Timer(_) | Kind::Epoll(_) => Err(Errno::ENOTTY),
        }
    }
}

/// # Sockets
impl Os {
    /// `AF_INET`, `AF_INET6`, `AF_UNIX` with `SOCK_STREAM`, `SOCK_DGRAM` (`SOCK_SEQPACKET` for
    /// Unix), and flags.
    pub(crate) fn socket(
        &mut self,
        host: HostId,
        domain: i32,
        kind: i32,
        protocol: i32,
    ) -> Result<Fd> {
        let flags = kind & (libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC);
        let status = libc::O_RDWR | flags;
        let kind = kind & !flags;
        match (domain, kind) {
            (libc::AF_INET | libc::AF_INET6, libc::SOCK_STREAM) => match protocol {
                0 | libc::IPPROTO_TCP => self.open_tcp(host, status, domain == libc::AF_INET6),
                _ => Err(Errno::EPROTONOSUPPORT),
            },
            (libc::AF_INET | libc::AF_INET6, libc::SOCK_DGRAM) => match protocol {
                0 | libc::IPPROTO_UDP => self.open_udp(host, status, domain == libc::AF_INET6),
                _ => Err(Errno::EPROTONOSUPPORT),
            },
            (libc::AF_INET | libc::AF_INET6, libc::SOCK_RAW) => Err(Errno::EPERM),
            (libc::AF_INET | libc::AF_INET6, _) => Err(Errno::EINVAL),
            (libc::AF_UNIX, kind) => self.open_unix(host, status, unix_form(kind)?),
            _ => Err(Errno::EAFNOSUPPORT),
        }
    }

    pub(crate) fn socketpair(
        &mut self,
        host: HostId,
        domain: i32,
        kind: i32,
        protocol: i32,
    ) -> Result<(Fd, Fd)> {
        let flags = kind & (libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC);
        if domain != libc::AF_UNIX {
            return Err(Errno::EOPNOTSUPP);
        }
        if protocol != 0 && protocol != libc::AF_UNIX {
            return Err(Errno::EPROTONOSUPPORT);
        }
        self.unix_pair(host, libc::O_RDWR | flags, unix_form(kind & !flags)?)
    }

    pub(crate) fn bind(&mut self, host: HostId, now: Nanos, fd: Fd, addr: &SockAddr) -> Result<()> {
        self.begin(now);
        match self.socket_at(host, fd)? {
            (_, Socket::Tcp(tcp)) => self.bind_tcp(tcp, addr),
            (id, Socket::Udp) => self.bind_udp(id, addr),
            (id, Socket::Unix) => self.bind_unix(id, addr),
        }
    }

    pub(crate) fn listen(&mut self, host: HostId, now: Nanos, fd: Fd, backlog: i32) -> Result<()> {
        self.begin(now);
        match self.socket_at(host, fd)? {
            (_, Socket::Tcp(tcp)) => self.listen_tcp(tcp, backlog),
            (_, Socket::Udp) => Err(Errno::EOPNOTSUPP),
            (id, Socket::Unix) => self.listen_unix(id, backlog),
        }
    }

    /// `SOCK_NONBLOCK` and `SOCK_CLOEXEC` in `flags`.
    pub(crate) fn accept(
        &mut self,
        host: HostId,
        now: Nanos,
        fd: Fd,
        flags: i32,
    ) -> Result<(Fd, SockAddr)> {
        self.begin(now);
        if flags & !(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC) != 0 {
            return Err(Errno::EINVAL);
        }
        let result = match self.socket_at(host, fd)? {
            (_, Socket::Tcp(tcp)) => self.accept_tcp(tcp, flags),
            (_, Socket::Udp) => Err(Errno::EOPNOTSUPP),
            (id, Socket::Unix) => self.accept_unix(id, flags),
        };
        self.finish_call(result)
    }

    /// TCP: `EINPROGRESS`, always. Unix: `EAGAIN` while the listener's queue is full.
    pub(crate) fn connect(
        &mut self,
        host: HostId,
        now: Nanos,
        fd: Fd,
        addr: &SockAddr,
    ) -> Result<()> {
        self.begin(now);
        let result = match self.socket_at(host, fd)? {
            (_, Socket::Tcp(tcp)) => self.connect_tcp(tcp, addr),
            (id, Socket::Udp) => self.connect_udp(id, addr),
            (id, Socket::Unix) => self.connect_unix(id, addr),
        };
        self.finish_call(result)
    }

    /// What a blocking `connect` returns after a wait; `EAGAIN` while it still goes on.
    pub(crate) fn connect_result(&mut self, host: HostId, now: Nanos, fd: Fd) -> Result<()> {
        self.begin(now);
        match self.socket_at(host, fd)? {
            (_, Socket::Tcp(tcp)) => self.tcp_connect_result(tcp),
            _ => Ok(()),
        }
    }

    pub(crate) fn shutdown(&mut self, host: HostId, now: Nanos, fd: Fd, how: i32) -> Result<()> {
        self.begin(now);
        let result = match self.socket_at(host, fd)? {
            (_, Socket::Tcp(tcp)) => self.shutdown_tcp(tcp, how),
            (id, Socket::Udp) => self.shutdown_udp(id, how),
            (id, Socket::Unix) => self.shutdown_unix(id, how),
        };
        self.finish_call(result)
    }

    /// `send`, `sendto`, `sendmsg`; `control` is the raw control buffer. `EPIPE` where the kernel
    /// would also send `SIGPIPE`, unless `MSG_NOSIGNAL`.
    #[expect(clippy::too_many_arguments, reason = "the arguments of sendmsg(2), host and time")]
    pub(crate) fn send(
        &mut self,
        host: HostId,
        now: Nanos,
        fd: Fd,
        bufs: &[IoSlice<'_>],
        flags: i32,
        to: Option<&SockAddr>,
        control: &[u8],
    ) -> Result<usize> {
        self.begin(now);
        let result = self.send_any(host, fd, bufs, flags, to, control);
        self.finish_call(result)
    }

    fn send_any(
        &mut self,
        host: HostId,
        fd: Fd,
        bufs: &[IoSlice<'_>],
        flags: i32,
        to: Option<&SockAddr>,
        control: &[u8],
    ) -> Result<usize> {
        match self.socket_at(host, fd)? {
            // The address is ignored on a connection.
            (_, Socket::Tcp(tcp)) => self.send_tcp(tcp, bufs, flags),
            (id, Socket::Udp) => self.send_udp(id, bufs, flags, to, control),
            (id, Socket::Unix) => self.send_unix(id, bufs, flags, to, control),
        }
    }

    /// `recv`, `recvfrom`, `recvmsg`; `control` is the raw control buffer to fill. `MSG_PEEK` and
    /// `MSG_TRUNC` are done here, `MSG_WAITALL` and `MSG_DONTWAIT` by the caller.
    pub(crate) fn receive(
        &mut self,
        host: HostId,
        now: Nanos,
        fd: Fd,
        bufs: &mut [IoSliceMut<'_>],
        flags: i32,
        control: &mut [u8],
    ) -> Result<Received> {
        self.begin(now);
        let result = self.receive_any(host, fd, bufs, flags, control);
        self.finish_call(result)
    }

    fn receive_any(
        &mut self,
        host: HostId,
        fd: Fd,
        bufs: &mut [IoSliceMut<'_>],
        flags: i32,
        control: &mut [u8],
    ) -> Result<Received> {
        match self.socket_at(host, fd)? {
            (_, Socket::Tcp(tcp)) => self.receive_tcp(tcp, bufs, flags),
            (id, Socket::Udp) => self.receive_udp(id, bufs, flags, control),
            (id, Socket::Unix) => self.receive_unix(id, bufs, flags),
        }
    }

    pub(crate) fn local_address(&mut self, host: HostId, fd: Fd) -> Result<SockAddr> {
        match self.socket_at(host, fd)? {
            (_, Socket::Tcp(tcp)) => Ok(self.tcp_local(tcp)),
            (id, Socket::Udp) => Ok(self.udp(id)?.local()),
            (id, Socket::Unix) => Ok(self.unix(id)?.local()),
        }
    }

    pub(crate) fn peer_address(&mut self, host: HostId, fd: Fd) -> Result<SockAddr> {
        match self.socket_at(host, fd)? {
            (_, Socket::Tcp(tcp)) => self.tcp_peer(tcp),
            (id, Socket::Udp) => self.udp(id)?.peer(),
            (id, Socket::Unix) => self.unix(id)?.peer_address(),
        }
    }
}

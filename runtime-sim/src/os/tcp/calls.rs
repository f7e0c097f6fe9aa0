//! The calls of TCP sockets. Which error comes when follows Linux's `inet_stream_*` and `tcp_*`.

use std::io::{IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{FIRST_TIMEOUT, LONGEST_BACKLOG, Options, Progress, State, Tcp, TcpId};
use crate::os::addr::{SockAddr, mapped};
use crate::os::bytes::{room, total};
use crate::os::errno::{Errno, Result};
use crate::os::net::inet;
use crate::os::ports::{Claim, Protocol};
use crate::os::ready::{ERR, STATE};
use crate::os::table::Kind;
use crate::os::{Fd, HostId, Os, Received};

/// The wildcard of a family, without a port.
pub(in crate::os) fn any(is_v6: bool) -> SocketAddr {
    let ip: IpAddr =
        if is_v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    SocketAddr::new(ip, 0)
}

/// How a socket shows an address.
pub(in crate::os) fn shown(addr: SocketAddr, is_v6: bool) -> SockAddr {
    SockAddr::Inet(if is_v6 { mapped(addr) } else { addr })
}

/// Where a connection to a wildcard goes: to this host.
pub(in crate::os) fn destination(addr: SocketAddr) -> SocketAddr {
    match addr.ip() {
        ip if !ip.is_unspecified() => addr,
        IpAddr::V4(_) => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), addr.port()),
        IpAddr::V6(_) => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), addr.port()),
    }
}

impl Tcp {
    fn claim(&self, addr: SocketAddr, listens: bool) -> Claim {
        Claim {
            addr,
            is_dual: self.is_v6 && addr.is_ipv6() && !self.options.only_v6,
            reuses_address: self.options.reuses_address,
            reuses_port: self.options.reuses_port,
            listens,
        }
    }
}

impl Os {
    pub(in crate::os) fn tcp_options(&mut self, id: TcpId) -> &mut Options {
        &mut self.tcp(id).options
    }

    pub(in crate::os) fn tcp_is_v6(&mut self, id: TcpId) -> bool {
        self.tcp(id).is_v6
    }

    pub(in crate::os) fn tcp_is_listening(&mut self, id: TcpId) -> bool {
        self.tcp(id).state == State::Listen
    }

    pub(in crate::os) fn tcp_segment_size(&mut self, id: TcpId) -> usize {
        self.tcp(id).segment_size
    }

    pub(in crate::os) fn tcp_send_buffer(&mut self, id: TcpId) -> &mut usize {
        &mut self.tcp(id).send_buffer
    }

    pub(in crate::os) fn tcp_receive_buffer(&mut self, id: TcpId) -> usize {
        self.tcp(id).receive_buffer()
    }

    pub(in crate::os) fn tcp_options_changed(&mut self, id: TcpId) {
        // Nagle's algorithm may be off now, and keep-alive on.
        self.push(id);
    }

    pub(in crate::os) fn take_tcp_error(&mut self, id: TcpId) -> Option<Errno> {
        let tcp = self.tcp(id);
        tcp.error.take().or_else(|| tcp.soft_error.take())
    }

    pub(in crate::os) fn tcp_unread(&mut self, id: TcpId) -> Result<usize> {
        let tcp = self.tcp(id);
        if tcp.state == State::Listen { Err(Errno::EINVAL) } else { Ok(tcp.inbox.len()) }
    }

    pub(in crate::os) fn tcp_state_number(&mut self, id: TcpId) -> u8 {
        // `TCP_ESTABLISHED` and the following of `tcp_states.h`.
        match self.tcp(id).state {
            State::Established => 1,
            State::SynSent => 2,
            State::SynReceived => 3,
            State::FinWait1 => 4,
            State::FinWait2 => 5,
            State::TimeWait | State::Closed => 7,
            State::CloseWait => 8,
            State::LastAck => 9,
            State::Listen => 10,
            State::Closing => 11,
        }
    }

    /// Smoothed round trip and its variation, in nanoseconds.
    pub(in crate::os) fn tcp_round_trip(&mut self, id: TcpId) -> (u64, u64) {
        let tcp = self.tcp(id);
        (tcp.smoothed.unwrap_or(0), tcp.variation)
    }

    pub(in crate::os) fn open_tcp(&mut self, host: HostId, status: i32, is_v6: bool) -> Result<Fd> {
        self.check_up(host)?;
        let id = self.new_tcp(host, is_v6, Options::default());
        let object = self.new_object(host, status & !libc::O_CLOEXEC, Kind::Tcp(id));
        self.tcp(id).object = Some(object);
        self.new_descriptor(host, object, status)
    }

    pub(in crate::os) fn bind_tcp(&mut self, id: TcpId, addr: &SockAddr) -> Result<()> {
        let tcp = self.tcp(id);
        let (host, is_v6) = (tcp.host, tcp.is_v6);
        let addr = inet(addr, is_v6)?;
        if tcp.options.only_v6 && addr.is_ipv4() {
            return Err(Errno::EINVAL);
        }
        self.check_bindable(host, addr.ip())?;
        let tcp = self.tcp(id);
        if tcp.local.is_some() || tcp.state != State::Closed {
            return Err(Errno::EINVAL);
        }
        let claim = tcp.claim(addr, false);
        let local = self.claim_port(host, Protocol::Tcp, id.0, claim)?;
        let tcp = self.tcp(id);
        tcp.local = Some(local);
        tcp.keeps_port = true;
        Ok(())
    }

    /// Only an address of the host can be bound.
    pub(in crate::os) fn check_bindable(&self, host: HostId, ip: IpAddr) -> Result<()> {
        let is_ok = ip.is_unspecified() || self.is_own(host, ip);
        if is_ok { Ok(()) } else { Err(Errno::EADDRNOTAVAIL) }
    }

    pub(in crate::os) fn listen_tcp(&mut self, id: TcpId, backlog: i32) -> Result<()> {
        let backlog = (backlog as u32 as usize).min(LONGEST_BACKLOG);
        let tcp = self.tcp(id);
        match tcp.state {
            State::Listen => {
                tcp.backlog = backlog;
                return Ok(());
            }
            State::Closed if tcp.progress == Progress::Unconnected => {}
            _ => return Err(Errno::EINVAL),
        }
        let (host, local) = (tcp.host, tcp.local.unwrap_or(any(tcp.is_v6)));
        let claim = tcp.claim(local, true);
        // Another may listen there by now: both had SO_REUSEADDR.
        let local = self.claim_port(host, Protocol::Tcp, id.0, claim)?;
        let tcp = self.tcp(id);
        tcp.local = Some(local);
        tcp.state = State::Listen;
        tcp.backlog = backlog;
        (tcp.is_read_shut, tcp.is_write_shut) = (false, false);
        Ok(())
    }

    pub(in crate::os) fn accept_tcp(
        &mut self,
        listener: TcpId,
        flags: i32,
    ) -> Result<(Fd, SockAddr)> {
        let tcp = self.tcp(listener);
        if tcp.state != State::Listen {
            return Err(Errno::EINVAL);
        }
        let host = tcp.host;
        let id = tcp.queue.front().copied().ok_or(Errno::EAGAIN)?;
        let status = libc::O_RDWR | (flags & libc::SOCK_NONBLOCK);
        let object = self.new_object(host, status, Kind::Tcp(id));
        let tcp = self.tcp(id);
        tcp.object = Some(object);
        let fd = match self.new_descriptor(host, object, flags) {
            Ok(fd) => fd,
            Err(error) => {
                // The connection went with the object: it was taken and could not be held.
                let queue = &mut self.tcp(listener).queue;
                queue.retain(|&waiting| waiting != id);
                return Err(error);
            }
        };
        self.tcp(listener).queue.pop_front();
        let tcp = self.tcp(id);
        tcp.parent = None;
        let peer = tcp.peer.unwrap_or(any(tcp.is_v6));
        let shown = shown(peer, tcp.is_v6);
        self.plan_next(id);
        Ok((fd, shown))
    }

    pub(in crate::os) fn connect_tcp(&mut self, id: TcpId, addr: &SockAddr) -> Result<()> {
        if *addr == SockAddr::Unspecified {
            return self.disconnect_tcp(id);
        }
        let tcp = self.tcp(id);
        match (tcp.progress, tcp.state) {
            (Progress::Disconnecting, _) => return Err(Errno::EINVAL),
            (_, State::Listen) | (Progress::Connected, _) => return Err(Errno::EISCONN),
            (Progress::Connecting, State::SynSent | State::SynReceived) => {
                return Err(Errno::EALREADY);
            }
            (Progress::Connecting, State::Closed) => {
                let error = tcp.error.take().unwrap_or(Errno::ECONNABORTED);
                self.reset_socket(id);
                return Err(error);
            }
            (Progress::Connecting, _) => {
                tcp.progress = Progress::Connected;
                return Ok(());
            }
            (Progress::Unconnected, State::Closed) => {}
            (Progress::Unconnected, _) => return Err(Errno::EISCONN),
        }
        let (host, is_v6) = (tcp.host, tcp.is_v6);
        let peer = destination(inet(addr, is_v6)?);
        if tcp.options.only_v6 && peer.is_ipv4() {
            return Err(Errno::ENETUNREACH);
        }
        let source = self.source_for(host, peer.ip())?;
        let tcp = self.tcp(id);
        let bound = tcp.local.map(|local| local.ip()).filter(|ip| !ip.is_unspecified());
        let source = bound.unwrap_or(source);
        if source.is_ipv4() != peer.is_ipv4() {
            return Err(Errno::ENETUNREACH);
        }
        if source.is_loopback() && self.owner(host, peer.ip()) != Some(host) {
            return Err(Errno::EINVAL);
        }
        let port = self.tcp(id).local.map_or(0, |local| local.port());
        let local = if port != 0 {
            let local = SocketAddr::new(source, port);
            if self.flows.contains_key(&(host, local, peer)) {
                return Err(Errno::EADDRNOTAVAIL);
            }
            local
        } else {
            let claim = self.tcp(id).claim(SocketAddr::new(source, 0), false);
            self.claim_port(host, Protocol::Tcp, id.0, claim).map_err(|_| Errno::EADDRNOTAVAIL)?
        };
        let (key, now) = (self.entropy.next_u64() | 1, self.now);
        let tcp = self.tcp(id);
        (tcp.local, tcp.peer) = (Some(local), Some(peer));
        (tcp.key, tcp.peer_key) = (key, 0);
        tcp.state = State::SynSent;
        tcp.progress = Progress::Connecting;
        (tcp.is_read_shut, tcp.is_write_shut) = (false, false);
        tcp.deadline = now + FIRST_TIMEOUT;
        tcp.backoff = 0;
        (tcp.stalled_since, tcp.heard) = (now, now);
        self.flows.insert((host, local, peer), id);
        self.set_path(id);
        self.send_syn(id);
        self.plan_next(id);
        Err(Errno::EINPROGRESS)
    }

    /// Makes the socket one that was never connected; what was bound stays bound.
    fn reset_socket(&mut self, id: TcpId) {
        self.unhash(id);
        self.set_timer(id, None);
        let tcp = self.tcp(id);
        let local = tcp.local.filter(|_| tcp.keeps_port);
        let (host, is_v6, options) = (tcp.host, tcp.is_v6, tcp.options.clone());
        let (object, keeps_port) = (tcp.object, tcp.keeps_port);
        *tcp = Tcp { object, local, keeps_port, ..Tcp::new(host, is_v6, options) };
        self.notify_tcp(id, ERR);
    }

    /// `connect` to `AF_UNSPEC`.
    fn disconnect_tcp(&mut self, id: TcpId) -> Result<()> {
        match self.tcp(id).state {
            State::Listen => self.stop_listening(id),
            State::Closed | State::TimeWait => {}
            State::SynSent => {}
            _ => self.send_reset(id),
        }
        self.reset_socket(id);
        self.notify_tcp(id, STATE);
        Ok(())
    }

    pub(in crate::os) fn tcp_connect_result(&mut self, id: TcpId) -> Result<()> {
        let tcp = self.tcp(id);
        match (tcp.progress, tcp.state) {
            (_, State::SynSent | State::SynReceived) => Err(Errno::EAGAIN),
            (Progress::Connecting, State::Closed) => {
                let error = tcp.error.take().unwrap_or(Errno::ECONNABORTED);
                self.reset_socket(id);
                Err(error)
            }
            (Progress::Unconnected, _) => Err(Errno::ENOTCONN),
            _ => {
                tcp.progress = Progress::Connected;
                Ok(())
            }
        }
    }

    /// All that came to the listener and was not accepted ends.
    fn stop_listening(&mut self, id: TcpId) {
        let children: Vec<TcpId> = self
            .tcps
            .iter()
            .filter(|(_, tcp)| tcp.parent == Some(id))
            .map(|(&child, _)| child)
            .collect();
        self.tcp(id).queue.clear();
        for child in children {
            if !self.tcp(child).is_over() {
                self.send_reset(child);
            }
            self.forget(child);
        }
        // The peers hear of it before anybody hears of the listener.
        self.deliver_local();
    }

    pub(in crate::os) fn shutdown_tcp(&mut self, id: TcpId, how: i32) -> Result<()> {
        let (read, write) = match how {
            libc::SHUT_RD => (true, false),
            libc::SHUT_WR => (false, true),
            libc::SHUT_RDWR => (true, true),
            _ => return Err(Errno::EINVAL),
        };
        let tcp = self.tcp(id);
        if tcp.progress == Progress::Connecting {
            tcp.progress = match tcp.state {
                State::SynSent | State::SynReceived | State::Closed => Progress::Disconnecting,
                _ => Progress::Connected,
            };
        }
        let result = match tcp.state {
            State::Closed | State::TimeWait => {
                tcp.is_read_shut |= read;
                tcp.is_write_shut |= write;
                Err(Errno::ENOTCONN)
            }
            State::Listen if !read => Ok(()),
            State::Listen => {
                self.stop_listening(id);
                let tcp = self.tcp(id);
                tcp.state = State::Closed;
                let (host, local) = (tcp.host, tcp.local);
                if let Some(local) = local {
                    let claim = tcp.claim(local, false);
                    let keeps = tcp.keeps_port;
                    let ports = &mut self.host_mut(host).ports;
                    ports.remove(Protocol::Tcp, id.0, local.port());
                    if keeps {
                        ports.insert(Protocol::Tcp, id.0, claim);
                    }
                }
                Ok(())
            }
            State::SynSent => {
                self.reset_socket(id);
                Ok(())
            }
            _ => {
                tcp.is_read_shut |= read;
                tcp.is_write_shut |= write;
                if write {
                    self.send_fin(id);
                }
                Ok(())
            }
        };
        self.notify_tcp(id, STATE);
        result
    }

    /// Nothing more will be written: FIN goes out behind what was.
    fn send_fin(&mut self, id: TcpId) {
        let tcp = self.tcp(id);
        tcp.state = match tcp.state {
            State::Established | State::SynReceived => State::FinWait1,
            State::CloseWait => State::LastAck,
            other => other,
        };
        tcp.wants_fin = true;
        self.push(id);
    }

    /// The last descriptor is closed.
    pub(in crate::os) fn close_tcp(&mut self, id: TcpId) {
        let tcp = self.tcp(id);
        tcp.object = None;
        tcp.parent = None;
        match tcp.state {
            State::Listen => {
                self.stop_listening(id);
                self.forget(id);
            }
            State::Closed | State::SynSent => self.forget(id),
            // The protocol's end needs no socket.
            State::TimeWait => {}
            _ if !tcp.inbox.is_empty() || tcp.options.linger == Some(0) => {
                self.send_reset(id);
                self.forget(id);
            }
            _ => {
                (tcp.is_read_shut, tcp.is_write_shut) = (true, true);
                let deadline = self.now + super::TIME_WAIT;
                if self.tcp(id).state == State::FinWait2 {
                    self.tcp(id).deadline = deadline;
                }
                self.send_fin(id);
            }
        }
    }

    pub(in crate::os) fn send_tcp(
        &mut self,
        id: TcpId,
        bufs: &[IoSlice<'_>],
        flags: i32,
    ) -> Result<usize> {
        if flags & libc::MSG_OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let tcp = self.tcp(id);
        match tcp.state {
            State::SynSent | State::SynReceived => {
                tcp.lacks_space = true;
                return Err(tcp.error.take().unwrap_or(Errno::EAGAIN));
            }
            State::Established | State::CloseWait if !tcp.is_write_shut && tcp.error.is_none() => {}
            _ => return Err(tcp.error.take().unwrap_or(Errno::EPIPE)),
        }
        let len = total(bufs);
        let taken = len.min(tcp.space());
        if taken < len {
            tcp.lacks_space = true;
        }
        if taken == 0 && len > 0 {
            return Err(Errno::EAGAIN);
        }
        tcp.out.push_from(bufs, 0, taken);
        self.push(id);
        Ok(taken)
    }

    pub(in crate::os) fn receive_tcp(
        &mut self,
        id: TcpId,
        bufs: &mut [IoSliceMut<'_>],
        flags: i32,
    ) -> Result<Received> {
        if flags & libc::MSG_OOB != 0 {
            return Err(Errno::EINVAL);
        }
        let tcp = self.tcp(id);
        if tcp.state == State::Listen {
            return Err(Errno::ENOTCONN);
        }
        if !tcp.inbox.is_empty() {
            // `MSG_TRUNC` throws bytes away in place of copying them (tcp(7)).
            let bytes = if flags & libc::MSG_TRUNC != 0 {
                room(bufs).min(tcp.inbox.len())
            } else {
                tcp.inbox.peek(bufs)
            };
            if flags & libc::MSG_PEEK == 0 {
                tcp.inbox.drop_front(bytes);
                let may_tell =
                    matches!(tcp.state, State::Established | State::FinWait1 | State::FinWait2);
                if may_tell && tcp.has_window_news() {
                    self.send_ack(id);
                }
            }
            return Ok(Received { bytes, ..Received::default() });
        }
        if tcp.is_done {
            return Ok(Received::default());
        }
        match tcp.error.take() {
            Some(error) => Err(error),
            None if tcp.is_read_shut => Ok(Received::default()),
            None if tcp.is_over() => Err(Errno::ENOTCONN),
            None => Err(Errno::EAGAIN),
        }
    }

    pub(in crate::os) fn tcp_local(&mut self, id: TcpId) -> SockAddr {
        let tcp = self.tcp(id);
        shown(tcp.local.unwrap_or(any(tcp.is_v6)), tcp.is_v6)
    }

    pub(in crate::os) fn tcp_peer(&mut self, id: TcpId) -> Result<SockAddr> {
        let tcp = self.tcp(id);
        match tcp.peer {
            Some(peer) if !tcp.is_over() && tcp.state != State::SynSent => {
                Ok(shown(peer, tcp.is_v6))
            }
            _ => Err(Errno::ENOTCONN),
        }
    }
}

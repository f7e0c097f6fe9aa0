//! UDP: datagrams between hosts, each for itself.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use super::addr::SockAddr;
use super::bytes::{copy_out, gather, room, total};
use super::control::{self, UDP_SEGMENT, Writer};
use super::errno::{Errno, Result};
use super::net::{Body, Packet, inet, ip_header};
use super::ports::{Claim, Protocol};
use super::ready::{ERR, HUP, IN, OUT, RDHUP, RDNORM, STATE, WRBAND, WRNORM};
use super::table::Kind;
use super::tcp::{any, destination, shown};
use super::{Fd, HostId, ObjectId, Os, Received};

/// `rmem_default`, as `getsockopt` shows it.
pub(super) const BUFFER: usize = 212_992;
/// What a datagram costs of the receive buffer beside its data: about what `sk_buff` takes (a
/// small datagram counts 768 bytes on x86-64).
const OVERHEAD: usize = 704;
/// The largest datagram: 65,535 less the headers of UDP, and of IP in IPv4 (udp(7)).
const LARGEST_V4: usize = 65_507;
const LARGEST_V6: usize = 65_527;
/// `UDP_MAX_SEGMENTS`.
const MOST_SEGMENTS: usize = 128;

struct Datagram {
    from: SocketAddr,
    to: SocketAddr,
    data: Vec<u8>,
    /// The traffic class: DSCP and ECN.
    class: u8,
}

pub(super) struct UdpSocket {
    pub(super) is_v6: bool,
    local: Option<SocketAddr>,
    peer: Option<SocketAddr>,
    inbox: VecDeque<Datagram>,
    charged: usize,
    is_read_shut: bool,
    is_write_shut: bool,
    pub(super) error: Option<Errno>,
    pub(super) options: UdpOptions,
}

#[derive(Clone)]
pub(super) struct UdpOptions {
    pub(super) reuses_address: bool,
    pub(super) reuses_port: bool,
    pub(super) only_v6: bool,
    pub(super) broadcast: bool,
    pub(super) send_buffer: usize,
    pub(super) receive_buffer: usize,
    /// `IP_MTU_DISCOVER`, `IPV6_MTU_DISCOVER`: from `IP_PMTUDISC_DO` on, nothing is fragmented.
    pub(super) discover: i32,
    pub(super) discover_v6: i32,
    pub(super) class: u8,
    pub(super) segment: usize,
    /// Which control messages a receiver gets.
    pub(super) tells_class: bool,
    pub(super) tells_class_v6: bool,
    pub(super) tells_info: bool,
    pub(super) tells_info_v6: bool,
}

impl Default for UdpOptions {
    fn default() -> UdpOptions {
        UdpOptions {
            reuses_address: false,
            reuses_port: false,
            only_v6: false,
            broadcast: false,
            send_buffer: BUFFER,
            receive_buffer: BUFFER,
            discover: libc::IP_PMTUDISC_WANT,
            discover_v6: libc::IPV6_PMTUDISC_WANT,
            class: 0,
            segment: 0,
            tells_class: false,
            tells_class_v6: false,
            tells_info: false,
            tells_info_v6: false,
        }
    }
}

impl UdpSocket {
    pub(super) fn mask(&self) -> u32 {
        let mut mask = OUT | WRNORM | WRBAND;
        if !self.inbox.is_empty() {
            mask |= IN | RDNORM;
        }
        if self.is_read_shut {
            mask |= IN | RDNORM | RDHUP;
        }
        if self.is_read_shut && self.is_write_shut {
            mask |= HUP;
        }
        if self.error.is_some() {
            mask |= ERR;
        }
        mask
    }

    fn claim(&self, addr: SocketAddr) -> Claim {
        Claim {
            addr,
            is_dual: self.is_v6 && addr.is_ipv6() && !self.options.only_v6,
            reuses_address: self.options.reuses_address,
            reuses_port: self.options.reuses_port,
            listens: false,
        }
    }

    pub(super) fn next_len(&self) -> usize {
        self.inbox.front().map_or(0, |datagram| datagram.data.len())
    }

    pub(super) fn is_bound(&self) -> bool {
        self.local.is_some()
    }

    pub(super) fn local(&self) -> SockAddr {
        shown(self.local.unwrap_or(any(self.is_v6)), self.is_v6)
    }

    pub(super) fn peer(&self) -> Result<SockAddr> {
        self.peer.map(|peer| shown(peer, self.is_v6)).ok_or(Errno::ENOTCONN)
    }
}

/// What the control messages of a send ask for.
struct Wishes {
    source: Option<IpAddr>,
    class: u8,
    segment: usize,
}

impl Os {
    pub(super) fn udp(&mut self, id: ObjectId) -> Result<&mut UdpSocket> {
        match &mut self.object_mut(id).kind {
            Kind::Udp(socket) => Ok(socket),
            _ => Err(Errno::ENOTSOCK),
        }
    }

    pub(super) fn open_udp(&mut self, host: HostId, status: i32, is_v6: bool) -> Result<Fd> {
        let socket = UdpSocket {
            is_v6,
            local: None,
            peer: None,
            inbox: VecDeque::new(),
            charged: 0,
            is_read_shut: false,
            is_write_shut: false,
            error: None,
            options: UdpOptions::default(),
        };
        self.install(host, status, Kind::Udp(Box::new(socket)))
    }

    pub(super) fn end_udp(&mut self, host: HostId, id: ObjectId, socket: UdpSocket) {
        if let Some(local) = socket.local {
            self.host_mut(host).ports.remove(Protocol::Udp, id.0, local.port());
        }
    }

    pub(super) fn bind_udp(&mut self, id: ObjectId, addr: &SockAddr) -> Result<()> {
        let host = self.object(id).host;
        let socket = self.udp(id)?;
        let addr = inet(addr, socket.is_v6)?;
        if socket.local.is_some() || (socket.options.only_v6 && addr.is_ipv4()) {
            return Err(Errno::EINVAL);
        }
        self.check_bindable(host, addr.ip())?;
        self.take_udp_port(host, id, addr)
    }

    fn take_udp_port(&mut self, host: HostId, id: ObjectId, addr: SocketAddr) -> Result<()> {
        let claim = self.udp(id)?.claim(addr);
        let local = self.claim_port(host, Protocol::Udp, id.0, claim)?;
        self.udp(id)?.local = Some(local);
        Ok(())
    }

    /// A socket that sends without having been bound gets a port.
    fn bind_udp_by_itself(&mut self, id: ObjectId) -> Result<()> {
        let host = self.object(id).host;
        let socket = self.udp(id)?;
        match socket.local {
            Some(_) => Ok(()),
            None => {
                let addr = any(socket.is_v6);
                self.take_udp_port(host, id, addr).map_err(|_| Errno::EAGAIN)
            }
        }
    }

    pub(super) fn connect_udp(&mut self, id: ObjectId, addr: &SockAddr) -> Result<()> {
        let host = self.object(id).host;
        let socket = self.udp(id)?;
        if *addr == SockAddr::Unspecified {
            socket.peer = None;
            return Ok(());
        }
        let peer = destination(inet(addr, socket.is_v6)?);
        if socket.options.only_v6 && peer.is_ipv4() {
            return Err(Errno::ENETUNREACH);
        }
        let source = self.source_for(host, peer.ip())?;
        self.bind_udp_by_itself(id)?;
        let socket = self.udp(id)?;
        socket.peer = Some(peer);
        if let Some(local) = socket.local.filter(|local| local.ip().is_unspecified()) {
            // The socket is at one address from now on.
            let local = SocketAddr::new(source, local.port());
            socket.local = Some(local);
            let claim = socket.claim(local);
            self.host_mut(host).ports.insert(Protocol::Udp, id.0, claim);
        }
        Ok(())
    }

    pub(super) fn shutdown_udp(&mut self, id: ObjectId, how: i32) -> Result<()> {
        let socket = self.udp(id)?;
        let (read, write) = match how {
            libc::SHUT_RD => (true, false),
            libc::SHUT_WR => (false, true),
            libc::SHUT_RDWR => (true, true),
            _ => return Err(Errno::EINVAL),
        };
        socket.is_read_shut |= read;
        socket.is_write_shut |= write;
        let is_connected = socket.peer.is_some();
        self.notify(id, STATE);
        if is_connected { Ok(()) } else { Err(Errno::ENOTCONN) }
    }

    fn wishes(&mut self, id: ObjectId, control: &[u8]) -> Result<Wishes> {
        let socket = self.udp(id)?;
        let mut wishes =
            Wishes { source: None, class: socket.options.class, segment: socket.options.segment };
        for message in control::parse(control)? {
            let number = |bytes: &[u8]| match *bytes {
                [byte] => Ok(i32::from(byte)),
                [a, b] => Ok(i32::from(u16::from_ne_bytes([a, b]))),
                [a, b, c, d, ..] => Ok(i32::from_ne_bytes([a, b, c, d])),
                _ => Err(Errno::EINVAL),
            };
            match (message.level, message.kind) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) | (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    wishes.source = control::source(&message)?;
                }
                (libc::IPPROTO_IP, libc::IP_TOS) | (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
                    wishes.class = number(message.data)? as u8;
                }
                (libc::SOL_UDP, UDP_SEGMENT) => wishes.segment = number(message.data)? as usize,
                (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {}
                _ => return Err(Errno::EINVAL),
            }
        }
        Ok(wishes)
    }

    pub(super) fn send_udp(
        &mut self,
        id: ObjectId,
        bufs: &[IoSlice<'_>],
        flags: i32,
        to: Option<&SockAddr>,
        control: &[u8],
    ) -> Result<usize> {
        if flags & libc::MSG_OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let host = self.object(id).host;
        let wishes = self.wishes(id, control)?;
        let socket = self.udp(id)?;
        let to = match to {
            Some(addr) => destination(inet(addr, socket.is_v6)?),
            None => socket.peer.ok_or(Errno::EDESTADDRREQ)?,
        };
        if to.port() == 0 {
            return Err(Errno::EINVAL);
        }
        if socket.options.only_v6 && to.is_ipv4() {
            return Err(Errno::ENETUNREACH);
        }
        if let Some(error) = socket.error.take() {
            return Err(error);
        }
        if socket.is_write_shut {
            return Err(Errno::EPIPE);
        }
        let len = total(bufs);
        let largest = if to.is_ipv4() { LARGEST_V4 } else { LARGEST_V6 };
        if len > largest {
            return Err(Errno::EMSGSIZE);
        }
        let bound = socket.local.map(|local| local.ip()).filter(|ip| !ip.is_unspecified());
        let source = match wishes.source.or(bound) {
            Some(ip) if self.is_own(host, ip) => ip,
            Some(_) => return Err(Errno::EINVAL),
            None => self.source_for(host, to.ip())?,
        };
        self.source_for(host, to.ip())?;
        if source.is_ipv4() != to.is_ipv4()
            || (source.is_loopback() && self.owner(host, to.ip()) != Some(host))
        {
            return Err(Errno::EINVAL);
        }
        self.bind_udp_by_itself(id)?;
        let mtu = match self.owner(host, to.ip()) {
            Some(other) => self.network.mtu(host, other),
            None => 1500,
        };
        let headers = ip_header(to.ip()) + 8;
        let options = &self.udp(id)?.options;
        let discover = if to.is_ipv4() { options.discover } else { options.discover_v6 };
        // `IP_PMTUDISC_DO` is 2, `_PROBE` 3; both forbid fragments.
        let may_fragment = discover < libc::IP_PMTUDISC_DO;
        let data = gather(bufs, len);
        let one = if wishes.segment > 0 && len > wishes.segment { wishes.segment } else { len };
        if one < len && len.div_ceil(one) > MOST_SEGMENTS {
            return Err(Errno::EINVAL);
        }
        if one + headers > mtu && (!may_fragment || one < len) {
            return Err(Errno::EMSGSIZE);
        }
        let port = self.udp(id)?.local.map_or(0, |local| local.port());
        let from = SocketAddr::new(source, port);
        let mut send = |data: &[u8]| {
            let body = Body::Datagram { data: data.to_vec(), class: wishes.class };
            self.transmit(host, Packet { from, to, body });
        };
        if data.is_empty() {
            send(&[]);
        }
        for data in data.chunks(one.max(1)) {
            send(data);
        }
        Ok(len)
    }

    pub(super) fn datagram_arrives(
        &mut self,
        host: HostId,
        from: SocketAddr,
        to: SocketAddr,
        data: Vec<u8>,
        class: u8,
    ) {
        let Some(id) = self.udp_socket_for(host, from, to) else {
            // ICMP says that nobody is there.
            let body = Body::Failed { is_tcp: false, key: 0, error: Errno::ECONNREFUSED };
            if let Some(sender) = self.owner(host, from.ip()) {
                self.transmit_to(host, sender, Packet { from, to, body });
            }
            return;
        };
        let Ok(socket) = self.udp(id) else { return };
        let charge = data.len() + OVERHEAD;
        // A full buffer: the datagram is lost.
        if socket.charged + charge > socket.options.receive_buffer && !socket.inbox.is_empty() {
            return;
        }
        socket.charged += charge;
        socket.inbox.push_back(Datagram { from, to, data, class });
        self.notify(id, IN | RDNORM);
    }

    fn udp_socket_for(&self, host: HostId, from: SocketAddr, to: SocketAddr) -> Option<ObjectId> {
        let holders = self.host(host).ports.holders(Protocol::Udp, to.port());
        // A connected socket fits its peer better than any other, and nobody else at all.
        let fit = |(number, claim): &(u64, Claim)| {
            let peer = match self.objects.get(&ObjectId(*number)).map(|object| &object.kind) {
                Some(Kind::Udp(socket)) => socket.peer,
                _ => None,
            };
            match (claim.fit(to.ip()), peer) {
                (0, _) => 0,
                (fit, None) => fit,
                (fit, Some(peer)) if peer == from => fit + 10,
                (_, Some(_)) => 0,
            }
        };
        let best = holders.iter().map(fit).max().filter(|&best| best > 0)?;
        let all: Vec<&(u64, Claim)> = holders.iter().filter(|holder| fit(holder) == best).collect();
        let shares = all.iter().all(|holder| holder.1.reuses_port);
        // Of those that share a port with SO_REUSEPORT, one that depends on the sender; otherwise
        // the last one that was bound.
        let choice = match shares {
            true => {
                let hash = super::Stream::new(u64::from(from.port())).below(all.len() as u64);
                hash as usize
            }
            false => all.len() - 1,
        };
        Some(ObjectId(all[choice].0))
    }

    /// A packet from `from` to `to` did not get through: a connected socket hears of it.
    pub(super) fn datagram_failed(
        &mut self,
        host: HostId,
        from: SocketAddr,
        to: SocketAddr,
        error: Errno,
    ) {
        let holders = self.host(host).ports.holders(Protocol::Udp, from.port());
        let holders: Vec<u64> = holders.iter().map(|holder| holder.0).collect();
        for number in holders {
            let id = ObjectId(number);
            if let Ok(socket) = self.udp(id) {
                if socket.peer == Some(to) {
                    socket.error = Some(error);
                    self.notify(id, ERR);
                }
            }
        }
    }

    pub(super) fn receive_udp(
        &mut self,
        id: ObjectId,
        bufs: &mut [IoSliceMut<'_>],
        flags: i32,
        control: &mut [u8],
    ) -> Result<Received> {
        if flags & (libc::MSG_OOB | libc::MSG_ERRQUEUE) != 0 {
            let is_queue = flags & libc::MSG_ERRQUEUE != 0;
            return Err(if is_queue { Errno::EAGAIN } else { Errno::EINVAL });
        }
        let socket = self.udp(id)?;
        if let Some(error) = socket.error.take() {
            return Err(error);
        }
        let Some(datagram) = socket.inbox.front() else {
            return if socket.is_read_shut { Ok(Received::default()) } else { Err(Errno::EAGAIN) };
        };
        let mut received = Received::default();
        let copied = copy_out(&datagram.data, bufs);
        received.bytes = copied;
        if room(bufs) < datagram.data.len() {
            received.flags |= libc::MSG_TRUNC;
            if flags & libc::MSG_TRUNC != 0 {
                received.bytes = datagram.data.len();
            }
        }
        received.from = Some(shown(datagram.from, socket.is_v6));
        let mut writer = Writer::new(control);
        let (options, to) = (&socket.options, datagram.to.ip());
        if options.tells_info && to.is_ipv4() {
            if let IpAddr::V4(ip) = to {
                writer.push(libc::IPPROTO_IP, libc::IP_PKTINFO, &control::packet_info_v4(ip));
            }
        }
        if options.tells_class && to.is_ipv4() {
            writer.push(libc::IPPROTO_IP, libc::IP_TOS, &[datagram.class]);
        }
        if options.tells_info_v6 {
            let info = control::packet_info_v6(to);
            writer.push(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info);
        }
        if options.tells_class_v6 && to.is_ipv6() {
            let class = i32::from(datagram.class).to_ne_bytes();
            writer.push(libc::IPPROTO_IPV6, libc::IPV6_TCLASS, &class);
        }
        received.control = writer.written;
        if writer.is_cut {
            received.flags |= libc::MSG_CTRUNC;
        }
        if flags & libc::MSG_PEEK == 0 {
            if let Some(datagram) = socket.inbox.pop_front() {
                socket.charged -= datagram.data.len() + OVERHEAD;
            }
        }
        Ok(received)
    }
}

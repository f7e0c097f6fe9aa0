//! `getsockopt` and `setsockopt`.
//!
//! An option is either modelled, kept and shown, or taken without effect because it only tunes;
//! the rest is `ENOPROTOOPT`, as on a kernel that does not know it, so that programs fall back.

use super::errno::{Errno, Result};
use super::net::SECOND;
use super::table::Kind;
use super::tcp::{self, TcpId};
use super::unix::Form;
use super::{Direction, Fd, HostId, Nanos, ObjectId, Os};

const MICROSECOND: Nanos = 1_000;
const MILLISECOND: Nanos = 1_000_000;

/// What every socket has.
#[derive(Clone, Default)]
pub(super) struct Common {
    pub(super) receive_timeout: Option<Nanos>,
    pub(super) send_timeout: Option<Nanos>,
    /// Options that are kept and have no effect.
    kept: Vec<((i32, i32), i32)>,
}

/// Options that only tune, or concern what is not modelled: kept and shown.
const KEPT: &[(i32, i32)] = &[
    (libc::SOL_SOCKET, libc::SO_PRIORITY),
    (libc::SOL_SOCKET, libc::SO_MARK),
    (libc::SOL_SOCKET, libc::SO_OOBINLINE),
    (libc::SOL_SOCKET, libc::SO_INCOMING_CPU),
    (libc::SOL_SOCKET, libc::SO_BUSY_POLL),
    (libc::SOL_SOCKET, libc::SO_PASSCRED),
    (libc::SOL_SOCKET, libc::SO_RCVLOWAT),
    (libc::IPPROTO_IP, libc::IP_TTL),
    (libc::IPPROTO_IP, libc::IP_RECVTTL),
    (libc::IPPROTO_IP, libc::IP_FREEBIND),
    (libc::IPPROTO_IP, libc::IP_RECVERR),
    (libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT),
    (libc::IPPROTO_IP, libc::IP_MULTICAST_TTL),
    (libc::IPPROTO_IP, libc::IP_MULTICAST_LOOP),
    (libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS),
    (libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT),
    (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
    (libc::IPPROTO_IPV6, libc::IPV6_FREEBIND),
    (libc::IPPROTO_IPV6, libc::IPV6_DONTFRAG),
    (libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_HOPS),
    (libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_LOOP),
    (libc::IPPROTO_TCP, libc::TCP_CORK),
    (libc::IPPROTO_TCP, libc::TCP_QUICKACK),
    (libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT),
    (libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT),
    (libc::IPPROTO_TCP, libc::TCP_THIN_LINEAR_TIMEOUTS),
    (libc::IPPROTO_TCP, libc::TCP_LINGER2),
    (libc::IPPROTO_TCP, libc::TCP_SYNCNT),
    (libc::IPPROTO_TCP, libc::TCP_WINDOW_CLAMP),
];

/// What `getsockopt` shows of the options of `KEPT` that nobody has set, where it is not 0.
const KEPT_DEFAULTS: &[((i32, i32), i32)] = &[
    ((libc::SOL_SOCKET, libc::SO_RCVLOWAT), 1),
    ((libc::IPPROTO_IP, libc::IP_TTL), 64),
    ((libc::IPPROTO_IP, libc::IP_MULTICAST_TTL), 1),
    ((libc::IPPROTO_IP, libc::IP_MULTICAST_LOOP), 1),
    ((libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS), 64),
    ((libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_HOPS), 1),
    ((libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_LOOP), 1),
];

fn number(value: &[u8]) -> Result<i32> {
    match *value {
        [a, b, c, d, ..] => Ok(i32::from_ne_bytes([a, b, c, d])),
        // The options of IP also take a byte.
        [byte] => Ok(byte.into()),
        _ => Err(Errno::EINVAL),
    }
}

fn positive(value: i32) -> Result<u64> {
    if value > 0 { Ok(value as u64) } else { Err(Errno::EINVAL) }
}

/// A `timeval`; zero is "for ever".
fn time(value: &[u8]) -> Result<Option<Nanos>> {
    let Some((seconds, rest)) = value.split_first_chunk::<8>() else { return Err(Errno::EINVAL) };
    let Some((micros, _)) = rest.split_first_chunk::<8>() else { return Err(Errno::EINVAL) };
    let (seconds, micros) = (i64::from_ne_bytes(*seconds), i64::from_ne_bytes(*micros));
    if !(0..1_000_000).contains(&micros) {
        return Err(Errno::EDOM);
    }
    let nanos =
        (seconds.max(0) as u64).saturating_mul(SECOND).saturating_add(micros as u64 * MICROSECOND);
    Ok((nanos > 0).then_some(nanos))
}

fn time_bytes(time: Option<Nanos>) -> Vec<u8> {
    let time = time.unwrap_or(0);
    let seconds = ((time / SECOND) as i64).to_ne_bytes();
    let micros = ((time % SECOND / MICROSECOND) as i64).to_ne_bytes();
    [seconds, micros].concat()
}

/// What a buffer of that size becomes: at most the system's limit, doubled, at least the least.
fn buffer(value: i32, least: usize) -> usize {
    let wanted = (value as u32 as usize).min(tcp::LARGEST_BUFFER);
    (2 * wanted).max(least)
}

impl Os {
    fn socket_of(&self, host: HostId, fd: Fd) -> Result<ObjectId> {
        let id = self.find(host, fd)?;
        match self.object(id).kind {
            Kind::Tcp(_) | Kind::Udp(_) | Kind::Unix(_) => Ok(id),
            _ => Err(Errno::ENOTSOCK),
        }
    }

    fn common(&mut self, id: ObjectId) -> &mut Common {
        self.common.entry(id).or_default()
    }

    fn keep(&mut self, id: ObjectId, option: (i32, i32), value: i32) {
        let kept = &mut self.common(id).kept;
        kept.retain(|(other, _)| *other != option);
        kept.push((option, value));
    }

    fn kept(&self, id: ObjectId, option: (i32, i32)) -> i32 {
        let of = |list: &[((i32, i32), i32)]| {
            list.iter().find(|(other, _)| *other == option).map(|(_, value)| *value)
        };
        let own = self.common.get(&id).and_then(|common| of(&common.kept));
        own.or_else(|| of(KEPT_DEFAULTS)).unwrap_or(0)
    }

    fn set_of_all(&mut self, id: ObjectId, name: i32, value: &[u8]) -> Result<bool> {
        match name {
            libc::SO_RCVTIMEO => self.common(id).receive_timeout = time(value)?,
            libc::SO_SNDTIMEO => self.common(id).send_timeout = time(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_tcp(&mut self, id: TcpId, level: i32, name: i32, value: &[u8]) -> Result<()> {
        let given = number(value)?;
        let is_on = given != 0;
        let is_v6 = self.tcp_is_v6(id);
        let options = self.tcp_options(id);
        match (level, name) {
            (libc::SOL_SOCKET, libc::SO_REUSEADDR) => options.reuses_address = is_on,
            (libc::SOL_SOCKET, libc::SO_REUSEPORT) => options.reuses_port = is_on,
            (libc::SOL_SOCKET, libc::SO_BROADCAST) => {}
            (libc::SOL_SOCKET, libc::SO_KEEPALIVE) => options.keep_alive = is_on,
            (libc::SOL_SOCKET, libc::SO_LINGER) => {
                let seconds = number(value.get(4..).unwrap_or(&[]))?;
                let linger = seconds.max(0) as u64 * SECOND;
                options.linger = is_on.then_some(linger);
            }
            (libc::SOL_SOCKET, libc::SO_SNDBUF) => {
                let size = buffer(given, tcp::SMALLEST_SEND_BUFFER);
                options.send_buffer = Some(size);
                *self.tcp_send_buffer(id) = size;
            }
            (libc::SOL_SOCKET, libc::SO_RCVBUF) => {
                options.receive_buffer = Some(buffer(given, tcp::SMALLEST_RECEIVE_BUFFER));
            }
            (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY) if is_v6 => options.only_v6 = is_on,
            (libc::IPPROTO_IP, libc::IP_TOS) => {}
            (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) if is_v6 => {}
            (libc::IPPROTO_TCP, libc::TCP_NODELAY) => options.no_delay = is_on,
            (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE) => {
                options.keep_idle = positive(given)? * SECOND;
            }
            (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL) => {
                options.keep_interval = positive(given)? * SECOND;
            }
            (libc::IPPROTO_TCP, libc::TCP_KEEPCNT) => options.keep_count = positive(given)? as u32,
            (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT) => {
                let millis = u64::try_from(given).map_err(|_| Errno::EINVAL)?;
                options.user_timeout = millis * MILLISECOND;
            }
            (libc::IPPROTO_TCP, libc::TCP_MAXSEG) => {
                options.mss = Some(positive(given)?.clamp(88, 32_767) as usize);
            }
            _ => return Err(Errno::ENOPROTOOPT),
        }
        self.tcp_options_changed(id);
        Ok(())
    }

    fn get_tcp(&mut self, id: TcpId, level: i32, name: i32) -> Result<Vec<u8>> {
        let flag = |on: bool| i32::from(on);
        let is_v6 = self.tcp_is_v6(id);
        let seconds = |time: Nanos| (time / SECOND) as i32;
        let options = self.tcp_options(id).clone();
        let value = match (level, name) {
            (libc::SOL_SOCKET, libc::SO_REUSEADDR) => flag(options.reuses_address),
            (libc::SOL_SOCKET, libc::SO_REUSEPORT) => flag(options.reuses_port),
            (libc::SOL_SOCKET, libc::SO_BROADCAST) => 0,
            (libc::SOL_SOCKET, libc::SO_KEEPALIVE) => flag(options.keep_alive),
            (libc::SOL_SOCKET, libc::SO_LINGER) => {
                let on = flag(options.linger.is_some()).to_ne_bytes();
                let linger = seconds(options.linger.unwrap_or(0)).to_ne_bytes();
                return Ok([on, linger].concat());
            }
            (libc::SOL_SOCKET, libc::SO_SNDBUF) => *self.tcp_send_buffer(id) as i32,
            (libc::SOL_SOCKET, libc::SO_RCVBUF) => self.tcp_receive_buffer(id) as i32,
            (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY) if is_v6 => flag(options.only_v6),
            (libc::IPPROTO_TCP, libc::TCP_NODELAY) => flag(options.no_delay),
            (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE) => seconds(options.keep_idle),
            (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL) => seconds(options.keep_interval),
            (libc::IPPROTO_TCP, libc::TCP_KEEPCNT) => options.keep_count as i32,
            (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT) => {
                (options.user_timeout / MILLISECOND) as i32
            }
            (libc::IPPROTO_TCP, libc::TCP_MAXSEG) => self.tcp_segment_size(id) as i32,
            (libc::IPPROTO_TCP, libc::TCP_INFO) => return Ok(self.tcp_info(id)),
            (libc::IPPROTO_TCP, libc::TCP_CONGESTION) => return Ok(b"cubic\0".to_vec()),
            _ => return Err(Errno::ENOPROTOOPT),
        };
        Ok(value.to_ne_bytes().to_vec())
    }

    /// `struct tcp_info`, as far as the model knows it: the state, the size of segments, the round
    /// trip. The rest is 0.
    fn tcp_info(&mut self, id: TcpId) -> Vec<u8> {
        let mut info = vec![0; 104];
        info[0] = self.tcp_state_number(id);
        let size = (self.tcp_segment_size(id) as u32).to_ne_bytes();
        info[16..20].copy_from_slice(&size);
        info[20..24].copy_from_slice(&size);
        let (round_trip, variation) = self.tcp_round_trip(id);
        let micros = |time: Nanos| ((time / MICROSECOND) as u32).to_ne_bytes();
        info[68..72].copy_from_slice(&micros(round_trip));
        info[72..76].copy_from_slice(&micros(variation));
        info
    }

    fn set_udp(&mut self, id: ObjectId, level: i32, name: i32, value: &[u8]) -> Result<()> {
        let given = number(value)?;
        let is_on = given != 0;
        let socket = self.udp(id)?;
        let (is_v6, is_bound) = (socket.is_v6, socket.is_bound());
        let options = &mut socket.options;
        match (level, name) {
            (libc::SOL_SOCKET, libc::SO_REUSEADDR) => options.reuses_address = is_on,
            (libc::SOL_SOCKET, libc::SO_REUSEPORT) => options.reuses_port = is_on,
            (libc::SOL_SOCKET, libc::SO_BROADCAST) => options.broadcast = is_on,
            (libc::SOL_SOCKET, libc::SO_KEEPALIVE | libc::SO_LINGER) => {}
            (libc::SOL_SOCKET, libc::SO_SNDBUF) => {
                options.send_buffer = buffer(given, tcp::SMALLEST_SEND_BUFFER);
            }
            (libc::SOL_SOCKET, libc::SO_RCVBUF) => {
                options.receive_buffer = buffer(given, tcp::SMALLEST_RECEIVE_BUFFER);
            }
            (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY) if is_v6 && is_bound => {
                return Err(Errno::EINVAL);
            }
            (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY) if is_v6 => options.only_v6 = is_on,
            (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER) => options.discover = given,
            (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER) if is_v6 => options.discover_v6 = given,
            (libc::IPPROTO_IP, libc::IP_TOS) => options.class = given as u8,
            (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) if is_v6 => options.class = given as u8,
            (libc::IPPROTO_IP, libc::IP_RECVTOS) => options.tells_class = is_on,
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => options.tells_info = is_on,
            (libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS) if is_v6 => options.tells_class_v6 = is_on,
            (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO) if is_v6 => options.tells_info_v6 = is_on,
            (libc::SOL_UDP, super::control::UDP_SEGMENT) => {
                options.segment = usize::from(u16::try_from(given).map_err(|_| Errno::EINVAL)?);
            }
            // Nobody is there to join: there is no interface with multicast.
            (
                libc::IPPROTO_IP,
                libc::IP_ADD_MEMBERSHIP | libc::IP_DROP_MEMBERSHIP | libc::IP_MULTICAST_IF,
            )
            | (
                libc::IPPROTO_IPV6,
                libc::IPV6_ADD_MEMBERSHIP | libc::IPV6_DROP_MEMBERSHIP | libc::IPV6_MULTICAST_IF,
            ) => return Err(Errno::ENODEV),
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    fn get_udp(&mut self, id: ObjectId, level: i32, name: i32) -> Result<Vec<u8>> {
        let socket = self.udp(id)?;
        let options = &socket.options;
        let value = match (level, name) {
            (libc::SOL_SOCKET, libc::SO_REUSEADDR) => options.reuses_address.into(),
            (libc::SOL_SOCKET, libc::SO_REUSEPORT) => options.reuses_port.into(),
            (libc::SOL_SOCKET, libc::SO_BROADCAST) => options.broadcast.into(),
            (libc::SOL_SOCKET, libc::SO_KEEPALIVE) => 0,
            (libc::SOL_SOCKET, libc::SO_LINGER) => return Ok(vec![0; 8]),
            (libc::SOL_SOCKET, libc::SO_SNDBUF) => options.send_buffer as i32,
            (libc::SOL_SOCKET, libc::SO_RCVBUF) => options.receive_buffer as i32,
            (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY) if socket.is_v6 => options.only_v6.into(),
            (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER) => options.discover,
            (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER) if socket.is_v6 => options.discover_v6,
            (libc::IPPROTO_IP, libc::IP_TOS) | (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
                options.class.into()
            }
            (libc::IPPROTO_IP, libc::IP_RECVTOS) => options.tells_class.into(),
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => options.tells_info.into(),
            (libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS) => options.tells_class_v6.into(),
            (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO) => options.tells_info_v6.into(),
            (libc::SOL_UDP, super::control::UDP_SEGMENT) => options.segment as i32,
            _ => return Err(Errno::ENOPROTOOPT),
        };
        Ok(value.to_ne_bytes().to_vec())
    }

    fn set_unix(&mut self, id: ObjectId, level: i32, name: i32, value: &[u8]) -> Result<()> {
        let given = number(value)?;
        let socket = self.unix(id)?;
        match (level, name) {
            (libc::SOL_SOCKET, libc::SO_SNDBUF) => {
                socket.send_buffer = buffer(given, tcp::SMALLEST_SEND_BUFFER);
            }
            (libc::SOL_SOCKET, libc::SO_RCVBUF) => {
                socket.receive_buffer = buffer(given, tcp::SMALLEST_RECEIVE_BUFFER);
            }
            (
                libc::SOL_SOCKET,
                libc::SO_REUSEADDR
                | libc::SO_REUSEPORT
                | libc::SO_BROADCAST
                | libc::SO_KEEPALIVE
                | libc::SO_LINGER,
            ) => {}
            (libc::SOL_SOCKET, _) => return Err(Errno::ENOPROTOOPT),
            // Other levels are not of Unix sockets.
            _ => return Err(Errno::EOPNOTSUPP),
        }
        Ok(())
    }

    fn get_unix(&mut self, host: HostId, id: ObjectId, level: i32, name: i32) -> Result<Vec<u8>> {
        let socket = self.unix(id)?;
        let value = match (level, name) {
            (libc::SOL_SOCKET, libc::SO_SNDBUF) => socket.send_buffer as i32,
            (libc::SOL_SOCKET, libc::SO_RCVBUF) => socket.receive_buffer as i32,
            (
                libc::SOL_SOCKET,
                libc::SO_REUSEADDR | libc::SO_REUSEPORT | libc::SO_BROADCAST | libc::SO_KEEPALIVE,
            ) => 0,
            (libc::SOL_SOCKET, libc::SO_LINGER) => return Ok(vec![0; 8]),
            (libc::SOL_SOCKET, libc::SO_PEERCRED) => {
                // `struct ucred`: the one process of the host, and root.
                let process = host.0 as i32 + 1;
                return Ok([process, 0, 0].map(i32::to_ne_bytes).concat());
            }
            (libc::SOL_SOCKET, _) => return Err(Errno::ENOPROTOOPT),
            _ => return Err(Errno::EOPNOTSUPP),
        };
        Ok(value.to_ne_bytes().to_vec())
    }

    /// What kind of socket it is: domain, type, protocol, whether it listens.
    fn nature(&mut self, id: ObjectId) -> Result<(i32, i32, i32, bool)> {
        let family = |is_v6: bool| if is_v6 { libc::AF_INET6 } else { libc::AF_INET };
        match &self.object(id).kind {
            Kind::Tcp(tcp) => {
                let tcp = *tcp;
                let listens = self.tcp_is_listening(tcp);
                let domain = family(self.tcp_is_v6(tcp));
                Ok((domain, libc::SOCK_STREAM, libc::IPPROTO_TCP, listens))
            }
            Kind::Udp(socket) => {
                Ok((family(socket.is_v6), libc::SOCK_DGRAM, libc::IPPROTO_UDP, false))
            }
            Kind::Unix(socket) => {
                let kind = match socket.form {
                    Form::Stream => libc::SOCK_STREAM,
                    Form::Datagram => libc::SOCK_DGRAM,
                    Form::Packets => libc::SOCK_SEQPACKET,
                };
                Ok((libc::AF_UNIX, kind, 0, socket.is_listening()))
            }
            _ => Err(Errno::ENOTSOCK),
        }
    }
}

/// # Options of sockets
impl Os {
    /// The raw bytes of the value. Unknown options are `ENOPROTOOPT`.
    pub(crate) fn set_option(
        &mut self,
        host: HostId,
        now: Nanos,
        fd: Fd,
        level: i32,
        name: i32,
        value: &[u8],
    ) -> Result<()> {
        self.begin(now);
        let id = self.socket_of(host, fd)?;
        if level == libc::SOL_SOCKET && self.set_of_all(id, name, value)? {
            return Ok(());
        }
        if KEPT.contains(&(level, name)) {
            let value = number(value)?;
            self.keep(id, (level, name), value);
            return Ok(());
        }
        match &self.object(id).kind {
            Kind::Tcp(tcp) => {
                let tcp = *tcp;
                self.set_tcp(tcp, level, name, value)?;
            }
            Kind::Udp(_) => self.set_udp(id, level, name, value)?,
            _ => self.set_unix(id, level, name, value)?,
        }
        self.deliver_local();
        Ok(())
    }

    /// Writes the raw bytes of the value, cut to `value`; returns how many.
    pub(crate) fn get_option(
        &mut self,
        host: HostId,
        now: Nanos,
        fd: Fd,
        level: i32,
        name: i32,
        value: &mut [u8],
    ) -> Result<usize> {
        self.begin(now);
        let id = self.socket_of(host, fd)?;
        let bytes = self.option_bytes(host, id, level, name)?;
        let count = bytes.len().min(value.len());
        value[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn option_bytes(
        &mut self,
        host: HostId,
        id: ObjectId,
        level: i32,
        name: i32,
    ) -> Result<Vec<u8>> {
        let (domain, kind, protocol, listens) = self.nature(id)?;
        let number = |value: i32| Ok(value.to_ne_bytes().to_vec());
        if level == libc::SOL_SOCKET {
            match name {
                libc::SO_TYPE => return number(kind),
                libc::SO_DOMAIN => return number(domain),
                libc::SO_PROTOCOL => return number(protocol),
                libc::SO_ACCEPTCONN => return number(listens.into()),
                libc::SO_ERROR => {
                    let error = self.take_error(id);
                    return number(error.map_or(0, |error| error.0));
                }
                libc::SO_RCVTIMEO => return Ok(time_bytes(self.common(id).receive_timeout)),
                libc::SO_SNDTIMEO => return Ok(time_bytes(self.common(id).send_timeout)),
                _ => {}
            }
        }
        if KEPT.contains(&(level, name)) {
            return number(self.kept(id, (level, name)));
        }
        match &self.object(id).kind {
            Kind::Tcp(tcp) => {
                let tcp = *tcp;
                self.get_tcp(tcp, level, name)
            }
            Kind::Udp(_) => self.get_udp(id, level, name),
            _ => self.get_unix(host, id, level, name),
        }
    }

    fn take_error(&mut self, id: ObjectId) -> Option<Errno> {
        match &mut self.object_mut(id).kind {
            Kind::Tcp(tcp) => {
                let tcp = *tcp;
                self.take_tcp_error(tcp)
            }
            Kind::Udp(socket) => socket.error.take(),
            Kind::Unix(socket) => socket.error.take(),
            _ => None,
        }
    }

    /// `SO_RCVTIMEO` or `SO_SNDTIMEO`; `None` waits for ever.
    pub(crate) fn timeout(
        &self,
        host: HostId,
        fd: Fd,
        direction: Direction,
    ) -> Result<Option<Nanos>> {
        let id = self.find(host, fd)?;
        let common = self.common.get(&id);
        Ok(common.and_then(|common| match direction {
            Direction::Read => common.receive_timeout,
            Direction::Write => common.send_timeout,
        }))
    }
}

//! Addresses of sockets, and the bytes in which system calls carry them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::errno::{Errno, Result};

/// The address of a socket.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum SockAddr {
    /// `AF_UNSPEC`: takes the peer of a datagram socket away.
    Unspecified,
    Inet(SocketAddr),
    Unix(UnixName),
}

/// The name of a Unix socket.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum UnixName {
    Unnamed,
    /// A path of the host's file system.
    Path(Vec<u8>),
    /// What follows the zero byte.
    Abstract(Vec<u8>),
}

/// `sun_path` has 108 bytes (unix(7)).
const SUN_PATH: usize = 108;
const SOCKADDR_IN: usize = 16;
const SOCKADDR_IN6: usize = 28;

impl SockAddr {
    /// Reads a `sockaddr` of Linux.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<SockAddr> {
        let &[f0, f1, ref rest @ ..] = bytes else { return Err(Errno::EINVAL) };
        match i32::from(u16::from_ne_bytes([f0, f1])) {
            libc::AF_UNSPEC => Ok(SockAddr::Unspecified),
            libc::AF_INET if bytes.len() >= SOCKADDR_IN => {
                let port = u16::from_be_bytes([rest[0], rest[1]]);
                let ip = Ipv4Addr::new(rest[2], rest[3], rest[4], rest[5]);
                Ok(SockAddr::Inet(SocketAddr::V4(SocketAddrV4::new(ip, port))))
            }
            // The scope may be missing (`SIN6_LEN_RFC2133` of the kernel).
            libc::AF_INET6 if bytes.len() >= SOCKADDR_IN6 - 4 => {
                let port = u16::from_be_bytes([rest[0], rest[1]]);
                let flow = u32::from_be_bytes([rest[2], rest[3], rest[4], rest[5]]);
                let mut ip = [0; 16];
                ip.copy_from_slice(&rest[6..22]);
                let scope =
                    rest.get(22..26).map_or(0, |s| u32::from_ne_bytes([s[0], s[1], s[2], s[3]]));
                let ip = Ipv6Addr::from(ip);
                Ok(SockAddr::Inet(SocketAddr::V6(SocketAddrV6::new(ip, port, flow, scope))))
            }
            libc::AF_UNIX if rest.len() <= SUN_PATH => Ok(SockAddr::Unix(match rest {
                [] => UnixName::Unnamed,
                [0, name @ ..] => UnixName::Abstract(name.to_vec()),
                path => {
                    let end = path.iter().position(|&byte| byte == 0).unwrap_or(path.len());
                    UnixName::Path(path[..end].to_vec())
                }
            })),
            libc::AF_INET | libc::AF_INET6 | libc::AF_UNIX => Err(Errno::EINVAL),
            _ => Err(Errno::EAFNOSUPPORT),
        }
    }

    /// Writes the `sockaddr` of Linux; its length is the address length.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let family = |family: i32| (family as u16).to_ne_bytes().to_vec();
        match self {
            SockAddr::Unspecified => family(libc::AF_UNSPEC),
            SockAddr::Inet(SocketAddr::V4(addr)) => {
                let mut bytes = family(libc::AF_INET);
                bytes.extend(addr.port().to_be_bytes());
                bytes.extend(addr.ip().octets());
                bytes.resize(SOCKADDR_IN, 0);
                bytes
            }
            SockAddr::Inet(SocketAddr::V6(addr)) => {
                let mut bytes = family(libc::AF_INET6);
                bytes.extend(addr.port().to_be_bytes());
                bytes.extend(addr.flowinfo().to_be_bytes());
                bytes.extend(addr.ip().octets());
                bytes.extend(addr.scope_id().to_ne_bytes());
                bytes
            }
            SockAddr::Unix(name) => {
                let mut bytes = family(libc::AF_UNIX);
                match name {
                    UnixName::Unnamed => {}
                    UnixName::Path(path) => {
                        bytes.extend(path);
                        bytes.push(0);
                    }
                    UnixName::Abstract(name) => {
                        bytes.push(0);
                        bytes.extend(name);
                    }
                }
                bytes
            }
        }
    }
}

/// An IPv4 address in IPv6's clothes (`::ffff:a.b.c.d`) becomes the IPv4 address that it means.
pub(crate) fn canonical(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(ip) => SocketAddr::new(IpAddr::V4(ip), v6.port()),
            None => SocketAddr::V6(v6),
        },
        v4 => v4,
    }
}

/// How a socket of IPv6 shows an IPv4 address.
pub(crate) fn mapped(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V4(v4) => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
        v6 => v6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_way_through_bytes() {
        let all = [
            SockAddr::Inet("1.2.3.4:56".parse().expect("an address")),
            SockAddr::Inet("[2001:db8::1]:443".parse().expect("an address")),
            SockAddr::Unix(UnixName::Unnamed),
            SockAddr::Unix(UnixName::Path(b"/run/x".to_vec())),
            SockAddr::Unix(UnixName::Abstract(b"x\0y".to_vec())),
        ];
        for addr in all {
            assert_eq!(SockAddr::from_bytes(&addr.to_bytes()), Ok(addr));
        }
    }

    #[test]
    fn bytes_that_are_no_address_are_refused() {
        assert_eq!(SockAddr::from_bytes(&[2]), Err(Errno::EINVAL));
        assert_eq!(SockAddr::from_bytes(&[2, 0, 1, 1]), Err(Errno::EINVAL));
        assert_eq!(SockAddr::from_bytes(&[77, 0, 1, 1]), Err(Errno::EAFNOSUPPORT));
    }
}

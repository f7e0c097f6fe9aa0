//! Control messages: the buffer of `sendmsg` and `recvmsg`, in the layout of 64-bit Linux (a length
//! of eight bytes that counts the header, level, type, data, padding to eight).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::errno::{Errno, Result};

const HEADER: usize = 16;

/// `UDP_SEGMENT` of `linux/udp.h`.
pub(super) const UDP_SEGMENT: i32 = 103;

/// A control message to send.
pub(super) struct Message<'a> {
    pub(super) level: i32,
    pub(super) kind: i32,
    pub(super) data: &'a [u8],
}

/// The messages in a buffer.
pub(super) fn parse(mut control: &[u8]) -> Result<Vec<Message<'_>>> {
    let mut all = Vec::new();
    while control.len() >= HEADER {
        let word = |at: usize| i32::from_ne_bytes([at, at + 1, at + 2, at + 3].map(|i| control[i]));
        let len = u64::from_ne_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| control[i])) as usize;
        if len < HEADER || len > control.len() {
            return Err(Errno::EINVAL);
        }
        all.push(Message { level: word(8), kind: word(12), data: &control[HEADER..len] });
        control = &control[len.next_multiple_of(8).min(control.len())..];
    }
    Ok(all)
}

/// Writes messages into a buffer while there is room.
pub(super) struct Writer<'a> {
    buffer: &'a mut [u8],
    pub(super) written: usize,
    /// A message did not fit: `MSG_CTRUNC`.
    pub(super) is_cut: bool,
}

impl Writer<'_> {
    pub(super) fn new(buffer: &mut [u8]) -> Writer<'_> {
        Writer { buffer, written: 0, is_cut: false }
    }

    pub(super) fn push(&mut self, level: i32, kind: i32, data: &[u8]) {
        let len = HEADER + data.len();
        let Some(place) = self.buffer.get_mut(self.written..self.written + len) else {
            self.is_cut = true;
            return;
        };
        place[..8].copy_from_slice(&(len as u64).to_ne_bytes());
        place[8..12].copy_from_slice(&level.to_ne_bytes());
        place[12..16].copy_from_slice(&kind.to_ne_bytes());
        place[HEADER..].copy_from_slice(data);
        self.written = (self.written + len.next_multiple_of(8)).min(self.buffer.len());
    }
}

/// The index that interfaces have here: 1 is loopback, 2 the one to all other hosts.
fn interface(ip: IpAddr) -> u32 {
    if ip.is_loopback() { 1 } else { 2 }
}

/// `struct in_pktinfo` of a packet that came to `ip`.
pub(super) fn packet_info_v4(ip: Ipv4Addr) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&interface(ip.into()).to_ne_bytes());
    bytes[4..8].copy_from_slice(&ip.octets());
    bytes[8..].copy_from_slice(&ip.octets());
    bytes
}

/// `struct in6_pktinfo` of a packet that came to `ip`.
pub(super) fn packet_info_v6(ip: IpAddr) -> [u8; 20] {
    let shown = match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let mut bytes = [0; 20];
    bytes[..16].copy_from_slice(&shown.octets());
    bytes[16..].copy_from_slice(&interface(ip).to_ne_bytes());
    bytes
}

/// The address that `IP_PKTINFO` or `IPV6_PKTINFO` wants to send from; `None` leaves the choice.
pub(super) fn source(message: &Message<'_>) -> Result<Option<IpAddr>> {
    let ip: IpAddr = match message.data.len() {
        12.. if message.level == libc::IPPROTO_IP => {
            let [a, b, c, d] = [4, 5, 6, 7].map(|i| message.data[i]);
            Ipv4Addr::new(a, b, c, d).into()
        }
        20.. if message.level == libc::IPPROTO_IPV6 => {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&message.data[..16]);
            let ip = Ipv6Addr::from(bytes);
            ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)
        }
        _ => return Err(Errno::EINVAL),
    };
    Ok((!ip.is_unspecified()).then_some(ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_way_through_a_buffer() {
        let mut buffer = [0; 64];
        let mut writer = Writer::new(&mut buffer);
        writer.push(1, 2, &[3]);
        writer.push(4, 5, &[6; 12]);
        assert!(!writer.is_cut);
        writer.push(7, 8, &[0; 12]);
        assert!(writer.is_cut);
        let written = writer.written;
        let all = parse(&buffer[..written]).expect("messages");
        let all: Vec<_> = all.iter().map(|m| (m.level, m.kind, m.data.to_vec())).collect();
        assert_eq!(all, [(1, 2, vec![3]), (4, 5, vec![6; 12])]);
    }

    #[test]
    fn a_length_that_does_not_fit_is_refused() {
        let mut buffer = [0; 24];
        buffer[..8].copy_from_slice(&99u64.to_ne_bytes());
        assert_eq!(parse(&buffer).err(), Some(Errno::EINVAL));
    }
}

//! Which ports are taken, and by whom.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::errno::{Errno, Result};
use super::{HostId, Os};

/// Linux gives out ports of `32768..=60999` (`ip_local_port_range`).
const FIRST: u16 = 32_768;
const LAST: u16 = 60_999;

/// What a socket says when it takes a port.
#[derive(Clone, Copy)]
pub(super) struct Claim {
    /// In the form of [`super::addr::canonical`].
    pub(super) addr: SocketAddr,
    /// Bound to `::` and open to IPv4 as well.
    pub(super) is_dual: bool,
    /// `SO_REUSEADDR`.
    pub(super) reuses_address: bool,
    /// `SO_REUSEPORT`.
    pub(super) reuses_port: bool,
    /// It listens: then `SO_REUSEADDR` does not help others. Never of UDP.
    pub(super) listens: bool,
}

impl Claim {
    fn has_family(&self, v6: bool) -> bool {
        self.addr.is_ipv6() == v6 || self.is_dual
    }

    fn overlaps(&self, other: &Claim) -> bool {
        if self.addr.ip().is_unspecified() || other.addr.ip().is_unspecified() {
            [false, true].iter().any(|&v6| self.has_family(v6) && other.has_family(v6))
        } else {
            self.addr.ip() == other.addr.ip()
        }
    }

    /// Whether this one cannot be made while the other is there. Who listens may come to those who
    /// do not: connections of a server that has ended keep nobody from starting it again.
    fn conflicts(&self, other: &Claim) -> bool {
        let share = (self.reuses_address && other.reuses_address && !other.listens)
            || (self.reuses_port && other.reuses_port);
        self.overlaps(other) && !share
    }

    /// How well it fits a packet to `to`: 0 is not at all.
    pub(super) fn fit(&self, to: IpAddr) -> u8 {
        if self.addr.ip() == to {
            3
        } else if !self.addr.ip().is_unspecified() {
            0
        } else if self.addr.is_ipv6() == to.is_ipv6() {
            2
        } else {
            u8::from(self.is_dual && to.is_ipv4())
        }
    }
}

/// The two name spaces of ports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

/// The claims of a host. A holder is the number of a socket, whatever the protocol numbers.
#[derive(Default)]
pub(super) struct Ports {
    taken: BTreeMap<(Protocol, u16), Vec<(u64, Claim)>>,
}

impl Ports {
    pub(super) fn holders(&self, protocol: Protocol, port: u16) -> &[(u64, Claim)] {
        self.taken.get(&(protocol, port)).map_or(&[], |holders| holders)
    }

    /// Notes the claim without a look at others.
    pub(super) fn insert(&mut self, protocol: Protocol, holder: u64, claim: Claim) {
        self.remove(protocol, holder, claim.addr.port());
        self.taken.entry((protocol, claim.addr.port())).or_default().push((holder, claim));
    }

    pub(super) fn remove(&mut self, protocol: Protocol, holder: u64, port: u16) {
        if let Some(holders) = self.taken.get_mut(&(protocol, port)) {
            holders.retain(|(other, _)| *other != holder);
            if holders.is_empty() {
                self.taken.remove(&(protocol, port));
            }
        }
    }

    pub(super) fn is_free(&self, protocol: Protocol, holder: u64, claim: &Claim) -> bool {
        let holders = self.holders(protocol, claim.addr.port());
        holders.iter().all(|(other, theirs)| *other == holder || !claim.conflicts(theirs))
    }
}

impl Os {
    /// Takes the port for the holder, or a free one if the port is 0. Says which.
    pub(super) fn claim_port(
        &mut self,
        host: HostId,
        protocol: Protocol,
        holder: u64,
        mut claim: Claim,
    ) -> Result<SocketAddr> {
        if claim.addr.port() == 0 {
            claim.addr = self.pick_port(host, claim.addr, |ports, addr| {
                // A port of one's own: sharing is for ports that were named.
                ports.holders(protocol, addr.port()).iter().all(|(_, theirs)| {
                    !Claim { addr, reuses_address: false, reuses_port: false, ..claim }
                        .conflicts(theirs)
                })
            })?;
        } else if !self.host(host).ports.is_free(protocol, holder, &claim) {
            return Err(Errno::EADDRINUSE);
        }
        self.host_mut(host).ports.insert(protocol, holder, claim);
        Ok(claim.addr)
    }

    /// A port at random for which the test holds.
    pub(super) fn pick_port(
        &mut self,
        host: HostId,
        addr: SocketAddr,
        is_free: impl Fn(&Ports, SocketAddr) -> bool,
    ) -> Result<SocketAddr> {
        let count = u64::from(LAST - FIRST) + 1;
        let start = self.host_mut(host).entropy.below(count);
        for step in 0..count {
            let port = FIRST + ((start + step) % count) as u16;
            let candidate = SocketAddr::new(addr.ip(), port);
            if is_free(&self.host(host).ports, candidate) {
                return Ok(candidate);
            }
        }
        Err(Errno::EADDRINUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(addr: &str, is_dual: bool) -> Claim {
        Claim {
            addr: addr.parse().expect("an address"),
            is_dual,
            reuses_address: false,
            reuses_port: false,
            listens: false,
        }
    }

    #[test]
    fn a_wildcard_takes_the_port_on_every_address_of_its_families() {
        let (v4, v6, dual) =
            (claim("0.0.0.0:1", false), claim("[::]:1", false), claim("[::]:1", true));
        let one = claim("10.0.0.1:1", false);
        let two = claim("10.0.0.2:1", false);
        assert!(v4.conflicts(&one) && one.conflicts(&dual) && dual.conflicts(&v4));
        assert!(!v6.conflicts(&one) && !v6.conflicts(&v4) && !one.conflicts(&two));
        assert!(v6.conflicts(&dual) && v6.conflicts(&claim("[::1]:1", false)));
    }

    #[test]
    fn reuse_of_addresses_stops_at_listeners_and_reuse_of_ports_does_not() {
        let reuse = Claim { reuses_address: true, ..claim("0.0.0.0:1", false) };
        assert!(!reuse.conflicts(&reuse));
        assert!(reuse.conflicts(&Claim { listens: true, ..reuse }));
        assert!(!Claim { listens: true, ..reuse }.conflicts(&reuse));
        assert!(reuse.conflicts(&claim("0.0.0.0:1", false)));
        let share = Claim { reuses_port: true, listens: true, ..claim("0.0.0.0:1", false) };
        assert!(!share.conflicts(&share));
    }

    #[test]
    fn the_closest_claim_fits_best() {
        let to = "10.0.0.1".parse().expect("an address");
        assert_eq!(claim("10.0.0.1:1", false).fit(to), 3);
        assert_eq!(claim("0.0.0.0:1", false).fit(to), 2);
        assert_eq!(claim("[::]:1", true).fit(to), 1);
        assert_eq!(claim("[::]:1", false).fit(to), 0);
        assert_eq!(claim("10.0.0.2:1", false).fit(to), 0);
    }
}

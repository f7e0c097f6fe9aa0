//! Hosts, the links between them, and packets on their way.
//!
//! A packet goes out at a host, and its link decides whether, when and how often it arrives. A
//! packet that a host sends to itself by a loopback that takes no time is delivered before the
//! call that sent it returns, as Linux does it; everything else is an event of the queue.
//!
//! Each direction of each pair of hosts has a stream of random numbers of its own, made from the
//! two numbers, so traffic of one pair changes nothing for another.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::addr::SockAddr;
use super::disk::Disk;
use super::errno::{Errno, Result};
use super::ports::Ports;
use super::socket_names::SocketNames;
use super::stream::Stream;
use super::tcp::{Segment, TcpId};
use super::{Crash, Cut, HostId, Latency, LinkSpec, Nanos, ObjectId, Os, Unsynced};

pub(super) const SECOND: Nanos = 1_000_000_000;
pub(super) const MILLISECOND: Nanos = 1_000_000;

/// How much a link with a bandwidth holds back before it drops packets: what a second lets
/// through. Routers hold from a few milliseconds to some seconds.
const LONGEST_QUEUE: Nanos = SECOND;

/// What happens by itself.
pub(super) enum Happening {
    TimerEnds(ObjectId),
    Arrives(HostId, Box<Packet>),
    TcpTimer(TcpId),
}

pub(super) struct Host {
    pub(super) name: String,
    pub(super) addresses: Vec<IpAddr>,
    /// How it went down, while it is.
    pub(super) down: Option<Crash>,
    /// What its kernel decides by chance.
    pub(super) entropy: Stream,
    pub(super) ports: Ports,
    pub(super) socket_names: SocketNames,
    pub(super) disk: Box<Disk>,
}

/// One direction between two hosts.
struct Link {
    /// `None` is the default of all links.
    spec: Option<LinkSpec>,
    cut: Option<Cut>,
    stream: Stream,
    /// When the last packet arrives that was not reordered.
    last: Nanos,
    /// When the packets sent so far have left.
    free_at: Nanos,
}

pub(super) struct Packet {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) body: Body,
}

pub(super) enum Body {
    Segment(Segment),
    Datagram {
        data: Vec<u8>,
        class: u8,
    },
    /// ICMP: a packet did not get through. `from` and `to` are those of that packet.
    Failed {
        is_tcp: bool,
        key: u64,
        error: Errno,
    },
}

impl Packet {
    /// With headers: IP of 20 or 40 bytes, TCP of 20 and 12 for time stamps, UDP of 8.
    fn size(&self) -> usize {
        let ip = ip_header(self.to.ip());
        match &self.body {
            Body::Segment(segment) => ip + 32 + segment.data.len(),
            Body::Datagram { data, .. } => ip + 8 + data.len(),
            Body::Failed { .. } => ip + 36,
        }
    }
}

pub(super) fn ip_header(ip: IpAddr) -> usize {
    if ip.is_ipv4() { 20 } else { 40 }
}

pub(super) struct Network {
    default: LinkSpec,
    loopback: LinkSpec,
    links: std::collections::BTreeMap<(HostId, HostId), Link>,
    stream: Stream,
}

impl Network {
    pub(super) fn new(stream: Stream) -> Network {
        Network {
            default: LinkSpec::lan(),
            loopback: LinkSpec::loopback(),
            links: std::collections::BTreeMap::new(),
            stream,
        }
    }

    fn link(&mut self, from: HostId, to: HostId) -> &mut Link {
        let stream = &self.stream;
        self.links.entry((from, to)).or_insert_with(|| Link {
            spec: None,
            cut: None,
            stream: stream.sub_number(u64::from(from.0) << 32 | u64::from(to.0)),
            last: 0,
            free_at: 0,
        })
    }

    fn spec(&self, from: HostId, to: HostId) -> &LinkSpec {
        let own = self.links.get(&(from, to)).and_then(|link| link.spec.as_ref());
        own.unwrap_or(if from == to { &self.loopback } else { &self.default })
    }

    /// The largest packet from one host to another.
    pub(super) fn mtu(&self, from: HostId, to: HostId) -> usize {
        self.spec(from, to).mtu
    }

    /// How long a segment of at most `len` bytes becomes: the link may cut it.
    pub(super) fn cut_segment(&mut self, from: HostId, to: HostId, len: usize) -> usize {
        let cuts = self.spec(from, to).cuts;
        let stream = &mut self.link(from, to).stream;
        if len > 1 && stream.chance(cuts) { 1 + stream.below(len as u64 - 1) as usize } else { len }
    }

    /// When a packet that leaves at `now` arrives: at no time, once, or twice.
    fn arrivals(&mut self, now: Nanos, from: HostId, to: HostId, size: usize) -> Arrivals {
        let spec = self.spec(from, to).clone();
        let link = self.link(from, to);
        let mut leaves = now;
        if let Some(bandwidth) = spec.bandwidth {
            let starts = now.max(link.free_at);
            if starts - now > LONGEST_QUEUE {
                return Arrivals::default();
            }
            let takes = u128::from(SECOND) * size as u128 / u128::from(bandwidth.max(1));
            leaves = starts.saturating_add(takes as Nanos);
            link.free_at = leaves;
        }
        // A packet larger than the MTU travels in fragments; all of them must arrive.
        let fragments = size.div_ceil(spec.mtu.max(1)).max(1);
        if (0..fragments).fold(false, |lost, _| link.stream.chance(spec.loss) || lost) {
            return Arrivals::default();
        }
        let mut first = leaves.saturating_add(draw(&mut link.stream, spec.latency));
        if link.stream.chance(spec.reordering) {
            first = first.saturating_add(2 * draw(&mut link.stream, spec.latency));
        } else {
            first = first.max(link.last);
            link.last = first;
        }
        let second = link
            .stream
            .chance(spec.duplication)
            .then(|| first.saturating_add(draw(&mut link.stream, spec.latency)));
        Arrivals { first: Some(first), second }
    }
}

#[derive(Default)]
struct Arrivals {
    first: Option<Nanos>,
    second: Option<Nanos>,
}

fn draw(stream: &mut Stream, latency: Latency) -> Nanos {
    match latency {
        Latency::Constant(latency) => latency,
        Latency::Uniform { low, high } => stream.between(low, high),
        Latency::Exponential { low, mean } => {
            low.saturating_add((mean as f64 * -natural_log(1.0 - stream.unit())) as Nanos)
        }
    }
}

/// The natural logarithm of a number of `(0, 1]`, by additions, multiplications and divisions
/// alone: those give the same bits everywhere, the C library's function does not.
fn natural_log(x: f64) -> f64 {
    const LN_2: f64 = std::f64::consts::LN_2;
    let (mut mantissa, mut halvings) = (x, 0u32);
    while mantissa < 0.5 && halvings < 1100 {
        mantissa *= 2.0;
        halvings += 1;
    }
    // ln m = 2 artanh((m - 1) / (m + 1)); |z| <= 1/3, so twelve terms are good to 1e-12.
    let z = (mantissa - 1.0) / (mantissa + 1.0);
    let mut power = z;
    let mut sum = 0.0;
    for term in 0..12 {
        sum += power / f64::from(2 * term + 1);
        power *= z * z;
    }
    2.0 * sum - f64::from(halvings) * LN_2
}

impl Os {
    pub(super) fn host(&self, host: HostId) -> &Host {
        &self.hosts[host.0 as usize]
    }

    pub(super) fn host_mut(&mut self, host: HostId) -> &mut Host {
        &mut self.hosts[host.0 as usize]
    }

    /// Which host has the address, seen from `from`.
    pub(super) fn owner(&self, from: HostId, ip: IpAddr) -> Option<HostId> {
        if ip.is_loopback() { Some(from) } else { self.owners.get(&ip).copied() }
    }

    pub(super) fn is_own(&self, host: HostId, ip: IpAddr) -> bool {
        self.owner(host, ip) == Some(host)
    }

    /// The address that a packet to `to` comes from.
    pub(super) fn source_for(&self, host: HostId, to: IpAddr) -> Result<IpAddr> {
        match to {
            IpAddr::V4(ip) if ip.is_multicast() || ip.is_broadcast() => Err(Errno::ENETUNREACH),
            IpAddr::V6(ip) if ip.is_multicast() => Err(Errno::ENETUNREACH),
            IpAddr::V4(ip) if ip.is_loopback() => Ok(Ipv4Addr::LOCALHOST.into()),
            to if self.is_own(host, to) => Ok(to),
            to => {
                let mut own = self.host(host).addresses.iter();
                own.find(|own| own.is_ipv4() == to.is_ipv4()).copied().ok_or(Errno::ENETUNREACH)
            }
        }
    }

    /// A packet leaves a host.
    pub(super) fn transmit(&mut self, from: HostId, packet: Packet) {
        // An address that nobody has: the packet vanishes.
        if let Some(to) = self.owner(from, packet.to.ip()) {
            self.transmit_to(from, to, packet);
        }
    }

    /// A packet leaves for a host, whatever its addresses say: messages of ICMP carry those of the
    /// packet that they are about.
    pub(super) fn transmit_to(&mut self, from: HostId, to: HostId, packet: Packet) {
        if self.host(from).down == Some(Crash::Silent) {
            return;
        }
        match self.network.link(from, to).cut {
            Some(Cut::Silent) => return,
            Some(Cut::Unreachable) => return self.bounce(from, to, &packet),
            None => {}
        }
        let Arrivals { first, second } = self.network.arrivals(self.now, from, to, packet.size());
        if let Some(at) = second {
            let copy = packet.copy();
            self.queue.plan(at, Happening::Arrives(to, Box::new(copy)));
        }
        match first {
            Some(at) if from == to && at <= self.now => self.local.push_back((to, packet)),
            Some(at) => drop(self.queue.plan(at, Happening::Arrives(to, Box::new(packet)))),
            None => {}
        }
    }

    /// A router says that there is no way.
    fn bounce(&mut self, from: HostId, to: HostId, packet: &Packet) {
        let (is_tcp, key) = match &packet.body {
            Body::Segment(segment) => (true, segment.from_key),
            Body::Datagram { .. } => (false, 0),
            Body::Failed { .. } => return,
        };
        let latency = self.network.spec(from, to).latency;
        let at = self.now + draw(&mut self.network.link(from, to).stream, latency);
        let body = Body::Failed { is_tcp, key, error: Errno::EHOSTUNREACH };
        let failed = Packet { from: packet.from, to: packet.to, body };
        self.queue.plan(at, Happening::Arrives(from, Box::new(failed)));
    }

    /// What was sent over a loopback that takes no time arrives now, and what that causes too.
    pub(super) fn deliver_local(&mut self) {
        while let Some((host, packet)) = self.local.pop_front() {
            self.arrives(host, packet);
        }
    }

    pub(super) fn arrives(&mut self, host: HostId, packet: Packet) {
        if self.host(host).down == Some(Crash::Silent) {
            return;
        }
        match packet.body {
            Body::Segment(segment) => self.segment_arrives(host, packet.from, packet.to, segment),
            Body::Datagram { data, class } => {
                self.datagram_arrives(host, packet.from, packet.to, data, class);
            }
            Body::Failed { is_tcp: true, key, error } => {
                self.segment_failed(host, packet.from, packet.to, key, error);
            }
            Body::Failed { is_tcp: false, error, .. } => {
                self.datagram_failed(host, packet.from, packet.to, error);
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::TimerEnds(id) => self.timer_ends(id),
            Happening::Arrives(host, packet) => self.arrives(host, *packet),
            Happening::TcpTimer(id) => self.tcp_timer(id),
        }
        self.deliver_local();
    }

    /// Each call begins here: what was due happens first.
    pub(super) fn begin(&mut self, now: Nanos) {
        while let Some((at, happening)) = self.queue.pop(now) {
            self.now = self.now.max(at);
            self.happen(happening);
        }
        self.now = self.now.max(now);
    }
}

impl Packet {
    fn copy(&self) -> Packet {
        let body = match &self.body {
            Body::Segment(segment) => Body::Segment(segment.clone()),
            Body::Datagram { data, class } => Body::Datagram { data: data.clone(), class: *class },
            &Body::Failed { is_tcp, key, error } => Body::Failed { is_tcp, key, error },
        };
        Packet { from: self.from, to: self.to, body }
    }
}

/// # World
impl Os {
    /// A world without hosts. `entropy` decides what a kernel decides (ports, sequence numbers,
    /// what a crash leaves), `network` decides what happens to packets.
    pub(crate) fn new(entropy: Stream, network: Stream) -> Os {
        Os {
            now: 0,
            entropy,
            hosts: Vec::new(),
            owners: Default::default(),
            table: Default::default(),
            objects: Default::default(),
            next_object: 0,
            common: Default::default(),
            changes: Vec::new(),
            changed: Default::default(),
            queue: Default::default(),
            local: Default::default(),
            network: Network::new(network),
            pipes: Default::default(),
            next_pipe: 0,
            tcps: Default::default(),
            next_tcp: 0,
            flows: Default::default(),
        }
    }

    /// Adds a host that is up. `127.0.0.0/8` and `::1` are its own without being said.
    ///
    /// # Panics
    ///
    /// If another host has the name or an address.
    pub(crate) fn add_host(&mut self, name: &str, addresses: &[IpAddr]) -> HostId {
        assert!(
            self.hosts.iter().all(|host| !host.name.eq_ignore_ascii_case(name)),
            "there is a host `{name}` already: give each host a name of its own"
        );
        let id = HostId(self.hosts.len() as u32);
        for &address in addresses {
            let before = self.owners.insert(address, id);
            assert!(
                before.is_none(),
                "another host has the address {address} already: give each host its own"
            );
        }
        let entropy = self.entropy.sub(name);
        self.hosts.push(Host {
            name: name.to_owned(),
            addresses: addresses.to_vec(),
            down: None,
            ports: Ports::default(),
            socket_names: SocketNames::default(),
            disk: Box::new(Disk::new(entropy.sub("disk"))),
            entropy,
        });
        id
    }

    /// The host goes down: its descriptors are gone, and perhaps what it has not synced. Nothing
    /// happens if it is down.
    pub(crate) fn crash(&mut self, host: HostId, now: Nanos, how: Crash, unsynced: Unsynced) {
        self.begin(now);
        if self.host(host).down.is_some() {
            return;
        }
        if how != Crash::Closed {
            if how == Crash::Silent {
                self.host_mut(host).down = Some(how);
            }
            self.drop_connections(host);
        }
        for fd in self.descriptors_of(host) {
            self.close_quietly(host, fd);
        }
        self.host_mut(host).down = Some(how);
        self.deliver_local();
        match unsynced {
            Unsynced::Kept => {}
            Unsynced::Lost => self.host_mut(host).disk.lose_power(),
        }
    }

    /// The host is up again, without sockets. Nothing happens if it is up.
    pub(crate) fn restart(&mut self, host: HostId, now: Nanos) {
        self.begin(now);
        self.host_mut(host).down = None;
        self.restart_disk(host);
    }

    pub(crate) fn is_up(&self, host: HostId) -> bool {
        self.host(host).down.is_none()
    }

    /// The link of all pairs without one of their own, from now on. Loopbacks are not meant.
    #[cfg(test)]
    pub(crate) fn set_default_link(&mut self, spec: LinkSpec) {
        self.network.default = spec;
    }

    /// The link from one host to another, this direction only; a host to itself is its loopback.
    pub(crate) fn set_link(&mut self, from: HostId, to: HostId, spec: LinkSpec) {
        self.network.link(from, to).spec = Some(spec);
    }

    /// Cuts one direction, or mends it with `None`. What is under way still arrives.
    pub(crate) fn set_cut(&mut self, from: HostId, to: HostId, cut: Option<Cut>) {
        self.network.link(from, to).cut = cut;
    }

    /// When something happens by itself; `None` if never.
    pub(crate) fn next_event(&self) -> Option<Nanos> {
        self.queue.next()
    }

    /// Does what is due by then.
    pub(crate) fn advance(&mut self, now: Nanos) {
        self.begin(now);
    }

    /// The addresses behind a name (of a host, `localhost`, a number), as host `host` sees them;
    /// `ENOENT` for a name that nobody has. An empty list does not occur.
    pub(crate) fn resolve(&self, host: HostId, name: &str) -> Result<Vec<IpAddr>> {
        if let Ok(ip) = name.parse::<IpAddr>() {
            return Ok(vec![ip]);
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        // RFC 6761: all names below `localhost` are this host.
        let last = name.rsplit('.').next().unwrap_or(name);
        if last.eq_ignore_ascii_case("localhost") {
            return Ok(vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]);
        }
        let mut hosts = self.hosts.iter();
        let found = hosts.find(|found| found.name.eq_ignore_ascii_case(name));
        match found {
            Some(found) if found.addresses.is_empty() && found.name == self.host(host).name => {
                Ok(vec![Ipv4Addr::LOCALHOST.into()])
            }
            Some(found) if !found.addresses.is_empty() => Ok(found.addresses.clone()),
            _ => Err(Errno::ENOENT),
        }
    }

    /// The name of the host that has the address; `localhost` for loopback addresses.
    pub(crate) fn name_of(&self, host: HostId, address: IpAddr) -> Option<&str> {
        if address.is_loopback() {
            return Some("localhost");
        }
        Some(&self.host(self.owner(host, address)?).name)
    }

    pub(crate) fn host_name(&self, host: HostId) -> &str {
        &self.host(host).name
    }
}

/// The address that a call names, for sockets of the internet.
pub(super) fn inet(addr: &SockAddr, is_v6: bool) -> Result<SocketAddr> {
    match addr {
        SockAddr::Inet(addr) if addr.is_ipv6() == is_v6 => Ok(super::addr::canonical(*addr)),
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_that_of_the_library() {
        for step in 1..=1000 {
            let x = f64::from(step) / 1000.0;
            assert!((natural_log(x) - x.ln()).abs() < 1e-9, "{x}");
        }
        assert!((natural_log(1e-12) - (1e-12f64).ln()).abs() < 1e-9);
    }

    #[test]
    fn latencies_have_the_mean_that_was_asked_for() {
        let mut stream = Stream::new(4);
        let latency = Latency::Exponential { low: 1000, mean: 500 };
        let all: Vec<Nanos> = (0..10_000).map(|_| draw(&mut stream, latency)).collect();
        let mean = all.iter().sum::<Nanos>() / all.len() as u64;
        assert!((1450..1550).contains(&mean), "{mean}");
        assert!(all.iter().all(|&one| one >= 1000));
    }
}

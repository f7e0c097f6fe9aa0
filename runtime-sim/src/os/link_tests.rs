//! TCP and UDP over links that lose, double, reorder and cut, and to hosts that vanish.

use std::io::{IoSlice, IoSliceMut};
use std::net::SocketAddr;

use super::net::SECOND;
use super::*;

struct World {
    os: Os,
    a: HostId,
    b: HostId,
    now: Nanos,
}

impl World {
    fn new(seed: u64, spec: LinkSpec) -> World {
        let root = Stream::new(seed);
        let mut os = Os::new(root.sub("entropy"), root.sub("network"));
        let a = os.add_host("a", &["10.0.0.1".parse().expect("an address")]);
        let b = os.add_host("b", &["10.0.0.2".parse().expect("an address")]);
        os.set_default_link(spec);
        World { os, a, b, now: 0 }
    }

    /// Goes to the next event. False if nothing happens any more.
    fn step(&mut self) -> bool {
        let Some(next) = self.os.next_event() else { return false };
        self.now = self.now.max(next);
        self.os.advance(self.now);
        true
    }

    fn socket(&mut self, host: HostId, kind: i32) -> Fd {
        self.os.socket(host, libc::AF_INET, kind, 0).expect("a socket")
    }

    fn listener(&mut self) -> Fd {
        let fd = self.socket(self.b, libc::SOCK_STREAM);
        self.os.bind(self.b, self.now, fd, &address("10.0.0.2:80")).expect("a bind");
        self.os.listen(self.b, self.now, fd, 10).expect("a listener");
        fd
    }

    fn connect(&mut self) -> Fd {
        let fd = self.socket(self.a, libc::SOCK_STREAM);
        let begun = self.os.connect(self.a, self.now, fd, &address("10.0.0.2:80"));
        assert_eq!(begun, Err(Errno::EINPROGRESS));
        fd
    }

    fn connect_result(&mut self, fd: Fd) -> Result<()> {
        loop {
            match self.os.connect_result(self.a, self.now, fd) {
                Err(Errno::EAGAIN) => assert!(self.step(), "a connect that nothing ends"),
                result => return result,
            }
        }
    }

    fn pair(&mut self) -> (Fd, Fd) {
        let listener = self.listener();
        let client = self.connect();
        self.connect_result(client).expect("a connection");
        loop {
            match self.os.accept(self.b, self.now, listener, 0) {
                Ok((server, _)) => return (client, server),
                Err(Errno::EAGAIN) => assert!(self.step(), "a connection that never comes"),
                Err(error) => panic!("{error:?}"),
            }
        }
    }

    fn read(&mut self, host: HostId, fd: Fd) -> Result<Vec<u8>> {
        let mut bytes = [0; 5000];
        let mut bufs = [IoSliceMut::new(&mut bytes)];
        let count = self.os.read(host, self.now, fd, &mut bufs)?;
        Ok(bytes[..count].to_vec())
    }

    /// What a read ends with that waits.
    fn read_at_last(&mut self, host: HostId, fd: Fd) -> Result<Vec<u8>> {
        loop {
            match self.read(host, fd) {
                Err(Errno::EAGAIN) => assert!(self.step(), "a read that nothing ends"),
                result => return result,
            }
        }
    }

    fn write(&mut self, host: HostId, fd: Fd, bytes: &[u8]) -> Result<usize> {
        self.os.write(host, self.now, fd, &[IoSlice::new(bytes)])
    }
}

fn address(text: &str) -> SockAddr {
    SockAddr::Inet(text.parse::<SocketAddr>().expect("an address"))
}

fn bad() -> LinkSpec {
    LinkSpec { loss: 0.05, duplication: 0.05, reordering: 0.1, cuts: 0.3, ..LinkSpec::wan() }
}

/// Sends `len` bytes over a bad link; gives the times at which something was read.
fn transfer(seed: u64, len: usize) -> Vec<(Nanos, usize)> {
    let mut world = World::new(seed, bad());
    let (client, server) = world.pair();
    let mut data = vec![0; len];
    Stream::new(seed).fill(&mut data);
    let (mut sent, mut read, mut log) = (0, Vec::new(), Vec::new());
    loop {
        if sent < len {
            match world.write(world.a, client, &data[sent..]) {
                Ok(count) => sent += count,
                Err(error) => assert_eq!(error, Errno::EAGAIN),
            }
            if sent == len {
                world.os.close(world.a, world.now, client).expect("a close");
            }
        }
        match world.read(world.b, server) {
            Ok(bytes) if bytes.is_empty() => break,
            Ok(bytes) => {
                log.push((world.now, bytes.len()));
                read.extend(bytes);
            }
            Err(error) => {
                assert_eq!(error, Errno::EAGAIN, "seed {seed}");
                assert!(world.step(), "seed {seed}: stuck after {} of {len}", read.len());
            }
        }
    }
    assert!(read == data, "seed {seed}: other bytes came");
    log
}

#[test]
fn a_stream_arrives_whole_and_in_order_over_a_link_that_loses_doubles_and_reorders() {
    for seed in 0..40 {
        transfer(seed, 300_000);
    }
}

#[test]
fn one_seed_is_one_run_and_another_is_another() {
    assert_eq!(transfer(1, 50_000), transfer(1, 50_000));
    assert_ne!(transfer(1, 50_000), transfer(2, 50_000));
}

#[test]
fn a_connect_is_refused_reset_or_times_out_as_the_other_side_is() {
    let mut world = World::new(1, LinkSpec::lan());
    let client = world.connect();
    assert_eq!(world.connect_result(client), Err(Errno::ECONNREFUSED));

    world.listener();
    world.os.set_cut(world.a, world.b, Some(Cut::Silent));
    let (client, begun) = (world.connect(), world.now);
    assert_eq!(world.connect_result(client), Err(Errno::ETIMEDOUT));
    // Six more tries: 1 + 2 + 4 + 8 + 16 + 32 + 64 seconds.
    assert_eq!((world.now - begun) / SECOND, 127);

    world.os.set_cut(world.a, world.b, Some(Cut::Unreachable));
    let client = world.connect();
    assert_eq!(world.connect_result(client), Err(Errno::EHOSTUNREACH));
}

#[test]
fn a_partition_delays_what_was_written_until_it_is_mended_or_the_sender_gives_up() {
    let mut world = World::new(2, LinkSpec::lan());
    let (client, server) = world.pair();
    // One way only: acknowledgements still come through.
    world.os.set_cut(world.a, world.b, Some(Cut::Silent));
    world.write(world.a, client, b"late").expect("a write");
    let cut_at = world.now;
    while world.now < cut_at + 10 * SECOND {
        assert!(world.step());
        assert_eq!(world.read(world.b, server), Err(Errno::EAGAIN));
    }
    world.os.set_cut(world.a, world.b, None);
    assert_eq!(world.read_at_last(world.b, server), Ok(b"late".to_vec()));

    world.os.set_cut(world.a, world.b, Some(Cut::Silent));
    world.write(world.a, client, b"never").expect("a write");
    let cut_at = world.now;
    assert_eq!(world.read_at_last(world.a, client), Err(Errno::ETIMEDOUT));
    // Fifteen retries from 200 ms on: between 13 and 30 minutes (tcp(7)).
    assert!((800..1000).contains(&((world.now - cut_at) / SECOND)), "{}", world.now - cut_at);
}

/// Fills the window and both buffers: half of the receiver's 128 KiB, and the sender's own.
const ALL: usize = 65_536 + 87_040;

fn full(world: &mut World, client: Fd) {
    let mut sent = 0;
    let until = world.now + 60 * SECOND;
    while world.now < until {
        match world.write(world.a, client, &[7; 10_000]) {
            Ok(count) => sent += count,
            Err(error) => {
                assert_eq!(error, Errno::EAGAIN);
                assert!(world.step(), "the sender asks for a window");
            }
        }
    }
    assert_eq!(sent, ALL);
}

#[test]
fn a_full_window_stops_the_sender_and_a_reader_opens_it_at_once() {
    let mut world = World::new(3, LinkSpec::lan());
    let (client, server) = world.pair();
    full(&mut world, client);
    // Between two questions of the sender.
    world.now += SECOND / 20;
    let (mut read, begun) = (0, world.now);
    while read < ALL {
        read += world.read_at_last(world.b, server).expect("a read").len();
    }
    // The reader says so: nobody waits for the next question, which may take 200 ms.
    assert!(world.now - begun < SECOND / 100, "{}", world.now - begun);
    while world.step() {}
    let mask = world.os.readiness(world.a, world.now, client).expect("readiness");
    assert_ne!(mask & libc::EPOLLOUT as u32, 0);
}

#[test]
fn a_sender_finds_an_open_window_even_if_the_news_of_it_is_lost() {
    let mut world = World::new(3, LinkSpec::lan());
    let (client, server) = world.pair();
    full(&mut world, client);
    world.os.set_cut(world.b, world.a, Some(Cut::Silent));
    let mut read = 0;
    while let Ok(bytes) = world.read(world.b, server) {
        read += bytes.len();
    }
    assert_eq!(read, 65_536);
    world.os.set_cut(world.b, world.a, None);
    while read < ALL {
        read += world.read_at_last(world.b, server).expect("a read").len();
    }
}

#[test]
fn a_crash_resets_its_peers_or_leaves_them_in_silence_until_they_write_to_the_restarted_host() {
    let mut world = World::new(4, LinkSpec::lan());
    let (client, _) = world.pair();
    world.os.crash(world.b, world.now, Crash::Reset, Unsynced::Kept);
    assert_eq!(world.read_at_last(world.a, client), Err(Errno::ECONNRESET));

    world.os.restart(world.b, world.now);
    let (client, _) = world.pair();
    world.os.crash(world.b, world.now, Crash::Silent, Unsynced::Lost);
    while world.step() {}
    assert_eq!(world.read(world.a, client), Err(Errno::EAGAIN));
    world.os.restart(world.b, world.now);
    world.write(world.a, client, b"x").expect("a write");
    assert_eq!(world.read_at_last(world.a, client), Err(Errno::ECONNRESET));
}

#[test]
fn a_peer_that_is_gone_is_found_by_keep_alive() {
    let mut world = World::new(5, LinkSpec::lan());
    let (client, _) = world.pair();
    let number = |value: i32| value.to_ne_bytes();
    for (level, name, value) in [
        (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, 10),
        (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, 5),
        (libc::IPPROTO_TCP, libc::TCP_KEEPCNT, 3),
        (libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1),
    ] {
        let (host, now) = (world.a, world.now);
        world.os.set_option(host, now, client, level, name, &number(value)).expect("an option");
    }
    // While the peer lives, its answers keep the connection.
    let begun = world.now;
    while world.now < begun + 100 * SECOND {
        assert!(world.step());
        assert_eq!(world.read(world.a, client), Err(Errno::EAGAIN));
    }
    world.os.crash(world.b, world.now, Crash::Silent, Unsynced::Lost);
    let gone = world.now;
    assert_eq!(world.read_at_last(world.a, client), Err(Errno::ETIMEDOUT));
    assert!(world.now - gone <= 26 * SECOND, "{}", world.now - gone);
}

#[test]
fn datagrams_get_lost_come_twice_and_overtake_each_other_and_a_closed_port_is_told() {
    let spec = LinkSpec { loss: 0.2, duplication: 0.2, reordering: 0.2, ..LinkSpec::lan() };
    let mut world = World::new(6, spec);
    let server = world.socket(world.b, libc::SOCK_DGRAM);
    world.os.bind(world.b, 0, server, &address("10.0.0.2:53")).expect("a bind");
    let client = world.socket(world.a, libc::SOCK_DGRAM);
    world.os.connect(world.a, 0, client, &address("10.0.0.2:53")).expect("a peer");
    for number in 0..200u8 {
        world.now += 10_000;
        world.write(world.a, client, &[number]).expect("a datagram");
    }
    while world.step() {}
    let mut got = Vec::new();
    while let Ok(bytes) = world.read(world.b, server) {
        got.push(bytes[0]);
    }
    let mut kinds = got.clone();
    kinds.sort_unstable();
    kinds.dedup();
    assert!((120..195).contains(&kinds.len()), "{} of 200 came", kinds.len());
    assert!(got.len() > kinds.len() + 10, "some came twice");
    assert!(!got.is_sorted(), "some overtook others");

    world.os.set_default_link(LinkSpec::lan());
    world.os.close(world.b, world.now, server).expect("a close");
    world.write(world.a, client, b"x").expect("a datagram");
    while world.step() {}
    assert_eq!(world.write(world.a, client, b"y"), Err(Errno::ECONNREFUSED));
}

//! Programs that use `std::net` find a network of hosts with names.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use runtime_sim::{Network, Sim, Test};

/// Answers each line with the same line, on a thread for each connection.
fn echo_lines() -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:7000")?;
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || -> io::Result<()> {
            let mut writer = stream.try_clone()?;
            for line in BufReader::new(stream).lines() {
                writeln!(writer, "{}", line?)?;
            }
            Ok(())
        });
    }
    Ok(())
}

fn asks_for_lines() -> io::Result<()> {
    let stream = TcpStream::connect("server:7000")?;
    assert_eq!(stream.peer_addr()?.port(), 7000);
    let mut writer = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    let began = Instant::now();
    for number in 0..20 {
        writeln!(writer, "line {number} {}", "x".repeat(number * 500))?;
        let line = lines.next().unwrap()?;
        assert!(line.starts_with(&format!("line {number} ")));
        assert_eq!(line.matches('x').count(), number * 500);
    }
    // There and back, twenty times, 20 ms or more each way.
    assert!(began.elapsed() >= Duration::from_millis(800), "{:?}", began.elapsed());
    Ok(())
}

fn lines(sim: &mut Sim) {
    sim.network(Network::wan().loss(0.02).cuts(0.2));
    sim.host("server", echo_lines);
    sim.client("one", asks_for_lines);
    sim.client("two", asks_for_lines);
}

#[test]
fn a_stream_between_hosts_is_the_same_run_in_each_process() {
    let test = Test::new("a_stream_between_hosts_is_the_same_run_in_each_process", lines);
    let report = test.clone().seeds(20).search();
    assert!(report.failure.is_none(), "{}", report.failure.unwrap().text);
    let pinned = test.hashes(0..10, 2);
    let anywhere = test.clone().random_addresses().hashes(0..10, 1);
    for (seed, (hashes, other)) in pinned.iter().zip(&anywhere).enumerate() {
        if !hashes.iter().chain(other).all(|hash| *hash == hashes[0]) {
            panic!("{}", test.first_difference(seed as u64).unwrap_or_default());
        }
    }
    let different: BTreeSet<u128> = pinned.iter().map(|hashes| hashes[0]).collect();
    assert_eq!(different.len(), 10);
}

fn names_and_addresses(sim: &mut Sim) {
    sim.host("first", || {
        let listener = TcpListener::bind("first:80").unwrap();
        assert_eq!(listener.local_addr().unwrap(), "10.0.0.1:80".parse::<SocketAddr>().unwrap());
        listener.accept().unwrap();
    });
    sim.client("second", || {
        let found: Vec<SocketAddr> = "first:80".to_socket_addrs().unwrap().collect();
        assert!(found.contains(&"10.0.0.1:80".parse().unwrap()), "{found:?}");
        assert!("nobody:80".to_socket_addrs().is_err());
        thread::sleep(Duration::from_millis(1));
        let refused = TcpStream::connect("first:81").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let nowhere = TcpListener::bind("first:90").unwrap_err();
        assert_eq!(nowhere.kind(), io::ErrorKind::AddrNotAvailable);
        // Loopback is a host's own: the first one's port is not there.
        assert!(TcpStream::connect("localhost:80").is_err());
        TcpStream::connect("first:80").unwrap();
    });
}

#[test]
fn names_are_those_of_hosts_and_loopback_is_a_hosts_own() {
    Test::new("names_are_those_of_hosts_and_loopback_is_a_hosts_own", names_and_addresses)
        .seeds(20)
        .run();
}

fn datagrams(sim: &mut Sim) {
    sim.network(Network::lan().loss(0.3));
    sim.host("sink", || -> () {
        let socket = UdpSocket::bind("0.0.0.0:9000").unwrap();
        let mut place = [0; 100];
        loop {
            let (length, from) = socket.recv_from(&mut place).unwrap();
            socket.send_to(&place[..length], from).unwrap();
        }
    });
    sim.client("source", || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let to = "sink:9000".to_socket_addrs().unwrap().find(SocketAddr::is_ipv4).unwrap();
        let mut answered = 0;
        for number in 0..100_u32 {
            socket.send_to(&number.to_le_bytes(), to).unwrap();
            let mut place = [0; 100];
            match socket.recv(&mut place) {
                Ok(_) => answered += 1,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
        // Both ways, 30 % are lost each way.
        assert!((25..75).contains(&answered), "{answered} of 100");
    });
}

#[test]
fn datagrams_get_lost() {
    Test::new("datagrams_get_lost", datagrams).seeds(20).run();
}

fn pairs(sim: &mut Sim) {
    sim.client("user", || {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let thread = thread::spawn(move || {
            let mut all = Vec::new();
            other.read_to_end(&mut all).unwrap();
            all.len()
        });
        for _ in 0..100 {
            one.write_all(&[7; 10_000]).unwrap();
        }
        drop(one);
        assert_eq!(thread.join().unwrap(), 1_000_000);
    });
}

#[test]
fn a_pair_within_a_host_carries_all_bytes() {
    Test::new("a_pair_within_a_host_carries_all_bytes", pairs).seeds(20).run();
}

//! Bugs of the kinds that distributed programs have: each is found, replayed and made small.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use runtime_sim::{Fault, FaultKind, Faults, Found, Network, Sim, Test};

/// Most faults and preemptions in the smallest run that is found.
const MOST_FAULTS: usize = 3;
const MOST_PREEMPTIONS: usize = 4;

/// How often each is replayed: `cargo xtask simulate replays` wants more.
fn replays() -> usize {
    std::env::var("PLANTED_BUGS_REPLAYS").map_or(10, |text| text.parse().unwrap())
}

/// Searches, and checks what the search has found. `says` is in the report.
fn is_found(name: &str, world: fn(&mut Sim), says: &str) -> Found {
    let test = Test::new(name, world).seeds(1000);
    let report = test.clone().search();
    let found = report.failure.unwrap_or_else(|| panic!("not found in {} seeds", report.seeds));
    let text = &found.text;
    assert!(text.contains(says), "something else was found: {text}");
    assert!(found.is_repeatable, "{text}");
    for replay in test.replay(found.outcome.seed, replays()) {
        assert_eq!(replay.hash, found.outcome.hash);
    }
    let preemptions = found.schedule.iter().flatten().filter(|made| made.preempts).count();
    eprintln!(
        "{name}: seed {}, {} seeds, {} faults and {preemptions} preemptions",
        found.outcome.seed,
        report.seeds,
        found.faults.len(),
    );
    assert!(found.faults.len() <= MOST_FAULTS, "{text}");
    assert!(preemptions <= MOST_PREEMPTIONS, "{text}");
    found
}

fn multi_thread() -> runtime::Runtime {
    runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Answers each line of each connection, on a thread for each.
fn serve_lines(
    port: u16,
    answer: impl Fn(&str) -> String + Clone + Send + 'static,
) -> io::Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", port))?;
    for stream in listener.incoming() {
        let (stream, answer) = (stream?, answer.clone());
        thread::spawn(move || {
            let Ok(mut writer) = stream.try_clone() else { return };
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                if writeln!(writer, "{}", answer(&line)).is_err() {
                    return;
                }
            }
        });
    }
    Ok(())
}

/// One line there, one back, on a new connection.
fn ask(host: &str, line: &str, patience: Duration) -> io::Result<String> {
    let address = host.to_socket_addrs()?.find(SocketAddr::is_ipv4);
    let mut stream = TcpStream::connect_timeout(&address.unwrap(), patience)?;
    stream.set_read_timeout(Some(patience))?;
    writeln!(stream, "{line}")?;
    let mut answer = String::new();
    match BufReader::new(stream).read_line(&mut answer)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(answer.trim_end().to_owned()),
    }
}

/// The same until there is an answer.
fn insist(host: &str, line: &str) -> String {
    loop {
        match ask(host, line, Duration::from_secs(1)) {
            Ok(answer) => return answer,
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

// ---- a lost update across an await ----

fn lost_update(sim: &mut Sim) {
    sim.client("user", || {
        multi_thread().block_on(async {
            let count = Arc::new(AtomicU64::new(0));
            let add = |count: Arc<AtomicU64>| async move {
                let before = count.load(Ordering::SeqCst);
                runtime::task::yield_now().await;
                count.store(before + 1, Ordering::SeqCst);
            };
            let tasks = [runtime::spawn(add(count.clone())), runtime::spawn(add(count.clone()))];
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(count.load(Ordering::SeqCst), 2, "an update was lost");
        });
    });
}

#[test]
fn an_update_that_is_lost_across_an_await() {
    is_found("an_update_that_is_lost_across_an_await", lost_update, "an update was lost");
}

// ---- data lost by a branch that is cancelled ----

fn cancelled_read(sim: &mut Sim) {
    use runtime::io::AsyncReadExt;
    sim.network(
        Network::lan().latency(Duration::from_millis(1), Duration::from_millis(30)).cuts(0.3),
    );
    sim.host("source", || -> io::Result<()> {
        let (mut stream, _) = TcpListener::bind("0.0.0.0:80")?.accept()?;
        for number in 0..50_u64 {
            stream.write_all(&number.to_be_bytes())?;
            thread::sleep(Duration::from_millis(7));
        }
        Ok(())
    });
    sim.client("sink", || {
        thread::sleep(Duration::from_millis(1));
        multi_thread().block_on(async {
            let mut stream = runtime::net::TcpStream::connect("source:80").await.unwrap();
            let mut expected = 0_u64;
            while expected < 50 {
                let mut place = [0; 8];
                runtime::select! {
                    read = stream.read_exact(&mut place) => {
                        if read.is_err() {
                            panic!("numbers are missing at the end");
                        }
                        assert_eq!(u64::from_be_bytes(place), expected, "bytes are missing");
                        expected += 1;
                    }
                    () = runtime::time::sleep(Duration::from_millis(20)) => {}
                }
            }
        });
    });
}

#[test]
fn bytes_that_a_cancelled_branch_had_read() {
    is_found("bytes_that_a_cancelled_branch_had_read", cancelled_read, "are missing");
}

// ---- a retry that writes twice ----

fn retry_writes_twice(sim: &mut Sim) {
    sim.faults(Faults::delays());
    sim.host("counter", || {
        let count = Arc::new(AtomicU64::new(0));
        serve_lines(80, move |line| match line {
            "add" => count.fetch_add(1, Ordering::SeqCst).to_string(),
            _ => count.load(Ordering::SeqCst).to_string(),
        })
    });
    sim.client("user", || {
        for _ in 0..20 {
            insist("counter:80", "add");
            thread::sleep(Duration::from_millis(500));
        }
        assert_eq!(insist("counter:80", "read"), "20", "something was added twice");
    });
}

#[test]
fn a_retry_that_writes_twice() {
    is_found("a_retry_that_writes_twice", retry_writes_twice, "added twice");
}

// ---- acknowledged before it is replicated ----

fn early_acknowledgement(sim: &mut Sim) {
    sim.faults(Faults::crashes());
    sim.host("primary", || {
        serve_lines(80, |line| {
            let line = line.to_owned();
            thread::spawn(move || {
                while ask("secondary:80", &line, Duration::from_secs(1)).is_err() {
                    thread::sleep(Duration::from_millis(100));
                }
            });
            "done".into()
        })
    });
    // The secondary's memory is its disk here: it keeps what it has, whatever happens.
    static KEPT: Mutex<Vec<String>> = Mutex::new(Vec::new());
    sim.host("secondary", || {
        serve_lines(80, |line| {
            let mut kept = KEPT.lock().unwrap();
            if !kept.iter().any(|known| known == line) {
                kept.push(line.to_owned());
            }
            "done".into()
        })
    });
    sim.client("user", || {
        for number in 0..20 {
            insist("primary:80", &format!("write {number}"));
            thread::sleep(Duration::from_millis(500));
        }
        thread::sleep(Duration::from_secs(10));
        let kept = KEPT.lock().unwrap().len();
        assert_eq!(kept, 20, "an acknowledged write is not there");
    });
}

#[test]
fn a_write_that_is_acknowledged_before_it_is_replicated() {
    let name = "a_write_that_is_acknowledged_before_it_is_replicated";
    is_found(name, early_acknowledgement, "acknowledged write is not there");
}

// ---- a livelock after a one-way partition ----

fn sessions(sim: &mut Sim) {
    sim.limit(Duration::from_secs(120));
    sim.faults(Faults::partitions().during(Duration::from_secs(5)));
    sim.host("receiver", || -> io::Result<()> {
        let socket = UdpSocket::bind("0.0.0.0:9000")?;
        let mut expected = 0_u32;
        loop {
            let mut place = [0; 4];
            let (_, from) = socket.recv_from(&mut place)?;
            // It tells which one it has to get, and takes nothing else.
            if u32::from_be_bytes(place) == expected {
                expected += 1;
            }
            socket.send_to(&expected.to_be_bytes(), from)?;
        }
    });
    sim.client("sender", || {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let to = "receiver:9000".to_socket_addrs().unwrap().find(SocketAddr::is_ipv4).unwrap();
        let (mut number, mut silent) = (0_u32, 0);
        while number < 40 {
            socket.send_to(&number.to_be_bytes(), to).unwrap();
            let mut place = [0; 4];
            match socket.recv(&mut place) {
                Ok(_) if u32::from_be_bytes(place) == number + 1 => {
                    (number, silent) = (number + 1, 0)
                }
                // Whoever wants another one has lost the session: begin again.
                Ok(_) => (number, silent) = (0, 0),
                Err(_) => silent += 1,
            }
            if silent == 5 {
                (number, silent) = (0, 0);
            }
            thread::sleep(Duration::from_millis(100));
        }
    });
}

#[test]
fn a_livelock_that_a_partition_leaves_behind() {
    is_found("a_livelock_that_a_partition_leaves_behind", sessions, "time limit");
}

// ---- what a restart forgets ----

fn stale_sessions(sim: &mut Sim) {
    sim.faults(Faults::crashes());
    sim.host("server", || {
        let users: Arc<Mutex<BTreeMap<u32, String>>> = Arc::default();
        serve_lines(80, move |line| {
            let mut users = users.lock().unwrap();
            let (word, rest) = line.split_once(' ').unwrap();
            match word {
                "login" => {
                    let session = users.len() as u32 + 1;
                    users.insert(session, rest.to_owned());
                    session.to_string()
                }
                _ => match users.get(&rest.parse().unwrap()) {
                    Some(user) => user.clone(),
                    None => "nobody".into(),
                },
            }
        })
    });
    for name in ["anna", "bert"] {
        sim.client(name, move || {
            let mut session = insist("server:80", &format!("login {name}"));
            for _ in 0..30 {
                thread::sleep(Duration::from_millis(300));
                match &*insist("server:80", &format!("who {session}")) {
                    "nobody" => session = insist("server:80", &format!("login {name}")),
                    other => assert_eq!(other, name, "somebody else's session"),
                }
            }
        });
    }
}

#[test]
fn a_session_that_outlives_its_server() {
    is_found("a_session_that_outlives_its_server", stale_sessions, "somebody else's session");
}

// ---- locks in two orders, by tasks ----

fn two_orders(sim: &mut Sim) {
    sim.client("user", || {
        multi_thread().block_on(async {
            let locks = Arc::new((runtime::sync::Mutex::new(()), runtime::sync::Mutex::new(())));
            let other = locks.clone();
            let task = runtime::spawn(async move {
                let _first = other.0.lock().await;
                runtime::task::yield_now().await;
                let _second = other.1.lock().await;
            });
            let task_too = runtime::spawn(async move {
                let _second = locks.1.lock().await;
                runtime::task::yield_now().await;
                let _first = locks.0.lock().await;
            });
            task.await.unwrap();
            task_too.await.unwrap();
        });
    });
}

#[test]
fn locks_that_tasks_take_in_two_orders() {
    is_found("locks_that_tasks_take_in_two_orders", two_orders, "deadlock");
}

// ---- a pool that is exhausted from within ----

fn exhausted_pool(sim: &mut Sim) {
    sim.client("user", || {
        multi_thread().block_on(async {
            let pool = Arc::new(runtime::sync::Semaphore::new(2));
            let tasks: Vec<_> = (0..3)
                .map(|_| {
                    let pool = pool.clone();
                    runtime::spawn(async move {
                        let _outer = pool.acquire().await.unwrap();
                        runtime::task::yield_now().await;
                        let _inner = pool.acquire().await.unwrap();
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn a_pool_that_its_own_users_exhaust() {
    is_found("a_pool_that_its_own_users_exhaust", exhausted_pool, "deadlock");
}

// ---- a lease that trusts clocks ----

fn lease(sim: &mut Sim) {
    sim.faults(Faults::clocks());
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    sim.host("keeper", move || {
        let free_at = Arc::new(Mutex::new(0));
        serve_lines(80, move |_| {
            let mut free_at = free_at.lock().unwrap();
            if *free_at > now() {
                return "no".into();
            }
            *free_at = now() + 1000;
            free_at.to_string()
        })
    });
    static HOLDERS: AtomicU32 = AtomicU32::new(0);
    for name in ["one", "two"] {
        sim.host(name, move || {
            for _ in 0..20 {
                if let Ok(until) = insist("keeper:80", "lease").parse::<u128>() {
                    // It works until its lease is over by its own clock.
                    let others = HOLDERS.fetch_add(1, Ordering::SeqCst);
                    assert_eq!(others, 0, "two hold the lease");
                    while now() + 300 < until {
                        thread::sleep(Duration::from_millis(50));
                    }
                    HOLDERS.fetch_sub(1, Ordering::SeqCst);
                }
                thread::sleep(Duration::from_millis(200));
            }
        });
    }
    sim.client("clock", || thread::sleep(Duration::from_secs(20)));
}

#[test]
fn a_lease_that_trusts_the_clock() {
    is_found("a_lease_that_trusts_the_clock", lease, "two hold the lease");
}

// ---- a lease that trusts the rate of clocks ----

/// Durations by monotonic clocks, so that no wrong time of day matters, and half a second to spare
/// for messages: enough, if all clocks go at one rate.
fn lease_by_rate(sim: &mut Sim) {
    const LEASE: Duration = Duration::from_secs(10);
    sim.faults(Faults::clocks().during(Duration::from_secs(40)));
    sim.host("keeper", || {
        let granted: Arc<Mutex<Option<Instant>>> = Arc::default();
        serve_lines(80, move |_| {
            let mut granted = granted.lock().unwrap();
            if granted.is_some_and(|since| since.elapsed() < LEASE) {
                return "no".into();
            }
            *granted = Some(Instant::now());
            "yes".into()
        })
    });
    static HOLDERS: AtomicU32 = AtomicU32::new(0);
    for name in ["one", "two"] {
        sim.host(name, || {
            for _ in 0..1000 {
                let asked = Instant::now();
                if insist("keeper:80", "lease") == "yes" {
                    let others = HOLDERS.fetch_add(1, Ordering::SeqCst);
                    assert_eq!(others, 0, "two hold the lease");
                    // From when it asked, which is before it was granted.
                    let left = (LEASE - Duration::from_millis(500)).saturating_sub(asked.elapsed());
                    thread::sleep(left);
                    HOLDERS.fetch_sub(1, Ordering::SeqCst);
                }
                thread::sleep(Duration::from_millis(200));
            }
        });
    }
    sim.client("clock", || thread::sleep(Duration::from_secs(60)));
}

#[test]
fn a_lease_that_trusts_the_rate_of_clocks() {
    let name = "a_lease_that_trusts_the_rate_of_clocks";
    let found = is_found(name, lease_by_rate, "two hold the lease");
    // It takes a clock that goes wrong, not one that is wrong.
    let takes_drift = |fault: &Fault| matches!(fault.kind, FaultKind::Drift { .. });
    assert!(!found.faults.is_empty() && found.faults.iter().all(takes_drift), "{}", found.text);
}

// ---- a half-close that truncates ----

fn half_close(sim: &mut Sim) {
    sim.faults(Faults::delays());
    sim.host("server", || -> io::Result<()> {
        for stream in TcpListener::bind("0.0.0.0:80")?.incoming() {
            let mut stream = stream?;
            let mut asked = Vec::new();
            stream.read_to_end(&mut asked)?;
            // The proxy may have gone; the next one is served anyway.
            let _ = stream.write_all(&asked.repeat(1000));
        }
        Ok(())
    });
    sim.host("proxy", || -> io::Result<()> {
        for stream in TcpListener::bind("0.0.0.0:80")?.incoming() {
            let (client, server) = (stream?, TcpStream::connect("server:80")?);
            let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
            let up = thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
                // Nothing can come any more, it thinks, so it closes all after a while.
                thread::sleep(Duration::from_millis(20));
                let _ = from.shutdown(Shutdown::Both);
                let _ = to.shutdown(Shutdown::Both);
            });
            let (mut from, mut to) = (server, client);
            let _ = io::copy(&mut from, &mut to);
            drop((from, to));
            up.join().unwrap();
        }
        Ok(())
    });
    sim.client("user", || {
        for _ in 0..20 {
            thread::sleep(Duration::from_millis(400));
            let mut stream = TcpStream::connect("proxy:80").unwrap();
            stream.write_all(b"abc").unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap_or_default();
            assert_eq!(answer.len(), 3000, "the answer is cut off");
        }
    });
}

#[test]
fn a_half_close_that_truncates() {
    is_found("a_half_close_that_truncates", half_close, "the answer is cut off");
}

// ---- a notification between the look and the wait ----

fn missed_notify(sim: &mut Sim) {
    sim.client("user", || {
        multi_thread().block_on(async {
            let shared = Arc::new((AtomicBool::new(false), runtime::sync::Notify::new()));
            let other = shared.clone();
            let waiter = runtime::spawn(async move {
                if !other.0.load(Ordering::SeqCst) {
                    runtime::task::spawn_blocking(|| ()).await.unwrap();
                    other.1.notified().await;
                }
            });
            runtime::task::spawn_blocking(|| ()).await.unwrap();
            shared.0.store(true, Ordering::SeqCst);
            shared.1.notify_waiters();
            waiter.await.unwrap();
        });
    });
}

#[test]
fn a_notification_that_nobody_waits_for_yet() {
    is_found("a_notification_that_nobody_waits_for_yet", missed_notify, "deadlock");
}

// ---- a parser that trusts the borders of segments ----

fn trusting_parser(sim: &mut Sim) {
    sim.network(Network::lan().cuts(0.05));
    sim.host("server", || -> io::Result<()> {
        let (mut stream, _) = TcpListener::bind("0.0.0.0:80")?.accept()?;
        let mut place = [0; 1024];
        loop {
            match stream.read(&mut place)? {
                0 => return Ok(()),
                length => {
                    let text = std::str::from_utf8(&place[..length]).unwrap();
                    let known = ["hello\n", "goodbye\n"].contains(&text);
                    assert!(known, "no message: {text:?}");
                    stream.write_all(b"ok\n")?;
                }
            }
        }
    });
    sim.client("user", || {
        thread::sleep(Duration::from_millis(1));
        let stream = TcpStream::connect("server:80").unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        for number in 0..20 {
            let message = if number % 2 == 0 { "hello\n" } else { "goodbye\n" };
            (&stream).write_all(message.as_bytes()).unwrap();
            lines.next().unwrap().unwrap();
        }
    });
}

#[test]
fn a_parser_that_trusts_the_borders_of_segments() {
    is_found("a_parser_that_trusts_the_borders_of_segments", trusting_parser, "no message");
}

// ---- a write that is acknowledged before it is on the disk ----

fn log_of_lines(sim: &mut Sim, syncs: bool) {
    sim.faults(Faults::crashes());
    sim.host("server", move || {
        serve_lines(80, move |line| {
            let keep = || -> io::Result<()> {
                let mut log = OpenOptions::new().create(true).append(true).open("log")?;
                writeln!(log, "{line}")?;
                if syncs {
                    log.sync_data()?;
                    // The name of a new file is its directory's.
                    File::open(".")?.sync_all()?;
                }
                Ok(())
            };
            if keep().is_ok() { "done".into() } else { "failed".into() }
        })
    });
    sim.client("user", || {
        for number in 0..20 {
            while insist("server:80", &format!("write {number}")) != "done" {}
            thread::sleep(Duration::from_millis(500));
        }
        let log = runtime_sim::world().file("server", "/data/log").unwrap();
        let log = String::from_utf8(log).unwrap();
        for number in 0..20 {
            let line = format!("write {number}");
            // A write that was lost may have left its place.
            let is_there = log.lines().any(|kept| kept.trim_start_matches('\0') == line);
            assert!(is_there, "an acknowledged write is not on the disk");
        }
    });
}

fn unsynced(sim: &mut Sim) {
    log_of_lines(sim, false);
}

#[test]
fn a_write_that_is_not_on_the_disk_yet() {
    is_found("a_write_that_is_not_on_the_disk_yet", unsynced, "write is not on the disk");
}

fn synced(sim: &mut Sim) {
    log_of_lines(sim, true);
}

#[test]
fn with_syncs_no_acknowledged_write_is_lost() {
    let test = Test::new("with_syncs_no_acknowledged_write_is_lost", synced).seeds(200);
    if let Some(found) = test.search().failure {
        panic!("{}", found.text);
    }
}

// ---- a shutdown that hangs ----

fn hanging_shutdown(sim: &mut Sim) {
    sim.client("user", || {
        let (results, received) = mpsc::sync_channel(1);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let worker = thread::spawn(move || {
            let mut number = 0;
            while !stopped.load(Ordering::SeqCst) {
                number += 1;
                thread::sleep(Duration::from_millis(1));
                // There must be room: somebody receives, as long as nobody has stopped it.
                results.send(number).unwrap();
            }
        });
        let began = Instant::now();
        for _ in 0..20 {
            received.recv().unwrap();
        }
        assert!(began.elapsed() < Duration::from_secs(1));
        thread::sleep(Duration::from_millis(2));
        stop.store(true, Ordering::SeqCst);
        worker.join().unwrap();
        drop(received);
    });
}

#[test]
fn a_shutdown_that_waits_for_whoever_waits_for_it() {
    is_found("a_shutdown_that_waits_for_whoever_waits_for_it", hanging_shutdown, "deadlock");
}

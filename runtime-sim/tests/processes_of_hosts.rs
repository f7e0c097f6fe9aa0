//! Each host is a process of its own, as far as it can see: environment, number, signals.

use std::collections::BTreeSet;
use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use runtime_sim::{Sim, Test, world};

fn passes(name: &str, world: fn(&mut Sim)) {
    if let Some(found) = Test::new(name, world).seeds(8).search().failure {
        panic!("{}", found.text);
    }
}

// ---- the environment ----

fn environments(sim: &mut Sim) {
    for name in ["one", "two"] {
        sim.host(name, move || {
            let of_test = std::env::var_os("PATH").is_some();
            for round in 0..20 {
                let expected = if name == "one" { Some("set".to_owned()) } else { None };
                if round == 0 {
                    assert_eq!(std::env::var("FOR_ONE").ok(), expected);
                } else {
                    assert_eq!(std::env::var("CHANGED").unwrap(), format!("{name} {}", round - 1));
                }
                // SAFETY: one thread runs at a time, and hosts have no others here.
                unsafe {
                    std::env::set_var("CHANGED", format!("{name} {round}"));
                    std::env::remove_var("FOR_ONE");
                }
                assert!(
                    std::env::vars()
                        .any(|(key, value)| key == "CHANGED" && value == format!("{name} {round}"))
                );
                assert_eq!(std::env::var_os("PATH").is_some(), of_test);
                std::thread::sleep(Duration::from_millis(10));
            }
        });
    }
    sim.client("user", || {
        std::thread::sleep(Duration::from_secs(1));
        assert!(std::env::var("CHANGED").is_err());
        // A new process has the environment that the test gave.
        world().crash("one");
        world().restart("one");
        std::thread::sleep(Duration::from_secs(1));
    });
    sim.environment("one", "FOR_ONE", "set");
}

#[test]
fn each_host_has_its_own_environment() {
    passes("each_host_has_its_own_environment", environments);
}

// ---- calls that a signal interrupts ----

extern "C" fn nothing(_: i32) {}

/// Calls `waits` on a thread, and sends the process a signal meanwhile, whose handler was installed
/// with these flags.
fn with_a_signal(flags: i32, waits: fn() -> io::Result<()>) {
    // SAFETY: the handler does nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(i32) as usize;
        action.sa_flags = flags;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
    }
    let waiting = std::thread::spawn(waits);
    std::thread::sleep(Duration::from_millis(100));
    world().signal("user", libc::SIGUSR1);
    waiting.join().unwrap().unwrap();
}

/// Waits for a datagram that comes after a second.
fn receives() -> io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sender = socket.try_clone().unwrap();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        sender.send_to(b"x", sender.local_addr().unwrap()).unwrap();
    });
    socket.recv(&mut [0; 8]).map(drop)
}

fn polls() -> io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut watched = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, which lives for the call.
    let ready = unsafe { libc::poll(&mut watched, 1, 1000) };
    if ready < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn sleeps() -> io::Result<()> {
    let began = Instant::now();
    std::thread::sleep(Duration::from_secs(1));
    assert!(began.elapsed() >= Duration::from_secs(1), "it slept for {:?}", began.elapsed());
    Ok(())
}

fn interrupted_receive(sim: &mut Sim) {
    sim.client("user", || with_a_signal(0, receives));
}

fn restarted_receive(sim: &mut Sim) {
    sim.client("user", || with_a_signal(libc::SA_RESTART, receives));
}

fn interrupted_poll(sim: &mut Sim) {
    sim.client("user", || with_a_signal(libc::SA_RESTART, polls));
}

fn interrupted_sleep(sim: &mut Sim) {
    sim.client("user", || with_a_signal(0, sleeps));
}

#[test]
fn a_signal_interrupts_a_call_that_waits() {
    let name = "a_signal_interrupts_a_call_that_waits";
    // `recv` of std does not try again.
    let found = Test::new(name, interrupted_receive).seeds(100).without_shrinking().search();
    let text = found.failure.expect("no seed has interrupted the call").text;
    assert!(text.contains("Interrupted"), "{text}");
}

#[test]
fn a_call_is_restarted_after_a_signal_if_the_handler_wants_it() {
    passes("a_call_is_restarted_after_a_signal_if_the_handler_wants_it", restarted_receive);
}

#[test]
fn poll_is_never_restarted() {
    let test = Test::new("poll_is_never_restarted", interrupted_poll).seeds(100);
    let text = test.without_shrinking().search().failure.expect("no seed").text;
    assert!(text.contains("Interrupted"), "{text}");
}

#[test]
fn a_sleep_of_std_lasts_its_time_in_spite_of_signals() {
    let name = "a_sleep_of_std_lasts_its_time_in_spite_of_signals";
    if let Some(found) = Test::new(name, interrupted_sleep).seeds(50).search().failure {
        panic!("{}", found.text);
    }
}

// ---- the number ----

fn numbers(sim: &mut Sim) {
    static SEEN: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());
    for name in ["one", "two"] {
        sim.host(name, || {
            SEEN.lock().unwrap().insert(std::process::id());
        });
    }
    sim.client("user", || {
        std::thread::sleep(Duration::from_millis(10));
        world().crash("one");
        world().restart("one");
        std::thread::sleep(Duration::from_millis(10));
        assert_eq!(SEEN.lock().unwrap().len(), 3);
    });
}

#[test]
fn each_start_of_a_host_is_a_process_with_a_number_of_its_own() {
    passes("each_start_of_a_host_is_a_process_with_a_number_of_its_own", numbers);
}

// ---- signals ----

fn graceful(sim: &mut Sim) {
    for name in ["one", "two"] {
        sim.host(name, || -> io::Result<()> {
            let mut builder = runtime::Builder::new_multi_thread();
            builder.worker_threads(2).enable_all().build()?.block_on(async {
                use runtime::signal::unix::{SignalKind, signal};
                signal(SignalKind::terminate())?.recv().await;
                runtime::fs::write("/data/stopped", "x").await
            })
        });
    }
    sim.client("user", || {
        let world = world();
        for round in 1..4 {
            std::thread::sleep(Duration::from_millis(100));
            world.stop("one");
            std::thread::sleep(Duration::from_millis(100));
            assert!(world.has_returned("one") && world.is_up("one"));
            assert!(!world.has_returned("two"), "another host has heard it");
            assert_eq!(world.file("one", "/data/stopped").unwrap(), b"x");
            assert!(world.file("two", "/data/stopped").is_err());
            world.restart("one");
            assert_eq!(world.starts("one"), round + 1);
            assert!(!world.has_returned("one"));
        }
    });
}

#[test]
fn a_host_that_is_told_to_stop_can_end_well() {
    passes("a_host_that_is_told_to_stop_can_end_well", graceful);
}

fn interrupted(sim: &mut Sim) {
    sim.host("server", || {
        runtime::Runtime::new().unwrap().block_on(async {
            runtime::signal::ctrl_c().await.unwrap();
        });
    });
    sim.client("user", || {
        std::thread::sleep(Duration::from_millis(100));
        world().signal("server", libc::SIGINT);
        std::thread::sleep(Duration::from_millis(100));
        assert!(world().has_returned("server"));
    });
}

#[test]
fn a_host_hears_ctrl_c() {
    passes("a_host_hears_ctrl_c", interrupted);
}

fn unheard(sim: &mut Sim) {
    sim.host("server", || {
        let listener = std::net::TcpListener::bind("0.0.0.0:80").unwrap();
        let _first = listener.accept().unwrap();
        std::thread::sleep(Duration::from_secs(1000));
    });
    sim.host("itself", || -> () {
        // SAFETY: it takes a number.
        unsafe { libc::raise(libc::SIGUSR1) };
        panic!("it has gone on");
    });
    sim.client("user", || {
        use std::io::Read;
        std::thread::sleep(Duration::from_millis(100));
        assert!(!world().is_up("itself"));
        let mut stream = std::net::TcpStream::connect("server:80").unwrap();
        std::thread::sleep(Duration::from_millis(100));
        world().stop("server");
        // The kernel closes what the process leaves.
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        assert!(!world().is_up("server"));
        world().stop("server");
        world().restart("server");
        std::thread::sleep(Duration::from_millis(100));
        assert!(world().is_up("server"));
    });
}

#[test]
fn a_host_that_does_not_listen_ends_by_the_signal() {
    passes("a_host_that_does_not_listen_ends_by_the_signal", unheard);
}

//! A client that sends garbage, never ends its line, never reads or connects a thousand times gets
//! an error or is cut off; others are answered meanwhile, and the program goes on.
#![cfg(target_os = "linux")]

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use runtime::Builder;
use tests::insight::{Program, ask, be_looked_into};
use tests::{eventually, forever, patience, role, slowness};

/// Tasks that make the dump far larger than a socket takes in.
const TASKS: usize = 10_000;

fn program() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for _ in 0..TASKS {
        runtime.spawn(forever(()));
    }
    be_looked_into();
    // It has run on all the time.
    assert_eq!(runtime.block_on(runtime.spawn(async { 1 })).unwrap(), 1);
    runtime.shutdown_background();
}

fn ends_well(program: Program) {
    let (status, errors) = program.end();
    assert!(status.success(), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
}

/// What a client reads until the program hangs up.
fn all_of(stream: &mut UnixStream) -> String {
    let mut text = Vec::new();
    match stream.read_to_end(&mut text) {
        Ok(_) => {}
        // It hangs up on what it has not read.
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn one_that_sends_garbage() {
    if role().as_deref() == Some("program") {
        return program();
    }
    let running = Program::start("one_that_sends_garbage", "program");
    let mut bytes = tests::Seeded::new(1);
    for _ in 0..200 {
        let mut stream = running.connect();
        let garbage: Vec<u8> = (0..bytes.below(3000)).map(|_| bytes.below(256) as u8).collect();
        let _ = stream.write_all(&garbage);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        all_of(&mut stream);
    }
    let mut stream = running.connect();
    stream.write_all(b"\xff\xfe\n").unwrap();
    assert_eq!(all_of(&mut stream), "error a request is a line of UTF-8\n");
    assert!(running.ask("hello").contains("\"protocol\":1"));
    ends_well(running);
}

#[test]
fn one_whose_line_does_not_end() {
    if role().as_deref() == Some("program") {
        return program();
    }
    let running = Program::start("one_whose_line_does_not_end", "program");
    let mut stream = running.connect();
    let endless = vec![b'x'; 1 << 20];
    // It is cut off long before all has been taken.
    while stream.write_all(&endless).is_ok() {}
    assert_eq!(all_of(&mut stream), "error a request is a line of at most 1024 bytes\n");
    // One that stops in the middle is cut off after its time.
    let mut slow = running.connect();
    slow.write_all(b"hel").unwrap();
    let begun = Instant::now();
    assert_eq!(all_of(&mut slow), "");
    assert!(begun.elapsed() > Duration::from_secs(5), "{:?}", begun.elapsed());
    ends_well(running);
}

/// The memory of a process.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn many_that_never_read() {
    if role().as_deref() == Some("program") {
        return program();
    }
    let running = Program::start("many_that_never_read", "program");
    let size = running.ask("dump").len() as u64;
    assert!(size > 1 << 20, "{size}");
    let before = memory(running.pid());
    // All places but one. Each asks as much as the socket takes.
    let requests = "dump\n".repeat(200);
    let mut silent: Vec<_> = (0..15).map(|_| running.connect()).collect();
    for stream in &mut silent {
        stream.write_all(requests.as_bytes()).unwrap();
    }
    // Others are answered meanwhile.
    let mut other = running.connect();
    for _ in 0..20 {
        assert!(ask(&mut other, "hello").unwrap().contains("\"protocol\":1"));
    }
    assert!(ask(&mut other, "metrics").unwrap().contains("\"tasks_alive\":10000"));
    // One answer each is kept, not two hundred. A sanitizer keeps what was freed for a while.
    let bound = (15 * size + (64 << 20)) * u64::from(slowness());
    let used = memory(running.pid()).saturating_sub(before);
    assert!(used < bound, "{used} of {bound}");
    // They lose their places.
    drop(other);
    eventually("those that do not read are cut off", || {
        let mut others: Vec<_> = (0..15).map(|_| running.connect()).collect();
        others.iter_mut().all(|other| ask(other, "hello").is_ok())
    });
    ends_well(running);
}

#[test]
fn one_that_connects_a_thousand_times() {
    if role().as_deref() == Some("program") {
        return program();
    }
    let running = Program::start("one_that_connects_a_thousand_times", "program");
    let mut all: Vec<_> = (0..1000).map(|_| running.connect()).collect();
    let mut answers = (0, 0);
    for stream in &mut all {
        // One that was turned away is hung up on, so that writing may fail; but the reason can be
        // read.
        match ask(stream, "hello") {
            Ok(hello) => {
                assert!(hello.contains("\"protocol\":1"));
                answers.0 += 1;
            }
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                assert_eq!(all_of(stream), "error too many connections\n");
                answers.1 += 1;
            }
            Err(error) => {
                assert_eq!(error.to_string(), "error too many connections");
                answers.1 += 1;
            }
        }
    }
    assert_eq!(answers, (16, 984));
    drop(all);
    let begun = Instant::now();
    while ask(&mut running.connect(), "hello").is_err() {
        assert!(begun.elapsed() < patience());
    }
    ends_well(running);
}

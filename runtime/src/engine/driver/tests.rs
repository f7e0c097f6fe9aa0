//! Tests the driver without a runtime: one thread polls one future and sleeps in the driver.

use std::future::{Future, poll_fn};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use super::*;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn turn(driver: &IoDriver, timeout: Option<Duration>) -> usize {
    let mut ready = WakeList::new();
    driver.try_acquire().expect("nobody holds the poll").wait(timeout, &mut ready).unwrap();
    let woken = ready.len();
    ready.wake_all();
    woken
}

fn block_on<F: Future>(driver: &IoDriver, future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
        turn(driver, Some(Duration::from_secs(5)));
    }
}

fn pair() -> (mio::net::TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    near.set_nonblocking(true).unwrap();
    let (far, _) = listener.accept().unwrap();
    (mio::net::TcpStream::from_std(near), far)
}

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

fn registered(driver: &Arc<IoDriver>) -> (Registration, mio::net::TcpStream, std::net::TcpStream) {
    let (mut near, far) = pair();
    let registration = driver.register(&mut near, 0, BOTH, Ready::EMPTY).unwrap();
    (registration, near, far)
}

fn read(
    registration: &Registration,
    stream: &mio::net::TcpStream,
    cx: &mut Context<'_>,
    buf: &mut [u8],
    calls: &mut usize,
) -> Poll<io::Result<usize>> {
    registration.poll_transfer(cx, Direction::Read, buf.len(), || {
        *calls += 1;
        Ok(((&*stream).read(buf)?, Short::IsOver))
    })
}

#[test]
fn an_event_ends_a_wait_and_a_short_read_needs_no_second_call() {
    let driver = IoDriver::new(Batch::default()).unwrap();
    let (registration, near, mut far) = registered(&driver);
    let (mut buf, mut calls) = ([0; 64], 0);
    for _ in 0..3 {
        far.write_all(b"hello").unwrap();
        let n =
            block_on(&driver, poll_fn(|cx| read(&registration, &near, cx, &mut buf, &mut calls)));
        assert_eq!(n.unwrap(), 5);
    }
    let before = calls;
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(read(&registration, &near, cx, &mut buf, &mut calls).is_pending());
    assert_eq!(calls, before, "a short read has said that the stream is drained");
}

#[test]
fn data_and_end_that_come_together_are_both_seen() {
    let driver = IoDriver::new(Batch::default()).unwrap();
    let (registration, near, mut far) = registered(&driver);
    far.write_all(b"bye").unwrap();
    drop(far);
    std::thread::sleep(Duration::from_millis(20));
    let (mut buf, mut calls) = ([0; 64], 0);
    for expected in [3, 0] {
        let n =
            block_on(&driver, poll_fn(|cx| read(&registration, &near, cx, &mut buf, &mut calls)));
        assert_eq!(n.unwrap(), expected);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn urgent_data_does_not_strand_what_comes_after_it() {
    let driver = IoDriver::new(Batch::default()).unwrap();
    let (mut near, far) = pair();
    let interest = BOTH.add(Interest::PRIORITY);
    let registration = driver.register(&mut near, 0, interest, Ready::EMPTY).unwrap();
    let far = socket2::Socket::from(far);
    far.send(b"before").unwrap();
    far.send_out_of_band(b"!").unwrap();
    far.send(b"after").unwrap();
    std::thread::sleep(Duration::from_millis(20));
    turn(&driver, Some(Duration::ZERO));
    let (mut buf, mut calls, mut got) = ([0; 64], 0, Vec::new());
    while got.len() < 11 {
        let n =
            block_on(&driver, poll_fn(|cx| read(&registration, &near, cx, &mut buf, &mut calls)));
        got.extend_from_slice(&buf[..n.unwrap()]);
    }
    assert_eq!(got, b"beforeafter");
}

#[test]
fn every_waiter_of_a_source_is_woken_once() {
    let driver = IoDriver::new(Batch::default()).unwrap();
    let (registration, _near, mut far) = registered(&driver);
    let counts: Vec<_> = (0..10).map(|_| std::sync::Arc::new(Count::default())).collect();
    let mut waits: Vec<_> =
        counts.iter().map(|_| Box::pin(registration.ready(Interest::READABLE))).collect();
    for (wait, count) in waits.iter_mut().zip(&counts) {
        let waker = Waker::from(count.clone());
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    waits.truncate(9);
    far.write_all(b"x").unwrap();
    let start = Instant::now();
    while turn(&driver, Some(Duration::from_millis(100))) == 0 {
        assert!(start.elapsed() < Duration::from_secs(5));
    }
    for (i, count) in counts.iter().enumerate() {
        assert_eq!(count.0.load(Ordering::SeqCst), usize::from(i < 9), "waiter {i}");
    }
}

#[test]
fn an_event_of_a_former_tenant_finds_nobody() {
    let driver = IoDriver::new(Batch::default()).unwrap();
    let (registration, mut near, mut far) = registered(&driver);
    turn(&driver, Some(Duration::ZERO));
    far.write_all(b"x").unwrap();
    std::thread::sleep(Duration::from_millis(20));
    // The event is fetched under the poll's lock, and its source is removed before it is handled.
    let mut selector = driver.selector.lock();
    selector.select(Some(Duration::ZERO)).unwrap();
    let (token, _) = selector.events().next().unwrap();
    registration.deregister(&mut near).unwrap();
    drop(registration);
    let (second, ..) = registered(&driver);
    assert_eq!(token & 0xFFFF_FFFF, 0, "the place is used anew");
    assert!(driver.table.lock().get(token).is_none());
    drop(second);
}

#[test]
fn shutdown_ends_waits_and_refuses_what_comes_later() {
    let driver = IoDriver::new(Batch::default()).unwrap();
    let (registration, ..) = registered(&driver);
    let count = std::sync::Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let cx = &mut Context::from_waker(&waker);
    assert!(registration.poll_ready(cx, Direction::Read).is_pending());
    driver.shutdown();
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    for direction in [Direction::Read, Direction::Write] {
        match registration.poll_ready(cx, direction) {
            Poll::Ready(Err(e)) => assert_eq!(e.to_string(), messages::SHUT_DOWN),
            other => panic!("{other:?}"),
        }
    }
    let (mut near, _far) = pair();
    let refused = driver.register(&mut near, 0, BOTH, Ready::EMPTY).unwrap_err();
    assert_eq!(refused.to_string(), messages::SHUT_DOWN);
}

#[test]
fn a_wake_from_another_thread_ends_a_wait_without_limit() {
    let driver = IoDriver::new(Batch::default()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(20));
            assert!(driver.try_acquire().is_none(), "the sleeper holds the poll");
            driver.wake();
        });
        turn(&driver, None);
    });
    driver.wake();
    turn(&driver, None);
}

#[test]
fn a_wait_ends_neither_early_nor_a_millisecond_late() {
    let driver = IoDriver::new(Batch::default()).unwrap();
    for micros in [100, 700, 1_300, 10_500] {
        let wanted = Duration::from_micros(micros);
        let mut waits: Vec<_> = (0..20)
            .map(|_| {
                let start = Instant::now();
                turn(&driver, Some(wanted));
                start.elapsed()
            })
            .collect();
        waits.sort();
        // A signal of another test's child may end some early.
        assert!(waits[10] >= wanted, "{micros}: {waits:?}");
        let best = *waits.iter().find(|wait| **wait >= wanted).unwrap();
        if cfg!(target_os = "linux") {
            assert!(best < wanted + Duration::from_micros(800), "{micros}: {best:?}");
        }
    }
}

#[test]
fn counts_tell_what_came_and_went() {
    let driver = IoDriver::new(Batch::default()).unwrap();
    let (registration, mut near, _far) = registered(&driver);
    let second = registered(&driver);
    registration.deregister(&mut near).unwrap();
    drop(registration);
    turn(&driver, Some(Duration::ZERO));
    assert_eq!(driver.counts(), Counts { events: 1, registered: 2, deregistered: 1 });
    drop(second);
}

fn sockets() -> (mio::net::UdpSocket, std::net::UdpSocket) {
    let near = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let far = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    near.connect(far.local_addr().unwrap()).unwrap();
    far.connect(near.local_addr().unwrap()).unwrap();
    near.set_nonblocking(true).unwrap();
    (mio::net::UdpSocket::from_std(near), far)
}

/// A datagram comes, and whoever has the poll sees what there is to see.
fn datagram(driver: &IoDriver, far: &std::net::UdpSocket) {
    far.send(b"x").unwrap();
    turn(driver, Some(Duration::ZERO));
}

fn receive(
    registration: &Registration,
    socket: &mio::net::UdpSocket,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    registration.poll_io(cx, Direction::Read, || socket.recv(&mut [0; 8]))
}

#[cfg(target_os = "linux")]
#[test]
fn events_that_nobody_waits_for_end_until_somebody_does() {
    let driver = IoDriver::new(Batch::default()).unwrap();
    let (mut near, far) = sockets();
    let fd = near.as_raw_fd();
    let registration = driver.register_own(&mut near, fd, BOTH, Ready::EMPTY).unwrap();
    let cx = &mut Context::from_waker(Waker::noop());
    for round in 0..3 {
        let before = driver.counts().events;
        (0..100).for_each(|_| datagram(&driver, &far));
        let events = driver.counts().events - before;
        assert!((1..=10).contains(&events), "{events} events in round {round}");
        for _ in 0..100 {
            assert!(receive(&registration, &near, cx).is_ready());
        }
        // Nothing is left, so it waits, and is told of what comes.
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        assert!(receive(&registration, &near, &mut Context::from_waker(&waker)).is_pending());
        datagram(&driver, &far);
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert!(receive(&registration, &near, cx).is_ready());
    }
}

#[test]
fn who_only_tries_is_told_of_what_comes_after_many_events() {
    let driver = IoDriver::new(Batch::default()).unwrap();
    let (mut near, far) = sockets();
    let fd = near.as_raw_fd();
    let registration = driver.register_own(&mut near, fd, BOTH, Ready::EMPTY).unwrap();
    let attempt = || registration.try_own_io(Interest::READABLE, || near.recv(&mut [0; 8])).is_ok();
    for _ in 0..3 {
        (0..20).for_each(|_| datagram(&driver, &far));
        (0..20).for_each(|_| assert!(attempt()));
        assert!(!attempt());
        datagram(&driver, &far);
        assert!(attempt());
        assert!(!attempt());
    }
}

#[test]
fn a_source_that_is_gone_is_switched_by_nobody() {
    let driver = IoDriver::new(Batch::default()).unwrap();
    let (mut near, far) = sockets();
    let fd = near.as_raw_fd();
    let registration = driver.register_own(&mut near, fd, BOTH, Ready::EMPTY).unwrap();
    (0..20).for_each(|_| datagram(&driver, &far));
    registration.deregister(&mut near).unwrap();
    // The same number is another source's now.
    let other = driver.register(&mut near, fd, BOTH, Ready::EMPTY).unwrap();
    (0..20).for_each(|_| assert!(near.recv(&mut [0; 8]).is_ok()));
    let cx = &mut Context::from_waker(Waker::noop());
    while registration.poll_io(cx, Direction::Read, || near.recv(&mut [0; 8])).is_ready() {}
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    turn(&driver, Some(Duration::ZERO));
    assert!(receive(&other, &near, &mut Context::from_waker(&waker)).is_pending());
    datagram(&driver, &far);
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
}

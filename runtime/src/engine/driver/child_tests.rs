//! Tests a driver without a runtime that watches children, in each way there is.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::*;
use crate::engine::driver::Batch;
use crate::engine::messages;
use crate::engine::wake_list::WakeList;

fn turn(driver: &IoDriver) {
    let mut wakers = WakeList::new();
    let timeout = Some(Duration::from_millis(20));
    driver.try_acquire().unwrap().wait(timeout, &mut wakers).unwrap();
    wakers.wake_all();
}

fn until(driver: &IoDriver, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20));
        turn(driver);
    }
}

type Way = fn(&Child, &Arc<IoDriver>) -> io::Result<Watch>;

const WAYS: [Way; 2] = [Watch::new, |_, driver| Watch::by_signal(driver)];

/// A child that ends when its stdin is closed.
fn running(driver: &Arc<IoDriver>, way: Way) -> (Running, OwnedFd, u32) {
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let (stdin, pid) = (child.stdin.take().unwrap(), child.id());
    let watch = way(&child, driver).unwrap();
    (Running(Some(Watched { child, watch, killed: false })), OwnedFd::from(stdin), pid)
}

/// Whether the process exists, alive or as a zombie.
fn exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn an_end_ends_the_wait() {
    for way in WAYS {
        let driver = IoDriver::new(Batch::default()).unwrap();
        let (mut running, stdin, _) = running(&driver, way);
        assert!(running.poll_exit(Waker::noop(), || None).is_pending());
        drop(stdin);
        until(&driver, || match running.poll_exit(Waker::noop(), || None) {
            Poll::Pending => false,
            Poll::Ready(status) => status.unwrap().success(),
        });
    }
}

#[test]
fn an_end_before_the_watch_is_told() {
    for way in WAYS {
        let driver = IoDriver::new(Batch::default()).unwrap();
        let mut child = Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
        // The child has ended when its stdout has.
        io::copy(&mut child.stdout.take().unwrap(), &mut io::sink()).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        let watch = way(&child, &driver).unwrap();
        let mut running = Running(Some(Watched { child, watch, killed: false }));
        until(&driver, || running.poll_exit(Waker::noop(), || None).is_ready());
    }
}

#[test]
fn what_is_dropped_is_asked_for() {
    for way in WAYS {
        let driver = IoDriver::new(Batch::default()).unwrap();
        let (running, stdin, pid) = running(&driver, way);
        drop(running);
        turn(&driver);
        assert!(exists(pid));
        drop(stdin);
        until(&driver, || !exists(pid));
        let counts = driver.counts();
        assert_eq!(counts.registered, counts.deregistered);
    }
}

#[test]
fn an_orphan_outlives_its_driver_and_finds_another() {
    let other = IoDriver::new(Batch::default()).unwrap();
    for way in WAYS {
        let driver = IoDriver::new(Batch::default()).unwrap();
        let (running, stdin, pid) = running(&driver, way);
        drop(running);
        driver.shutdown();
        let weak = Arc::downgrade(&driver);
        drop(driver);
        assert!(weak.upgrade().is_none(), "the orphan keeps nothing of its former driver");
        assert!(exists(pid));
        drop(stdin);
        until(&other, || !exists(pid));
    }
}

#[test]
fn a_wait_moves_to_another_driver_or_says_that_its_own_is_shut() {
    for way in WAYS {
        let (driver, other) =
            (IoDriver::new(Batch::default()).unwrap(), IoDriver::new(Batch::default()).unwrap());
        let (mut running, stdin, _) = running(&driver, way);
        driver.shutdown();
        let error = match running.poll_exit(Waker::noop(), || None) {
            Poll::Ready(Err(error)) => error,
            poll => panic!("{poll:?}"),
        };
        assert_eq!(error.to_string(), messages::SHUT_DOWN);
        assert!(running.poll_exit(Waker::noop(), || Some(other.clone())).is_pending());
        drop(stdin);
        until(&other, || running.poll_exit(Waker::noop(), || None).is_ready());
    }
}

#[test]
fn a_child_that_cannot_be_watched_does_not_run_on() {
    let (driver, other) =
        (IoDriver::new(Batch::default()).unwrap(), IoDriver::new(Batch::default()).unwrap());
    driver.shutdown();
    let child = Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = child.id();
    let refused = Running::new(child, &driver).unwrap_err();
    assert_eq!(refused.to_string(), messages::SHUT_DOWN);
    until(&other, || !exists(pid));
}

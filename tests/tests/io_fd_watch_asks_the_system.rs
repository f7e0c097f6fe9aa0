//! `FdWatch` believes the system, and not what it has seen before: others read and write the
//! descriptor without telling.

use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::task::{Context, Poll};

use runtime::io::unix::FdWatch;
use runtime::task::yield_now;
use runtime::testing::CountingWaker;
use runtime::time::timeout;

/// Two connected sockets, the first of which is watched. The callers drop the watch before it.
fn watched() -> (FdWatch, UnixStream, UnixStream) {
    let (one, other) = UnixStream::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    // SAFETY: the callers drop the watch before the socket.
    let watch = unsafe { FdWatch::new(one.as_raw_fd()).unwrap() };
    (watch, one, other)
}

/// Whether a wait for reads is over at its first poll.
fn is_readable(watch: &FdWatch) -> bool {
    let counter = CountingWaker::new();
    let mut wait = pin!(watch.readable());
    wait.as_mut().poll(&mut Context::from_waker(counter.waker())).is_ready()
}

#[runtime::test]
async fn what_somebody_else_has_read_is_not_readable_any_more() {
    let (watch, mut one, mut other) = watched();
    other.write_all(b"ab").unwrap();
    watch.readable().await.unwrap();
    one.read_exact(&mut [0]).unwrap();
    assert!(is_readable(&watch), "a byte is left");
    one.read_exact(&mut [0]).unwrap();
    assert!(!is_readable(&watch), "nothing is left, and nobody said so");
    other.write_all(b"c").unwrap();
    watch.readable().await.unwrap();
    drop(other);
    one.read_exact(&mut [0]).unwrap();
    watch.readable().await.unwrap();
    assert_eq!(one.read(&mut [0]).unwrap(), 0);
}

#[runtime::test]
async fn what_somebody_else_has_filled_is_not_writable_any_more() {
    let (watch, mut one, mut other) = watched();
    watch.writable().await.unwrap();
    while one.write(&[0; 4096]).is_ok() {}
    let counter = CountingWaker::new();
    let mut wait = pin!(watch.writable());
    assert!(wait.as_mut().poll(&mut Context::from_waker(counter.waker())).is_pending());
    let reader = runtime::spawn_blocking(move || {
        let mut buf = [0; 4096];
        while other.read(&mut buf).unwrap() == buf.len() {}
        other
    });
    wait.await.unwrap();
    drop(reader);
}

#[runtime::test]
async fn waits_spend_no_budget() {
    let (watch, _one, mut other) = watched();
    other.write_all(b"x").unwrap();
    watch.readable().await.unwrap();
    let mut polls = 0;
    let mut many = pin!(async {
        for _ in 0..10_000 {
            watch.readable().await.unwrap();
        }
    });
    poll_fn(|cx| {
        polls += 1;
        many.as_mut().poll(cx)
    })
    .await;
    assert_eq!(polls, 1);
}

#[runtime::test]
async fn tasks_that_poll_in_turn_wake_each_other() {
    let (watch, _one, mut other) = watched();
    let (first, second) = (CountingWaker::new(), CountingWaker::new());
    let poll = |counter: &CountingWaker| {
        watch.poll_readable(&mut Context::from_waker(counter.waker())).is_ready()
    };
    assert!(!poll(&first) && !poll(&first));
    assert_eq!(first.count(), 0, "the same task");
    assert!(!poll(&second));
    assert_eq!((first.count(), second.count()), (1, 0), "the first one has lost its place");
    other.write_all(b"x").unwrap();
    watch.readable().await.unwrap();
    // The same event wakes it, perhaps a moment later.
    let woken = async {
        while second.count() != 1 {
            yield_now().await;
        }
    };
    timeout(tests::patience(), woken).await.expect("the second one is woken");
    assert!(poll(&first) && poll(&second));
}

#[runtime::test]
async fn a_wait_that_outlives_its_watch_harms_nobody() {
    let (watch, one, mut other) = watched();
    let counter = CountingWaker::new();
    let mut wait = pin!(watch.readable());
    assert!(wait.as_mut().poll(&mut Context::from_waker(counter.waker())).is_pending());
    drop(watch);
    other.write_all(b"x").unwrap();
    drop(one);
    assert!(wait.as_mut().poll(&mut Context::from_waker(counter.waker())).is_pending());
}

#[test]
fn after_the_runtime_waits_fail() {
    let runtime = runtime::Runtime::new().unwrap();
    let (watch, _one, _other) = {
        let _entered = runtime.enter();
        watched()
    };
    drop(runtime);
    let counter = CountingWaker::new();
    let mut wait = pin!(watch.readable());
    let polled = wait.as_mut().poll(&mut Context::from_waker(counter.waker()));
    assert!(matches!(polled, Poll::Ready(Err(_))), "{polled:?}");
}

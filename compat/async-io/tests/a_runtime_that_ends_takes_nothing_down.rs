//! What was made in a runtime goes on, or says that it does not, when that runtime has ended.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use async_io::{Async, Timer, block_on};
use futures_lite::{AsyncReadExt, AsyncWriteExt, future::poll_once};

const PATIENCE: Duration = Duration::from_secs(60);

fn a_runtime() -> runtime::Runtime {
    runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Runs `test` on a thread of its own, and fails if it hangs.
fn in_time(test: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        test();
        drop(done);
    });
    let ended = ended.recv_timeout(PATIENCE);
    assert_eq!(ended, Err(mpsc::RecvTimeoutError::Disconnected), "it hangs");
    thread.join().unwrap();
}

#[test]
fn a_timer_that_is_waited_for_fires_all_the_same() {
    in_time(|| {
        let runtime = a_runtime();
        let mut timer = Timer::after(Duration::from_millis(50));
        {
            let _entered = runtime.enter();
            assert!(block_on(poll_once(&mut timer)).is_none());
        }
        // The runtime ends while a thread outside sleeps until the timer fires.
        let (begins, begun) = mpsc::channel();
        let waits = thread::spawn(move || {
            begins.send(()).unwrap();
            block_on(timer)
        });
        begun.recv().unwrap();
        drop(runtime);
        waits.join().unwrap();
    });
}

#[test]
fn a_timer_is_made_anew_after_its_runtime_has_ended() {
    in_time(|| {
        let runtime = a_runtime();
        let mut timer = Timer::after(Duration::from_millis(20));
        {
            let _entered = runtime.enter();
            assert!(block_on(poll_once(&mut timer)).is_none());
        }
        drop(runtime);
        block_on(&mut timer);
        timer.set_after(Duration::from_millis(1));
        block_on(timer);
    });
}

#[test]
fn a_descriptor_says_that_its_runtime_has_ended() {
    in_time(|| {
        let runtime = a_runtime();
        let (mut one, other) = {
            let _entered = runtime.enter();
            Async::<UnixStream>::pair().unwrap()
        };
        let (begins, begun) = mpsc::channel();
        let reads = thread::spawn(move || {
            begins.send(()).unwrap();
            let error = block_on(one.read(&mut [0])).unwrap_err();
            // What needs no wait goes on; what waits says so again.
            assert_eq!(block_on(one.write(b"x")).unwrap(), 1);
            assert!(block_on(one.readable()).is_err());
            (error, one)
        });
        begun.recv().unwrap();
        drop(runtime);
        let (error, one) = reads.join().unwrap();
        assert_ne!(error.kind(), ErrorKind::WouldBlock, "{error}");
        // It can be taken out, and watched anew by the runtime that is there now.
        let mut one = Async::new(one.into_inner().unwrap()).unwrap();
        let mut other = Async::new(other.into_inner().unwrap()).unwrap();
        block_on(async {
            let mut buf = [0; 2];
            other.read_exact(&mut buf[..1]).await.unwrap();
            other.write_all(b"y").await.unwrap();
            one.read_exact(&mut buf[1..]).await.unwrap();
            assert_eq!(&buf, b"xy");
        });
    });
}

#[test]
fn a_descriptor_outlives_the_drop_of_its_runtime_in_any_order() {
    in_time(|| {
        for _ in 0..100 {
            let runtime = a_runtime();
            let entered = runtime.enter();
            let (one, other) = Async::<UnixStream>::pair().unwrap();
            let task = runtime.spawn(async move {
                let mut one = one;
                let _ = one.read(&mut [0]).await;
            });
            drop(entered);
            drop(runtime);
            drop(other);
            drop(task);
        }
    });
}

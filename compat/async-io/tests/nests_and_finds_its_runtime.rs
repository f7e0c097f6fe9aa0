//! `block_on` nests wherever it is called; timers and descriptors work there, in a runtime or none.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use async_io::{Async, Timer, block_on};
use futures_lite::AsyncReadExt;

/// Waits for a timer, and for a byte of another thread.
fn waits_for_both() {
    block_on(async {
        let (one, mut other) = UnixStream::pair().unwrap();
        let mut one = Async::new(one).unwrap();
        let start = Instant::now();
        let thread = std::thread::spawn(move || other.write_all(b"x").unwrap());
        one.read_exact(&mut [0]).await.unwrap();
        thread.join().unwrap();
        block_on(Timer::after(Duration::from_millis(5)));
        assert!(start.elapsed() >= Duration::from_millis(5));
    });
}

#[test]
fn without_a_runtime() {
    waits_for_both();
}

#[test]
fn in_a_task_of_the_only_worker() {
    let runtime =
        runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(runtime.spawn(async { waits_for_both() })).unwrap();
}

#[test]
fn in_a_runtime_of_one_thread() {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { waits_for_both() });
}

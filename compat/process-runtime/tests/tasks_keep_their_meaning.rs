//! A handle of async-task over a task of the runtime: what a drop, a cancel and a panic mean.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use futures_lite::future::block_on;
use process_runtime::spawn;

const PATIENCE: Duration = Duration::from_secs(60);

struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn the_output_comes_out() {
    assert_eq!(block_on(spawn(async { 6 * 7 })), 42);
}

#[test]
fn a_cancel_ends_when_the_future_is_dropped() {
    for _ in 0..1000 {
        let dropped = Arc::new(AtomicBool::new(false));
        let guard = Dropped(Arc::clone(&dropped));
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        assert_eq!(block_on(task.cancel()), None);
        assert!(dropped.load(Ordering::SeqCst));
    }
}

#[test]
fn a_drop_cancels_and_a_detached_task_goes_on() {
    let (sender, receiver) = mpsc::channel::<()>();
    drop(spawn(async move {
        let _sender = sender;
        pending::<()>().await;
    }));
    assert!(receiver.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Disconnected));
    let (sender, receiver) = mpsc::channel();
    spawn(async move { sender.send(1).unwrap() }).detach();
    assert_eq!(receiver.recv_timeout(PATIENCE), Ok(1));
}

#[test]
fn a_panic_reaches_who_awaits() {
    let task = spawn(async { std::panic::panic_any(7) });
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| block_on(task)));
    assert_eq!(panic.unwrap_err().downcast_ref::<i32>(), Some(&7));
}

#[test]
fn a_runtime_that_ends_ends_its_tasks() {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let task = {
        let _entered = runtime.enter();
        spawn(pending::<()>()).fallible()
    };
    drop(runtime);
    assert_eq!(block_on(task), None);
}

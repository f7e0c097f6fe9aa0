//! Models of `runtime/serial_thread.rs`.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};

use crate::engine::primitive::Parker;
use crate::runtime::serial_thread::SerialThread;

/// A job that waits beside a sleeping thread, or a thread that nobody tells of the end.
#[test]
fn what_was_added_is_done() {
    loom::model(|| {
        let thread = SerialThread::new("thread", 2);
        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..2 {
            let done = done.clone();
            let added = thread.add(Box::new(move || {
                done.fetch_add(1, Ordering::Relaxed);
            }));
            assert!(added.is_ok());
        }
        thread.close();
        assert!(thread.add(Box::new(|| ())).is_err());
        thread.join();
        assert_eq!(done.load(Ordering::Relaxed), 2);
    });
}

/// A job that runs only when another one comes, or at the end.
#[test]
fn work_is_done_while_nothing_else_comes() {
    loom::model(|| {
        let thread = SerialThread::new("thread", 2);
        let caller = Arc::new(Parker::new());
        assert!(thread.add(Box::new(|| ())).is_ok());
        let waiting = caller.clone();
        let added = thread.add(Box::new(move || {
            let _ = waiting.unpark();
        }));
        assert!(added.is_ok());
        caller.park();
        thread.close();
        thread.join();
    });
}

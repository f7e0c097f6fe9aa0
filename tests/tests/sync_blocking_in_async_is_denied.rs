//! A method that puts the thread to sleep panics, with advice, where that would stop other tasks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use runtime::sync::{Mutex, RwLock, Semaphore, broadcast, mpsc, oneshot};

fn denied<R>(f: impl FnOnce() -> R) {
    let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(f()))) else {
        panic!("it was let through")
    };
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
    assert!(text.contains("block"), "{text}");
}

#[test]
fn every_blocking_method_is_denied_inside_and_allowed_outside() {
    let runtime = runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        denied(|| Mutex::new(()).blocking_lock().to_owned());
        denied(|| drop(Arc::new(Mutex::new(())).blocking_lock_owned()));
        denied(|| drop(RwLock::new(()).blocking_read()));
        denied(|| drop(RwLock::new(()).blocking_write()));
        denied(|| drop(Semaphore::new(1).blocking_acquire()));
        denied(|| mpsc::channel(1).0.blocking_send(1));
        denied(|| mpsc::channel::<u8>(1).1.blocking_recv());
        denied(|| mpsc::unbounded_channel::<u8>().1.blocking_recv());
        denied(|| oneshot::channel::<u8>().1.blocking_recv());
        denied(|| broadcast::channel::<u8>(1).1.blocking_recv());
    });
    assert_eq!(*Mutex::new(1).blocking_lock(), 1);
    let value = runtime.spawn_blocking(|| *RwLock::new(2).blocking_read());
    assert_eq!(runtime.block_on(value).unwrap(), 2);
}

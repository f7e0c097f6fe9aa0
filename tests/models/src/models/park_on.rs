//! Models of `engine/park_on.rs`.

use std::future::poll_fn;
use std::task::{Poll, Waker};

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::engine::park_on::run;

/// Sleeps until another thread has set a flag and has used the waker as `wake` does.
fn sleep_until_woken(wake: fn(Waker)) {
    let shared = Arc::new((AtomicBool::new(false), Mutex::new(None::<Waker>)));
    let other = shared.clone();
    let thread = thread::spawn(move || {
        let (flag, waker) = &*other;
        flag.store(true, Ordering::Relaxed);
        let waker = waker.lock().unwrap().take();
        if let Some(waker) = waker {
            wake(waker);
        }
    });
    let (flag, waker) = &*shared;
    run(poll_fn(|cx| {
        *waker.lock().unwrap() = Some(cx.waker().clone());
        // The flag is set after the waker is there: the lock orders the two.
        if flag.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
    }));
    thread.join().unwrap();
}

/// A thread that sleeps on when its future is woken.
#[test]
fn a_wake_ends_the_sleep() {
    loom::model(|| sleep_until_woken(Waker::wake));
}

/// The same with a waker that is kept.
#[test]
fn a_wake_by_reference_ends_the_sleep() {
    loom::model(|| sleep_until_woken(|waker| waker.wake_by_ref()));
}

//! Models of `sync/mutex.rs`. A permit gives the right to the value, so these models check it
//! together with the semaphore.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use crate::sync::Mutex;

/// Two guards at once, or one that does not see what the other wrote.
#[test]
fn one_guard_at_a_time() {
    loom::model(|| {
        let mutex = Arc::new(Mutex::new(0));
        let other = mutex.clone();
        let thread = thread::spawn(move || *block_on(other.lock()) += 1);
        *block_on(mutex.lock()) += 1;
        thread.join().unwrap();
        assert_eq!(*mutex.try_lock().unwrap(), 2);
    });
}

/// A lock that is lost because the waiter leaves while it is given the lock.
#[test]
fn a_waiter_that_leaves_loses_no_lock() {
    loom::model(|| {
        let mutex = Arc::new(Mutex::new(0));
        let guard = mutex.try_lock().unwrap();
        let other = mutex.clone();
        let thread = thread::spawn(move || {
            let mut leaving = Box::pin(other.lock());
            let mut cx = Context::from_waker(Waker::noop());
            let _ = leaving.as_mut().poll(&mut cx);
            drop(leaving);
            *block_on(other.lock()) += 1;
        });
        drop(guard);
        *block_on(mutex.lock()) += 1;
        thread.join().unwrap();
        assert_eq!(*mutex.try_lock().unwrap(), 2);
    });
}

/// A `try_lock` that overtakes a waiter in line.
#[test]
fn nobody_overtakes() {
    loom::model(|| {
        let mutex = Arc::new(Mutex::new(false));
        let guard = mutex.try_lock().unwrap();
        let mut waiting = pin!(mutex.lock());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        let other = mutex.clone();
        let thread = thread::spawn(move || assert!(other.try_lock().is_err()));
        drop(guard);
        thread.join().unwrap();
        assert!(waiting.poll(&mut cx).is_ready());
    });
}

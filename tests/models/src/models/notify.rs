//! Models of `sync/notify.rs`.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use crate::sync::Notify;

struct Shared {
    notify: Notify,
    value: UnsafeCell<u32>,
}

// SAFETY: loom checks that no two accesses of the cell overlap.
unsafe impl Sync for Shared {}
// SAFETY: nothing in it is bound to a thread.
unsafe impl Send for Shared {}

impl Shared {
    fn new() -> Arc<Shared> {
        Arc::new(Shared { notify: Notify::new(), value: UnsafeCell::new(0) })
    }

    fn write(&self) {
        // SAFETY: loom checks that this is the only access.
        self.value.with_mut(|value| unsafe { *value = 1 });
    }

    fn read(&self) -> u32 {
        // SAFETY: loom checks that nobody writes meanwhile.
        self.value.with(|value| unsafe { *value })
    }
}

/// A notification that comes before, while or after the waiter lines up, and is lost; or one that
/// arrives without what came before it.
#[test]
fn one_notification_one_waiter() {
    loom::model(|| {
        let shared = Shared::new();
        let other = shared.clone();
        let thread = thread::spawn(move || {
            other.write();
            other.notify.notify_one();
        });
        block_on(shared.notify.notified());
        assert_eq!(shared.read(), 1);
        thread.join().unwrap();
    });
}

/// A second waiter that sleeps on although there were two notifications.
#[test]
fn two_notifications_two_waiters() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let shared = Shared::new();
        let mut first = pin!(shared.notify.notified());
        let mut second = pin!(shared.notify.notified());
        first.as_mut().enable();
        second.as_mut().enable();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let shared = shared.clone();
                thread::spawn(move || shared.notify.notify_one())
            })
            .collect();
        block_on(second);
        block_on(first);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// A notification that is lost with the waiter that was leaving.
#[test]
fn a_notification_passes_on() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let shared = Shared::new();
        let mut leaving = Box::pin(shared.notify.notified());
        leaving.as_mut().enable();
        let other = shared.clone();
        let notifier = thread::spawn(move || other.notify.notify_one());
        let other = shared.clone();
        let waiter = thread::spawn(move || block_on(other.notify.notified()));
        drop(leaving);
        notifier.join().unwrap();
        waiter.join().unwrap();
    });
}

/// A future made before `notify_waiters` that sleeps through it, or wakes without what came before,
/// whether somebody stood in line or not.
#[test]
fn all_who_came_before_are_notified() {
    for somebody in [false, true] {
        loom::model(move || {
            let shared = Shared::new();
            let notified = shared.notify.notified();
            let mut waiter = pin!(shared.notify.notified());
            if somebody {
                waiter.as_mut().enable();
            }
            let other = shared.clone();
            let thread = thread::spawn(move || {
                other.write();
                other.notify.notify_waiters();
            });
            block_on(notified);
            assert_eq!(shared.read(), 1);
            thread.join().unwrap();
        });
    }
}

/// A waiter that learns without the lock, and without having been woken, that all were notified,
/// and does not see what came before.
#[test]
fn who_was_notified_with_all_sees_what_came_before() {
    loom::model(|| {
        let shared = Shared::new();
        let mut notified = Box::pin(shared.notify.notified());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(notified.as_mut().poll(&mut cx).is_pending());
        let other = shared.clone();
        let thread = thread::spawn(move || {
            other.write();
            other.notify.notify_waiters();
        });
        while notified.as_mut().poll(&mut cx).is_pending() {
            thread::yield_now();
        }
        assert_eq!(shared.read(), 1);
        thread.join().unwrap();
    });
}

/// A notification that is lost with its waiter, because all were notified after that. In any order
/// one notification is left at the end: nobody stands in line to take it.
#[test]
fn a_notification_of_its_own_outlives_one_for_all() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let mut leaving = Box::pin(notify.notified());
        leaving.as_mut().enable();
        let other = notify.clone();
        let thread = thread::spawn(move || {
            other.notify_one();
            other.notify_waiters();
        });
        // loom by itself does not run the other thread before the first load.
        thread::yield_now();
        drop(leaving);
        thread.join().unwrap();
        assert!(pin!(notify.notified()).enable());
    });
}

/// A future made after `notify_waiters` whose maker does not see what came before that call, so
/// that it looks at an old condition and then sleeps for ever.
#[test]
fn who_comes_too_late_sees_the_condition() {
    loom::model(|| {
        let shared = Shared::new();
        let ready = Arc::new(loom::sync::atomic::AtomicBool::new(false));
        let (other, set) = (shared.clone(), ready.clone());
        let thread = thread::spawn(move || {
            set.store(true, loom::sync::atomic::Ordering::Relaxed);
            other.notify.notify_waiters();
        });
        let notified = shared.notify.notified();
        if !ready.load(loom::sync::atomic::Ordering::Relaxed) {
            block_on(notified);
        }
        thread.join().unwrap();
    });
}

/// A waiter whose place in line is forgotten when another leaves.
#[test]
fn who_leaves_takes_nobody_along() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let mut leaving = Box::pin(notify.notified());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(leaving.as_mut().poll(&mut cx).is_pending());
        let other = notify.clone();
        let thread = thread::spawn(move || {
            let mut staying = pin!(other.notified());
            staying.as_mut().enable();
            other.notify_waiters();
            block_on(staying);
        });
        drop(leaving);
        thread.join().unwrap();
    });
}

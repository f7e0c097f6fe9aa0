//! Models of `engine/fair_semaphore.rs`.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Waker};

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use crate::engine::fair_semaphore::{FairSemaphore, Refusal};
use crate::engine::insight::{Kind, Object};

struct Guarded {
    semaphore: FairSemaphore,
    value: UnsafeCell<u32>,
}

// SAFETY: loom checks that no two accesses of the cell overlap.
unsafe impl Sync for Guarded {}
// SAFETY: nothing in it is bound to a thread.
unsafe impl Send for Guarded {}

impl Guarded {
    fn new(permits: usize) -> Arc<Guarded> {
        let object = Object::new(Kind::Semaphore, Location::caller());
        let semaphore = FairSemaphore::new(permits, object);
        Arc::new(Guarded { semaphore, value: UnsafeCell::new(0) })
    }

    fn add_one(&self) {
        // SAFETY: loom checks that this holds the only access.
        self.value.with_mut(|value| unsafe { *value += 1 });
    }

    fn read(&self) -> u32 {
        // SAFETY: loom checks that nobody writes meanwhile.
        self.value.with(|value| unsafe { *value })
    }
}

fn model(preemptions: usize, body: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(body);
}

/// Two holders at once, a holder that does not see what the one before did, or a waiter that
/// sleeps through the release.
#[test]
fn one_at_a_time() {
    model(3, || {
        let guarded = Guarded::new(1);
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let guarded = guarded.clone();
                thread::spawn(move || {
                    block_on(guarded.semaphore.acquire(1)).unwrap();
                    guarded.add_one();
                    guarded.semaphore.release(1);
                })
            })
            .collect();
        block_on(guarded.semaphore.acquire(1)).unwrap();
        guarded.add_one();
        guarded.semaphore.release(1);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(guarded.read(), 3);
        assert_eq!(guarded.semaphore.available(), 1);
    });
}

/// A permit handed to a waiter that has just gone away, and lost with it.
#[test]
fn a_permit_passes_on_from_who_left() {
    model(3, || {
        let guarded = Guarded::new(0);
        let other = guarded.clone();
        let mut leaving = guarded.semaphore.acquire(1);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut leaving).poll(&mut cx).is_pending());
        let giver = guarded.clone();
        let giver = thread::spawn(move || giver.semaphore.release(1));
        let waiter = thread::spawn(move || block_on(other.semaphore.acquire(1)));
        drop(leaving);
        giver.join().unwrap();
        waiter.join().unwrap().unwrap();
        assert_eq!(guarded.semaphore.available(), 0);
    });
}

/// A waiter for one permit that sleeps on behind a waiter for many that has left.
#[test]
fn who_leaves_lets_the_next_go() {
    model(3, || {
        let guarded = Guarded::new(1);
        let mut greedy = guarded.semaphore.acquire(2);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut greedy).poll(&mut cx).is_pending());
        let other = guarded.clone();
        let waiter = thread::spawn(move || block_on(other.semaphore.acquire(1)));
        assert_eq!(guarded.semaphore.try_acquire(1), Err(Refusal::TooFew));
        drop(greedy);
        waiter.join().unwrap().unwrap();
        assert_eq!(guarded.semaphore.available(), 0);
    });
}

/// A waiter for many permits that is not served by releases that come one by one from two threads,
/// or that does not see what both threads did.
#[test]
fn many_are_gathered() {
    model(3, || {
        let guarded = Guarded::new(0);
        let second = Arc::new(UnsafeCell::new(0));
        let first_giver = guarded.clone();
        let first_giver = thread::spawn(move || {
            first_giver.add_one();
            first_giver.semaphore.release(1);
        });
        let (second_giver, written) = (guarded.clone(), second.clone());
        let second_giver = thread::spawn(move || {
            // SAFETY: loom checks that no two accesses overlap.
            written.with_mut(|value| unsafe { *value = 1 });
            second_giver.semaphore.release(1);
        });
        block_on(guarded.semaphore.acquire(2)).unwrap();
        // SAFETY: loom checks that no two accesses overlap.
        assert_eq!(guarded.read() + second.with(|value| unsafe { *value }), 2);
        first_giver.join().unwrap();
        second_giver.join().unwrap();
    });
}

/// A waiter that sleeps although permits were made for it.
#[test]
fn permits_that_nobody_held_wake() {
    model(3, || {
        let guarded = Guarded::new(0);
        let other = guarded.clone();
        let thread = thread::spawn(move || {
            other.add_one();
            assert!(other.semaphore.add(1));
        });
        block_on(guarded.semaphore.acquire(1)).unwrap();
        assert_eq!(guarded.read(), 1);
        thread.join().unwrap();
    });
}

/// A waiter that learns without the lock and without a wake that it was served, and does not see
/// what its server saw; also when another waiter is served right after it.
#[test]
fn who_was_served_sees_what_the_holders_did() {
    model(3, || {
        let guarded = Guarded::new(0);
        let mut cx = Context::from_waker(Waker::noop());
        let mut first = guarded.semaphore.acquire(1);
        let mut second = guarded.semaphore.acquire(1);
        assert!(Pin::new(&mut first).poll(&mut cx).is_pending());
        assert!(Pin::new(&mut second).poll(&mut cx).is_pending());
        let giver = guarded.clone();
        let giver = thread::spawn(move || {
            giver.add_one();
            giver.semaphore.release(1);
            giver.semaphore.release(1);
        });
        while Pin::new(&mut first).poll(&mut cx).is_pending() {
            thread::yield_now();
        }
        assert_eq!(guarded.read(), 1);
        giver.join().unwrap();
        assert!(Pin::new(&mut second).poll(&mut cx).is_ready());
    });
}

/// A waiter that sleeps through close, or learns of it without seeing what came before.
#[test]
fn close_wakes_and_refuses() {
    model(3, || {
        let guarded = Guarded::new(0);
        let other = guarded.clone();
        let waiter = thread::spawn(move || {
            assert!(block_on(other.semaphore.acquire(1)).is_err());
            assert_eq!(other.read(), 1);
        });
        guarded.add_one();
        guarded.semaphore.close();
        waiter.join().unwrap();
        assert_eq!(guarded.semaphore.try_acquire(1), Err(Refusal::Closed));
    });
}

/// A refusal that comes without a view of what was done before the close.
#[test]
fn a_refusal_sees_what_came_before_the_close() {
    for permits in [0, 1] {
        model(3, move || {
            let guarded = Guarded::new(permits);
            let other = guarded.clone();
            let thread = thread::spawn(move || {
                if other.semaphore.try_acquire(1) == Err(Refusal::Closed) {
                    assert_eq!(other.read(), 1);
                }
            });
            guarded.add_one();
            guarded.semaphore.close();
            thread.join().unwrap();
        });
    }
}

/// The same for a thread that only asks whether it is closed.
#[test]
fn who_asks_sees_what_came_before_the_close() {
    model(3, || {
        let guarded = Guarded::new(0);
        let other = guarded.clone();
        let thread = thread::spawn(move || {
            other.add_one();
            other.semaphore.close();
        });
        if guarded.semaphore.is_closed() {
            assert_eq!(guarded.read(), 1);
        }
        thread.join().unwrap();
    });
}

/// Permits that are taken away, or counted, without a view of what was done under them.
#[test]
fn who_takes_permits_away_sees_what_was_done_under_them() {
    let looks: [fn(&FairSemaphore) -> bool; 2] =
        [|semaphore| semaphore.forget(1) == 1, |semaphore| semaphore.available() == 1];
    for look in looks {
        model(3, move || {
            let guarded = Guarded::new(0);
            let other = guarded.clone();
            let thread = thread::spawn(move || {
                other.add_one();
                other.semaphore.release(1);
            });
            if look(&guarded.semaphore) {
                assert_eq!(guarded.read(), 1);
            }
            thread.join().unwrap();
        });
    }
}

//! Models of `engine/write_once.rs`, `sync/once_cell.rs`, `sync/set_once.rs` and `sync/barrier.rs`.

use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use crate::sync::{Barrier, OnceCell, SetOnce};

fn model(body: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(body);
}

/// Two values made, or one seen before it was written, or a waiter that sleeps on.
#[test]
fn one_value_is_made() {
    model(|| {
        let cell = Arc::new(OnceCell::new());
        let other = cell.clone();
        let thread = thread::spawn(move || **block_on(other.get_or_init(|| async { Box::new(1) })));
        let here = **block_on(cell.get_or_init(|| async { Box::new(2) }));
        assert_eq!(thread.join().unwrap(), here);
    });
}

/// The right to make the value, lost with a task whose attempt failed.
#[test]
fn the_next_makes_what_one_failed_to() {
    model(|| {
        let cell = Arc::new(OnceCell::new());
        let other = cell.clone();
        let thread = thread::spawn(move || {
            let _ = block_on(other.get_or_try_init(|| async { Err::<u8, ()>(()) }));
        });
        assert_eq!(*block_on(cell.get_or_init(|| async { 2 })), 2);
        thread.join().unwrap();
    });
}

/// A waiter that sleeps through `set`, or a value read before it was written.
#[test]
fn set_wakes() {
    model(|| {
        let cell = Arc::new(SetOnce::new());
        let other = cell.clone();
        let thread = thread::spawn(move || other.set(Box::new(1)).unwrap());
        assert_eq!(**block_on(cell.wait()), 1);
        thread.join().unwrap();
    });
}

/// A value that a look sees before it was written.
#[test]
fn a_look_sees_all_or_nothing() {
    model(|| {
        let cell = Arc::new(SetOnce::new());
        let other = cell.clone();
        let thread = thread::spawn(move || other.set(Box::new(1)).unwrap());
        assert!(cell.get().is_none_or(|value| **value == 1));
        thread.join().unwrap();
    });
}

/// A waiter that sleeps on when all have come, no leader or two leaders, or a round that ends with
/// the one before it.
#[test]
fn rounds_of_a_barrier() {
    model(|| {
        let barrier = Arc::new(Barrier::new(2));
        let other = barrier.clone();
        let thread = thread::spawn(move || {
            let first = block_on(other.wait()).is_leader();
            (first, block_on(other.wait()).is_leader())
        });
        let first = block_on(barrier.wait()).is_leader();
        let second = block_on(barrier.wait()).is_leader();
        let (other_first, other_second) = thread.join().unwrap();
        assert!(first != other_first && second != other_second);
    });
}

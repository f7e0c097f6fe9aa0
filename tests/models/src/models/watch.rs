//! Models of `sync/watch.rs`.

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use crate::sync::watch::{Sender, channel};

fn model(body: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(body);
}

/// A receiver that sleeps through a change, or that misses the last one before the end.
#[test]
fn the_last_value_is_seen_before_the_end() {
    model(|| {
        let (sender, mut receiver) = channel(0);
        let thread = thread::spawn(move || {
            sender.send(1).unwrap();
            sender.send(2).unwrap();
        });
        let mut last = 0;
        while block_on(receiver.changed()).is_ok() {
            last = *receiver.borrow_and_update();
        }
        assert_eq!(last, 2);
        thread.join().unwrap();
    });
}

/// `wait_for` that sleeps through the value it waits for.
#[test]
fn wait_for_finds_its_value() {
    model(|| {
        let (sender, mut receiver) = channel(0);
        let thread = thread::spawn(move || sender.send(1).unwrap());
        assert_eq!(*block_on(receiver.wait_for(|value| *value == 1)).unwrap(), 1);
        thread.join().unwrap();
    });
}

/// An end that comes without what every sender did before it went.
#[test]
fn the_end_sees_what_all_senders_did() {
    model(|| {
        let (sender, mut receiver) = channel(());
        let cells = [(); 2].map(|()| Arc::new(UnsafeCell::new(0)));
        let threads = cells.clone().map(|cell| {
            let sender = sender.clone();
            thread::spawn(move || {
                // SAFETY: loom checks that no two accesses overlap.
                cell.with_mut(|value| unsafe { *value = 1 });
                drop(sender);
            })
        });
        drop(sender);
        assert!(block_on(receiver.changed()).is_err());
        for cell in cells {
            // SAFETY: loom checks that no two accesses overlap.
            assert_eq!(cell.with(|value| unsafe { *value }), 1);
        }
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

/// A number of senders or receivers that comes without what those that are gone did.
#[test]
fn who_counts_sees_what_those_gone_did() {
    let counts: [fn(&Sender<()>) -> usize; 2] = [Sender::sender_count, Sender::receiver_count];
    for count in counts {
        model(move || {
            let (sender, receiver) = channel(());
            let gone = (sender.clone(), receiver.clone());
            let seen = Arc::new(UnsafeCell::new(0));
            let written = seen.clone();
            let thread = thread::spawn(move || {
                // SAFETY: loom checks that no two accesses overlap.
                written.with_mut(|value| unsafe { *value = 1 });
                drop(gone);
            });
            if count(&sender) == 1 {
                // SAFETY: loom checks that no two accesses overlap.
                assert_eq!(seen.with(|value| unsafe { *value }), 1);
            }
            thread.join().unwrap();
            drop(receiver);
        });
    }
}

/// A change that is seen in the word without what came before it.
#[test]
fn a_change_sees_what_came_before() {
    model(|| {
        let (sender, receiver) = channel(());
        let seen = Arc::new(UnsafeCell::new(0));
        let written = seen.clone();
        let thread = thread::spawn(move || {
            // SAFETY: loom checks that no two accesses overlap.
            written.with_mut(|value| unsafe { *value = 1 });
            sender.send(()).unwrap();
            sender
        });
        if receiver.has_changed().unwrap() {
            // SAFETY: loom checks that no two accesses overlap.
            assert_eq!(seen.with(|value| unsafe { *value }), 1);
        }
        drop(thread.join().unwrap());
    });
}

/// A sender in `closed` that sleeps through the last receiver's drop.
#[test]
fn closed_wakes() {
    model(|| {
        let (sender, receiver) = channel(());
        let other = receiver.clone();
        let thread = thread::spawn(move || drop(other));
        drop(receiver);
        block_on(sender.closed());
        thread.join().unwrap();
    });
}

/// A receiver that sleeps through a change and would be woken by nothing else.
#[test]
fn a_change_alone_wakes() {
    model(|| {
        let (sender, mut receiver) = channel(0);
        let other = sender.clone();
        let thread = thread::spawn(move || other.send(1).unwrap());
        block_on(receiver.changed()).unwrap();
        thread.join().unwrap();
        drop(sender);
    });
}

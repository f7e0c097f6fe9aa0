//! Models of `sync/oneshot.rs`.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use loom::future::block_on;
use loom::thread;

use crate::sync::oneshot::{Receiver, Sender, channel};

/// A value that is seen before it was written, or a receiver that sleeps through the send.
#[test]
fn the_value_arrives() {
    loom::model(|| {
        let (sender, receiver) = channel();
        let thread = thread::spawn(move || sender.send(Box::new(7)).unwrap());
        assert_eq!(*block_on(receiver).unwrap(), 7);
        thread.join().unwrap();
    });
}

/// A receiver that sleeps on when the sender is dropped.
#[test]
fn a_dropped_sender_wakes() {
    loom::model(|| {
        let (sender, receiver) = channel::<u8>();
        let thread = thread::spawn(move || drop(sender));
        assert!(block_on(receiver).is_err());
        thread.join().unwrap();
    });
}

/// A sender in `closed` that sleeps through the receiver's drop.
#[test]
fn a_dropped_receiver_wakes() {
    loom::model(|| {
        let (mut sender, receiver) = channel::<u8>();
        let seen = loom::sync::Arc::new(loom::cell::UnsafeCell::new(0));
        let written = seen.clone();
        let thread = thread::spawn(move || {
            // SAFETY: the other thread reads only after it saw the receiver closed.
            written.with_mut(|value| unsafe { *value = 5 });
            drop(receiver);
        });
        block_on(sender.closed());
        // SAFETY: the write happened before the close that was seen.
        assert_eq!(seen.with(|value| unsafe { *value }), 5);
        assert!(sender.send(1).is_err());
        thread.join().unwrap();
    });
}

/// A value that both sides, or neither, own when close and send race.
#[test]
fn close_against_send() {
    loom::model(|| {
        let (sender, mut receiver) = channel();
        let thread = thread::spawn(move || sender.send(Box::new(1)).is_ok());
        receiver.close();
        let received = receiver.try_recv().is_ok();
        assert_eq!(thread.join().unwrap(), received);
    });
}

/// A sender that learns that the receiver is closed, but not what came before.
#[test]
fn who_finds_it_closed_sees_what_came_before() {
    type Look = fn(&mut Option<Sender<u8>>) -> bool;
    let looks: [Look; 2] = [
        |sender| sender.take().is_some_and(|sender| sender.send(1).is_err()),
        |sender| sender.as_ref().is_some_and(Sender::is_closed),
    ];
    for look in looks {
        loom::model(move || {
            let (sender, receiver) = channel();
            let seen = loom::sync::Arc::new(loom::cell::UnsafeCell::new(0));
            let written = seen.clone();
            let thread = thread::spawn(move || {
                // SAFETY: loom checks that no two accesses overlap.
                written.with_mut(|value| unsafe { *value = 5 });
                drop(receiver);
            });
            // The rest of it is dropped later, since a drop looks, too.
            let mut sender = Some(sender);
            if look(&mut sender) {
                // SAFETY: loom checks that no two accesses overlap.
                assert_eq!(seen.with(|value| unsafe { *value }), 5);
            }
            thread.join().unwrap();
        });
    }
}

/// A receiver that looks for the value before it was written.
#[test]
fn a_look_finds_a_value_that_was_written() {
    let looks: [fn(&mut Receiver<u8>); 2] = [
        // loom notices when they look too early.
        |receiver| {
            let _ = receiver.is_empty();
        },
        |receiver| {
            let _ = receiver.try_recv();
        },
    ];
    for look in looks {
        loom::model(move || {
            let (sender, mut receiver) = channel();
            let thread = thread::spawn(move || {
                look(&mut receiver);
                receiver
            });
            sender.send(7).unwrap();
            drop(thread.join().unwrap());
        });
    }
}

/// A value that leaks, or is dropped twice, when drop and send race.
#[test]
fn drop_against_send() {
    loom::model(|| {
        let token = loom::sync::Arc::new(());
        let (sender, receiver) = channel();
        let value = token.clone();
        let thread = thread::spawn(move || drop(sender.send(value)));
        drop(receiver);
        thread.join().unwrap();
        assert_eq!(loom::sync::Arc::strong_count(&token), 1);
    });
}

/// A second poll from another task: its waker is not the one that is called.
#[test]
fn the_latest_waker_is_woken() {
    loom::model(|| {
        let (sender, mut receiver) = channel();
        let thread = thread::spawn(move || sender.send(3).unwrap());
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let first = std::pin::Pin::new(&mut receiver);
        if std::future::Future::poll(first, &mut cx).is_pending() {
            assert_eq!(block_on(receiver), Ok(3));
        }
        thread.join().unwrap();
    });
}

/// A task, represented by its waker, whose clones are counted.
struct Task;

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

/// How many wakers of the task are left.
fn left(task: &Arc<Task>) -> usize {
    Arc::strong_count(task) - 1
}

/// A waker that stays although its side has gone or has its news, as long as the other side is
/// kept.
#[test]
fn no_waker_stays() {
    // The receiver goes, the sender is kept.
    loom::model(|| {
        let (mut sender, mut receiver) = channel::<u8>();
        let (receives, waits) = (Arc::new(Task), Arc::new(Task));
        let waker = Waker::from(receives.clone());
        let thread = thread::spawn(move || {
            let _ = Pin::new(&mut receiver).poll(&mut Context::from_waker(&waker));
            drop(receiver);
            drop(waker);
        });
        let waker = Waker::from(waits.clone());
        let _ = pin!(sender.closed()).poll(&mut Context::from_waker(&waker));
        drop(waker);
        thread.join().unwrap();
        assert_eq!((left(&receives), left(&waits)), (0, 0));
        drop(sender);
    });
    // The sender is done, the receiver is kept.
    loom::model(|| {
        let (mut sender, mut receiver) = channel();
        let (receives, waits) = (Arc::new(Task), Arc::new(Task));
        let waker = Waker::from(waits.clone());
        let thread = thread::spawn(move || {
            let _ = pin!(sender.closed()).poll(&mut Context::from_waker(&waker));
            sender.send(1).unwrap();
            drop(waker);
        });
        let waker = Waker::from(receives.clone());
        let _ = Pin::new(&mut receiver).poll(&mut Context::from_waker(&waker));
        drop(waker);
        thread.join().unwrap();
        assert_eq!((left(&receives), left(&waits)), (0, 0));
        drop(receiver);
    });
}

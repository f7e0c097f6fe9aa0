//! Models of `sync/oneshot.rs`.

use loom::future::block_on;
use loom::thread;

use crate::sync::oneshot::channel;

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

/// A second poll from another task whose waker is not the one that gets called.
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

//! Models of `sync/broadcast.rs`.

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use crate::sync::broadcast::error::RecvError;
use crate::sync::broadcast::{Receiver, Sender, WeakSender, channel};

fn model(body: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(body);
}

/// A receiver that sleeps through a value or the end.
#[test]
fn each_gets_all() {
    model(|| {
        let (sender, mut first) = channel(2);
        let mut second = sender.subscribe();
        let thread = thread::spawn(move || drop(sender.send(1)));
        for receiver in [&mut first, &mut second] {
            assert_eq!(block_on(receiver.recv()), Ok(1));
            assert_eq!(block_on(receiver.recv()), Err(RecvError::Closed));
        }
        thread.join().unwrap();
    });
}

/// A receiver that is overtaken and then finds neither the newest value nor the number it lost.
#[test]
fn who_is_too_slow_is_told() {
    model(|| {
        let (sender, mut receiver) = channel(1);
        let thread = thread::spawn(move || {
            sender.send(1).unwrap();
            sender.send(2).unwrap();
        });
        let mut expected = 1;
        loop {
            match block_on(receiver.recv()) {
                Ok(value) => {
                    assert_eq!(value, expected);
                    expected += 1;
                }
                Err(RecvError::Lagged(lost)) => expected += lost,
                Err(RecvError::Closed) => break,
            }
        }
        assert_eq!(expected, 3);
        thread.join().unwrap();
    });
}

/// A value that leaks, or goes twice, when receivers leave while it is sent.
#[test]
fn who_leaves_frees_what_it_would_have_read() {
    model(|| {
        let token = Arc::new(());
        let (sender, leaving) = channel(2);
        let mut staying = sender.subscribe();
        let thread = thread::spawn(move || drop(leaving));
        sender.send(token.clone()).unwrap();
        drop(block_on(staying.recv()).unwrap());
        thread.join().unwrap();
        assert_eq!(Arc::strong_count(&token), 1);
    });
}

/// The end, without what the senders did before they went.
#[test]
fn the_end_sees_what_the_senders_did() {
    model(|| {
        let (sender, receiver) = channel::<()>(1);
        let cell = Arc::new(UnsafeCell::new(0));
        let (other, written) = (sender.clone(), cell.clone());
        let thread = thread::spawn(move || {
            // SAFETY: loom checks that no two accesses overlap.
            written.with_mut(|value| unsafe { *value = 1 });
            drop(other);
        });
        drop(sender);
        if receiver.is_closed() {
            // SAFETY: loom checks that no two accesses overlap.
            assert_eq!(cell.with(|value| unsafe { *value }), 1);
        }
        thread.join().unwrap();
    });
}

/// A number of senders, or none, that comes without what those that are gone did.
#[test]
fn who_counts_the_senders_sees_what_those_gone_did() {
    type Ends = (WeakSender<()>, Receiver<()>);
    let looks: [fn(Option<&Sender<()>>, &Ends) -> bool; 4] = [
        |sender, _| sender.is_some_and(|sender| sender.strong_count() == 1),
        |_sender, ends| ends.0.strong_count() == 0,
        |_sender, ends| ends.1.sender_strong_count() == 0,
        |_sender, ends| ends.0.upgrade().is_none(),
    ];
    for (look, more) in looks.into_iter().zip([true, false, false, false]) {
        model(move || {
            let (sender, receiver) = channel(1);
            let (weak, mine) = (sender.downgrade(), more.then(|| sender.clone()));
            let cell = Arc::new(UnsafeCell::new(0));
            let written = cell.clone();
            let thread = thread::spawn(move || {
                // SAFETY: loom checks that no two accesses overlap.
                written.with_mut(|value| unsafe { *value = 1 });
                drop(sender);
            });
            // Not dropped before the look below: that looks, too.
            let ends = (weak, receiver);
            if look(mine.as_ref(), &ends) {
                // SAFETY: loom checks that no two accesses overlap.
                assert_eq!(cell.with(|value| unsafe { *value }), 1);
            }
            thread.join().unwrap();
        });
    }
}

/// The end as it is received, without what every sender did before it went.
#[test]
fn the_received_end_sees_what_all_senders_did() {
    model(|| {
        let (sender, mut receiver) = channel::<()>(1);
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
        assert_eq!(block_on(receiver.recv()), Err(RecvError::Closed));
        for cell in cells {
            // SAFETY: loom checks that no two accesses overlap.
            assert_eq!(cell.with(|value| unsafe { *value }), 1);
        }
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

/// A sender in `closed` that sleeps through the last receiver's drop.
#[test]
fn closed_wakes() {
    model(|| {
        let (sender, receiver) = channel::<()>(1);
        let thread = thread::spawn(move || drop(receiver));
        block_on(sender.closed());
        thread.join().unwrap();
    });
}

/// A receiver that sleeps through a value and would be woken by nothing else.
#[test]
fn a_send_alone_wakes() {
    model(|| {
        let (sender, mut receiver) = channel(1);
        let other = sender.clone();
        let thread = thread::spawn(move || other.send(1).unwrap());
        assert_eq!(block_on(receiver.recv()), Ok(1));
        thread.join().unwrap();
        drop(sender);
    });
}

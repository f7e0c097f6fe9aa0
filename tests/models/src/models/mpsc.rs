//! Models of `sync/mpsc`: the list, the receiver's sleep, the end.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use crate::sync::mpsc::error::TryRecvError;
use crate::sync::mpsc::{
    Receiver, UnboundedReceiver, UnboundedSender, WeakUnboundedSender, channel, unbounded_channel,
};

fn model(preemptions: usize, body: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(body);
}

/// A value read before it was written, a block used before it was ready or after it was freed, a
/// receiver that sleeps through a send, or through the drop of the last sender.
#[test]
fn two_senders_and_the_end() {
    model(2, || {
        let (sender, mut receiver) = unbounded_channel();
        let other = sender.clone();
        let first = thread::spawn(move || other.send(Box::new(1)).unwrap());
        let second = thread::spawn(move || sender.send(Box::new(2)).unwrap());
        let mut sum = 0;
        while let Some(value) = block_on(receiver.recv()) {
            sum += *value;
        }
        assert_eq!(sum, 3);
        first.join().unwrap();
        second.join().unwrap();
    });
}

/// One sender's values out of order, across blocks.
#[test]
fn one_sender_keeps_its_order() {
    model(3, || {
        let (sender, mut receiver) = unbounded_channel();
        let thread = thread::spawn(move || {
            for n in 0..3 {
                sender.send(Box::new(n)).unwrap();
            }
        });
        for n in 0..3 {
            assert_eq!(*block_on(receiver.recv()).unwrap(), n);
        }
        assert!(block_on(receiver.recv()).is_none());
        thread.join().unwrap();
    });
}

/// A sender that waits for room for ever, or a place that is lost.
#[test]
fn a_full_channel_goes_on() {
    model(2, || {
        let (sender, mut receiver) = channel(1);
        let other = sender.clone();
        let first = thread::spawn(move || block_on(other.send(1)).unwrap());
        let second = thread::spawn(move || block_on(sender.send(2)).unwrap());
        let sum = block_on(receiver.recv()).unwrap() + block_on(receiver.recv()).unwrap();
        assert_eq!(sum, 3);
        assert_eq!(block_on(receiver.recv()), None);
        first.join().unwrap();
        second.join().unwrap();
    });
}

/// A sender that waits for room although there is some: a value was taken (one or many at a time,
/// or without a wait), or a permit was given back.
#[test]
fn whatever_makes_room_wakes_who_waits_for_it() {
    let takes: [fn(&mut Receiver<u8>); 3] = [
        |receiver| assert_eq!(block_on(receiver.recv()), Some(0)),
        |receiver| assert_eq!(block_on(receiver.recv_many(&mut Vec::new(), 2)), 1),
        |receiver| assert_eq!(receiver.try_recv(), Ok(0)),
    ];
    for take in takes {
        model(3, move || {
            let (sender, mut receiver) = channel(1);
            sender.try_send(0).unwrap();
            let thread = thread::spawn(move || block_on(sender.reserve()).map(drop).unwrap());
            take(&mut receiver);
            thread.join().unwrap();
        });
    }
    model(3, || {
        let (sender, receiver) = channel::<u8>(1);
        let permit = sender.clone().try_reserve_owned().unwrap();
        let thread = thread::spawn(move || block_on(sender.reserve()).map(drop).unwrap());
        drop(permit);
        thread.join().unwrap();
        drop(receiver);
    });
}

/// A sender that waits for room in a channel that is closed.
#[test]
fn close_wakes_who_waits_for_room() {
    model(3, || {
        let (sender, mut receiver) = channel(1);
        sender.try_send(0).unwrap();
        let thread = thread::spawn(move || assert!(block_on(sender.send(1)).is_err()));
        receiver.close();
        thread.join().unwrap();
    });
}

/// A value that leaks, or that is both refused and received, when close and send race.
#[test]
fn close_against_send() {
    model(3, || {
        let token = Arc::new(());
        let (sender, mut receiver) = unbounded_channel();
        let value = token.clone();
        let thread = thread::spawn(move || sender.send(value).is_ok());
        receiver.close();
        let received = block_on(receiver.recv()).is_some();
        assert_eq!(thread.join().unwrap(), received);
        drop(receiver);
        assert_eq!(Arc::strong_count(&token), 1);
    });
}

/// A refused sender that does not see what the receiver did before it closed.
#[test]
fn a_refusal_sees_what_came_before_the_close() {
    model(3, || {
        let (sender, mut receiver) = unbounded_channel();
        let seen = Arc::new(loom::cell::UnsafeCell::new(0));
        let written = seen.clone();
        let thread = thread::spawn(move || {
            // SAFETY: loom checks that no two accesses overlap.
            written.with_mut(|value| unsafe { *value = 1 });
            receiver.close();
            receiver
        });
        if sender.send(()).is_err() {
            // SAFETY: loom checks that no two accesses overlap.
            assert_eq!(seen.with(|value| unsafe { *value }), 1);
        }
        drop(thread.join().unwrap());
    });
}

/// The same for a sender that only asks.
#[test]
fn who_asks_sees_what_came_before_the_close() {
    model(3, || {
        let (sender, mut receiver) = unbounded_channel::<u8>();
        let seen = Arc::new(loom::cell::UnsafeCell::new(0));
        let written = seen.clone();
        let thread = thread::spawn(move || {
            // SAFETY: loom checks that no two accesses overlap.
            written.with_mut(|value| unsafe { *value = 1 });
            receiver.close();
            receiver
        });
        if sender.is_closed() {
            // SAFETY: loom checks that no two accesses overlap.
            assert_eq!(seen.with(|value| unsafe { *value }), 1);
        }
        drop(thread.join().unwrap());
    });
}

/// A value that leaks when the receiver's drop and a send race.
#[test]
fn drop_against_send() {
    model(3, || {
        let token = Arc::new(());
        let (sender, receiver) = channel(1);
        let value = token.clone();
        let thread = thread::spawn(move || {
            let _ = sender.try_send(value);
        });
        drop(receiver);
        thread.join().unwrap();
        assert_eq!(Arc::strong_count(&token), 1);
    });
}

/// A closed receiver that waits for ever for a permit that was given back, or that takes the return
/// of a permit for the end and does not see what its holder did before.
#[test]
fn the_last_permit_ends_a_closed_channel() {
    model(3, || {
        let (sender, mut receiver) = channel::<u8>(1);
        let permit = sender.clone().try_reserve_owned().unwrap();
        receiver.close();
        let cell = Arc::new(loom::cell::UnsafeCell::new(0));
        let written = cell.clone();
        let thread = thread::spawn(move || {
            // SAFETY: loom checks that no two accesses overlap.
            written.with_mut(|value| unsafe { *value = 1 });
            drop(permit.release());
        });
        assert_eq!(block_on(receiver.recv()), None);
        // SAFETY: loom checks that no two accesses overlap.
        assert_eq!(cell.with(|value| unsafe { *value }), 1);
        thread.join().unwrap();
        drop(sender);
    });
}

/// A weak sender that opens a channel whose receiver has seen the end.
#[test]
fn no_sender_after_the_last() {
    model(3, || {
        let (sender, mut receiver) = unbounded_channel();
        let weak = sender.downgrade();
        let upgrader =
            thread::spawn(move || weak.upgrade().is_some_and(|sender| sender.send(1).is_ok()));
        let dropper = thread::spawn(move || drop(sender));
        let received = block_on(receiver.recv()) == Some(1);
        if received {
            assert_eq!(block_on(receiver.recv()), None);
        }
        assert_eq!(upgrader.join().unwrap(), received);
        dropper.join().unwrap();
    });
}

/// An end that comes without what the senders did before they went.
#[test]
fn the_end_sees_what_the_senders_did() {
    model(3, || {
        let (sender, mut receiver) = unbounded_channel::<u8>();
        let cells = [(); 2].map(|()| Arc::new(loom::cell::UnsafeCell::new(0)));
        let threads = cells.clone().map(|cell| {
            let sender = sender.clone();
            thread::spawn(move || {
                // SAFETY: loom checks that no two accesses overlap.
                cell.with_mut(|value| unsafe { *value = 1 });
                drop(sender);
            })
        });
        drop(sender);
        assert_eq!(block_on(receiver.recv()), None);
        for cell in cells {
            // SAFETY: loom checks that no two accesses overlap.
            assert_eq!(cell.with(|value| unsafe { *value }), 1);
        }
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

/// A sender in `closed` that sleeps through the receiver's drop.
#[test]
fn closed_wakes() {
    model(3, || {
        let (sender, receiver) = channel::<u8>(1);
        let thread = thread::spawn(move || drop(receiver));
        block_on(sender.closed());
        assert!(sender.is_closed());
        thread.join().unwrap();
    });
}

/// A receive that finds nothing although one send is over, because another send is under way.
#[test]
fn what_was_sent_can_be_taken() {
    model(3, || {
        let (sender, mut receiver) = unbounded_channel();
        let other = sender.clone();
        let thread = thread::spawn(move || other.send(1).unwrap());
        sender.send(2).unwrap();
        assert!(receiver.try_recv().is_ok());
        thread.join().unwrap();
        assert!(receiver.try_recv().is_ok());
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    });
}

/// A second poll from another task: its waker is not the one that is called.
#[test]
fn the_latest_waker_is_woken() {
    model(3, || {
        let (sender, mut receiver) = unbounded_channel();
        let thread = thread::spawn(move || sender.send(3).unwrap());
        let mut cx = Context::from_waker(Waker::noop());
        let first = pin!(receiver.recv()).poll(&mut cx);
        if first == Poll::Pending {
            assert_eq!(block_on(receiver.recv()), Some(3));
        }
        thread.join().unwrap();
    });
}

/// A receiver that sleeps through a send and would be woken by nothing else.
#[test]
fn a_send_alone_wakes() {
    model(3, || {
        let (sender, mut receiver) = unbounded_channel();
        let other = sender.clone();
        let thread = thread::spawn(move || other.send(1).unwrap());
        assert_eq!(block_on(receiver.recv()), Some(1));
        thread.join().unwrap();
        drop(sender);
    });
}

/// Two senders, one of which uses a block that the other has not finished.
#[test]
fn a_new_block_is_finished_when_it_is_seen() {
    model(3, || {
        let (sender, receiver) = unbounded_channel();
        let other = sender.clone();
        let thread = thread::spawn(move || other.send(Box::new(1)).unwrap());
        sender.send(Box::new(2)).unwrap();
        thread.join().unwrap();
        drop(receiver);
    });
}

/// A number of senders that comes without what the senders that are gone did.
#[test]
fn who_counts_the_senders_sees_what_those_gone_did() {
    type Ends = (UnboundedSender<u8>, WeakUnboundedSender<u8>, UnboundedReceiver<u8>);
    let counts: [fn(&Ends) -> usize; 3] = [
        |ends| ends.0.strong_count(),
        |ends| ends.1.strong_count(),
        |ends| ends.2.sender_strong_count(),
    ];
    for count in counts {
        model(3, move || {
            let (sender, receiver) = unbounded_channel();
            let (weak, other) = (sender.downgrade(), sender.clone());
            let cell = Arc::new(loom::cell::UnsafeCell::new(0));
            let written = cell.clone();
            let thread = thread::spawn(move || {
                // SAFETY: loom checks that no two accesses overlap.
                written.with_mut(|value| unsafe { *value = 1 });
                drop(other);
            });
            // Dropped only after the look below, since a drop looks, too.
            let ends = (sender, weak, receiver);
            if count(&ends) == 1 {
                // SAFETY: loom checks that no two accesses overlap.
                assert_eq!(cell.with(|value| unsafe { *value }), 1);
            }
            thread.join().unwrap();
        });
    }
}

/// A weak sender that finds no sender left without seeing what the last one did.
#[test]
fn who_finds_no_sender_sees_what_the_last_one_did() {
    model(3, || {
        let (sender, receiver) = unbounded_channel::<u8>();
        let weak = sender.downgrade();
        let cell = Arc::new(loom::cell::UnsafeCell::new(0));
        let written = cell.clone();
        let thread = thread::spawn(move || {
            // SAFETY: loom checks that no two accesses overlap.
            written.with_mut(|value| unsafe { *value = 1 });
            drop(sender);
        });
        if weak.upgrade().is_none() {
            // SAFETY: loom checks that no two accesses overlap.
            assert_eq!(cell.with(|value| unsafe { *value }), 1);
        }
        thread.join().unwrap();
        drop(receiver);
    });
}

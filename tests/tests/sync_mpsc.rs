//! Values from many senders reach one receiver: each once, in each sender's order, and the end
//! after all of them.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use futures::executor::block_on;
use runtime::sync::mpsc::error::{SendError, TryRecvError, TrySendError};
use runtime::sync::mpsc::{self, channel, unbounded_channel};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn every_value_arrives_once_and_in_order() {
    const SENDERS: usize = 4;
    const EACH: usize = 20_000;
    let (bounded, mut bounded_receiver) = channel(7);
    let (unbounded, mut unbounded_receiver) = unbounded_channel();
    let threads: Vec<_> = (0..SENDERS)
        .map(|n| {
            let (bounded, unbounded) = (bounded.clone(), unbounded.clone());
            std::thread::spawn(move || {
                for value in 0..EACH {
                    bounded.blocking_send((n, value)).unwrap();
                    unbounded.send((n, value)).unwrap();
                }
            })
        })
        .collect();
    drop((bounded, unbounded));
    let mut next = [0; SENDERS];
    while let Some((n, value)) = block_on(bounded_receiver.recv()) {
        assert_eq!(value, next[n]);
        next[n] += 1;
    }
    assert_eq!(next, [EACH; SENDERS]);
    let (mut next, mut buffer) = ([0; SENDERS], Vec::new());
    while block_on(unbounded_receiver.recv_many(&mut buffer, 100)) > 0 {
        for (n, value) in buffer.drain(..) {
            assert_eq!(value, next[n]);
            next[n] += 1;
        }
    }
    assert_eq!(next, [EACH; SENDERS]);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_full_channel_makes_senders_wait() {
    let (sender, mut receiver) = channel(2);
    sender.try_send(1).unwrap();
    sender.try_send(2).unwrap();
    assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
    assert_eq!((sender.capacity(), sender.max_capacity(), receiver.len()), (0, 2, 2));
    let mut sending = pin!(sender.send(3));
    assert!(poll(sending.as_mut()).is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    // The place is the waiting sender's.
    assert_eq!(sender.try_send(4), Err(TrySendError::Full(4)));
    assert_eq!(poll(sending), Poll::Ready(Ok(())));
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(2), Ok(3)));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_send_that_is_given_up_sends_nothing() {
    let (sender, mut receiver) = channel(1);
    sender.try_send(1).unwrap();
    let mut given_up = Box::pin(sender.send(2));
    assert!(poll(given_up.as_mut()).is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    drop(given_up);
    sender.try_send(3).unwrap();
    assert_eq!(receiver.try_recv(), Ok(3));
}

#[test]
fn a_receive_that_is_given_up_takes_nothing() {
    let (sender, mut receiver) = channel(1);
    assert!(poll(pin!(receiver.recv())).is_pending());
    sender.try_send(1).unwrap();
    assert_eq!(poll(pin!(receiver.recv())), Poll::Ready(Some(1)));
}

#[test]
fn the_end_comes_after_what_was_sent() {
    let (sender, mut receiver) = channel(5);
    sender.try_send(1).unwrap();
    assert!(!receiver.is_closed());
    drop(sender);
    assert!(receiver.is_closed());
    assert_eq!(block_on(receiver.recv()), Some(1));
    assert_eq!(block_on(receiver.recv()), None);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn a_dropped_receiver_refuses() {
    let (sender, receiver) = channel(1);
    sender.try_send(0).unwrap();
    let mut waiting = pin!(sender.send(1));
    assert!(poll(waiting.as_mut()).is_pending());
    drop(receiver);
    assert_eq!(poll(waiting), Poll::Ready(Err(SendError(1))));
    assert_eq!(sender.try_send(2), Err(TrySendError::Closed(2)));
    block_on(sender.closed());

    let (sender, receiver) = unbounded_channel();
    drop(receiver);
    assert_eq!(sender.send(1), Err(SendError(1)));
    assert!(sender.is_closed());
}

#[test]
fn a_closed_channel_lets_permits_be_used() {
    let (sender, mut receiver) = channel(3);
    let used = sender.try_reserve().unwrap();
    let unused = sender.try_reserve().unwrap();
    receiver.close();
    assert!(sender.try_reserve().is_err());
    assert!(poll(pin!(receiver.recv())).is_pending());
    used.send(1);
    assert_eq!(poll(pin!(receiver.recv())), Poll::Ready(Some(1)));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    drop(unused);
    assert_eq!(block_on(receiver.recv()), None);
}

#[test]
fn permits_hold_their_places() {
    let (sender, mut receiver) = channel(4);
    let mut permits = sender.try_reserve_many(3).unwrap();
    assert_eq!((permits.len(), sender.capacity()), (3, 1));
    permits.next().unwrap().send(1);
    drop(permits);
    assert_eq!(sender.capacity(), 3);
    assert_eq!(sender.try_reserve_many(5).unwrap_err(), TrySendError::Full(()));
    assert!(block_on(sender.reserve_many(5)).is_err());
    let owned = block_on(sender.clone().reserve_owned()).unwrap();
    assert!(owned.same_channel_as_sender(&sender));
    let back = owned.send(2);
    assert!(back.same_channel(&sender));
    drop(back.try_reserve_owned().unwrap().release());
    assert_eq!(sender.capacity(), 2);
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Ok(2)));
}

#[test]
fn weak_senders_keep_nothing_open() {
    let (sender, mut receiver) = channel::<u8>(1);
    let weak = sender.downgrade();
    assert_eq!((sender.strong_count(), sender.weak_count()), (1, 1));
    weak.upgrade().unwrap().try_send(1).unwrap();
    drop(sender);
    assert!(weak.upgrade().is_none());
    assert_eq!(block_on(receiver.recv()), Some(1));
    assert_eq!(block_on(receiver.recv()), None);
    assert_eq!((receiver.sender_strong_count(), receiver.sender_weak_count()), (0, 1));
}

#[test]
fn many_are_received_at_once() {
    let (sender, mut receiver) = channel(100);
    for n in 0..90 {
        sender.try_send(n).unwrap();
    }
    let mut buffer = vec![];
    assert_eq!(block_on(receiver.recv_many(&mut buffer, 0)), 0);
    assert_eq!(block_on(receiver.recv_many(&mut buffer, 50)), 50);
    assert_eq!(sender.capacity(), 60);
    assert_eq!(block_on(receiver.recv_many(&mut buffer, 50)), 40);
    assert_eq!(buffer, (0..90).collect::<Vec<_>>());
    drop(sender);
    assert_eq!(receiver.blocking_recv_many(&mut buffer, 50), 0);
}

#[test]
fn nothing_leaks_and_nothing_goes_twice() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let (sender, mut receiver) = unbounded_channel();
    for _ in 0..100 {
        assert!(sender.send(Counted(drops.clone())).is_ok());
    }
    for _ in 0..40 {
        drop(receiver.try_recv());
    }
    assert_eq!(drops.load(Ordering::Relaxed), 40);
    drop(receiver);
    assert_eq!(drops.load(Ordering::Relaxed), 100);
    assert!(sender.send(Counted(drops.clone())).is_err());
    assert_eq!(drops.load(Ordering::Relaxed), 101);

    // A permit that is used when the receiver has gone.
    let (sender, receiver) = channel(1);
    let permit = sender.try_reserve().unwrap();
    drop(receiver);
    permit.send(Counted(drops.clone()));
    drop(sender);
    assert_eq!(drops.load(Ordering::Relaxed), 102);
}

#[test]
#[should_panic = "requires buffer > 0"]
fn a_channel_needs_room() {
    let _ = channel::<u8>(0);
}

#[test]
fn the_halves_may_be_sent() {
    fn both<T: Send + Sync>() {}
    both::<mpsc::Sender<std::cell::Cell<u8>>>();
    both::<mpsc::Receiver<std::cell::Cell<u8>>>();
    both::<mpsc::UnboundedSender<std::cell::Cell<u8>>>();
}

#[test]
fn giving_up_a_permit_ends_a_closed_channel() {
    for served in [false, true] {
        let (sender, mut receiver) = channel::<()>(2);
        let permit = sender.try_reserve().unwrap();
        let mut asking = Box::pin(sender.reserve_many(2));
        assert!(poll(asking.as_mut()).is_pending());
        receiver.close();
        let (waker, woken) = counting_waker();
        let mut end = pin!(receiver.recv());
        assert!(end.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(permit);
        assert_eq!(woken.load(Ordering::SeqCst), 0);
        if served {
            assert!(matches!(poll(asking.as_mut()), Poll::Ready(Err(_))));
        }
        drop(asking);
        assert_eq!(woken.load(Ordering::SeqCst), 1);
        assert!(matches!(poll(end.as_mut()), Poll::Ready(None)));
    }
}

/// A waker that counts.
fn counting_waker() -> (Waker, Arc<AtomicUsize>) {
    struct Count(Arc<AtomicUsize>);
    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let count = Arc::new(AtomicUsize::new(0));
    (Arc::new(Count(count.clone())).into(), count)
}

#[test]
fn a_value_whose_drop_panics_keeps_no_other_from_being_dropped() {
    struct Value(bool, Arc<AtomicUsize>);
    impl Drop for Value {
        fn drop(&mut self) {
            self.1.fetch_add(1, Ordering::SeqCst);
            assert!(!self.0, "this one panics");
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = unbounded_channel();
    for first in [true, false, false] {
        assert!(sender.send(Value(first, dropped.clone())).is_ok());
    }
    let drop_it = std::panic::AssertUnwindSafe(move || drop(receiver));
    assert!(std::panic::catch_unwind(drop_it).is_err());
    assert_eq!(dropped.load(Ordering::SeqCst), 3);
}

#[test]
fn a_value_that_the_receiver_drops_makes_room() {
    let (sender, receiver) = channel(3);
    sender.try_send(1).unwrap();
    sender.try_send(2).unwrap();
    assert_eq!(sender.capacity(), 1);
    drop(receiver);
    assert_eq!(sender.capacity(), 3);
}

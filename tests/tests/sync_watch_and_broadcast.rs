//! Every watcher sees the latest value; every listener gets each value, or is told what it lost.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use futures::executor::block_on;
use runtime::sync::broadcast::error::{RecvError, TryRecvError};
use runtime::sync::{broadcast, watch};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_change_is_seen_once() {
    let (sender, mut receiver) = watch::channel(0);
    assert!(poll(pin!(receiver.changed())).is_pending());
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert!(receiver.has_changed().unwrap() && receiver.borrow().has_changed());
    block_on(receiver.changed()).unwrap();
    assert_eq!(*receiver.borrow(), 2);
    assert!(poll(pin!(receiver.changed())).is_pending());
    receiver.mark_changed();
    assert!(receiver.borrow_and_update().has_changed());
    assert!(!sender.send_if_modified(|_| false));
    assert!(!receiver.has_changed().unwrap());
}

#[test]
fn the_last_value_comes_before_the_end() {
    let (sender, mut receiver) = watch::channel(0);
    sender.send(1).unwrap();
    drop(sender);
    assert!(block_on(receiver.changed()).is_ok());
    assert!(block_on(receiver.changed()).is_err());
    assert!(receiver.has_changed().is_err() && receiver.is_closed());
    assert_eq!(*block_on(receiver.wait_for(|value| *value == 1)).unwrap(), 1);
    assert!(block_on(receiver.wait_for(|value| *value == 2)).is_err());
}

#[test]
fn a_watch_without_receivers() {
    let (sender, receiver) = watch::channel("a");
    drop(receiver);
    block_on(sender.closed());
    assert!(sender.send("b").is_err());
    assert_eq!(*sender.borrow(), "a");
    assert_eq!(sender.send_replace("c"), "a");
    let receiver = sender.subscribe();
    assert_eq!(*receiver.borrow(), "c");
    assert_eq!((sender.receiver_count(), sender.sender_count()), (1, 1));
    assert!(receiver.same_channel(&receiver.clone()));
}

#[test]
fn a_panic_in_a_change_leaves_the_channel_usable() {
    let (sender, mut receiver) = watch::channel(1);
    let changing = std::panic::AssertUnwindSafe(|| sender.send_modify(|_| panic!("on purpose")));
    assert!(std::panic::catch_unwind(changing).is_err());
    assert!(!receiver.has_changed().unwrap());
    sender.send(2).unwrap();
    assert_eq!(*receiver.borrow_and_update(), 2);
}

#[test]
fn each_listener_gets_each_value() {
    let (sender, mut first) = broadcast::channel(8);
    let mut second = sender.subscribe();
    assert_eq!(sender.send("a").unwrap(), 2);
    let mut late = sender.subscribe();
    assert_eq!(sender.len(), 1);
    assert_eq!(first.try_recv(), Ok("a"));
    assert_eq!(late.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(block_on(second.recv()), Ok("a"));
    assert!(sender.is_empty());
    drop(sender);
    assert_eq!(block_on(first.recv()), Err(RecvError::Closed));
    assert!(late.is_closed());
}

#[test]
fn a_slow_receiver_learns_how_much_it_lost() {
    let (sender, mut receiver) = broadcast::channel(3);
    for n in 0..10 {
        sender.send(n).unwrap();
    }
    // The ring has four places.
    assert_eq!(receiver.len(), 10);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Lagged(6)));
    assert_eq!(receiver.try_recv(), Ok(6));
    assert_eq!(receiver.len(), 3);
}

#[test]
fn a_value_is_dropped_when_all_have_it_or_have_left() {
    let token = Arc::new(());
    let (sender, mut first) = broadcast::channel(4);
    let second = sender.subscribe();
    sender.send(token.clone()).unwrap();
    drop(first.try_recv().unwrap());
    assert_eq!(Arc::strong_count(&token), 2);
    drop(second);
    assert_eq!(Arc::strong_count(&token), 1);
}

/// What a `Clone` does, the last listener sees as the others do; and one that panics loses its
/// value.
#[test]
fn each_listener_gets_a_clone_the_last_too() {
    #[derive(Debug)]
    struct Copies(u32);
    impl Clone for Copies {
        fn clone(&self) -> Copies {
            assert!(self.0 < 10, "cannot be copied");
            Copies(self.0 + 1)
        }
    }
    let (sender, mut first) = broadcast::channel(4);
    let mut second = sender.subscribe();
    for value in [0, 10, 1] {
        sender.send(Copies(value)).unwrap();
    }
    for listener in [&mut first, &mut second] {
        assert_eq!(listener.try_recv().unwrap().0, 1);
        assert!(catch_unwind(AssertUnwindSafe(|| listener.try_recv())).is_err());
        assert_eq!(listener.try_recv().unwrap().0, 2);
    }
    assert!(sender.is_empty());
}

/// Who hears that the last listener is gone finds that its values are gone, too.
#[test]
fn a_receiver_told_of_the_end_finds_the_channel_empty() {
    struct Look(broadcast::Sender<Arc<()>>, Mutex<Option<(usize, usize)>>);
    impl Wake for Look {
        fn wake(self: Arc<Self>) {
            *self.1.lock().unwrap() = Some((self.0.receiver_count(), self.0.len()));
        }
    }
    let (sender, listener) = broadcast::channel(4);
    let look = Arc::new(Look(sender.clone(), Mutex::default()));
    let waker = Waker::from(look.clone());
    let token = Arc::new(());
    sender.send(token.clone()).unwrap();
    let mut closed = pin!(sender.closed());
    assert!(closed.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(listener);
    assert_eq!(*look.1.lock().unwrap(), Some((0, 0)));
    assert_eq!(Arc::strong_count(&token), 1);
    assert!(poll(closed).is_ready());
}

#[test]
fn a_receive_that_is_given_up_loses_nothing() {
    let (sender, mut receiver) = broadcast::channel(4);
    assert!(poll(pin!(receiver.recv())).is_pending());
    sender.send(1).unwrap();
    assert_eq!(poll(pin!(receiver.recv())), Poll::Ready(Ok(1)));
    let thread = std::thread::spawn(move || receiver.blocking_recv());
    sender.send(2).unwrap();
    assert_eq!(thread.join().unwrap(), Ok(2));
    block_on(sender.closed());
    assert!(sender.send(3).is_err());
}

#[test]
fn weak_senders_of_a_broadcast() {
    let (sender, receiver) = broadcast::channel::<u8>(1);
    let weak = sender.downgrade();
    assert_eq!((receiver.sender_strong_count(), receiver.sender_weak_count()), (1, 1));
    assert!(weak.upgrade().is_some());
    drop(sender);
    assert!(weak.upgrade().is_none());
}

#[test]
#[should_panic = "cannot be zero"]
fn a_broadcast_needs_room() {
    let _ = broadcast::channel::<u8>(0);
}

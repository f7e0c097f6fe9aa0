//! A `CountingWaker` says how often it was called, and who still holds it.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;

use runtime::sync::{Notify, mpsc};
use runtime::testing::CountingWaker;

#[test]
fn a_wake_during_the_poll_counts_and_one_before_it_does_not() {
    let waker = CountingWaker::new();
    waker.waker().wake_by_ref();
    assert_eq!(waker.count(), 1);
    let mut twice = poll_fn(|cx| {
        cx.waker().wake_by_ref();
        cx.waker().clone().wake();
        Poll::<()>::Pending
    });
    assert!(waker.poll(&mut twice).is_pending());
    assert_eq!(waker.count(), 2);
    assert!(waker.poll(&mut pending::<()>()).is_pending());
    assert!(!waker.is_woken());
}

#[test]
fn a_context_leaves_the_count_and_taking_it_ends_it() {
    let waker = CountingWaker::default();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    for sent in 1..=3 {
        assert!(receiver.poll_recv(&mut waker.context()).is_pending());
        sender.send(sent).unwrap();
        assert_eq!(waker.count(), sent);
        assert!(receiver.poll_recv(&mut waker.context()).is_ready());
    }
    assert_eq!((waker.take(), waker.take()), (3, 0));
}

#[test]
fn a_kept_waker_counts_until_it_is_dropped() {
    let waker = CountingWaker::new();
    let notify = Notify::new();
    {
        let mut waiting = pin!(notify.notified());
        assert_eq!(waker.clones(), 0);
        assert!(waker.poll(&mut waiting).is_pending());
        assert!(waker.poll(&mut waiting).is_pending());
        assert_eq!(waker.clones(), 1);
    }
    assert_eq!(waker.clones(), 0, "a future that is dropped lets go of it");
    let kept = waker.waker().clone();
    assert_eq!(waker.clones(), 1);
    kept.wake();
    assert_eq!((waker.clones(), waker.count()), (0, 1));
}

#[test]
fn wakes_of_all_threads_count() {
    let waker = CountingWaker::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1000).for_each(|_| waker.waker().wake_by_ref()));
        }
    });
    assert_eq!(waker.count(), 4000);
}

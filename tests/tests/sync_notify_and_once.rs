//! Who waits for something to happen is told, exactly as often as it happened.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::executor::block_on;
use futures::future::join_all;
use runtime::sync::{Barrier, Notify, OnceCell, SetError, SetOnce};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn one_notification_is_kept_for_the_next() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_one();
    assert!(poll(pin!(notify.notified())).is_ready());
    assert!(poll(pin!(notify.notified())).is_pending());
}

#[test]
fn the_first_or_the_last_in_line_is_notified() {
    let notify = Notify::new();
    let mut waiters: Vec<_> = (0..3).map(|_| Box::pin(notify.notified())).collect();
    for waiter in &mut waiters {
        assert!(!waiter.as_mut().enable());
    }
    notify.notify_last();
    notify.notify_one();
    let ready: Vec<_> = waiters.iter_mut().map(|w| poll(w.as_mut()).is_ready()).collect();
    assert_eq!(ready, [true, false, true]);
}

#[test]
fn all_who_wait_are_notified_and_nobody_later() {
    let notify = Arc::new(Notify::new());
    let mut before = pin!(notify.notified());
    let mut owned = pin!(notify.clone().notified_owned());
    let mut in_line = pin!(notify.notified());
    in_line.as_mut().enable();
    notify.notify_waiters();
    let after = pin!(notify.notified());
    assert!(poll(before.as_mut()).is_ready());
    assert!(poll(owned.as_mut()).is_ready());
    assert!(poll(in_line).is_ready());
    assert!(poll(after).is_pending());
}

#[test]
fn a_notification_goes_on_from_who_has_left() {
    let notify = Notify::new();
    let mut leaving = Box::pin(notify.notified());
    leaving.as_mut().enable();
    let mut next = pin!(notify.notified());
    next.as_mut().enable();
    notify.notify_one();
    drop(leaving);
    assert!(poll(next).is_ready());

    // With nobody left it is kept, also when all were notified after that.
    for all in [false, true] {
        let mut leaving = Box::pin(notify.notified());
        leaving.as_mut().enable();
        notify.notify_one();
        if all {
            notify.notify_waiters();
        }
        drop(leaving);
        assert!(poll(pin!(notify.notified())).is_ready());
        assert!(poll(pin!(notify.notified())).is_pending());
    }
}

#[test]
fn a_barrier_opens_for_each_crowd() {
    let barrier = Barrier::new(3);
    for _ in 0..4 {
        let results = block_on(join_all((0..3).map(|_| barrier.wait())));
        assert_eq!(results.iter().filter(|result| result.is_leader()).count(), 1);
    }
    assert!(block_on(Barrier::new(0).wait()).is_leader());
}

#[test]
fn a_cell_is_filled_once() {
    let cell = OnceCell::new();
    let mut first = Box::pin(cell.get_or_init(std::future::pending::<u8>));
    assert!(poll(first.as_mut()).is_pending());
    assert_eq!(cell.set(1), Err(SetError::InitializingError(1)));
    let mut second = Box::pin(cell.get_or_init(|| async { 2 }));
    assert!(poll(second.as_mut()).is_pending());
    drop(first);
    assert_eq!(poll(second.as_mut()), Poll::Ready(&2));
    drop(second);
    assert_eq!(cell.set(3), Err(SetError::AlreadyInitializedError(3)));
    assert_eq!(block_on(cell.get_or_try_init(|| async { Err(()) })), Ok(&2));
    assert_eq!(cell.into_inner(), Some(2));
}

#[test]
fn a_cell_whose_filling_failed_is_filled_by_the_next() {
    let mut cell = OnceCell::new();
    assert_eq!(block_on(cell.get_or_try_init(|| async { Err::<u8, _>("no") })), Err("no"));
    assert!(!cell.initialized());
    cell.set(4).unwrap();
    assert_eq!(cell.take(), Some(4));
    assert_eq!(cell.get(), None);
    assert_eq!(block_on(OnceCell::const_new_with(5).get_or_init(|| async { 6 })), &5);
}

#[test]
fn tasks_that_wait_for_a_value_get_it() {
    let cell = Arc::new(SetOnce::new());
    let mut waiting = pin!(cell.wait());
    assert!(poll(waiting.as_mut()).is_pending());
    let other = cell.clone();
    std::thread::spawn(move || other.set("set").unwrap()).join().unwrap();
    assert_eq!(poll(waiting), Poll::Ready(&"set"));
    assert_eq!(cell.set("again").unwrap_err().0, "again");
}

#[test]
fn a_waiter_told_by_notify_waiters_leaves_notify_one_to_the_next() {
    let notify = Notify::new();
    let told = pin!(notify.notified());
    notify.notify_waiters();
    notify.notify_one();
    assert!(poll(told).is_ready());
    assert!(poll(pin!(notify.notified())).is_ready());
    assert!(poll(pin!(notify.notified())).is_pending());
}

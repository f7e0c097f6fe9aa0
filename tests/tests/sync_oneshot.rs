//! A value goes from one sender to one receiver, once, or comes back.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::executor::block_on;
use runtime::sync::oneshot::{self, error::TryRecvError};

#[test]
fn the_value_arrives_before_and_after_the_wait() {
    let (sender, receiver) = oneshot::channel();
    sender.send(1).unwrap();
    assert_eq!(block_on(receiver), Ok(1));

    let (sender, receiver) = oneshot::channel();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(5));
        sender.send(2).unwrap();
    });
    assert_eq!(block_on(receiver), Ok(2));
    thread.join().unwrap();
}

#[test]
fn a_value_that_nobody_takes_comes_back() {
    let (sender, receiver) = oneshot::channel();
    drop(receiver);
    assert!(sender.is_closed());
    assert_eq!(sender.send("back"), Err("back"));
}

#[test]
fn close_refuses_what_comes_later_only() {
    let (sender, mut receiver) = oneshot::channel();
    receiver.close();
    assert_eq!(sender.send(1), Err(1));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));

    let (sender, mut receiver) = oneshot::channel();
    sender.send(1).unwrap();
    receiver.close();
    assert_eq!(receiver.try_recv(), Ok(1));
}

#[test]
fn a_dropped_sender_is_an_error() {
    let (sender, mut receiver) = oneshot::channel::<u8>();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    drop(sender);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    assert!(receiver.is_terminated());

    let (sender, receiver) = oneshot::channel::<u8>();
    drop(sender);
    assert!(block_on(receiver).is_err());
}

#[test]
fn a_wait_that_is_given_up_loses_nothing() {
    let (sender, mut receiver) = oneshot::channel();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut receiver).poll(&mut cx).is_pending());
    sender.send(4).unwrap();
    assert!(!receiver.is_empty());
    assert_eq!(Pin::new(&mut receiver).poll(&mut cx), Poll::Ready(Ok(4)));
    assert!(receiver.is_terminated() && receiver.is_empty());
}

#[test]
#[should_panic = "polled after it was ready"]
fn polling_again_panics() {
    let (sender, mut receiver) = oneshot::channel();
    sender.send(()).unwrap();
    block_on(&mut receiver).unwrap();
    let _ = block_on(&mut receiver);
}

#[test]
fn a_value_is_dropped_with_its_receiver() {
    let token = Arc::new(());
    let (sender, receiver) = oneshot::channel();
    sender.send(token.clone()).unwrap();
    drop(receiver);
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
fn closed_tells_the_sender() {
    let (mut sender, receiver) = oneshot::channel::<u8>();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(sender.poll_closed(&mut cx).is_pending());
    let thread = std::thread::spawn(move || drop(receiver));
    block_on(sender.closed());
    thread.join().unwrap();
}

#[test]
fn a_thread_may_sleep_for_it() {
    let (sender, receiver) = oneshot::channel();
    let thread = std::thread::spawn(move || receiver.blocking_recv());
    sender.send(5).unwrap();
    assert_eq!(thread.join().unwrap(), Ok(5));
}

//! Models of `engine/ready_list.rs`.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;

use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use crate::engine::ready_list::{ReadyList, waker};

/// An owner that sleeps through a member that became ready while it left its waker.
#[test]
fn every_member_is_heard_of() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let list = Arc::new(ReadyList::default());
        let members: Vec<_> = (0..2)
            .map(|key| {
                let call = waker(&list, key);
                thread::spawn(move || call.wake())
            })
            .collect();
        let mut seen = [0; 2];
        let mut keys = VecDeque::new();
        while seen.iter().sum::<u32>() < 2 {
            block_on(poll_fn(|cx| match list.poll_collect(&mut keys, cx.waker()) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }));
            for key in keys.drain(..) {
                seen[key as usize] += 1;
            }
        }
        assert_eq!(seen, [1, 1]);
        for member in members {
            member.join().unwrap();
        }
    });
}

/// A member that calls a waker which the owner has replaced since.
#[test]
fn the_latest_waker_is_called() {
    loom::model(|| {
        let list = Arc::new(ReadyList::default());
        let call = waker(&list, 7);
        let member = thread::spawn(move || call.wake());
        let mut keys = VecDeque::new();
        if !list.poll_collect(&mut keys, std::task::Waker::noop()) {
            block_on(poll_fn(|cx| match list.poll_collect(&mut keys, cx.waker()) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }));
        }
        assert_eq!(keys, [7]);
        member.join().unwrap();
    });
}

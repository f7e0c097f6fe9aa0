//! A task that many ready tasks wake, one after another, runs once for all of them: the owner of a
//! connection sends what they have left with it at once.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use runtime::runtime::Builder;
use runtime::sync::{Barrier, mpsc, oneshot};

/// How many messages come in the burst.
const SENDERS: usize = 100;

/// Returns how many messages the receiver got in each of its polls.
fn batches(workers: usize) -> Vec<usize> {
    let runtime = Builder::new_multi_thread().worker_threads(workers).build().unwrap();
    runtime.block_on(async {
        let (to, mut from) = mpsc::unbounded_channel();
        let barrier = Arc::new(Barrier::new(SENDERS));
        let (waits, has_waited) = oneshot::channel();
        let receiver = runtime::spawn(async move {
            let (mut batches, mut waits) = (Vec::new(), Some(waits));
            poll_fn(|cx| {
                let mut got = 0;
                while let Poll::Ready(message) = from.poll_recv(cx) {
                    match message {
                        Some(()) => got += 1,
                        None => {
                            batches.push(got);
                            return Poll::Ready(());
                        }
                    }
                }
                if let Some(waits) = waits.take() {
                    let _ = waits.send(());
                }
                batches.push(got);
                Poll::Pending
            })
            .await;
            batches
        });
        // It waits for the first message.
        has_waited.await.unwrap();
        for _ in 0..SENDERS {
            let (to, barrier) = (to.clone(), Arc::clone(&barrier));
            // The last one that comes makes all others ready in the same poll.
            runtime::spawn(async move {
                barrier.wait().await;
                to.send(()).unwrap();
            });
        }
        drop(to);
        receiver.await.unwrap()
    })
}

#[test]
fn a_task_that_a_hundred_tasks_wake_gets_most_of_their_messages_in_one_poll() {
    let batches = batches(1);
    assert_eq!(batches.iter().sum::<usize>(), SENDERS);
    // The first sender's wake goes before the others. A poll may end early when its budget is used.
    let most = batches.iter().max().copied();
    assert!(most >= Some(SENDERS / 2), "the receiver got {batches:?}");
}

#[test]
fn no_message_is_left_behind_on_several_workers() {
    for _ in 0..50 {
        assert_eq!(batches(4).iter().sum::<usize>(), SENDERS);
    }
}

#[test]
fn two_tasks_that_wake_each_other_still_go_before_the_queue() {
    let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let others = Arc::new(AtomicUsize::new(0));
    let seen = runtime.block_on(async {
        let (ask, mut asked) = mpsc::unbounded_channel::<oneshot::Sender<usize>>();
        let count = Arc::clone(&others);
        runtime::spawn(async move {
            while let Some(answer) = asked.recv().await {
                let _ = answer.send(count.load(Ordering::SeqCst));
            }
        });
        let others = Arc::clone(&others);
        runtime::spawn(async move {
            for _ in 0..SENDERS {
                let others = Arc::clone(&others);
                runtime::spawn(async move { others.fetch_add(1, Ordering::SeqCst) });
            }
            // The hundred lie in the queue, but for the last one in the slot.
            let (answer, answered) = oneshot::channel();
            ask.send(answer).unwrap();
            answered.await.unwrap()
        })
        .await
        .unwrap()
    });
    assert!(seen < SENDERS / 2, "{seen} others ran before the answer");
}

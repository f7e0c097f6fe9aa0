//! What is wrong in a program is found by itself, and named with the places in the source.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use runtime::insight::{Finding, FindingKind, Insight};
use runtime::sync::{Barrier, Mutex, mpsc};
use runtime::{Builder, Runtime, time};
use tests::patience;

/// A runtime, and what is found in it.
fn watched() -> (Runtime, Receiver<Finding>) {
    let (tell, found) = channel();
    let tell = StdMutex::new(tell);
    let insight = Insight::on().on_finding(move |finding| {
        let _ = tell.lock().unwrap().send(finding.clone());
    });
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().insight(insight).build().unwrap();
    (runtime, found)
}

/// The deadlock that is found: its tasks, and what is said.
fn deadlock(found: &Receiver<Finding>) -> (usize, String) {
    loop {
        let finding = found.recv_timeout(patience()).expect("something is found");
        if finding.kind == FindingKind::Deadlock {
            return (finding.tasks.len(), finding.to_string());
        }
    }
}

/// Tasks that lock one of the mutexes each, and then want the next one's.
fn ring(runtime: &Runtime, count: usize) {
    let mutexes: Vec<_> = (0..count).map(|_| Arc::new(Mutex::new(()))).collect();
    let barrier = Arc::new(Barrier::new(count));
    for index in 0..count {
        let (first, second) = (mutexes[index].clone(), mutexes[(index + 1) % count].clone());
        let barrier = barrier.clone();
        runtime.spawn(async move {
            let _first = first.lock().await;
            barrier.wait().await;
            drop(second.lock().await);
        });
    }
}

#[test]
fn two_tasks_that_lock_in_different_orders() {
    let (runtime, found) = watched();
    ring(&runtime, 2);
    let (tasks, text) = deadlock(&found);
    assert_eq!(tasks, 2, "{text}");
    assert!(text.matches(file!()).count() >= 4, "places of tasks and of locks:\n{text}");
    runtime.shutdown_background();
}

#[test]
fn three_tasks_in_a_ring() {
    let (runtime, found) = watched();
    ring(&runtime, 3);
    let (tasks, text) = deadlock(&found);
    assert_eq!(tasks, 3, "{text}");
    runtime.shutdown_background();
}

#[test]
fn a_full_channel_whose_receiver_wants_the_senders_lock() {
    let (runtime, found) = watched();
    let mutex = Arc::new(Mutex::new(()));
    let (sender, mut receiver) = mpsc::channel::<u32>(1);
    runtime.spawn({
        let mutex = mutex.clone();
        async move {
            let _guard = mutex.lock().await;
            loop {
                sender.send(1).await.unwrap();
            }
        }
    });
    runtime.spawn(async move {
        while receiver.recv().await.is_some() {
            drop(mutex.lock().await);
        }
    });
    let (tasks, text) = deadlock(&found);
    assert_eq!(tasks, 2, "{text}");
    assert!(text.contains("mpsc channel") && text.contains("a mutex"), "{text}");
    runtime.shutdown_background();
}

#[test]
fn a_task_that_awaits_one_that_wants_its_lock() {
    let (runtime, found) = watched();
    let mutex = Arc::new(Mutex::new(()));
    runtime.spawn(async move {
        let _guard = mutex.lock().await;
        let mutex = mutex.clone();
        runtime::spawn(async move { drop(mutex.lock().await) }).await.unwrap();
    });
    let (tasks, text) = deadlock(&found);
    assert_eq!(tasks, 2, "{text}");
    assert!(text.contains("the end of task"), "{text}");
    runtime.shutdown_background();
}

#[test]
fn a_task_that_locks_twice() {
    let (runtime, found) = watched();
    let mutex = Mutex::new(());
    runtime.spawn(async move {
        let _guard = mutex.lock().await;
        drop(mutex.lock().await);
    });
    let (tasks, text) = deadlock(&found);
    assert_eq!(tasks, 1, "{text}");
    runtime.shutdown_background();
}

#[test]
fn a_task_that_nobody_can_wake_one_that_spins_and_a_lock_in_a_sleep() {
    let (runtime, found) = watched();
    drop(runtime.spawn(std::future::pending::<()>()));
    runtime.spawn(async {
        loop {
            runtime::task::yield_now().await;
        }
    });
    let mutex = Arc::new(Mutex::new(()));
    let waiter = mutex.clone();
    runtime.spawn(async move {
        let _guard = mutex.lock().await;
        time::sleep(Duration::from_secs(1000)).await;
    });
    runtime.spawn(async move {
        time::sleep(Duration::from_millis(10)).await;
        drop(waiter.lock().await);
    });
    let mut missing =
        vec![FindingKind::LostTask, FindingKind::BusyLoop, FindingKind::LockHeldInSleep];
    while !missing.is_empty() {
        let finding = found.recv_timeout(patience()).expect("something is found");
        missing.retain(|kind| *kind != finding.kind);
        assert!(finding.to_string().contains(file!()), "{finding}");
    }
    runtime.shutdown_background();
}

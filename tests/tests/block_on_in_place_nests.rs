//! `task::block_on_in_place` works wherever it is called, and on a worker it holds up nobody.

use std::sync::mpsc;
use std::time::Duration;

use runtime::sync::oneshot;
use runtime::task::{LocalSet, block_on_in_place, yield_now};
use runtime::time::sleep;
use tests::{current_thread, patience, workers};

#[test]
fn outside_a_runtime_it_waits_for_another_thread() {
    let (sender, receiver) = oneshot::channel();
    let other = std::thread::spawn(move || sender.send(1).unwrap());
    assert_eq!(block_on_in_place(receiver).unwrap(), 1);
    other.join().unwrap();
}

#[test]
fn tasks_of_the_only_worker_go_on() {
    let runtime = workers(1);
    let (done, is_done) = mpsc::channel();
    runtime.spawn(async move {
        let (sender, receiver) = oneshot::channel();
        // It is behind this task, on the same worker.
        runtime::spawn(async move {
            sleep(Duration::from_millis(1)).await;
            sender.send(2).unwrap();
        });
        let nested = block_on_in_place(async { block_on_in_place(receiver).unwrap() });
        done.send(nested).unwrap();
    });
    assert_eq!(is_done.recv_timeout(patience()), Ok(2));
}

#[test]
fn a_root_future_may_nest_it() {
    let runtime = workers(1);
    let nested = runtime.block_on(async {
        let task = runtime::spawn(async { 3 });
        block_on_in_place(task).unwrap()
    });
    assert_eq!(nested, 3);
}

#[test]
fn where_the_thread_is_bound_it_waits_for_others() {
    let waits = || {
        let (sender, receiver) = oneshot::channel();
        let other = std::thread::spawn(move || sender.send(4).unwrap());
        let received = block_on_in_place(receiver).unwrap();
        other.join().unwrap();
        received
    };
    let one_thread = current_thread();
    assert_eq!(
        one_thread.block_on(async { runtime::spawn(async move { waits() }).await.unwrap() }),
        4
    );
    let several = workers(1);
    assert_eq!(several.block_on(LocalSet::new().run_until(async { waits() })), 4);
}

#[test]
fn it_has_a_budget_of_its_own() {
    let runtime = workers(1);
    let (done, is_done) = mpsc::channel();
    runtime.spawn(async move {
        // Uses up the task's own.
        let (sender, mut receiver) = runtime::sync::mpsc::unbounded_channel();
        while runtime::task::coop::has_budget_remaining() {
            sender.send(()).unwrap();
            receiver.recv().await.unwrap();
        }
        for _ in 0..1000 {
            sender.send(()).unwrap();
        }
        block_on_in_place(async {
            for _ in 0..1000 {
                receiver.recv().await.unwrap();
            }
            yield_now().await;
        });
        assert!(!runtime::task::coop::has_budget_remaining(), "the task's own is as it was");
        done.send(()).unwrap();
    });
    assert_eq!(is_done.recv_timeout(patience()), Ok(()));
}

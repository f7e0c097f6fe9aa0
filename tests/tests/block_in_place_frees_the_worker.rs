//! `block_in_place` lets a task block without holding up the others, says no where it cannot, and
//! lets the task use `block_on` inside.

use std::time::Duration;

use runtime::sync::oneshot;
use runtime::task::block_in_place;
use tests::{Gate, current_thread, panic_of, within, workers};

#[test]
fn others_go_on_even_with_one_worker() {
    within(|| {
        let runtime = workers(1);
        runtime.block_on(async {
            let gate = Gate::default();
            let hold = gate.clone();
            let blocking = runtime::spawn(async move {
                block_in_place(|| hold.block());
                runtime::task::yield_now().await;
                5
            });
            gate.wait_for(1);
            // Only a worker can run these: nothing opens the gate before they are done.
            runtime::spawn(async { runtime::task::yield_now().await }).await.unwrap();
            runtime::spawn(runtime::time::sleep(Duration::from_millis(1))).await.unwrap();
            gate.open();
            assert_eq!(blocking.await.unwrap(), 5);
        });
    });
}

#[test]
fn the_tasks_of_the_worker_are_run_by_others() {
    within(|| {
        let runtime = workers(1);
        runtime.block_on(async {
            let done = runtime::spawn(async {
                // Both lie with this worker, the last in its LIFO slot, when it blocks.
                let tasks: Vec<_> = (0..20).map(|n| runtime::spawn(async move { n })).collect();
                let (send, receive) = std::sync::mpsc::channel();
                let watcher = runtime::spawn(async move {
                    let mut sum = 0;
                    for task in tasks {
                        sum += task.await.unwrap();
                    }
                    send.send(sum).unwrap();
                });
                let sum = block_in_place(|| receive.recv_timeout(tests::PATIENCE)).unwrap();
                watcher.await.unwrap();
                sum
            });
            assert_eq!(done.await.unwrap(), 190);
        });
    });
}

#[test]
fn all_workers_may_be_in_it_at_once_and_over_again() {
    within(|| {
        let runtime = workers(2);
        runtime.block_on(async {
            for _ in 0..5 {
                let gate = Gate::default();
                let handles: Vec<_> = (0..8)
                    .map(|n| {
                        let hold = gate.clone();
                        runtime::spawn(async move {
                            block_in_place(|| hold.block());
                            runtime::task::yield_now().await;
                            n
                        })
                    })
                    .collect();
                gate.wait_for(8);
                gate.open();
                for (n, handle) in handles.into_iter().enumerate() {
                    assert_eq!(handle.await.unwrap(), n);
                }
            }
        });
    });
}

#[test]
fn block_on_works_inside() {
    within(|| {
        let runtime = workers(1);
        let value = runtime.block_on(async {
            runtime::spawn(async {
                let (send, receive) = oneshot::channel();
                runtime::spawn(async move { send.send(6) });
                block_in_place(|| runtime::Handle::current().block_on(receive)).unwrap()
            })
            .await
            .unwrap()
        });
        assert_eq!(value, 6);
    });
}

#[test]
fn it_may_be_nested_and_used_in_the_root_future() {
    within(|| {
        let runtime = workers(1);
        runtime.block_on(async {
            assert_eq!(block_in_place(|| block_in_place(|| 1)), 1);
            runtime::spawn(async { block_in_place(|| block_in_place(|| 2)) }).await.unwrap();
        });
    });
}

#[test]
fn it_is_a_plain_call_outside_of_tasks() {
    within(|| {
        assert_eq!(block_in_place(|| 1), 1);
        let runtime = workers(1);
        let job = runtime.spawn_blocking(|| block_in_place(|| 2));
        assert_eq!(runtime.block_on(job).unwrap(), 2);
    });
}

#[test]
fn a_panic_inside_is_the_task_s() {
    within(|| {
        let runtime = workers(1);
        for _ in 0..10 {
            let task = runtime.spawn(async { block_in_place(|| panic!("inside")) });
            let error: runtime::task::JoinError = runtime.block_on(task).unwrap_err();
            assert!(error.is_panic());
        }
        runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
    });
}

#[test]
fn it_is_refused_where_no_other_thread_could_take_over() {
    within(|| {
        let runtime = current_thread();
        let text = panic_of(|| runtime.block_on(async { block_in_place(|| {}) }));
        assert!(text.contains("multi-threaded runtime") || text.contains("multi_thread"), "{text}");
        // A thread that runs a future and nothing else keeps nobody waiting.
        let sum = runtime.handle().block_on(async {
            block_in_place(|| runtime::Handle::current().block_on(async { 1 + 1 }))
        });
        assert_eq!(sum, 2);
    });
}

//! A handle of async-task over a task of the runtime: what a drop, a cancel and a panic mean.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use futures_lite::future::block_on;
use process_runtime::spawn;

const PATIENCE: Duration = Duration::from_secs(60);

struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn the_output_comes_out() {
    assert_eq!(block_on(spawn(async { 6 * 7 })), 42);
}

#[test]
fn a_cancel_ends_when_the_future_is_dropped() {
    for _ in 0..1000 {
        let dropped = Arc::new(AtomicBool::new(false));
        let guard = Dropped(Arc::clone(&dropped));
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        assert_eq!(block_on(task.cancel()), None);
        assert!(dropped.load(Ordering::SeqCst));
    }
}

#[test]
fn a_drop_cancels_and_a_detached_task_goes_on() {
    let (sender, receiver) = mpsc::channel::<()>();
    drop(spawn(async move {
        let _sender = sender;
        pending::<()>().await;
    }));
    assert!(receiver.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Disconnected));
    let (sender, receiver) = mpsc::channel();
    spawn(async move { sender.send(1).unwrap() }).detach();
    assert_eq!(receiver.recv_timeout(PATIENCE), Ok(1));
}

#[test]
fn a_panic_reaches_who_awaits() {
    let task = spawn(async { std::panic::panic_any(7) });
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| block_on(task)));
    assert_eq!(panic.unwrap_err().downcast_ref::<i32>(), Some(&7));
}

#[test]
fn a_runtime_that_ends_ends_its_tasks() {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let task = {
        let _entered = runtime.enter();
        spawn(pending::<()>()).fallible()
    };
    drop(runtime);
    assert_eq!(block_on(task), None);
}

#[test]
fn a_cancel_waits_for_a_poll_that_has_begun() {
    let (begins, begun) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let dropped = Arc::new(AtomicBool::new(false));
    let guard = Dropped(Arc::clone(&dropped));
    let task = spawn(async move {
        let _guard = guard;
        begins.send(()).unwrap();
        let _ = gone.recv_timeout(PATIENCE);
        pending::<()>().await;
    });
    begun.recv_timeout(PATIENCE).unwrap();
    let mut cancel = std::pin::pin!(task.cancel());
    let polled = block_on(futures_lite::future::poll_once(cancel.as_mut()));
    assert_eq!(polled, None, "the poll has not returned");
    assert!(!dropped.load(Ordering::SeqCst));
    go.send(()).unwrap();
    assert_eq!(block_on(cancel), None);
    assert!(dropped.load(Ordering::SeqCst));
}

#[test]
fn a_cancel_of_a_task_that_has_ended_yields_its_output() {
    for _ in 0..1000 {
        let task = spawn(async { 5 });
        while !task.is_finished() {
            std::thread::yield_now();
        }
        assert_eq!(block_on(task.cancel()), Some(5));
    }
}

#[test]
fn a_cancel_against_the_end_yields_the_output_or_nothing() {
    for _ in 0..10_000 {
        let kept = Arc::new(());
        let output = Arc::clone(&kept);
        let task = spawn(async move { output });
        drop(block_on(task.cancel()));
        assert_eq!(Arc::strong_count(&kept), 1);
    }
}

#[test]
fn a_task_that_has_spent_its_budget_may_spawn() {
    let task = spawn(async {
        // More than any budget, without a wait in between.
        let tasks: Vec<_> = (0..10_000).map(|n| spawn(async move { n })).collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await;
        }
        sum
    });
    assert_eq!(block_on(task), 10_000 * 9_999 / 2);
}

#[test]
fn a_storm_of_cancels_leaves_nothing() {
    let kept = Arc::new(());
    let tasks: Vec<_> = (0..100_000)
        .map(|n| {
            let kept = Arc::clone(&kept);
            spawn(async move {
                let _kept = kept;
                if n % 2 == 0 {
                    pending::<()>().await;
                }
            })
        })
        .collect();
    let (mut cancels, mut n) = (Vec::new(), 0);
    for task in tasks {
        n += 1;
        if n % 3 == 0 { drop(task) } else { cancels.push(task.cancel()) }
    }
    for cancel in cancels {
        block_on(cancel);
    }
    // Who dropped a handle was not told.
    let until = std::time::Instant::now() + PATIENCE;
    while Arc::strong_count(&kept) > 1 {
        assert!(std::time::Instant::now() < until, "{} are left", Arc::strong_count(&kept) - 1);
        std::thread::yield_now();
    }
}

#[test]
fn a_closure_that_has_not_begun_never_runs_after_a_drop() {
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let (begins, begun) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let first = process_runtime::unblock(move || {
        begins.send(()).unwrap();
        gone.recv_timeout(PATIENCE)
    });
    begun.recv_timeout(PATIENCE).unwrap();
    let kept = Arc::new(());
    let held = Arc::clone(&kept);
    let second = process_runtime::unblock(move || {
        drop(held);
        panic!("it was cancelled");
    });
    assert_eq!(block_on(second.cancel()), None);
    assert_eq!(Arc::strong_count(&kept), 1);
    go.send(()).unwrap();
    assert_eq!(block_on(first), Ok(()));
    let panics = process_runtime::unblock(|| std::panic::panic_any(7));
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| block_on(panics)));
    assert_eq!(panic.unwrap_err().downcast_ref::<i32>(), Some(&7));
}

//! `cancel` only tells; `abort` ends what holds no guard; the drop of a scope ends everything, and
//! nothing is polled again after the poll that it is in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use runtime::Runtime;
use runtime::sync::oneshot;
use runtime::task::{CancelGuard, Scope, yield_now};
use tests::{Census, Gate, current_thread, eventually, forever, within, workers};

fn on_each(body: impl Fn(&Runtime) + Send + Sync + 'static) {
    within(move || {
        for runtime in [workers(1), workers(2), current_thread()] {
            body(&runtime);
        }
    });
}

#[test]
fn cancel_is_heard_everywhere_inside_and_nowhere_else() {
    on_each(|runtime| {
        runtime.block_on(async {
            let outer = Scope::new();
            let (scope, sibling) = (outer.child(), outer.child());
            let inner = scope.child();
            let listen = |scope: &Scope| {
                scope.spawn(async {
                    Scope::current().cancelled().await;
                    Scope::current().is_cancelled()
                })
            };
            let (heard, heard_inside) = (listen(&scope), listen(&inner));
            let deaf = sibling.spawn(forever(()));
            yield_now().await;
            scope.cancel();
            assert!(heard.await.unwrap() && heard_inside.await.unwrap());
            assert!(inner.is_cancelled());
            assert!(!outer.is_cancelled() && !sibling.is_cancelled() && !deaf.is_finished());
            // A scope that is opened later has been told, too.
            scope.child().cancelled().await;
            drop((inner, sibling));
            scope.close().await.unwrap();
            outer.close().await.unwrap();
        });
    });
}

#[test]
fn a_task_that_ignores_the_cancel_runs_until_the_abort() {
    on_each(|runtime| {
        runtime.block_on(async {
            let (scope, census) = (Scope::new(), Census::default());
            let (end, wait) = oneshot::channel::<()>();
            let deaf = scope.spawn(forever(census.clone()));
            let finishes = scope.spawn(async move { wait.await.unwrap() });
            scope.cancel();
            end.send(()).unwrap();
            finishes.await.unwrap();
            assert_eq!(census.alive(), 1);
            scope.abort();
            assert!(deaf.await.unwrap_err().is_cancelled());
            assert_eq!(census.alive(), 0);
            scope.close().await.unwrap();
        });
    });
}

#[test]
fn shutdown_gives_time_and_no_more() {
    on_each(|runtime| {
        runtime.block_on(async {
            let (scope, census) = (Scope::new(), Census::default());
            let orderly = scope.spawn(async {
                Scope::current().cancelled().await;
                runtime::time::sleep(Duration::from_millis(1)).await;
                "in good order"
            });
            let start = Instant::now();
            scope.shutdown(Duration::from_secs(3600)).await.unwrap();
            assert!(start.elapsed() < tests::PATIENCE);
            assert_eq!(orderly.await.unwrap(), "in good order");

            let scope = Scope::new();
            let deaf = scope.spawn(forever(census.clone()));
            scope.shutdown(Duration::from_millis(5)).await.unwrap();
            assert!(deaf.is_finished());
            assert_eq!(census.alive(), 0);
        });
    });
}

#[test]
fn a_guard_holds_an_abort_back() {
    on_each(|runtime| {
        runtime.block_on(async {
            let (scope, census) = (Scope::new(), Census::default());
            let (begun, wait) = oneshot::channel();
            let (go_on, may_end) = oneshot::channel::<()>();
            let after = Arc::new(AtomicBool::new(false));
            let (held, reached) = (census.clone(), after.clone());
            let task = scope.spawn(async move {
                let guards = (CancelGuard::new(), CancelGuard::new());
                begun.send(()).unwrap();
                may_end.await.unwrap();
                drop(guards.0);
                yield_now().await; // still protected by the other one
                reached.store(true, Ordering::Relaxed);
                drop(guards.1);
                forever(held).await;
            });
            wait.await.unwrap();
            scope.abort();
            scope.abort();
            for _ in 0..20 {
                yield_now().await;
            }
            assert!(!task.is_finished() && census.alive() == 1);
            go_on.send(()).unwrap();
            scope.close().await.unwrap();
            assert!(task.await.unwrap_err().is_cancelled());
            assert!(after.load(Ordering::Relaxed));
            assert_eq!(census.alive(), 0);
        });
    });
}

#[test]
fn a_guard_that_outlives_its_task_harms_nobody() {
    on_each(|runtime| {
        runtime.block_on(async {
            let scope = Scope::new();
            let guard = scope.spawn(async { CancelGuard::new() }).await.unwrap();
            // Another task takes the place.
            let other = scope.spawn(forever(()));
            drop(guard);
            yield_now().await;
            assert!(!other.is_finished());
            scope.abort();
            assert!(other.await.unwrap_err().is_cancelled());
            scope.close().await.unwrap();
            // In no scope but the runtime's a guard does nothing.
            drop(CancelGuard::new());
        });
    });
}

#[test]
fn nothing_is_polled_again_after_the_scope_is_dropped() {
    within(|| {
        let runtime = workers(2);
        for guarded in [false, true] {
            let (gate, census) = (Gate::default(), Census::default());
            let polled_again = Arc::new(AtomicBool::new(false));
            let scope = runtime.block_on(async { Scope::new() });
            let (hold, held, again) = (gate.clone(), census.clone(), polled_again.clone());
            drop(scope.spawn(async move {
                let _held = held;
                let _guard = guarded.then(CancelGuard::new);
                hold.block();
                yield_now().await;
                again.store(true, Ordering::Relaxed);
            }));
            gate.wait_for(1);
            drop(scope); // does not wait
            assert_eq!(census.alive(), 1);
            gate.open();
            eventually("the future is dropped", || census.alive() == 0);
            assert!(!polled_again.load(Ordering::Relaxed));
        }
    });
}

#[test]
fn a_parent_that_is_dropped_takes_all_along() {
    on_each(|runtime| {
        runtime.block_on(async {
            let (scope, census) = (Scope::new(), Census::default());
            let held = census.clone();
            let (begun, wait) = oneshot::channel();
            let parent = scope.spawn(async move {
                let inner = Scope::new();
                drop(inner.spawn(forever(held.clone())));
                let innermost = inner.child();
                drop(innermost.spawn(forever(held)));
                begun.send(()).unwrap();
                forever((inner, innermost)).await;
            });
            wait.await.unwrap();
            parent.abort();
            assert!(parent.await.unwrap_err().is_cancelled());
            // Its children have been aborted, and whoever waits for the scope waits for them.
            scope.close().await.unwrap();
            assert_eq!(census.alive(), 0);
        });
    });
}

#[test]
fn the_scope_of_the_runtime_tells_everybody() {
    on_each(|runtime| {
        runtime.block_on(async {
            let scope = Scope::new();
            let plain = runtime::spawn(Scope::current().cancelled());
            let scoped = scope.spawn(async { Scope::current().cancelled().await });
            yield_now().await;
            assert!(!plain.is_finished());
            Scope::current().cancel();
            plain.await.unwrap();
            scoped.await.unwrap();
            // Told, and nothing else: the runtime goes on.
            assert_eq!(runtime::spawn(async { 1 }).await.unwrap(), 1);
            scope.close().await.unwrap();
        });
    });
}

//! When `Scope::close` returns, every task of the scope and of the scopes inside has ended, with
//! its future dropped and its handle finished; nothing can be spawned there any more.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use runtime::Runtime;
use runtime::sync::oneshot;
use runtime::task::{Scope, yield_now};
use tests::{
    Census, Seeded, current_thread, eventually, eventually_async, forever, within, workers,
};

fn on_each(body: impl Fn(&Runtime) + Send + Sync + 'static) {
    within(move || {
        for runtime in [workers(1), workers(2), current_thread()] {
            body(&runtime);
        }
    });
}

/// Polls the future once; it must not be ready.
fn is_pending<F: Future + Unpin>(future: &mut F) -> bool {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

#[test]
fn a_scope_without_tasks_closes_at_once() {
    on_each(|runtime| runtime.block_on(async { Scope::new().close().await.unwrap() }));
}

#[test]
fn each_handle_is_finished_and_each_future_dropped() {
    on_each(|runtime| {
        runtime.block_on(async {
            for tasks in [1, 2, 100] {
                let (scope, census) = (Scope::new(), Census::default());
                let handles: Vec<_> = (0..tasks)
                    .map(|n| {
                        let held = census.clone();
                        scope.spawn(async move {
                            yield_now().await;
                            drop(held);
                            n
                        })
                    })
                    .collect();
                scope.close().await.unwrap();
                assert_eq!(census.alive(), 0);
                for (n, handle) in handles.into_iter().enumerate() {
                    assert!(handle.is_finished());
                    assert_eq!(handle.await.unwrap(), n);
                }
            }
        });
    });
}

#[test]
fn it_waits_as_long_as_one_task_is_alive() {
    on_each(|runtime| {
        runtime.block_on(async {
            let scope = Scope::new();
            let (end, wait) = oneshot::channel::<()>();
            drop(scope.spawn(async move { wait.await.unwrap() }));
            let mut close = Box::pin(scope.close());
            for _ in 0..100 {
                assert!(is_pending(&mut close));
                yield_now().await;
            }
            end.send(()).unwrap();
            close.await.unwrap();
        });
    });
}

/// Spawns two of its kind, which spawn two each.
fn generation(
    left: usize,
    ended: Arc<AtomicUsize>,
) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        for _ in 0..2 {
            if left > 0 {
                drop(Scope::current().spawn(generation(left - 1, ended.clone())));
            }
        }
        yield_now().await;
        ended.fetch_add(1, Ordering::Relaxed);
    })
}

#[test]
fn tasks_may_spawn_others_while_it_waits() {
    on_each(|runtime| {
        runtime.block_on(async {
            let (scope, ended) = (Scope::new(), Arc::new(AtomicUsize::new(0)));
            drop(scope.spawn(generation(6, ended.clone())));
            scope.close().await.unwrap();
            assert_eq!(ended.load(Ordering::Relaxed), 127);
        });
    });
}

#[test]
fn it_waits_for_scopes_inside() {
    on_each(|runtime| {
        runtime.block_on(async {
            let scope = Scope::new();
            let inner = scope.child();
            let innermost = inner.child();
            let (end, wait) = oneshot::channel::<()>();
            drop(innermost.spawn(async move { wait.await.unwrap() }));
            let late = innermost.handle().clone();
            let mut close = Box::pin(scope.close());
            assert!(is_pending(&mut close));
            end.send(()).unwrap();
            close.await.unwrap();
            // A scope that has ended takes nothing, nor does one inside it, whoever still has it.
            assert!(inner.spawn(async {}).await.unwrap_err().is_cancelled());
            assert!(late.spawn(async {}).await.unwrap_err().is_cancelled());
            assert!(late.child().spawn(async {}).await.unwrap_err().is_cancelled());
            inner.close().await.unwrap();
            innermost.close().await.unwrap();
        });
    });
}

#[test]
fn dropping_the_wait_drops_the_tasks() {
    on_each(|runtime| {
        runtime.block_on(async {
            let (scope, census) = (Scope::new(), Census::default());
            let handle = scope.spawn(forever(census.clone()));
            let mut close = Box::pin(scope.close());
            assert!(is_pending(&mut close));
            drop(close);
            assert!(handle.await.unwrap_err().is_cancelled());
            assert_eq!(census.alive(), 0);
        });
    });
}

#[test]
fn a_plain_spawn_belongs_to_the_runtime() {
    on_each(|runtime| {
        runtime.block_on(async {
            let (scope, census) = (Scope::new(), Census::default());
            let held = census.clone();
            let inside = scope.spawn(async move {
                let plain = runtime::spawn(async move {
                    let scope = Scope::current();
                    (scope.alive_tasks(), forever(held).await)
                });
                (Scope::current().alive_tasks(), plain)
            });
            let (alive, plain) = inside.await.unwrap();
            assert_eq!(alive, 1);
            scope.close().await.unwrap();
            // It is alive although the scope that it was spawned in has ended.
            assert!(!plain.is_finished());
            assert_eq!(census.alive(), 1);
        });
    });
}

#[test]
fn the_current_scope_is_that_of_the_task() {
    on_each(|runtime| {
        runtime.block_on(async {
            let scope = Scope::new();
            scope.cancel();
            let inner = scope.child();
            // Cancelled is the mark by which the scopes are told apart here.
            assert!(!Scope::current().is_cancelled());
            let seen = scope.spawn(async {
                let of_task = Scope::current().is_cancelled();
                let of_new = Scope::new().is_cancelled();
                (of_task, of_new, runtime::spawn(async { Scope::current().is_cancelled() }).await)
            });
            assert!(matches!(seen.await.unwrap(), (true, true, Ok(false))));
            let seen = inner.spawn(async { Scope::current().is_cancelled() });
            assert!(seen.await.unwrap());
            assert!(!Scope::current().is_cancelled());
            drop(inner);
            scope.close().await.unwrap();
        });
    });
}

#[test]
fn destructors_see_the_scope_of_their_task() {
    on_each(|runtime| {
        runtime.block_on(async {
            let scope = Scope::new();
            let (tell, told) = oneshot::channel();
            let on_drop = tests::OnDrop::new(move || {
                let _ = tell.send(Scope::current().is_cancelled());
            });
            drop(scope.spawn(forever(on_drop)));
            yield_now().await;
            scope.abort();
            assert!(told.await.unwrap());
            scope.close().await.unwrap();
        });
    });
}

#[test]
fn a_scope_ends_with_its_runtime() {
    within(|| {
        for runtime in [workers(1), workers(2), current_thread()] {
            let census = Census::default();
            let scope = runtime.block_on(async { Scope::new() });
            let handle = scope.spawn(forever(census.clone()));
            drop(runtime);
            assert_eq!(census.alive(), 0);
            assert!(handle.is_finished());
            assert!(futures::executor::block_on(scope.spawn(async {})).is_err());
            futures::executor::block_on(scope.close()).unwrap();
        }
    });
}

/// Many threads spawn, open scopes inside, abort and close, in an order that is never the same.
#[test]
fn whatever_happens_at_the_same_time() {
    within(|| {
        let runtime = workers(2);
        for seed in 0..200 {
            let census = Census::default();
            runtime.block_on(async {
                let scope = Scope::new();
                let mut others = Vec::new();
                for n in 0..4 {
                    let (scope, census) = (scope.handle().clone(), census.clone());
                    others.push(runtime::spawn(async move {
                        let mut random = Seeded::new(seed * 4 + n);
                        for _ in 0..20 {
                            let inner = scope.child();
                            for handle in [&scope, inner.handle()] {
                                match random.below(3) {
                                    0 => drop(handle.spawn(forever(census.clone()))),
                                    1 => drop(handle.spawn(async { yield_now().await })),
                                    _ => {}
                                }
                            }
                            match random.below(4) {
                                0 => inner.abort(),
                                1 => drop(inner),
                                2 => {
                                    inner.abort();
                                    inner.close().await.unwrap();
                                }
                                _ => yield_now().await,
                            }
                        }
                    }));
                }
                if seed % 2 == 0 {
                    eventually_async("some have begun", || scope.alive_tasks() > 0).await;
                    scope.abort();
                    scope.close().await.unwrap();
                } else {
                    drop(scope);
                }
                for other in others {
                    other.await.unwrap();
                }
            });
            eventually("every future is dropped", || census.alive() == 0);
        }
    });
}

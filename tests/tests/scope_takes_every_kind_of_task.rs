//! Blocking jobs, tasks bound to a thread and pinned ones have a place in a scope like any other
//! task: it waits for them, tells them, ends them, and hears of their failure.

use std::rc::Rc;

use runtime::Runtime;
use runtime::sync::oneshot;
use runtime::task::{CancelGuard, JoinHandle, LocalSet, Scope, ScopeHandle};
use tests::{Census, Gate, current_thread, within, workers};

fn on_each(body: impl Fn(&Runtime) + Send + Sync + 'static) {
    within(move || {
        for runtime in [workers(1), workers(2), current_thread()] {
            body(&runtime);
        }
    });
}

/// A task that tells when it has begun, holds `census`, and goes on until it is dropped.
async fn deaf(census: Census, begun: oneshot::Sender<()>) {
    let _census = (census, Rc::new(()));
    begun.send(()).unwrap();
    std::future::pending::<()>().await;
}

/// The two kinds of tasks that need not be `Send`.
#[derive(Clone, Copy)]
enum Kind {
    Local,
    Pinned,
}

const KINDS: [Kind; 2] = [Kind::Local, Kind::Pinned];

impl Kind {
    fn spawn<F>(
        self,
        scope: &ScopeHandle,
        make: impl FnOnce() -> F + Send + 'static,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        match self {
            Kind::Local => scope.spawn_local(make()),
            Kind::Pinned => scope.spawn_pinned(make),
        }
    }
}

/// Runs `body` where local tasks can be spawned, for each kind on each flavour.
fn on_each_kind(body: impl AsyncFn(Kind) + Send + Sync + 'static) {
    on_each(move |runtime| {
        for kind in KINDS {
            runtime.block_on(LocalSet::new().run_until(body(kind)));
        }
    });
}

#[test]
fn close_waits_for_them() {
    on_each_kind(async |kind| {
        let (scope, census) = (Scope::new(), Census::default());
        let held = census.clone();
        let (go_on, wait) = oneshot::channel::<()>();
        let task = kind.spawn(&scope, move || async move {
            let text = (Rc::new("not Send"), held);
            wait.await.unwrap();
            text.0.len()
        });
        assert_eq!(scope.alive_tasks(), 1);
        go_on.send(()).unwrap();
        scope.close().await.unwrap();
        assert_eq!(census.alive(), 0);
        assert!(task.is_finished());
        assert_eq!(task.await.unwrap(), 8);
    });
}

#[test]
fn their_scope_is_the_current_one() {
    on_each_kind(async |kind| {
        let scope = Scope::new();
        let (begun, wait) = oneshot::channel();
        let task = kind.spawn(&scope, move || async move {
            let inner = Scope::current().spawn(async { Scope::current().is_cancelled() });
            assert!(!inner.await.unwrap());
            begun.send(()).unwrap();
            Scope::current().cancelled().await;
        });
        wait.await.unwrap();
        scope.cancel();
        scope.close().await.unwrap();
        task.await.unwrap();
    });
}

#[test]
fn an_abort_drops_them() {
    on_each_kind(async |kind| {
        let (scope, census) = (Scope::new(), Census::default());
        let (begun, wait) = oneshot::channel();
        let held = census.clone();
        let task = kind.spawn(&scope, move || deaf(held, begun));
        wait.await.unwrap();
        scope.abort();
        scope.close().await.unwrap();
        assert_eq!(census.alive(), 0);
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_guard_holds_it_back() {
    on_each_kind(async |kind| {
        let scope = Scope::new();
        let (begun, wait) = oneshot::channel();
        let (go_on, told) = oneshot::channel();
        let task = kind.spawn(&scope, move || async move {
            let _guard = CancelGuard::new();
            begun.send(()).unwrap();
            told.await.unwrap();
            "done"
        });
        wait.await.unwrap();
        scope.abort();
        go_on.send(()).unwrap();
        scope.close().await.unwrap();
        assert_eq!(task.await.unwrap(), "done");
    });
}

#[test]
fn their_panic_ends_the_siblings() {
    on_each_kind(async |kind| {
        let (scope, census) = (Scope::new(), Census::default());
        let (begun, wait) = oneshot::channel();
        let held = census.clone();
        kind.spawn(&scope, move || deaf(held, begun));
        wait.await.unwrap();
        let failed = kind.spawn(&scope, || async { panic!("boom") });
        let id = failed.id();
        drop(failed);
        let error = scope.close().await.unwrap_err();
        assert!(error.is_panic());
        assert_eq!(error.task_id(), id);
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn an_ended_scope_takes_none() {
    on_each_kind(async |kind| {
        let scope = Scope::new();
        let handle = scope.handle().clone();
        scope.close().await.unwrap();
        let census = Census::default();
        let held = census.clone();
        let task = kind.spawn(&handle, move || async move { drop(held) });
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!((census.alive(), handle.alive_tasks()), (0, 0));
    });
}

#[test]
fn a_scope_takes_tasks_on_a_local_runtime() {
    within(|| {
        let mut builder = runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build_local(Default::default()).unwrap();
        runtime.block_on(async {
            let scope = Scope::new();
            let (census, (begun, wait)) = (Census::default(), oneshot::channel());
            let task = scope.spawn_local(deaf(census.clone(), begun));
            wait.await.unwrap();
            scope.abort();
            scope.close().await.unwrap();
            assert_eq!(census.alive(), 0);
            assert!(task.await.unwrap_err().is_cancelled());
        });
    });
}

#[test]
fn a_local_set_that_is_dropped_ends_its_part() {
    on_each(|runtime| {
        runtime.block_on(async {
            let (scope, set) = (Scope::new(), LocalSet::new());
            let (census, (begun, wait)) = (Census::default(), oneshot::channel());
            set.run_until(async {
                drop(scope.spawn_local(deaf(census.clone(), begun)));
                wait.await.unwrap();
            })
            .await;
            assert_eq!(scope.alive_tasks(), 1);
            drop(set);
            assert_eq!(census.alive(), 0);
            scope.close().await.unwrap();
        });
    });
}

#[test]
fn without_a_place_to_spawn_nothing_is_left_in_the_scope() {
    on_each(|runtime| {
        runtime.block_on(async {
            let scope = Scope::new();
            let text = tests::panic_of(|| scope.spawn_local(async {}));
            assert!(text.contains("LocalSet"), "{text}");
            assert_eq!(scope.alive_tasks(), 0);
            scope.close().await.unwrap();
        });
    });
}

#[test]
fn close_waits_for_a_job_that_has_begun() {
    on_each(|runtime| {
        runtime.block_on(async {
            let (scope, gate) = (Scope::new(), Gate::default());
            let hold = gate.clone();
            let job = scope.spawn_blocking(move || {
                hold.block();
                7
            });
            gate.wait_for(1);
            // It cannot be stopped.
            scope.abort();
            let handle = scope.handle().clone();
            let mut close = Box::pin(scope.close());
            assert!(futures::poll!(&mut close).is_pending());
            assert_eq!(handle.alive_tasks(), 1);
            gate.open();
            close.await.unwrap();
            assert_eq!(job.await.unwrap(), 7);
        });
    });
}

#[test]
fn an_abort_cancels_a_job_that_has_not() {
    within(|| {
        for mut builder in
            [runtime::Builder::new_multi_thread(), runtime::Builder::new_current_thread()]
        {
            let runtime = builder.max_blocking_threads(1).enable_all().build().unwrap();
            runtime.block_on(async {
                let (scope, gate, census) = (Scope::new(), Gate::default(), Census::default());
                let hold = gate.clone();
                let first = runtime::spawn_blocking(move || hold.block());
                gate.wait_for(1);
                let held = census.clone();
                let job = scope.spawn_blocking(move || drop(held));
                scope.abort();
                gate.open();
                scope.close().await.unwrap();
                assert!(job.await.unwrap_err().is_cancelled());
                assert_eq!(census.alive(), 0);
                first.await.unwrap();
            });
        }
    });
}

#[test]
fn a_job_hears_of_the_end_and_its_panic_is_a_failure() {
    on_each(|runtime| {
        runtime.block_on(async {
            let scope = Scope::new();
            let (begun, wait) = oneshot::channel();
            let job = scope.spawn_blocking(|| {
                begun.send(()).unwrap();
                while !Scope::current().is_cancelled() {
                    std::thread::yield_now();
                }
            });
            wait.await.unwrap();
            scope.spawn_blocking(|| panic!("boom"));
            let error = scope.close().await.unwrap_err();
            assert!(error.is_panic());
            job.await.unwrap();
        });
    });
}

#[test]
fn tasks_in_the_scope_of_the_runtime_are_as_without_one() {
    on_each_kind(async |kind| {
        let root = Scope::current();
        assert_eq!(kind.spawn(&root, || async { 1 }).await.unwrap(), 1);
        assert_eq!(root.spawn_blocking(|| 2).await.unwrap(), 2);
    });
}

#[test]
fn an_error_of_any_kind_of_task_fails_the_scope() {
    on_each(|runtime| {
        runtime.block_on(LocalSet::new().run_until(async {
            type Spawn = fn(&ScopeHandle) -> JoinHandle<Option<u32>>;
            let ways: [Spawn; 3] = [
                |scope| scope.try_spawn_blocking(|| "x".parse::<u32>()),
                |scope| scope.try_spawn_local(async { "x".parse::<u32>() }),
                |scope| scope.try_spawn_pinned(|| async { "x".parse::<u32>() }),
            ];
            for spawn in ways {
                let scope = Scope::new();
                let sibling = scope.spawn(std::future::pending::<()>());
                let (failed, line) = (spawn(&scope), line!() - 6);
                assert_eq!(failed.await.unwrap(), None);
                let error = scope.close().await.unwrap_err();
                assert!(error.get_ref().unwrap().is::<std::num::ParseIntError>(), "{error}");
                assert!(error.spawn_location().line().abs_diff(line) < 8, "{error}");
                assert!(sibling.await.unwrap_err().is_cancelled());
            }
            // What does not fail yields its value.
            let scope = Scope::new();
            let fine = [
                scope.try_spawn_blocking(|| "1".parse::<u32>()),
                scope.try_spawn_local(async { "2".parse::<u32>() }),
                scope.try_spawn_pinned(|| async { "3".parse::<u32>() }),
            ];
            let mut sum = 0;
            for task in fine {
                sum += task.await.unwrap().unwrap();
            }
            assert_eq!(sum, 6);
            scope.close().await.unwrap();
        }));
    });
}

#[test]
fn each_kind_of_task_may_have_a_name() {
    on_each(|runtime| {
        runtime.block_on(LocalSet::new().run_until(async {
            type Spawn = fn(runtime::task::Builder<'_>, &ScopeHandle) -> JoinHandle<()>;
            let ways: [Spawn; 4] = [
                |builder, scope| builder.spawn_in(async { panic!("on purpose") }, scope).unwrap(),
                |builder, scope| builder.spawn_blocking_in(|| panic!("on purpose"), scope).unwrap(),
                |builder, scope| {
                    builder.spawn_local_in(async { panic!("on purpose") }, scope).unwrap()
                },
                |builder, scope| {
                    let make = || async { panic!("on purpose") };
                    builder.spawn_pinned_in(make, scope).unwrap()
                },
            ];
            for spawn in ways {
                let scope = Scope::new();
                let builder = runtime::task::Builder::new().name("the one that panics");
                assert!(spawn(builder, &scope).await.unwrap_err().is_panic());
                let error = scope.close().await.unwrap_err();
                assert_eq!(error.task_name(), Some("the one that panics"));
            }
        }));
    });
}

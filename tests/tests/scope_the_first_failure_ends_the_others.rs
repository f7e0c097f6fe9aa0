//! When a task of a scope fails, by an error or a panic, the others are cancelled and aborted, and
//! `close` returns the first failure.

use std::io;

use runtime::Runtime;
use runtime::sync::oneshot;
use runtime::task::{Builder, Scope};
use tests::{Census, current_thread, forever, within, workers};

fn on_each(body: impl Fn(&Runtime) + Send + Sync + 'static) {
    within(move || {
        for runtime in [workers(1), workers(2), current_thread()] {
            body(&runtime);
        }
    });
}

#[test]
fn an_error_ends_the_siblings_and_those_inside() {
    on_each(|runtime| {
        runtime.block_on(async {
            let (scope, census) = (Scope::new(), Census::default());
            let inner = scope.child();
            let siblings = [
                scope.spawn(forever(census.clone())),
                scope.spawn(forever(census.clone())),
                inner.spawn(forever(census.clone())),
            ];
            let gone = async { Err::<(), _>(io::Error::new(io::ErrorKind::NotFound, "gone")) };
            let (failed, line) = (scope.try_spawn(gone), line!());
            let id = failed.id();
            assert!(failed.await.unwrap().is_none());
            let error = scope.close().await.unwrap_err();
            for sibling in siblings {
                assert!(sibling.await.unwrap_err().is_cancelled());
            }
            assert_eq!(census.alive(), 0);
            assert!(inner.is_cancelled());
            inner.close().await.unwrap();

            assert_eq!((error.task_id(), error.task_name(), error.failures()), (id, None, 1));
            assert_eq!(error.spawn_location().file(), file!());
            assert_eq!(error.spawn_location().line(), line);
            assert!(!error.is_panic());
            assert_eq!(
                error.to_string(),
                format!("task {id} spawned at {} failed: gone", error.spawn_location())
            );
            let inner = error.into_inner().unwrap().downcast::<io::Error>().unwrap();
            assert_eq!(inner.kind(), io::ErrorKind::NotFound);
        });
    });
}

#[test]
fn a_panic_is_a_failure_and_still_reaches_the_handle() {
    on_each(|runtime| {
        runtime.block_on(async {
            let scope = Scope::new();
            let sibling = scope.spawn(std::future::pending::<()>());
            let panics =
                Builder::new().name("careless").spawn_in(async { panic!("oh {}", 1) }, &scope);
            let panics: runtime::task::JoinHandle<()> = panics.unwrap();
            assert_eq!(tests::text_of(&*panics.await.unwrap_err().into_panic()), "oh 1");
            let error = scope.close().await.unwrap_err();
            assert!(error.is_panic() && error.get_ref().is_none());
            assert_eq!(error.task_name(), Some("careless"));
            assert!(error.to_string().ends_with("panicked with message \"oh 1\""), "{error}");
            assert!(sibling.await.unwrap_err().is_cancelled());
        });
    });
}

#[test]
fn a_panic_of_a_destructor_is_a_failure() {
    on_each(|runtime| {
        runtime.block_on(async {
            let scope = Scope::new();
            drop(scope.spawn(forever(tests::OnDrop::new(|| panic!("in the destructor")))));
            runtime::task::yield_now().await;
            scope.abort();
            let error = scope.close().await.unwrap_err();
            assert!(error.is_panic() && error.to_string().contains("in the destructor"), "{error}");
        });
    });
}

#[test]
fn the_first_of_several_is_kept_and_the_others_are_counted() {
    on_each(|runtime| {
        runtime.block_on(async {
            let scope = Scope::new();
            // The second one fails when the first one has: the guard keeps it alive till then.
            let (listens, wait) = oneshot::channel();
            let second = scope.try_spawn(async {
                let _guard = runtime::task::CancelGuard::new();
                listens.send(()).unwrap();
                Scope::current().cancelled().await;
                Err::<(), _>("second")
            });
            wait.await.unwrap();
            drop(scope.try_spawn(async { Err::<(), _>("first") }));
            assert!(second.await.unwrap().is_none());
            let error = scope.close().await.unwrap_err();
            assert_eq!(error.failures(), 2);
            assert!(
                error.to_string().ends_with("failed: first (1 more failed after it)"),
                "{error}"
            );
        });
    });
}

#[test]
fn a_failure_can_be_passed_on() {
    on_each(|runtime| {
        async fn outer() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            let scope = Scope::new();
            drop(scope.try_spawn(async { Err::<(), _>("inside") }));
            scope.close().await?;
            Ok(())
        }
        let error = runtime.block_on(outer()).unwrap_err();
        assert!(error.to_string().ends_with("failed: inside"), "{error}");
        assert!(error.is::<runtime::task::ScopeError>());
    });
}

#[test]
fn an_aborted_task_is_no_failure() {
    on_each(|runtime| {
        runtime.block_on(async {
            let scope = Scope::new();
            let handle = scope.spawn(std::future::pending::<()>());
            let sibling = scope.try_spawn(async { Ok::<_, io::Error>(1) });
            handle.abort();
            assert!(handle.await.unwrap_err().is_cancelled());
            assert_eq!(sibling.await.unwrap(), Some(1));
            assert!(!scope.is_cancelled());
            scope.close().await.unwrap();
        });
    });
}

#[test]
fn a_failure_inside_stays_inside() {
    on_each(|runtime| {
        runtime.block_on(async {
            let scope = Scope::new();
            let outside = scope.spawn(async {
                let inner = Scope::new();
                drop(inner.try_spawn(async { Err::<(), _>("inside") }));
                inner.close().await.unwrap_err().to_string()
            });
            assert!(outside.await.unwrap().contains("inside"));
            assert!(!scope.is_cancelled());
            scope.close().await.unwrap();
        });
    });
}

#[test]
fn after_a_failure_nothing_is_spawned() {
    on_each(|runtime| {
        runtime.block_on(async {
            let scope = Scope::new();
            drop(scope.try_spawn(async { Err::<(), _>("broken") }));
            scope.cancelled().await;
            assert!(scope.spawn(async {}).await.unwrap_err().is_cancelled());
            assert!(scope.close().await.is_err());
        });
    });
}

/// The error's destructor is user code: it must run neither under a lock nor twice.
#[test]
fn errors_may_use_the_scope_when_they_are_dropped() {
    on_each(|runtime| {
        #[derive(Debug)]
        struct Nosy(runtime::task::ScopeHandle);
        impl std::fmt::Display for Nosy {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("nosy")
            }
        }
        impl std::error::Error for Nosy {}
        impl Drop for Nosy {
            fn drop(&mut self) {
                let _ = self.0.alive_tasks();
            }
        }
        runtime.block_on(async {
            let scope = Scope::new();
            for _ in 0..3 {
                let handle = scope.handle().clone();
                drop(scope.try_spawn(async move {
                    let _guard = runtime::task::CancelGuard::new();
                    Err::<(), _>(Nosy(handle))
                }));
            }
            assert!(scope.close().await.is_err());
        });
    });
}

/// Of a panic that nobody sees the runtime tells; the owner of a scope sees the one that ended it.
#[test]
fn a_panic_is_told_of_once() {
    within(|| {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let reports = std::sync::Arc::new(AtomicUsize::new(0));
        let count = reports.clone();
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .on_unhandled_panic(move |_| {
                count.fetch_add(1, Ordering::SeqCst);
            })
            .build()
            .unwrap();
        let panicking = |scope: &Scope| scope.spawn(async { panic!("told once") });
        runtime.block_on(async {
            for handle_is_kept in [false, true] {
                let scope = Scope::new();
                let handle: Option<runtime::task::JoinHandle<()>> =
                    Some(panicking(&scope)).filter(|_| handle_is_kept);
                scope.cancelled().await;
                let error = scope.close().await.unwrap_err();
                drop(handle);
                let payload = error.into_panic();
                assert_eq!(payload.is_some(), !handle_is_kept);
            }
            assert_eq!(reports.load(Ordering::SeqCst), 0);
            // Nobody asks this scope.
            let scope = Scope::new();
            let handle = panicking(&scope);
            scope.cancelled().await;
            tests::eventually_async("it has ended", || handle.is_finished()).await;
            drop(handle);
            assert_eq!(reports.load(Ordering::SeqCst), 0);
            drop(scope);
        });
        tests::eventually("the panic is told of", || reports.load(Ordering::SeqCst) == 1);
    });
}

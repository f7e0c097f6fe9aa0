//! A panic that no handle can show is reported once, with whose it is; one that a handle shows is
//! not. The policy can be another one, on every flavour.

use std::panic::Location;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime::runtime::{LocalRuntime, UnhandledPanic};
use runtime::sync::oneshot;
use runtime::task::{self, LocalSet, Scope};
use runtime::{Builder, Runtime};
use tests::{Gate, again, eventually, eventually_async, panic_of, role, within};

/// What was reported: name, line of the spawn, message.
type Reports = Arc<Mutex<Vec<(Option<String>, u32, Option<String>)>>>;

fn builders() -> [Builder; 2] {
    let mut builders = [Builder::new_multi_thread(), Builder::new_current_thread()];
    for builder in &mut builders {
        builder.worker_threads(2).enable_all();
    }
    builders
}

fn noting(builder: &mut Builder) -> Reports {
    let reports = Reports::default();
    let notes = reports.clone();
    builder.on_unhandled_panic(move |report| {
        let name = report.name().map(str::to_owned);
        let message = report.message().map(str::to_owned);
        notes.lock().unwrap().push((name, report.spawn_location().line(), message));
    });
    reports
}

fn on_each(body: impl Fn(&Runtime, &Reports) + Send + 'static) {
    within(move || {
        for mut builder in builders() {
            let reports = noting(&mut builder);
            body(&builder.build().unwrap(), &reports);
        }
    });
}

fn take(reports: &Reports) -> Vec<(Option<String>, u32, Option<String>)> {
    std::mem::take(&mut reports.lock().unwrap())
}

#[test]
fn a_panic_of_a_detached_task_is_reported() {
    on_each(|runtime, reports| {
        runtime.block_on(async {
            let line = Location::caller().line() + 1;
            drop(task::Builder::new().name("lost").spawn(async { panic!("boom") }).unwrap());
            eventually_async("the report", || !reports.lock().unwrap().is_empty()).await;
            assert_eq!(take(reports), [(Some("lost".into()), line, Some("boom".into()))]);
        });
    });
}

#[test]
fn a_panic_whose_handle_is_dropped_unread_is_reported() {
    on_each(|runtime, reports| {
        let handle = runtime.spawn(async { panic!("seven is {}", 7) });
        runtime.block_on(eventually_async("the end", || handle.is_finished()));
        assert_eq!(take(reports), []);
        drop(handle);
        assert_eq!(take(reports)[0].2.as_deref(), Some("seven is 7"));
    });
}

#[test]
fn a_panic_whose_handle_outlives_the_runtime_is_reported() {
    within(|| {
        for mut builder in builders() {
            let reports = noting(&mut builder);
            let runtime = builder.build().unwrap();
            let handle = runtime.spawn(async { panic!("late") });
            runtime.block_on(eventually_async("the end", || handle.is_finished()));
            drop(runtime);
            drop(handle);
            assert_eq!(take(&reports).len(), 1);
        }
    });
}

#[test]
fn a_panic_of_a_blocking_job_is_reported() {
    on_each(|runtime, reports| {
        drop(runtime.spawn_blocking(|| panic!("in the pool")));
        eventually("the report", || !reports.lock().unwrap().is_empty());
        assert_eq!(take(reports)[0].2.as_deref(), Some("in the pool"));
    });
}

#[test]
fn a_panic_of_a_local_task_is_reported() {
    within(|| {
        for mut builder in builders() {
            let reports = noting(&mut builder);
            builder.build().unwrap().block_on(LocalSet::new().run_until(async {
                let rc = Rc::new("local");
                drop(task::spawn_local(async move { panic!("{rc}") }));
                task::yield_now().await;
            }));
            assert_eq!(take(&reports)[0].2.as_deref(), Some("local"));
        }
        let mut builder = Builder::new_current_thread();
        let reports = noting(&mut builder);
        let runtime = builder.build_local(Default::default()).unwrap();
        runtime.block_on(async {
            drop(task::spawn_local(async { panic!("local runtime") }));
            task::yield_now().await;
        });
        assert_eq!(take(&reports)[0].2.as_deref(), Some("local runtime"));
    });
}

#[test]
fn a_panic_in_the_drop_of_a_future_is_reported() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in the drop");
        }
    }
    on_each(|runtime, reports| {
        runtime.block_on(async {
            let bomb = Bomb;
            let handle = runtime::spawn(async move {
                let _bomb = bomb;
                std::future::pending::<()>().await;
            });
            task::yield_now().await;
            handle.abort();
            drop(handle);
            eventually_async("the report", || !reports.lock().unwrap().is_empty()).await;
        });
        assert_eq!(take(reports)[0].2.as_deref(), Some("in the drop"));
    });
}

#[test]
fn a_panic_that_a_handle_shows_is_not_reported() {
    on_each(|runtime, reports| {
        let shown = runtime.block_on(runtime.spawn(async { panic!("shown") })).unwrap_err();
        assert!(shown.is_panic());
        drop(shown);
        let shown = runtime.block_on(runtime.spawn_blocking(|| panic!("shown"))).unwrap_err();
        drop(shown.into_panic());
        assert_eq!(take(reports), []);
    });
}

#[test]
fn a_hook_that_panics_harms_nobody() {
    within(|| {
        for mut builder in builders() {
            let runtime = builder.on_unhandled_panic(|_| panic!("in the hook")).build().unwrap();
            drop(runtime.spawn(async { panic!("boom") }));
            assert_eq!(runtime.block_on(runtime.spawn(async { 1 })).unwrap(), 1);
        }
    });
}

/// Where a task can be that panics.
const PLACES: [&str; 8] = [
    "multi-thread",
    "current-thread",
    "local-runtime",
    "local-set",
    "local-set-of-its-own-mind",
    "pinned",
    "scope",
    "blocking",
];

/// In a process of its own, for each place: what it says on stderr, and whether it ended well.
fn play(test: &str, policy: UnhandledPanic, check: impl Fn(&str, bool)) {
    if let Some(place) = role() {
        return panic_unseen(&place, policy);
    }
    for place in PLACES {
        let out = again(test, place).output().unwrap();
        let stderr = String::from_utf8_lossy(&out.stderr).into_owned();
        check(&format!("{place}: {stderr}"), out.status.success());
    }
}

fn panic_unseen(place: &str, policy: UnhandledPanic) {
    let (done, gone) = oneshot::channel::<()>();
    let boom = || {
        let _done = done;
        panic!("first line\nsecond line");
    };
    let mut builder = match place {
        "current-thread" | "local-runtime" => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(1).name("main");
    let mut set = LocalSet::new();
    if place == "local-set-of-its-own-mind" {
        set.unhandled_panic(policy);
    } else {
        builder.unhandled_panic(policy);
    }
    if place == "local-runtime" {
        let runtime = builder.build_local(Default::default()).unwrap();
        drop(runtime.spawn_local(async { boom() }));
        let _ = runtime.block_on(gone);
        return;
    }
    let runtime = builder.build().unwrap();
    let _inside = runtime.enter();
    match place {
        "local-set" | "local-set-of-its-own-mind" => drop(set.spawn_local(async { boom() })),
        "pinned" => drop(task::spawn_pinned(|| async { boom() })),
        "blocking" => drop(task::spawn_blocking(boom)),
        "scope" => {
            let scope = Scope::new();
            drop(scope.spawn(async { boom() }));
            let _ = runtime.block_on(gone);
            // Nobody closes it.
            return drop(scope);
        }
        _ => drop(task::spawn(async { boom() })),
    }
    let _ = runtime.block_on(set.run_until(gone));
}

#[test]
fn a_panic_is_reported_in_one_line_on_stderr() {
    play("a_panic_is_reported_in_one_line_on_stderr", UnhandledPanic::Report, |stderr, success| {
        assert!(success, "{stderr}");
        let lines: Vec<_> =
            stderr.lines().filter(|line| line.contains("nobody can see it")).collect();
        let [line] = lines[..] else { panic!("{stderr}") };
        let parts =
            ["runtime \"main\": task ", "spawned at ", file!(), "with \"first line\"", "await"];
        for part in parts {
            assert!(line.contains(part), "{line:?} has no {part:?}");
        }
    });
}

#[test]
fn ignored_panics_are_not_reported() {
    let test = "ignored_panics_are_not_reported";
    play(test, UnhandledPanic::Ignore, |stderr, success| {
        assert!(success && !stderr.contains("nobody can see it"), "{stderr}");
    });
}

#[test]
fn unseen_panics_abort_the_process_under_that_policy() {
    let test = "unseen_panics_abort_the_process_under_that_policy";
    play(test, UnhandledPanic::Abort, |stderr, success| {
        assert!(!success && stderr.contains("nobody can see it"), "{stderr}");
    });
}

#[test]
fn a_panic_whose_scope_is_gone_is_reported() {
    on_each(|runtime, reports| {
        let gate = Gate::default();
        let hold = gate.clone();
        let _inside = runtime.enter();
        let scope = Scope::new();
        // In its last poll when the scope is dropped.
        drop(scope.spawn_pinned(|| async move {
            hold.block();
            panic!("late");
        }));
        gate.wait_for(1);
        drop(scope);
        gate.open();
        eventually("the report", || !reports.lock().unwrap().is_empty());
        assert_eq!(take(reports)[0].2.as_deref(), Some("late"));
    });
}

#[test]
fn panics_are_reported_to_the_hook_wherever_the_task_was() {
    within(|| {
        for mut builder in builders() {
            let reports = noting(&mut builder);
            let runtime = builder.build().unwrap();
            let _inside = runtime.enter();
            drop(task::spawn_pinned(|| async { panic!("pinned") }));
            eventually("the report", || reports.lock().unwrap().len() == 1);
            assert_eq!(take(&reports)[0].2.as_deref(), Some("pinned"));
            let scope = Scope::new();
            drop(scope.spawn(async { panic!("scope") }));
            runtime.block_on(scope.cancelled());
            drop(scope);
            eventually("the report", || reports.lock().unwrap().len() == 1);
            assert_eq!(take(&reports)[0].2.as_deref(), Some("scope"));
        }
    });
}

const STOPPED: &str = "shut down on unhandled panic";

#[test]
fn a_panic_stops_the_runtime_under_that_policy() {
    within(|| {
        for mut builder in builders() {
            let runtime = builder.unhandled_panic(UnhandledPanic::ShutdownRuntime).build().unwrap();
            let other = runtime.spawn(std::future::pending::<()>());
            let text = panic_of(|| {
                runtime.block_on(async {
                    // That somebody sees the panic makes no difference.
                    let _handle = runtime::spawn(async { panic!("boom") });
                    std::future::pending::<()>().await;
                });
            });
            assert!(text.contains(STOPPED), "{text}");
            assert!(runtime.block_on_elsewhere(other).unwrap_err().is_cancelled());
            let late = runtime.spawn(async {});
            assert!(runtime.block_on_elsewhere(late).unwrap_err().is_cancelled());
            let text = panic_of(|| runtime.block_on(async {}));
            assert!(text.contains(STOPPED), "{text}");
            let text = panic_of(|| runtime.handle().block_on(async {}));
            assert!(text.contains(STOPPED), "{text}");
        }
    });
}

/// Waits for a handle where the runtime cannot be blocked on any more.
trait Elsewhere {
    fn block_on_elsewhere<F: Future>(&self, future: F) -> F::Output {
        futures::executor::block_on(future)
    }
}
impl Elsewhere for Runtime {}

#[test]
fn a_stopped_runtime_is_stopped_for_all_that_block_on_it() {
    within(|| {
        for mut builder in builders() {
            let runtime = builder.unhandled_panic(UnhandledPanic::ShutdownRuntime).build().unwrap();
            let runtime = Arc::new(runtime);
            let gate = Gate::default();
            let blocked: Vec<_> = (0..3)
                .map(|_| {
                    let (runtime, gate) = (runtime.clone(), gate.clone());
                    std::thread::spawn(move || {
                        panic_of(|| {
                            runtime.block_on(async {
                                gate.block();
                                std::future::pending::<()>().await;
                            });
                        })
                    })
                })
                .collect();
            gate.open();
            runtime.spawn(async { panic!("boom") });
            for thread in blocked {
                let text = thread.join().unwrap();
                assert!(text.contains(STOPPED), "{text}");
            }
        }
    });
}

#[test]
fn a_stopped_runtime_still_shuts_down() {
    within(|| {
        for mut builder in builders() {
            let runtime = builder.unhandled_panic(UnhandledPanic::ShutdownRuntime).build().unwrap();
            let handle = runtime.spawn(async { panic!("boom") });
            let _ =
                panic_of(|| runtime.block_on(async { runtime::time::sleep(Duration::MAX).await }));
            eventually("the end", || handle.is_finished());
            drop(runtime);
        }
    });
}

#[test]
fn stops_a_local_runtime_and_a_local_set() {
    within(|| {
        let policy = UnhandledPanic::ShutdownRuntime;
        let build = || {
            Builder::new_current_thread().unhandled_panic(policy).build_local(Default::default())
        };
        let runtime: LocalRuntime = build().unwrap();
        let text = panic_of(|| {
            runtime.block_on(async {
                drop(task::spawn_local(async { panic!("boom") }));
                std::future::pending::<()>().await;
            });
        });
        assert!(text.contains(STOPPED), "{text}");

        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let mut set = LocalSet::new();
        set.unhandled_panic(policy);
        let kept = Rc::new(());
        let inside = kept.clone();
        let text = panic_of(|| {
            runtime.block_on(set.run_until(async {
                drop(task::spawn_local(async { panic!("boom") }));
                drop(task::spawn_local(async move { drop(inside) }));
                std::future::pending::<()>().await;
            }));
        });
        assert!(text.contains("LocalSet is configured to shutdown"), "{text}");
        assert_eq!(Rc::strong_count(&kept), 1);
        // The runtime is not the set's.
        assert_eq!(runtime.block_on(async { 1 }), 1);
    });
}

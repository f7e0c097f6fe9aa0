//! `Runtime::shutdown` tells every task to end, gives it time, and names what has not stopped: on
//! every flavour.

use std::process::Stdio;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use runtime::task::{Builder, Scope};
use tests::{
    Census, Gate, OnDrop, PATIENCE, again, current_thread, eventually, forever, process, role,
    within, workers,
};

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(20);

#[test]
fn tasks_end_in_good_order() {
    within(|| {
        for runtime in [workers(1), workers(2), current_thread()] {
            let ended = Arc::new(AtomicUsize::new(0));
            let scope = runtime.block_on(async { Scope::new() });
            for scope in [None, Some(scope.handle()), Some(scope.child().handle())] {
                let ended = ended.clone();
                let orderly = async move {
                    Scope::current().cancelled().await;
                    // Everything still works: timers, blocking jobs, spawning.
                    runtime::time::sleep(Duration::from_millis(1)).await;
                    runtime::spawn_blocking(|| {}).await.unwrap();
                    runtime::spawn(async {}).await.unwrap();
                    ended.fetch_add(1, Ordering::Relaxed);
                };
                match scope {
                    None => drop(runtime.spawn(orderly)),
                    Some(scope) => drop(scope.spawn(orderly)),
                }
            }
            let start = Instant::now();
            let report = runtime.shutdown(LONG);
            assert!(start.elapsed() < PATIENCE);
            assert!(report.is_clean(), "{report}");
            // The inner scope was dropped at once, with its task.
            assert_eq!(ended.load(Ordering::Relaxed), 2);
        }
    });
}

#[test]
fn without_tasks_nothing_is_waited_for() {
    within(|| {
        for runtime in [workers(1), current_thread()] {
            runtime.block_on(async { runtime::spawn_blocking(|| {}).await.unwrap() });
            let start = Instant::now();
            assert!(runtime.shutdown(LONG).is_clean());
            assert!(start.elapsed() < PATIENCE);
        }
        // Also without timers: the grace needs none of the user's.
        for mut builder in
            [runtime::Builder::new_multi_thread(), runtime::Builder::new_current_thread()]
        {
            let runtime = builder.build().unwrap();
            drop(runtime.spawn(std::future::pending::<()>()));
            assert_eq!(runtime.shutdown(SHORT).tasks().len(), 1);
        }
    });
}

#[test]
fn a_task_that_does_not_end_is_dropped_and_named() {
    within(|| {
        for runtime in [workers(1), workers(2), current_thread()] {
            let census = Census::default();
            let _entered = runtime.enter();
            let plain = runtime.spawn(forever(census.clone()));
            let (line, held) = (line!() - 1, census.clone());
            let named = Builder::new().name("deaf").spawn(forever(held)).unwrap();
            let scope = Scope::new();
            let scoped = scope.spawn(forever(census.clone()));
            drop(_entered);
            let start = Instant::now();
            let report = runtime.shutdown(SHORT);
            assert!(start.elapsed() >= SHORT);
            assert_eq!(census.alive(), 0);
            assert_eq!(report.tasks().len(), 3);
            let find = |id| report.tasks().iter().find(|task| task.id() == Some(id)).unwrap();
            let (one, other) = (find(plain.id()), find(named.id()));
            assert!(!one.is_running() && !other.is_running());
            assert_eq!(one.spawn_location().unwrap().file(), file!());
            assert_eq!(one.spawn_location().unwrap().line(), line);
            assert_eq!((one.name(), other.name()), (None, Some("deaf")));
            assert_eq!(find(scoped.id()).name(), None);
            assert_eq!((report.threads(), report.blocking_jobs().len()), (0, 0));
            assert!(!report.is_clean());
            let text = report.to_string();
            assert!(text.contains(&format!("task {} \"deaf\" spawned at ", named.id())), "{text}");
            assert!(text.contains("was dropped"), "{text}");
        }
    });
}

#[test]
fn a_poll_that_does_not_return_is_named() {
    within(|| {
        let runtime = workers(2);
        let (gate, census) = (Gate::default(), Census::default());
        let (hold, held) = (gate.clone(), census.clone());
        let stuck = runtime.spawn(async move {
            hold.block();
            forever(held).await;
        });
        gate.wait_for(1);
        let report = runtime.shutdown(SHORT);
        let [task] = report.tasks() else { panic!("{report}") };
        assert!(task.id() == Some(stuck.id()) && task.is_running());
        assert_eq!(report.threads(), 1);
        assert!(report.to_string().contains("has not returned from its poll"), "{report}");
        gate.open();
        eventually("the future is dropped after its poll", || census.alive() == 0);
    });
}

#[test]
fn a_job_that_does_not_return_is_named() {
    within(|| {
        for runtime in [workers(1), current_thread()] {
            let (gate, line) = (Gate::default(), line!() + 2);
            let hold = gate.clone();
            let job = runtime.spawn_blocking(move || hold.block());
            gate.wait_for(1);
            let report = runtime.shutdown(SHORT);
            let [left] = report.blocking_jobs() else { panic!("{report}") };
            assert!(left.id() == Some(job.id()) && left.is_running());
            assert_eq!(left.spawn_location().unwrap().line(), line);
            assert_eq!((report.tasks().len(), report.threads()), (0, 1));
            gate.open();
            futures::executor::block_on(job).unwrap();
        }
    });
}

#[test]
fn the_rest_of_the_grace_is_for_jobs() {
    within(|| {
        for runtime in [workers(1), current_thread()] {
            let (begun, ended) = (Gate::default(), Arc::new(AtomicUsize::new(0)));
            begun.open();
            let (begin, end) = (begun.clone(), ended.clone());
            drop(runtime.spawn_blocking(move || {
                begin.block();
                // Longer than what is waited for in any case.
                std::thread::sleep(Duration::from_millis(300));
                end.store(1, Ordering::Relaxed);
            }));
            begun.wait_for(1);
            assert!(runtime.shutdown(LONG).is_clean());
            assert_eq!(ended.load(Ordering::Relaxed), 1);
        }
    });
}

#[test]
fn a_local_runtime_too() {
    within(|| {
        let mut builder = runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build_local(Default::default()).unwrap();
        let census = Rc::new(Census::default());
        let (orderly, deaf) = (census.clone(), census.clone());
        let inside = census.as_ref().clone();
        drop(runtime.spawn_local(async move {
            let _orderly = orderly;
            let _inside = inside;
            Scope::current().cancelled().await;
            runtime::time::sleep(Duration::from_millis(1)).await;
        }));
        let deaf = runtime.spawn_local(forever(deaf));
        // Time enough for the orderly one.
        let report = runtime.shutdown(SHORT * tests::slowness());
        let [left] = report.tasks() else { panic!("{report}") };
        assert_eq!(left.id(), Some(deaf.id()));
        assert_eq!((census.alive(), Rc::strong_count(&census)), (0, 1));
    });
}

/// A paused clock does not wait: the grace is over when nothing else is to be done.
#[test]
fn in_paused_time_the_grace_is_paused_time() {
    within(|| {
        let mut builder = runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().start_paused(true).build().unwrap();
        let slept = Arc::new(AtomicUsize::new(0));
        let counted = slept.clone();
        drop(runtime.spawn(async move {
            Scope::current().cancelled().await;
            runtime::time::sleep(LONG).await;
            counted.store(1, Ordering::Relaxed);
        }));
        let deaf = runtime.spawn(std::future::pending::<()>());
        let report = runtime.shutdown(2 * LONG);
        assert_eq!(slept.load(Ordering::Relaxed), 1);
        let [left] = report.tasks() else { panic!("{report}") };
        assert_eq!(left.id(), Some(deaf.id()));
    });
}

#[test]
fn shutdown_inside_async_code_panics() {
    within(|| {
        let (outer, inner) = (workers(1), workers(1));
        let message = tests::panic_of(|| outer.block_on(async { inner.shutdown(SHORT) }));
        assert!(message.contains("Cannot block the current thread"), "{message}");
    });
}

/// A destructor that blocks while its runtime shuts down is reported like a poll.
#[test]
fn a_destructor_that_blocks_is_a_stall() {
    within(|| {
        for multi_thread in [true, false] {
            let (gate, reports) = (Gate::default(), Arc::new(std::sync::Mutex::new(Vec::new())));
            let mut builder = if multi_thread {
                runtime::Builder::new_multi_thread()
            } else {
                runtime::Builder::new_current_thread()
            };
            let (open, seen) = (gate.clone(), reports.clone());
            let runtime = builder
                .worker_threads(1)
                .stall_report(SHORT)
                .stall_backtrace(false)
                .on_stall(move |report| {
                    seen.lock().unwrap().push(report.task_id());
                    open.open();
                })
                .build()
                .unwrap();
            let hold = gate.clone();
            let task = runtime.spawn(forever(OnDrop::new(move || hold.block())));
            runtime.block_on(runtime::task::yield_now());
            // Returns because the stall is reported, which opens the gate.
            drop(runtime);
            assert_eq!(*reports.lock().unwrap(), [Some(task.id())]);
        }
    });
}

/// What a program says that waits, or that leaves something behind.
#[test]
fn the_report_on_stderr_names_what_goes_on() {
    const TEST: &str = "the_report_on_stderr_names_what_goes_on";
    let block = |runtime: &runtime::Runtime, name: &'static str| {
        let gate = Gate::default();
        let hold = gate.clone();
        let _entered = runtime.enter();
        drop(Builder::new().name(name).spawn(async move { hold.block() }).unwrap());
        gate.wait_for(1);
        gate
    };
    match role().as_deref() {
        Some("drop") => {
            let runtime = workers(1);
            let gate = block(&runtime, "stubborn");
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_secs(6));
                gate.open();
            });
            drop(runtime);
        }
        Some("timeout") => {
            let runtime = workers(1);
            let gate = block(&runtime, "obstinate");
            runtime.shutdown_timeout(SHORT);
            gate.open();
        }
        Some("background") => {
            let runtime = workers(1);
            let gate = block(&runtime, "wayward");
            runtime.shutdown_background();
            gate.open();
        }
        Some(other) => panic!("no role {other}"),
        None => {
            for (role, word) in
                [("drop", "\"stubborn\""), ("timeout", "\"obstinate\""), ("background", "")]
            {
                let mut command = again(TEST, role);
                command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
                let output = process::output_within(command.spawn().unwrap(), PATIENCE);
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{said}");
                if word.is_empty() {
                    assert!(!said.contains("runtime:"), "{said}");
                } else {
                    assert!(
                        said.contains("has not returned") || said.contains("have not returned")
                    );
                    assert!(said.contains(word), "{said}");
                }
            }
        }
    }
}

/// The tasks of a program that ends are told, and have the time that the attribute gives them.
#[test]
fn the_attribute_gives_a_grace() {
    static ENDED: AtomicUsize = AtomicUsize::new(0);

    async fn orderly() {
        Scope::current().cancelled().await;
        runtime::task::yield_now().await;
        ENDED.fetch_add(1, Ordering::Relaxed);
    }

    #[runtime::main(shutdown_grace = "1m", worker_threads = 1)]
    async fn program() -> u32 {
        drop(runtime::spawn(orderly()));
        7
    }

    #[runtime::main(flavor = "local", shutdown_grace = "60 s")]
    async fn local() -> Result<(), std::num::ParseIntError> {
        drop(runtime::task::spawn_local(orderly()));
        "x".parse::<u32>()?;
        Ok(())
    }

    #[runtime::main(flavor = "current_thread", shutdown_grace = "20ms", name = "named")]
    async fn deaf() {
        drop(runtime::spawn(std::future::pending::<()>()));
    }

    within(|| {
        assert_eq!(program(), 7);
        assert!(local().is_err());
        assert_eq!(ENDED.load(Ordering::Relaxed), 2);
        deaf();
    });
}

#[runtime::test(shutdown_grace = "500ms")]
async fn a_test_with_a_grace() {
    runtime::spawn(async {}).await.unwrap();
}

//! A pinned task is made, polled and dropped on one thread, whatever wakes it; in all else it is a
//! task like any other.

use std::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use runtime::runtime::UnhandledPanic;
use runtime::sync::{mpsc, oneshot};
use runtime::task::{self, spawn_pinned, spawn_pinned_by_idx, yield_now};
use runtime::{Builder, Runtime};
use tests::{
    Census, OnDrop, current_thread, eventually, eventually_async, panic_of, within, workers,
};

fn on_each(body: impl Fn(&Runtime) + Send + 'static) {
    within(move || {
        for runtime in [workers(2), current_thread()] {
            body(&runtime);
        }
    });
}

fn here() -> ThreadId {
    thread::current().id()
}

#[test]
fn a_pinned_task_stays_from_its_first_poll_to_its_drop() {
    on_each(|runtime| {
        runtime.block_on(async {
            let caller = here();
            let (dropped, seen) = oneshot::channel();
            let (wakes, mut woken) = mpsc::channel(1);
            let task = spawn_pinned(move || {
                let home = here();
                assert_ne!(home, caller);
                let on_drop = OnDrop::new(move || dropped.send(here()).unwrap());
                async move {
                    let rc = Rc::new(Cell::new(0));
                    let _on_drop = on_drop;
                    while woken.recv().await.is_some() {
                        assert_eq!(here(), home);
                        rc.set(rc.get() + 1);
                    }
                    (home, rc.get())
                }
            });
            for _ in 0..100 {
                wakes.send(()).await.unwrap();
            }
            drop(wakes);
            let (home, count) = task.await.unwrap();
            assert_eq!((seen.await.unwrap(), count), (home, 100));
        });
    });
}

#[test]
fn io_and_timers_work_in_pinned_tasks() {
    on_each(|runtime| {
        runtime.block_on(async {
            let (mut ours, mut theirs) = runtime::net::UnixStream::pair().unwrap();
            let task = spawn_pinned(move || async move {
                use runtime::io::{AsyncReadExt, AsyncWriteExt};
                let rc = Rc::new(Duration::from_millis(1));
                let mut byte = [0];
                theirs.read_exact(&mut byte).await.unwrap();
                runtime::time::sleep(*rc).await;
                theirs.write_all(&byte).await.unwrap();
            });
            use runtime::io::{AsyncReadExt, AsyncWriteExt};
            ours.write_all(b"x").await.unwrap();
            let mut byte = [0];
            ours.read_exact(&mut byte).await.unwrap();
            task.await.unwrap();
        });
    });
}

#[test]
fn tasks_that_a_pinned_task_spawns_stay_there() {
    on_each(|runtime| {
        runtime.block_on(async {
            let same = spawn_pinned(|| async {
                let home = here();
                let rc = Rc::new(());
                let local = task::spawn_local(async move {
                    drop(rc);
                    here()
                });
                // And others elsewhere.
                let elsewhere = runtime::spawn(async { here() });
                (local.await.unwrap() == home, elsewhere.await.unwrap() != home)
            });
            assert_eq!(same.await.unwrap(), (true, true));
        });
    });
}

#[test]
fn the_thread_with_the_fewest_is_taken() {
    within(|| {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).pinned_threads(3).build().unwrap();
        let metrics = runtime.metrics();
        assert_eq!(metrics.num_pinned_threads(), 0);
        runtime.block_on(async {
            let (stop, stopped) = runtime::sync::watch::channel(());
            let mut tasks = Vec::new();
            for _ in 0..9 {
                let mut stopped = stopped.clone();
                tasks.push(spawn_pinned(|| async move {
                    let _ = stopped.changed().await;
                    here()
                }));
            }
            assert_eq!(metrics.num_pinned_threads(), 3);
            for thread in 0..3 {
                assert_eq!(metrics.pinned_thread_task_count(thread), 3);
            }
            assert_eq!(metrics.num_alive_tasks(), 9);
            drop(stop);
            let mut threads = HashSet::new();
            for task in tasks {
                threads.insert(task.await.unwrap());
            }
            assert_eq!(threads.len(), 3);
            eventually_async("all are done", || metrics.num_alive_tasks() == 0).await;
            // One after the other needs no second thread: the idle one of lowest number.
            let first = spawn_pinned(|| async { here() }).await.unwrap();
            assert!(threads.contains(&first));
            assert_eq!(metrics.spawned_tasks_count(), 10);
        });
    });
}

#[test]
fn a_pinned_task_goes_to_the_thread_that_was_asked_for() {
    on_each(|runtime| {
        runtime.block_on(async {
            let thread = || async { here() };
            let first = spawn_pinned_by_idx(thread, 0).await.unwrap();
            assert_eq!(spawn_pinned_by_idx(thread, 0).await.unwrap(), first);
            let text = panic_of(|| spawn_pinned_by_idx(thread, 7));
            assert!(text.contains("no pinned thread 7"), "{text}");
        });
    });
}

#[test]
fn an_aborted_pinned_task_is_dropped_on_its_thread() {
    on_each(|runtime| {
        runtime.block_on(async {
            let (dropped, seen) = oneshot::channel();
            let (started, has_started) = oneshot::channel();
            let task = spawn_pinned(move || async move {
                let rc = Rc::new(());
                let _on_drop = OnDrop::new(move || {
                    drop(rc);
                    dropped.send(here()).unwrap();
                });
                started.send(here()).unwrap();
                std::future::pending::<()>().await;
            });
            let home = has_started.await.unwrap();
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            assert_eq!(seen.await.unwrap(), home);
        });
    });
}

#[test]
fn a_panic_in_either_half_is_the_tasks_own() {
    on_each(|runtime| {
        runtime.block_on(async {
            let made = spawn_pinned(|| -> std::future::Ready<()> { panic!("in the making") });
            assert!(made.await.unwrap_err().is_panic());
            let polled = spawn_pinned(|| async { panic!("in the poll") });
            assert!(polled.await.unwrap_err().is_panic());
            // The thread is there for the next.
            assert_eq!(spawn_pinned(|| async { 1 }).await.unwrap(), 1);
        });
    });
}

#[test]
fn a_panic_can_stop_the_runtime() {
    within(|| {
        for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
            let runtime = builder.unhandled_panic(UnhandledPanic::ShutdownRuntime).build().unwrap();
            let text = panic_of(|| {
                runtime.block_on(async {
                    let _handle = spawn_pinned(|| async { panic!("boom") });
                    std::future::pending::<()>().await;
                })
            });
            assert!(text.contains("shut down on unhandled panic"), "{text}");
            let late = runtime.spawn(async {});
            assert!(futures::executor::block_on(late).unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn the_shutdown_drops_all_of_them() {
    on_each_owned(|runtime| {
        let census = Census::default();
        let dropped_on = Arc::new(Mutex::new(Vec::new()));
        let mut homes = Vec::new();
        for _ in 0..10 {
            let (token, dropped_on) = (census.clone(), dropped_on.clone());
            let (started, has_started) = oneshot::channel();
            let _enter = runtime.enter();
            let task = spawn_pinned(move || async move {
                let rc = Rc::new(token);
                let _on_drop = OnDrop::new(move || {
                    drop(rc);
                    // What a destructor spawns is cancelled, and harms nobody.
                    drop(task::spawn_local(async {}));
                    drop(spawn_pinned(|| async {}));
                    dropped_on.lock().unwrap().push(here());
                });
                started.send(here()).unwrap();
                std::future::pending::<()>().await;
            });
            homes.push(runtime.block_on(has_started).unwrap());
            drop(task);
        }
        let handle = runtime.handle().clone();
        drop(runtime);
        assert_eq!(census.alive(), 0);
        let dropped_on = dropped_on.lock().unwrap();
        assert_eq!(dropped_on.len(), 10);
        assert!(dropped_on.iter().all(|thread| homes.contains(thread)));
        let _enter = handle.enter();
        let late = spawn_pinned(|| async {});
        assert!(futures::executor::block_on(late).unwrap_err().is_cancelled());
    });
}

fn on_each_owned(body: impl Fn(Runtime) + Send + 'static) {
    within(move || {
        body(workers(2));
        body(current_thread());
    });
}

#[test]
fn the_shutdown_waits_no_longer_than_it_may() {
    on_each_owned(|runtime| {
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let (started, has_started) = oneshot::channel();
        let _enter = runtime.enter();
        let task = spawn_pinned(move || async move {
            started.send(()).unwrap();
            let _ = wait.recv();
        });
        runtime.block_on(has_started).unwrap();
        drop(_enter);
        runtime.shutdown_timeout(Duration::from_millis(10));
        assert!(!task.is_finished());
        drop(go);
        eventually("the end", || task.is_finished());
    });
}

#[test]
fn a_stall_is_reported() {
    within(|| {
        for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
            let reports = Arc::new(Mutex::new(Vec::new()));
            let notes = reports.clone();
            let runtime = builder
                .stall_report(Duration::from_millis(20))
                .on_stall(move |stall| {
                    notes.lock().unwrap().push(stall.name().map(str::to_owned));
                })
                .build()
                .unwrap();
            runtime.block_on(async {
                let seen = reports.clone();
                task::Builder::new()
                    .name("sticky")
                    .spawn_pinned(move || async move {
                        eventually("the report", || !seen.lock().unwrap().is_empty());
                    })
                    .unwrap()
                    .await
                    .unwrap();
            });
            assert_eq!(reports.lock().unwrap()[0].as_deref(), Some("sticky"));
        }
    });
}

#[test]
fn many_pinned_tasks_take_turns() {
    on_each(|runtime| {
        runtime.block_on(async {
            let tasks: Vec<_> = (0..1000)
                .map(|i| {
                    spawn_pinned(move || async move {
                        let rc = Rc::new(i);
                        for _ in 0..10 {
                            yield_now().await;
                        }
                        *rc
                    })
                })
                .collect();
            for (i, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.await.unwrap(), i);
            }
        });
    });
}

#[test]
fn paused_time_stands_still_while_one_runs() {
    within(|| {
        for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
            let runtime =
                builder.worker_threads(2).enable_all().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let start = runtime::time::Instant::now();
                for _ in 0..3 {
                    let (go, wait) = oneshot::channel::<()>();
                    let task = spawn_pinned(move || async move {
                        wait.await.unwrap();
                        thread::sleep(Duration::from_millis(5));
                    });
                    go.send(()).unwrap();
                    let hour = Duration::from_secs(3600);
                    runtime::time::timeout(hour, task).await.unwrap().unwrap();
                }
                assert_eq!(start.elapsed(), Duration::ZERO);
                // A pinned task that only waits does not hold it up.
                let day = Duration::from_secs(86_400);
                spawn_pinned(move || runtime::time::sleep(day)).await.unwrap();
                assert!(start.elapsed() >= day);
            });
        }
    });
}

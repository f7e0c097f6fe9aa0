//! The flight recorder has what threads have done in the last seconds: whenever it is asked, also
//! while every worker is stuck, and in a file when a task stalls or panics. What its events say is
//! tested with the package `runtime-insight`, which reads them.

use std::fs;
use std::panic::resume_unwind;
use std::path::Path;
use std::time::{Duration, Instant};

use runtime::insight::Insight;
use runtime::task::Scope;
use runtime::{Builder, Runtime};
use tests::scratch::Scratch;
use tests::{Gate, eventually, within};

const EVER: Duration = Duration::from_secs(3600);

fn observed(insight: impl Into<Insight>) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).spare_workers(0).enable_all();
    builder.insight(insight).build().unwrap()
}

fn events(runtime: &Runtime, last: Duration) -> usize {
    runtime.handle().trace(last).event_count()
}

async fn yields(times: u32) {
    for _ in 0..times {
        runtime::task::yield_now().await;
    }
}

fn run(runtime: &Runtime, task: impl Future<Output = ()> + Send + 'static) {
    runtime.block_on(runtime.spawn(task)).unwrap();
}

/// The files in a folder that have been written to their ends.
fn traces(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".rttrace")).collect();
    names.sort();
    names
}

#[test]
fn each_poll_is_in_it() {
    let runtime = observed(true);
    run(&runtime, yields(500));
    eventually("a poll is an event at least", || events(&runtime, EVER) > 501);
    let bytes = runtime.handle().trace(EVER).to_bytes();
    assert!(bytes.starts_with(b"RTTRACE\0") && bytes.len() > 16 * 500);
    assert!(format!("{:?}", runtime.handle().trace(EVER)).contains("event_count"));
}

#[test]
fn a_member_of_a_scope_is_recorded_like_any_task() {
    let runtime = observed(true);
    runtime.block_on(async {
        let scope = Scope::new();
        for _ in 0..500 {
            drop(scope.spawn(async {}));
        }
        scope.close().await.unwrap();
    });
    // The spawn, the poll and the end.
    eventually("each has three events at least", || events(&runtime, EVER) >= 3 * 500);
}

#[test]
fn it_gives_the_time_that_is_asked_for() {
    let runtime = observed(true);
    run(&runtime, yields(500));
    let quiet = Instant::now();
    eventually("some of it is over", || events(&runtime, quiet.elapsed()) < 100);
    assert!(events(&runtime, EVER) > 501);
    assert!(events(&runtime, Duration::MAX) > 501);
    // What is recorded while it looks is there all the same.
    assert!(events(&runtime, Duration::ZERO) < 100);
}

#[test]
fn it_is_empty_where_it_is_off() {
    for insight in [Insight::off(), Insight::on().recorder_bytes(0)] {
        let runtime = observed(insight.clone());
        run(&runtime, yields(50));
        runtime.block_on(runtime.spawn_blocking(|| ())).unwrap();
        assert_eq!(events(&runtime, EVER), 0, "{insight:?}");
        assert!(runtime.handle().trace(EVER).to_bytes().len() < 1000);
    }
}

#[test]
fn it_keeps_the_newest_of_what_there_is_room_for() {
    // Rounded up to 1,024 events of each worker.
    let runtime = observed(Insight::on().recorder_bytes(1));
    run(&runtime, yields(20_000));
    // Two workers, and eight rings for others.
    let most = 10 * 1024;
    assert!((1000..most).contains(&events(&runtime, EVER)), "{}", events(&runtime, EVER));
}

#[test]
fn a_size_that_is_no_size_is_refused_with_words() {
    let mut builder = Builder::new_multi_thread();
    let error = builder.insight(Insight::on().recorder_bytes((1 << 30) + 1)).build().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("at most 1073741824"), "{error}");
}

#[test]
fn it_can_be_had_while_every_worker_is_stuck() {
    within(|| {
        let runtime = observed(true);
        let gate = Gate::default();
        let stuck: Vec<_> = (0..2)
            .map(|_| {
                let gate = gate.clone();
                runtime.spawn(async move { gate.block() })
            })
            .collect();
        gate.wait_for(2);
        // From outside: spawns and wakes of other threads are in it, too.
        let waits: Vec<_> = (0..10).map(|_| runtime.spawn(async {})).collect();
        assert!(events(&runtime, EVER) >= 12, "{}", events(&runtime, EVER));
        gate.open();
        runtime.block_on(async {
            for task in stuck.into_iter().chain(waits) {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn threads_that_record_at_the_same_time_do_not_wait_for_each_other() {
    let runtime = observed(Insight::on().recorder_bytes(1 << 20));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| (0..200).for_each(|_| drop(runtime.spawn(async {}))));
        }
    });
    eventually("all have ended", || runtime.handle().metrics().num_alive_tasks() == 0);
    // A spawn that finds no ring free is lost, and counted in the trace; a poll never is.
    eventually("all polls and ends", || events(&runtime, EVER) >= 2 * 16 * 200);
}

#[test]
fn a_current_thread_runtime_and_a_pinned_thread_record_too() {
    let runtime = Builder::new_current_thread().enable_all().insight(true).build().unwrap();
    run(&runtime, yields(50));
    let before = events(&runtime, EVER);
    assert!(before > 51);
    runtime.block_on(async { runtime::task::spawn_pinned(|| yields(200)).await.unwrap() });
    eventually("its polls", || events(&runtime, EVER) > before + 200);
    // Another thread that blocks on the runtime goes on in the same ring.
    std::thread::scope(|scope| drop(scope.spawn(|| run(&runtime, yields(50))).join()));
    assert!(events(&runtime, EVER) > before + 250);
}

#[test]
fn a_stall_and_a_panic_write_a_file_each() {
    let scratch = Scratch::new();
    let folder = scratch.path().join("made/when/needed");
    let mut builder = Builder::new_multi_thread();
    let runtime = builder
        .worker_threads(1)
        .stall_report(Duration::from_millis(5))
        .on_stall(|_| ())
        .insight(Insight::on().trace_folder(&folder))
        .build()
        .unwrap();
    let gate = Gate::default();
    let stalls = runtime.spawn({
        let gate = gate.clone();
        async move { gate.block() }
    });
    eventually("the file of the stall", || traces(&folder).len() == 1);
    let written = Instant::now();
    assert!(traces(&folder)[0].ends_with("-0-stall.rttrace"), "{:?}", traces(&folder));
    gate.open();
    runtime.block_on(stalls).unwrap();
    let mut panics = 0;
    eventually("the file of the panic", || {
        let task = runtime.spawn(async { resume_unwind(Box::new("on purpose")) });
        assert!(runtime.block_on(task).is_err());
        panics += 1;
        traces(&folder).len() == 2
    });
    assert!(traces(&folder)[1].ends_with("-1-panic.rttrace"), "{:?}", traces(&folder));
    // The first was counted a little before it was written.
    let at_most = 2 + written.elapsed().as_secs() as usize;
    assert!(panics > 2 && traces(&folder).len() <= at_most, "{panics} panics");
    let bytes = fs::read(folder.join(&traces(&folder)[1])).unwrap();
    assert!(bytes.starts_with(b"RTTRACE\0"));
    // What was begun is written to its end.
    drop(runtime);
    assert!(fs::read_dir(&folder).unwrap().all(|entry| {
        entry.unwrap().path().extension().is_some_and(|extension| extension == "rttrace")
    }));
}

#[test]
fn a_folder_that_cannot_be_written_to_harms_nobody() {
    let scratch = Scratch::new();
    let file = scratch.path().join("a-file");
    fs::write(&file, "no folder").unwrap();
    let runtime = observed(Insight::on().trace_folder(file.join("below")));
    let task = runtime.spawn(async { resume_unwind(Box::new("on purpose")) });
    assert!(runtime.block_on(task).is_err());
    run(&runtime, yields(10));
}

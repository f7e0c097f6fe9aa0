//! When work waits behind stalled workers and there is no spare worker for it, that is said: how
//! many are stalled, what the limit is, what to do. Once for each shortage, to the hook or on
//! stderr.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime::{Builder, Runtime};
use tests::{Gate, eventually, within};

/// What the hook was told.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    stalled: usize,
    spare_workers: usize,
    limit: usize,
    error: bool,
    text: String,
}

type Log = Arc<Mutex<Vec<Told>>>;

/// One worker, and so many spares.
fn builder(spares: usize) -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).spare_workers(spares).enable_all();
    builder
}

fn watched(builder: &mut Builder) -> (Runtime, Log) {
    let log = Log::default();
    let told = log.clone();
    let runtime = builder
        .on_spare_shortage(move |shortage| {
            told.lock().unwrap().push(Told {
                stalled: shortage.stalled(),
                spare_workers: shortage.spare_workers(),
                limit: shortage.limit(),
                error: shortage.error().is_some(),
                text: shortage.to_string(),
            });
        })
        .build()
        .unwrap();
    (runtime, log)
}

/// Holds as many threads as there are, and has something wait behind them.
fn hold(runtime: &Runtime, threads: usize) -> (Gate, runtime::task::JoinHandle<u8>) {
    let gate = Gate::default();
    for _ in 0..threads {
        let hold = gate.clone();
        drop(runtime.spawn(async move { hold.block() }));
    }
    gate.wait_for(threads);
    (gate, runtime.spawn(async { 7 }))
}

#[test]
fn the_hook_is_called_once_when_the_limit_is_reached() {
    within(|| {
        let (runtime, log) = watched(&mut builder(2));
        let (gate, waits) = hold(&runtime, 3);
        eventually("the shortage is reported", || !log.lock().unwrap().is_empty());
        // It goes on for many looks of the monitor: no second report.
        let refused = runtime.metrics().spare_workers_refused_count();
        eventually("the monitor goes on looking", || {
            runtime.metrics().spare_workers_refused_count() >= refused + 20
        });
        gate.open();
        assert_eq!(runtime.block_on(waits).unwrap(), 7);
        drop(runtime);
        let log = log.lock().unwrap();
        let [told] = &log[..] else { panic!("{log:?}") };
        assert_eq!((told.stalled, told.spare_workers, told.limit), (3, 2, 2), "{told:?}");
        assert!(!told.error && told.text.contains("3 workers are stalled"), "{told:?}");
    });
}

#[test]
fn a_second_shortage_is_reported_again() {
    within(|| {
        let (runtime, log) = watched(&mut builder(1));
        for round in 1..=2 {
            let (gate, waits) = hold(&runtime, 2);
            // The second one not before a second is over.
            eventually("the shortage is reported", || log.lock().unwrap().len() >= round);
            gate.open();
            assert_eq!(runtime.block_on(waits).unwrap(), 7);
        }
        assert_eq!(log.lock().unwrap().len(), 2);
    });
}

#[test]
fn no_shortage_is_reported_with_a_limit_of_zero() {
    within(|| {
        let (runtime, log) = watched(builder(0).stall_report(Duration::from_millis(20)));
        let (gate, waits) = hold(&runtime, 1);
        let metrics = runtime.metrics();
        // The monitor has looked for long enough: it has reported the stall.
        eventually("the stall is reported", || metrics.stall_count() > 0);
        gate.open();
        assert_eq!(runtime.block_on(waits).unwrap(), 7);
        drop(runtime);
        assert_eq!(*log.lock().unwrap(), []);
    });
}

#[test]
fn a_shortage_is_reported_on_stderr_without_a_hook() {
    if tests::role().is_some() {
        // Hooks for stalls are not hooks for this.
        let runtime = builder(1).thread_name("crew").on_stall(|_| ()).build().unwrap();
        let (gate, waits) = hold(&runtime, 2);
        let metrics = runtime.metrics();
        eventually("a spare is refused", || metrics.spare_workers_refused_count() > 100);
        gate.open();
        assert_eq!(runtime.block_on(waits).unwrap(), 7);
        return;
    }
    let child = tests::again("a_shortage_is_reported_on_stderr_without_a_hook", "child")
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn();
    let output = tests::process::output_within(child.unwrap(), tests::PATIENCE);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let lines: Vec<_> = text.lines().filter(|line| line.contains("spare worker")).collect();
    let [line] = lines[..] else { panic!("not one line, but {}:\n{text}", lines.len()) };
    for part in ["2 workers are stalled", "all 1 spare", "spawn_blocking", "spare_workers"] {
        assert!(line.contains(part), "{part:?} is not in: {line}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_shortage_is_reported_when_the_system_gives_no_thread() {
    const STACK: usize = 256 << 20;
    tests::isolated("a_shortage_is_reported_when_the_system_gives_no_thread", || {
        within(|| {
            let (runtime, log) = watched(builder(8).thread_stack_size(STACK));
            runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
            let room = tests::process::memory("VmSize") + (64 << 20);
            tests::process::limit(libc::RLIMIT_AS, room as u64);
            let (gate, waits) = hold(&runtime, 1);
            eventually("the shortage is reported", || !log.lock().unwrap().is_empty());
            gate.open();
            assert_eq!(runtime.block_on(waits).unwrap(), 7);
            let told = log.lock().unwrap()[0].clone();
            assert!(told.error, "{told:?}");
            assert_eq!((told.stalled, told.spare_workers, told.limit), (1, 0, 8), "{told:?}");
            assert!(told.text.starts_with("1 worker is stalled"), "{told:?}");
        });
    });
}

//! A task that holds its thread too long is named: to the hook, on stderr, in the counter. Once a
//! stall, with its name, id, spawn location, how long, and, on Linux, the stack it stands on.

use std::panic::Location;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use runtime::{Builder, Runtime};
use tests::{Gate, eventually, within};

/// What the hook saw; the report itself does not outlive the call.
#[derive(Debug, Clone)]
struct Seen {
    name: Option<String>,
    id: Option<runtime::task::Id>,
    location: Option<&'static Location<'static>>,
    duration: Duration,
    backtrace: Option<String>,
    worker: usize,
    blocked: Option<bool>,
    starved: Option<bool>,
    share: Option<f64>,
    text: String,
}

type Log = Arc<Mutex<Vec<Seen>>>;

const REPORT: Duration = Duration::from_millis(30);

fn watched(mut builder: Builder) -> (Runtime, Log) {
    let log = Log::default();
    let seen = log.clone();
    let runtime = builder
        .enable_all()
        .stall_takeover(Duration::from_millis(3))
        .stall_report(REPORT)
        .on_stall(move |report| {
            seen.lock().unwrap().push(Seen {
                name: report.name().map(str::to_string),
                id: report.task_id(),
                location: report.spawn_location(),
                duration: report.duration(),
                backtrace: report.backtrace().map(|stack| stack.to_string()),
                worker: report.worker(),
                blocked: report.is_blocked(),
                starved: report.is_starved(),
                share: report.processor_share(),
                text: report.to_string(),
            });
        })
        .build()
        .unwrap();
    (runtime, log)
}

fn multi_thread(workers: usize) -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(workers);
    builder
}

#[inline(never)]
fn a_call_that_blocks(gate: &Gate) {
    gate.block();
    // Not the last thing done: an optimised build would jump to it and leave no frame.
    std::hint::black_box(gate);
}

#[inline(never)]
fn a_call_that_computes(gate: &Gate) {
    let start = Instant::now();
    while !gate.is_open() && start.elapsed() < tests::PATIENCE {
        std::hint::spin_loop();
    }
}

#[test]
fn a_report_has_name_id_place_and_stack() {
    within(|| {
        type Call = fn(&Gate);
        let ways: [(Call, &str); 2] = [
            (a_call_that_blocks, "a_call_that_blocks"),
            (a_call_that_computes, "a_call_that_computes"),
        ];
        for (call, function) in ways {
            let (runtime, log) = watched(multi_thread(2));
            let gate = Gate::default();
            let hold = gate.clone();
            let line = line!() + 3;
            let task = runtime.block_on(async {
                runtime::task::Builder::new()
                    .name("the culprit")
                    .spawn(async move { call(&hold) })
                    .unwrap()
            });
            let id = task.id();
            eventually("the stall is reported", || !log.lock().unwrap().is_empty());
            gate.open();
            runtime.block_on(task).unwrap();

            let seen = log.lock().unwrap()[0].clone();
            assert_eq!(seen.name.as_deref(), Some("the culprit"));
            assert_eq!(seen.id, Some(id));
            let location = seen.location.expect("the place of the spawn");
            assert!(location.file().ends_with("stalls_are_reported.rs"), "{location}");
            assert!(location.line().abs_diff(line) <= 1, "{location}, not {line}");
            assert!(seen.duration >= REPORT, "{:?}", seen.duration);
            assert!(seen.duration < tests::PATIENCE);
            assert!(seen.worker < 2 + 64, "{}", seen.worker);
            if cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))
            {
                let stack = seen.backtrace.expect("a stack on Linux");
                assert!(stack.contains(function), "{function} is not in:\n{stack}");
                assert_eq!(seen.blocked, Some(function == "a_call_that_blocks"));
                if seen.blocked == Some(true) {
                    assert_eq!(seen.starved, Some(false));
                    assert!(seen.share.unwrap() < 0.5, "{:?}", seen.share);
                    assert!(seen.text.contains("waits in `futex`"), "{}", seen.text);
                }
            }
        }
    });
}

/// A thread that would compute and is not let is told from one that computes.
#[test]
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn a_thread_that_gets_no_processor_is_said_to_be_starved() {
    within(|| {
        let (runtime, log) = watched(multi_thread(1));
        // No lock in it: that would make the thread wait for another reason.
        let over = Arc::new(AtomicBool::new(false));
        let computing = Arc::new(AtomicUsize::new(0));
        let compute = {
            let (over, computing) = (over.clone(), computing.clone());
            move || {
                computing.fetch_add(1, Ordering::Relaxed);
                let start = Instant::now();
                while !over.load(Ordering::Relaxed) && start.elapsed() < tests::PATIENCE {
                    std::hint::spin_loop();
                }
            }
        };
        let others: Vec<_> = (0..2 * std::thread::available_parallelism().unwrap().get())
            .map(|_| std::thread::spawn(compute.clone()))
            .collect();
        eventually("the others compute", || computing.load(Ordering::Relaxed) == others.len());
        let task = runtime.spawn(async move {
            // SAFETY: three numbers, no memory. On Linux 0 is the calling thread.
            assert_eq!(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 19) }, 0);
            compute();
        });
        eventually("the stall is reported", || !log.lock().unwrap().is_empty());
        over.store(true, Ordering::Relaxed);
        runtime.block_on(task).unwrap();
        others.into_iter().for_each(|other| other.join().unwrap());

        let seen = log.lock().unwrap()[0].clone();
        assert_eq!(seen.blocked, Some(false), "{seen:?}");
        assert!(seen.share.unwrap() < 0.5, "{:?}", seen.share);
        assert_eq!(seen.starved, Some(true));
        assert!(seen.text.contains("is kept from computing"), "{}", seen.text);
        println!("{}", seen.text);
    });
}

#[test]
fn each_stall_is_reported_once() {
    within(|| {
        let (runtime, log) = watched(multi_thread(1));
        for round in 1..=3 {
            let gate = Gate::default();
            let hold = gate.clone();
            let task = runtime.spawn(async move { hold.block() });
            eventually("the stall is reported", || log.lock().unwrap().len() >= round);
            // The stall goes on for several times the threshold: that is no second one. A wrong
            // second report would be seen here or in the next round; a right runtime never fails.
            std::thread::sleep(3 * REPORT);
            gate.open();
            runtime.block_on(task).unwrap();
            assert_eq!(log.lock().unwrap().len(), round);
            assert_eq!(runtime.metrics().stall_count(), round as u64);
        }
    });
}

#[test]
fn a_task_without_a_name_by_its_place() {
    within(|| {
        let (runtime, log) = watched(multi_thread(1));
        let gate = Gate::default();
        let hold = gate.clone();
        let task = runtime.spawn(async move { hold.block() });
        eventually("the stall is reported", || !log.lock().unwrap().is_empty());
        gate.open();
        runtime.block_on(task).unwrap();
        let seen = log.lock().unwrap()[0].clone();
        assert_eq!(seen.name, None);
        assert!(seen.location.unwrap().file().ends_with("stalls_are_reported.rs"));
    });
}

#[test]
fn a_stall_of_the_current_thread_flavour_is_reported() {
    within(|| {
        let (runtime, log) = watched(Builder::new_current_thread());
        let gate = Gate::default();
        let hold = gate.clone();
        let opener = std::thread::spawn({
            let log = log.clone();
            move || {
                eventually("the stall is reported", || !log.lock().unwrap().is_empty());
                gate.open();
            }
        });
        let task = runtime.spawn(async move { hold.block() });
        runtime.block_on(task).unwrap();
        opener.join().unwrap();
    });
}

#[test]
fn a_stall_in_the_drop_of_a_future_is_reported() {
    within(|| {
        let (runtime, log) = watched(multi_thread(1));
        let gate = Gate::default();
        let hold = gate.clone();
        let task = runtime.spawn(tests::forever(tests::OnDrop::new(move || hold.block())));
        runtime.block_on(runtime.spawn(async {})).unwrap();
        task.abort();
        eventually("the stall is reported", || !log.lock().unwrap().is_empty());
        gate.open();
        assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    });
}

#[test]
fn announced_and_short_polls_are_not_reported() {
    within(|| {
        let (runtime, log) = watched(multi_thread(2));
        runtime.block_on(async {
            // Announced.
            runtime::spawn(async {
                runtime::task::block_in_place(|| std::thread::sleep(4 * REPORT));
            })
            .await
            .unwrap();
            // Where blocking belongs.
            runtime::spawn_blocking(|| std::thread::sleep(4 * REPORT)).await.unwrap();
            // Waiting is not blocking.
            runtime::spawn(runtime::time::sleep(4 * REPORT)).await.unwrap();
            // Many short polls of one task.
            runtime::spawn(async {
                let start = Instant::now();
                while start.elapsed() < 4 * REPORT {
                    runtime::task::yield_now().await;
                }
            })
            .await
            .unwrap();
        });
        let log = log.lock().unwrap().clone();
        assert!(log.is_empty(), "{log:?}");
        assert_eq!(runtime.metrics().stall_count(), 0);
    });
}

#[test]
fn a_report_has_no_stack_when_that_is_switched_off() {
    within(|| {
        let mut builder = multi_thread(1);
        builder.stall_backtrace(false);
        let (runtime, log) = watched(builder);
        let gate = Gate::default();
        let hold = gate.clone();
        let task = runtime.spawn(async move { hold.block() });
        eventually("the stall is reported", || !log.lock().unwrap().is_empty());
        gate.open();
        runtime.block_on(task).unwrap();
        assert!(log.lock().unwrap()[0].backtrace.is_none());
    });
}

#[test]
fn a_hook_that_panics_or_blocks_harms_nobody() {
    within(|| {
        let gate = Gate::default();
        let hold = gate.clone();
        let runtime = multi_thread(1)
            .enable_all()
            .stall_report(REPORT)
            .on_stall(move |_| {
                hold.block();
                panic!("in the hook");
            })
            .build()
            .unwrap();
        for _ in 0..2 {
            let stall = Gate::default();
            let held = stall.clone();
            let task = runtime.spawn(async move { held.block() });
            stall.wait_for(1);
            // Timers and other tasks go on though the hook stands still.
            runtime
                .block_on(runtime.spawn(async {
                    runtime::time::sleep(Duration::from_millis(5)).await;
                }))
                .unwrap();
            gate.wait_for(1);
            stall.open();
            runtime.block_on(task).unwrap();
        }
        gate.open();
    });
}

#[test]
fn the_capture_does_not_interrupt_what_the_task_does() {
    // System calls that a signal would cut short come back whole: the stack of a blocked thread is
    // read from outside.
    within(|| {
        let (runtime, log) = watched(multi_thread(1));
        let task = runtime.spawn(async {
            let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(5 * REPORT)).unwrap();
            let start = Instant::now();
            let error = socket.recv(&mut [0; 8]).unwrap_err();
            (error.kind(), start.elapsed())
        });
        let (kind, took) = runtime.block_on(task).unwrap();
        assert_ne!(kind, std::io::ErrorKind::Interrupted);
        assert!(took >= 5 * REPORT, "{took:?}");
        eventually("the stall is reported", || !log.lock().unwrap().is_empty());
    });
}

#[test]
fn stalls_are_reported_on_stderr_at_a_limited_rate_by_default() {
    const TEST: &str = "stalls_are_reported_on_stderr_at_a_limited_rate_by_default";
    if tests::role().is_some() {
        let runtime = multi_thread(1).enable_all().stall_report(REPORT).build().unwrap();
        for stall in 1..=5 {
            // Each holds its thread until it is counted, however late the monitor may be.
            let metrics = runtime.metrics();
            let nap = async move {
                eventually("the stall is counted", || metrics.stall_count() >= stall);
            };
            runtime.block_on(async {
                let task = runtime::task::Builder::new().name("napper").spawn(nap).unwrap();
                task.await.unwrap();
            });
        }
        return;
    }
    let child = tests::again(TEST, "child").stderr(Stdio::piped()).stdout(Stdio::null()).spawn();
    let output = tests::process::output_within(child.unwrap(), tests::PATIENCE);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let lines = text.lines().filter(|line| line.contains("napper")).count();
    assert!((1..5).contains(&lines), "{lines} lines for five stalls in a row:\n{text}");
    assert!(text.contains("stalls_are_reported.rs"), "the place of the spawn is missing:\n{text}");
}

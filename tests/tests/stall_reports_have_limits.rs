//! A hook that does not return, or a stderr that nobody reads, costs reports: no memory without
//! end, and no program that cannot end.
#![cfg(target_os = "linux")]

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use runtime::{Builder, Runtime};
use tests::process::memory;
use tests::{Gate, PATIENCE, eventually, isolated, role, slowness, within};

const REPORT: Duration = Duration::from_millis(10);

/// Far more than may be under way. Each that is takes some 50 KiB, as far as the stacks of threads
/// go.
const STALLS: u64 = 400;

fn builder() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().stall_report(REPORT);
    builder
}

/// One stall after another, each until it has been counted.
fn stall(runtime: &Runtime, times: u64) {
    for _ in 0..times {
        let metrics = runtime.metrics();
        let before = metrics.stall_count();
        let stalls = runtime.spawn(async move {
            eventually("the stall is counted", || metrics.stall_count() > before);
        });
        runtime.block_on(stalls).unwrap();
    }
}

#[test]
fn memory_is_limited_while_the_hook_does_not_return() {
    isolated("memory_is_limited_while_the_hook_does_not_return", || {
        within(|| {
            let (gate, seen) = (Gate::default(), Arc::new(Mutex::new(Vec::new())));
            let (hold, sees) = (gate.clone(), seen.clone());
            let runtime = builder()
                .on_stall(move |report| {
                    hold.block();
                    sees.lock().unwrap().push(report.left_out());
                })
                .build()
                .unwrap();
            stall(&runtime, 1);
            gate.wait_for(1);
            let before = memory("VmRSS");
            stall(&runtime, STALLS);
            let grown = memory("VmRSS").saturating_sub(before);
            println!("{STALLS} stalls: {} KiB more", grown / 1024);
            // A sanitizer's allocator keeps what is freed.
            assert!(slowness() > 1 || grown < 8 << 20, "{grown} bytes more");
            let metrics = runtime.metrics();
            let left_out = metrics.stall_reports_left_out_count();
            assert!((STALLS - 16..STALLS).contains(&left_out), "{left_out} of {STALLS}");
            gate.open();
            // All are told or counted, and the count is told.
            let told = || {
                let seen = seen.lock().unwrap();
                (seen.len() as u64, seen.iter().sum::<u64>())
            };
            eventually("what was under way is told", || {
                told().0 + metrics.stall_reports_left_out_count() == metrics.stall_count()
            });
            while told().1 == 0 {
                stall(&runtime, 1);
            }
            assert!(told().1 >= left_out, "{} of {left_out}", told().1);
        });
    });
}

#[test]
fn the_end_is_limited_in_time_while_the_hook_does_not_return() {
    within(|| {
        let gate = Gate::default();
        let hold = gate.clone();
        let runtime = builder().on_stall(move |_| hold.block()).build().unwrap();
        stall(&runtime, 3);
        gate.wait_for(1);
        let start = Instant::now();
        drop(runtime);
        println!("the drop took {:?}", start.elapsed());
        gate.open();
    });
}

#[test]
fn reports_are_limited_while_stderr_is_not_read() {
    const TEST: &str = "reports_are_limited_while_stderr_is_not_read";
    if role().is_some() {
        fill_stderr();
        let runtime = builder().build().unwrap();
        stall(&runtime, 1);
        eventually("the first line is stuck", || in_call("runtime-reporte", libc::SYS_write));
        // The time between two lines is over: more could be written.
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(1100) {
            stall(&runtime, 1);
        }
        let before = memory("VmRSS");
        stall(&runtime, STALLS);
        let left_out = runtime.metrics().stall_reports_left_out_count();
        let grown = memory("VmRSS").saturating_sub(before);
        let start = Instant::now();
        drop(runtime);
        let took = start.elapsed();
        println!("the drop took {took:?}; {} KiB more, {left_out} left out", grown / 1024);
        // Not by an assertion: what a panic says is not read either.
        if left_out < STALLS - 16 || slowness() == 1 && grown > 8 << 20 {
            std::process::exit(1);
        }
        // With a limit, and with a line to say.
        let runtime = builder().stall_report(Duration::MAX).build().unwrap();
        let gate = Gate::default();
        let hold = gate.clone();
        drop(runtime.spawn(async move { hold.block() }));
        gate.wait_for(1);
        let start = Instant::now();
        runtime.shutdown_timeout(Duration::from_millis(10));
        println!("the shutdown took {:?}", start.elapsed());
        gate.open();
        return;
    }
    let mut child =
        tests::again(TEST, "child").stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if start.elapsed() > 2 * PATIENCE * slowness() {
            child.kill().unwrap();
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut out = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut out).unwrap();
    println!("{out}");
    assert!(status.is_some_and(|status| status.success()), "{status:?}: {out}");
}

/// Whether a thread with this name is in this system call.
fn in_call(name: &str, call: libc::c_long) -> bool {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks.map(|task| task.path()).any(|task| {
        let read = |file| std::fs::read_to_string(task.join(file)).unwrap_or_default();
        read("comm").trim() == name && read("syscall").split(' ').next() == Some(&call.to_string())
    })
}

/// Writes until nothing more fits.
fn fill_stderr() {
    let line = [b' '; 4096];
    // SAFETY: the calls take numbers, and a pointer to a live buffer of the length that they are
    // told.
    unsafe {
        let flags = libc::fcntl(2, libc::F_GETFL);
        assert_eq!(libc::fcntl(2, libc::F_SETFL, flags | libc::O_NONBLOCK), 0);
        while libc::write(2, line.as_ptr().cast(), line.len()) > 0 {}
        while libc::write(2, line.as_ptr().cast(), 1) > 0 {}
        assert_eq!(libc::fcntl(2, libc::F_SETFL, flags), 0);
    }
}

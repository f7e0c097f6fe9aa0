//! The runtime's lines on stderr are lost where nobody can read them, and nothing else is: no panic
//! comes of it.
#![cfg(target_os = "linux")]

use std::process::Stdio;
use std::time::Duration;

use runtime::Builder;
use runtime::task::Scope;
use tests::{Gate, PATIENCE, eventually, isolated_with};

#[test]
fn whatever_there_is_to_say() {
    const TEST: &str = "whatever_there_is_to_say";
    if tests::role().is_some() {
        // The panic hook is not the runtime's, and does not panic.
        assert!(std::io::Write::write_all(&mut std::io::stderr(), b"x").is_err());
        says_everything();
        println!("came to the end");
        return;
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = tests::again(TEST, "child")
        .stderr(Stdio::from(writer))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = tests::process::output_within(child, 2 * PATIENCE);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("came to the end"), "{text}");
}

/// Everything of which a line is written.
fn says_everything() {
    let builder = || {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).enable_all();
        builder
    };
    let hold = |runtime: &runtime::Runtime| {
        let gate = Gate::default();
        let hold = gate.clone();
        drop(runtime.spawn(async move { hold.block() }));
        gate.wait_for(1);
        gate
    };
    // A task that has not returned when a shutdown's time is over.
    let runtime = builder().build().unwrap();
    let gate = hold(&runtime);
    runtime.shutdown_timeout(Duration::from_millis(10));
    gate.open();
    // Panics that nobody sees, and a failure at the root.
    let runtime = builder().build().unwrap();
    drop(runtime.spawn(async { panic!("unseen") }));
    runtime.block_on(async {
        drop(runtime::spawn_blocking(|| panic!("unseen")));
        let fails = async { Err::<(), _>(std::io::Error::other("at the root")) };
        drop(Scope::current().try_spawn(fails));
        runtime::spawn(async {}).await.unwrap();
    });
    // A stall, and a shortage of spares.
    let runtime_2 =
        builder().spare_workers(1).stall_report(Duration::from_millis(10)).build().unwrap();
    let gates = [hold(&runtime_2), hold(&runtime_2)];
    let waits = runtime_2.spawn(async {});
    let metrics = runtime_2.metrics();
    eventually("both are counted", || {
        metrics.stall_count() > 0 && metrics.spare_workers_refused_count() > 1
    });
    gates.iter().for_each(Gate::open);
    runtime_2.block_on(waits).unwrap();
    drop(runtime_2);
    // A drop that waits for a poll and a job for longer than five seconds, and says so.
    let gate = hold(&runtime);
    let hold = gate.clone();
    drop(runtime.spawn_blocking(move || hold.block()));
    let opener = std::thread::spawn(move || {
        // The drop speaks after five seconds, and is to be let go only then.
        std::thread::sleep(Duration::from_millis(5500));
        gate.open();
    });
    drop(runtime);
    opener.join().unwrap();
}

/// No thread can be had for a job or a pinned task: that is said, and is an error of theirs.
#[test]
fn a_closed_stderr_harms_nothing_when_no_thread_can_be_started() {
    const TEST: &str = "a_closed_stderr_harms_nothing_when_no_thread_can_be_started";
    isolated_with(TEST, &[], || {
        const STACK: usize = 256 << 20;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .thread_stack_size(STACK)
            .stall_report(Duration::MAX)
            .build()
            .unwrap();
        runtime.block_on(runtime.spawn(async {})).unwrap();
        eventually("the threads have begun", tests::process::others_wait);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let number = std::os::fd::AsRawFd::as_raw_fd(&writer);
        // SAFETY: numbers of descriptors, which are open.
        let before = unsafe { libc::dup(2) };
        // SAFETY: as above.
        assert_eq!(unsafe { libc::dup2(number, 2) }, 2);
        let room = tests::process::memory("VmSize") + (48 << 20);
        let limit = tests::process::limit(libc::RLIMIT_AS, room as u64);
        let job = runtime.block_on(async { runtime::spawn_blocking(|| ()).await });
        let pinned = runtime.block_on(async { runtime::task::spawn_pinned(|| async {}).await });
        tests::process::limit(libc::RLIMIT_AS, limit);
        // SAFETY: as above.
        assert_eq!(unsafe { libc::dup2(before, 2) }, 2);
        assert!(job.unwrap_err().is_cancelled() && pinned.unwrap_err().is_cancelled());
    });
}

//! With the features that the shim turns on, the report of a stall names the functions that block.

use std::sync::mpsc;
use std::time::Duration;

use ecosystem::{PATIENCE, in_time};
use tokio::runtime::Builder;
use tokio::task;

#[inline(never)]
fn blocks_in_this_function(until: &mpsc::Receiver<()>) {
    let _ = until.recv_timeout(PATIENCE);
}

#[test]
fn a_blocked_worker() {
    let (reports, reported) = mpsc::channel();
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .stall_report(Duration::from_millis(50))
        .on_stall(move |report| {
            let name = report.name().map(str::to_owned);
            let stack = report.backtrace().map(|stack| stack.to_string());
            let _ = reports.send((name, stack));
        })
        .build()
        .unwrap();
    let (release, until) = mpsc::channel();
    let task = task::Builder::new()
        .name("blocks")
        .spawn_on(async move { blocks_in_this_function(&until) }, runtime.handle())
        .unwrap();
    let (name, stack) = reported.recv_timeout(PATIENCE).unwrap();
    drop(release);
    runtime.block_on(in_time(task)).unwrap();
    assert_eq!(name.as_deref(), Some("blocks"));
    let stack = stack.unwrap();
    assert!(stack.contains("blocks_in_this_function"), "{stack}");
    assert!(stack.contains("recv_timeout"), "{stack}");
    // Neither lines, nor the runtime's own frames.
    assert!(!stack.contains(".rs:"), "{stack}");
    assert!(!stack.contains("run_task"), "{stack}");
}

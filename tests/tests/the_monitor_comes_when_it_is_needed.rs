//! A runtime starts its monitor when there is something to watch: one that ends at once has none,
//! and no poll goes unwatched for that.
#![cfg(target_os = "linux")]

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use runtime::{Builder, Runtime};
use tests::{eventually, isolated, patience, within};

fn two_workers() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all();
    builder
}

/// The names of the process's threads. One that was just started may not have its own yet.
fn threads() -> Vec<String> {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let name = |thread: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(thread.ok()?.path().join("comm")).ok()
    };
    threads.filter_map(name).collect()
}

fn has_monitor() -> bool {
    threads().iter().any(|name| name.trim() == "runtime-monitor")
}

fn run_one_task(runtime: &Runtime) {
    assert_eq!(runtime.block_on(runtime.spawn(async { 1 })).unwrap(), 1);
}

#[test]
fn a_runtime_that_ends_at_once_has_none() {
    isolated("a_runtime_that_ends_at_once_has_none", || {
        let before = threads().len();
        // On a busy machine two milliseconds pass in between, and there is one.
        eventually("a runtime with two threads", || {
            let runtime = two_workers().build().unwrap();
            run_one_task(&runtime);
            let count = threads().len() - before;
            drop(runtime);
            eventually("the end of all threads", || threads().len() == before);
            count == 2
        });
    });
}

#[test]
fn a_runtime_that_goes_on_has_one() {
    isolated("a_runtime_that_goes_on_has_one", || {
        let runtime = two_workers().build().unwrap();
        eventually("the monitor", has_monitor);
        drop(runtime);
        eventually("the end of the monitor", || !has_monitor());
    });
}

/// Holds the thread until the sender is gone.
fn block(on: Receiver<()>) {
    let _ = on.recv();
}

#[test]
fn polls_that_block_all_workers_from_the_start_are_noticed() {
    within(|| {
        for _ in 0..50 {
            let runtime = two_workers().build().unwrap();
            let ends: Vec<Sender<()>> = (0..2)
                .map(|_| {
                    let (end, on) = channel();
                    runtime.spawn(async move { block(on) });
                    end
                })
                .collect();
            // A spare runs it.
            let (done, other) = channel();
            runtime.spawn(async move { done.send(()).unwrap() });
            other.recv_timeout(patience()).expect("a task beside two that block");
            drop(ends);
        }
    });
}

#[test]
fn one_poll_that_blocks_from_the_start_is_reported() {
    within(|| {
        for _ in 0..20 {
            let (tell, told) = channel();
            let runtime = two_workers()
                .stall_report(Duration::from_millis(20))
                .on_stall(move |_| _ = tell.send(()))
                .build()
                .unwrap();
            let (end, on) = channel();
            runtime.spawn(async move { block(on) });
            told.recv_timeout(patience()).expect("a report");
            drop(end);
        }
    });
}

/// Blocks when it is dropped, until a report has been made, and tells whether it was.
struct BlocksInDrop(Receiver<()>, Sender<bool>);

impl Drop for BlocksInDrop {
    fn drop(&mut self) {
        let _ = self.1.send(self.0.recv_timeout(patience()).is_ok());
    }
}

#[test]
fn a_destructor_that_blocks_at_the_end_is_reported() {
    within(|| {
        for with_limit in [false, true] {
            for _ in 0..10 {
                let (tell, told) = channel();
                let runtime = two_workers()
                    .stall_report(Duration::from_millis(20))
                    .on_stall(move |_| _ = tell.send(()))
                    .build()
                    .unwrap();
                let (reported, outcome) = channel();
                let blocks = BlocksInDrop(told, reported);
                runtime.spawn(async move {
                    let _blocks = blocks;
                    std::future::pending::<()>().await;
                });
                match with_limit {
                    // It does not wait, so others must see to it.
                    true => runtime.shutdown_background(),
                    false => drop(runtime),
                }
                assert_eq!(outcome.recv(), Ok(true));
            }
        }
    });
}

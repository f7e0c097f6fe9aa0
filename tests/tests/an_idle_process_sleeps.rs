//! A runtime with nothing to do costs nothing: once it has settled, no thread of it wakes up.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use runtime::Builder;
use runtime::net::TcpListener;
use tests::process::{context_switches, processor_time_of_others};
use tests::{PATIENCE, isolated};

/// Waits until a whole second has passed without a switch of any thread but this one's own two
/// (asleep, awake), and without work of any other, or fails. What it costs to find out is not
/// counted: under a tool it is much. It does not sleep and hope: a runtime that never rests never
/// passes.
fn settles() {
    let start = Instant::now();
    let mut least = u64::MAX;
    while start.elapsed() < PATIENCE {
        let (switches, time) = (context_switches(), processor_time_of_others());
        std::thread::sleep(Duration::from_secs(1));
        let switched = context_switches() - switches;
        let took = processor_time_of_others().saturating_sub(time);
        least = least.min(switched);
        if switched <= 3 && took < Duration::from_millis(10) {
            return;
        }
    }
    panic!("never at rest: {least} switches in the quietest second");
}

#[test]
fn a_process_sleeps_after_work_of_every_kind() {
    isolated("a_process_sleeps_after_work_of_every_kind", || {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_keep_alive(Duration::from_millis(100))
            .enable_all()
            .build()
            .unwrap();
        let _listener = runtime.block_on(async {
            let tasks: Vec<_> = (0..100)
                .map(|_| runtime::spawn(runtime::time::sleep(Duration::from_millis(5))))
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            runtime::spawn_blocking(|| {}).await.unwrap();
            runtime::spawn(async { std::thread::sleep(Duration::from_millis(20)) }).await.unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            drop(runtime::spawn(runtime::time::sleep(Duration::from_secs(3600))));
            listener
        });
        settles();
        // And it is not dead, only asleep.
        runtime.block_on(async {
            runtime::spawn(runtime::time::sleep(Duration::from_millis(1))).await.unwrap();
        });
    });
}

#[test]
fn a_process_sleeps_before_any_work() {
    isolated("a_process_sleeps_before_any_work", || {
        let runtime = Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        settles();
        drop(runtime);
    });
}

#[test]
fn a_process_sleeps_while_block_on_waits() {
    isolated("a_process_sleeps_while_block_on_waits", || {
        for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
            let runtime = builder.worker_threads(1).enable_all().build().unwrap();
            let (send, receive) = runtime::sync::oneshot::channel::<()>();
            let waits = std::thread::spawn(move || runtime.block_on(receive));
            settles();
            send.send(()).unwrap();
            waits.join().unwrap().unwrap();
        }
    });
}

/// How often the monitor has gone to sleep.
fn sleeps_of_the_monitor() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let statuses = threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("status")).ok())
        .filter(|status| status.contains("runtime-monitor"));
    let count = |status: String| {
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches"));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
    };
    statuses.map(count).sum()
}

/// Work of a few microseconds now and then is over before the monitor would find anything.
#[test]
fn its_monitor_sleeps_through_what_happens_now_and_then() {
    isolated("its_monitor_sleeps_through_what_happens_now_and_then", || {
        const EVENTS: u32 = 40;
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
        settles();
        let before = sleeps_of_the_monitor();
        runtime
            .block_on(runtime.spawn(async {
                for _ in 0..EVENTS {
                    runtime::time::sleep(Duration::from_millis(20)).await;
                }
            }))
            .unwrap();
        let sleeps = sleeps_of_the_monitor() - before;
        // One that looks on for a while looks some ten times each.
        assert!(sleeps <= u64::from(EVENTS), "{sleeps} times for {EVENTS} events");
    });
}

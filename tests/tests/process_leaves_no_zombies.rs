//! A child that is dropped before it has ended is asked for when it ends: no zombie is left, no
//! thread waits for it, and it does not matter whether its runtime is still there.
#![cfg(target_os = "linux")]

use std::process::Stdio;
use std::time::Duration;

use runtime::process::{Child, ChildStdin, Command};
use runtime::{Builder, Runtime};
use tests::process::{children, descriptors, threads};
use tests::{current_thread, eventually, eventually_async, isolated, within, workers};

fn flavours() -> [Runtime; 2] {
    [workers(2), current_thread()]
}

/// A child that runs until its input ends.
fn cat() -> (Child, ChildStdin) {
    let mut child =
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let stdin = child.stdin.take().unwrap();
    (child, stdin)
}

/// Whether a handler for SIGCHLD is installed.
fn hears_sigchld() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
    u64::from_str_radix(caught, 16).unwrap() & 1 << (libc::SIGCHLD - 1) != 0
}

#[test]
fn a_thousand_children_dropped_at_once_are_reaped() {
    isolated("a_thousand_children_dropped_at_once_are_reaped", || {
        for rt in flavours() {
            rt.block_on(async {
                for _ in 0..1000 {
                    drop(Command::new("true").spawn().unwrap());
                }
                eventually_async("all are gone", || children().is_empty()).await;
            });
        }
        assert!(!hears_sigchld(), "each child has been told of by itself");
    });
}

#[test]
fn children_that_run_on_and_end_together_are_reaped() {
    isolated("children_that_run_on_and_end_together_are_reaped", || {
        for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
            // On a busy machine 50 spawns in one poll are a stall, and who reports it is a thread.
            let rt =
                builder.worker_threads(2).enable_all().stall_report(Duration::MAX).build().unwrap();
            rt.block_on(async {
                let (threads_before, descriptors_before) = (threads(), descriptors());
                let inputs: Vec<_> = (0..50).map(|_| cat().1).collect();
                assert_eq!(children().len(), 50);
                // The monitor may have come meanwhile, and a spare.
                assert!(threads() <= threads_before + 2, "no thread waits for a child");
                drop(inputs);
                eventually_async("all are gone", || children().is_empty()).await;
                eventually_async("nothing of them is kept", || descriptors() <= descriptors_before)
                    .await;
            });
        }
    });
}

#[test]
fn a_child_dropped_in_the_middle_of_a_wait_is_reaped() {
    isolated("a_child_dropped_in_the_middle_of_a_wait_is_reaped", || {
        for rt in flavours() {
            rt.block_on(async {
                let (mut child, stdin) = cat();
                let wait = runtime::spawn(async move { child.wait().await });
                runtime::task::yield_now().await;
                wait.abort();
                assert!(wait.await.unwrap_err().is_cancelled());
                assert_eq!(children().len(), 1);
                drop(stdin);
                eventually_async("it is gone", || children().is_empty()).await;
            });
        }
    });
}

#[test]
fn a_child_dropped_outside_the_runtime_is_reaped() {
    isolated("a_child_dropped_outside_the_runtime_is_reaped", || {
        let rt = workers(1);
        let (child, stdin) = rt.block_on(async { cat() });
        std::thread::spawn(|| drop(child)).join().unwrap();
        drop(stdin);
        // Nobody blocks on the runtime: its worker sleeps in the poll.
        eventually("it is gone", || children().is_empty());
    });
}

#[test]
fn orphans_whose_runtime_is_gone_are_reaped() {
    isolated("orphans_whose_runtime_is_gone_are_reaped", || {
        for rt in flavours() {
            let stays = workers(1);
            let (child, stdin) = rt.block_on(async { cat() });
            let (held, held_stdin) = rt.block_on(async { cat() });
            drop(child);
            drop(rt);
            drop(held);
            assert_eq!(children().len(), 2);
            drop((stdin, held_stdin));
            eventually("the runtime that is there asks", || children().is_empty());
            drop(stays);
        }
    });
}

/// A child that would run for ever, and is killed when it is dropped.
fn sleeper() -> Child {
    Command::new("sleep").arg("1000").kill_on_drop(true).spawn().unwrap()
}

#[test]
fn children_killed_after_their_runtime_ended_are_reaped() {
    isolated("children_killed_after_their_runtime_ended_are_reaped", || {
        for rt in flavours() {
            let child = rt.block_on(async { sleeper() });
            drop(rt);
            let before = threads();
            drop(child);
            eventually("it is gone, with no runtime there", || children().is_empty());
            eventually("nobody waits any more", || threads() <= before);
        }
    });
}

#[test]
fn many_children_killed_after_their_runtime_ended_are_reaped() {
    isolated("many_children_killed_after_their_runtime_ended_are_reaped", || {
        for _ in 0..3 {
            let rt = workers(1);
            let all: Vec<_> = rt.block_on(async { (0..50).map(|_| sleeper()).collect() });
            drop(rt);
            let before = threads();
            for (number, child) in all.into_iter().enumerate() {
                drop(child);
                // Some come when the thread that asks for the others is about to end.
                if number % 10 == 0 {
                    eventually("those so far are gone", || children().len() <= 49 - number);
                }
            }
            eventually("all are gone", || children().is_empty());
            eventually("nobody waits any more", || threads() <= before);
        }
        assert!(!hears_sigchld(), "no signal is needed for that");
    });
}

#[test]
fn children_killed_just_before_the_end_are_reaped() {
    isolated("children_killed_just_before_the_end_are_reaped", || {
        for rt in flavours() {
            rt.block_on(async {
                let mut told = Command::new("sleep").arg("1000").spawn().unwrap();
                told.start_kill().unwrap();
                drop((sleeper(), told));
            });
            drop(rt);
            eventually("they are gone, with no runtime there", || children().is_empty());
        }
    });
}

#[test]
fn children_killed_while_no_thread_drives_the_runtime_are_reaped() {
    isolated("children_killed_while_no_thread_drives_the_runtime_are_reaped", || {
        let rests = current_thread();
        let rt = workers(1);
        let child = rt.block_on(async { sleeper() });
        drop(rt);
        drop(child);
        eventually("it is gone", || children().is_empty());
        drop(rests);
    });
}

#[test]
fn orphans_that_end_while_there_is_no_runtime_are_reaped() {
    isolated("orphans_that_end_while_there_is_no_runtime_are_reaped", || {
        for rt in flavours() {
            let (child, stdin) = rt.block_on(async { cat() });
            drop(child);
            drop((rt, stdin));
            eventually("it ends", || children().iter().any(|(_, state)| *state == 'Z'));
            let _next = current_thread();
            assert!(children().is_empty(), "the next runtime asks when it is made");
        }
    });
}

#[test]
fn orphans_that_a_later_runtime_finds_running_are_reaped() {
    isolated("orphans_that_a_later_runtime_finds_running_are_reaped", || {
        for rt in flavours() {
            let (child, stdin) = rt.block_on(async { cat() });
            drop(child);
            drop(rt);
            // One that nobody drives does not stand in the way of one that is.
            let _idle = current_thread();
            let _driven = workers(1);
            drop(stdin);
            eventually("it is gone", || children().is_empty());
        }
    });
}

#[test]
fn children_without_descriptors_are_reaped() {
    isolated("children_without_descriptors_are_reaped", || {
        let rt = workers(1);
        rt.block_on(async {
            let mut first = Command::new("true").spawn().unwrap();
            first.wait().await.unwrap();
            // The socket of the signals is there; from now on a child gets no descriptor.
            let _signals =
                runtime::signal::unix::signal(runtime::signal::unix::SignalKind::child()).unwrap();
            let mut short = Command::new("sleep");
            let mut child = short.arg("0.2").spawn_with(|std| {
                let child = std.spawn();
                tests::process::leave_descriptors(0);
                child
            });
            let child = child.as_mut().unwrap();
            assert!(child.wait().await.unwrap().success());
        });
        within(move || drop(rt));
    });
}

//! `kill_on_drop` ends a child with the value that stands for it, and nothing else does.
#![cfg(target_os = "linux")]

use std::process::Stdio;
use std::time::Duration;

use runtime::Runtime;
use runtime::io::AsyncReadExt;
use runtime::process::Command;
use runtime::time::timeout;
use tests::process::children;
use tests::{current_thread, eventually_async, isolated, within, workers};

fn flavours() -> [Runtime; 2] {
    [workers(2), current_thread()]
}

fn sleeper() -> Command {
    let mut command = Command::new("sleep");
    command.arg("1000").stdin(Stdio::null());
    command
}

fn runs(pid: u32) -> bool {
    children().iter().any(|(child, _)| *child == pid)
}

#[test]
fn the_default_is_to_let_it_run() {
    within(|| {
        for rt in flavours() {
            rt.block_on(async {
                let mut command = Command::new("sh");
                command.args(["-c", "read line; echo $line"]);
                assert!(!command.get_kill_on_drop());
                let mut child =
                    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
                let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
                drop(child);
                let (mut stdin, mut stdout) = (stdin.unwrap(), stdout.unwrap());
                runtime::io::AsyncWriteExt::write_all(&mut stdin, b"alive\n").await.unwrap();
                let mut said = String::new();
                stdout.read_to_string(&mut said).await.unwrap();
                assert_eq!(said, "alive\n");
            });
        }
    });
}

#[test]
fn a_dropped_child_is_killed() {
    within(|| {
        for rt in flavours() {
            rt.block_on(async {
                let child = sleeper().kill_on_drop(true).spawn().unwrap();
                let pid = child.id().unwrap();
                assert!(runs(pid));
                drop(child);
                eventually_async("it is gone", || !runs(pid)).await;
            });
        }
    });
}

#[test]
fn the_child_of_a_dropped_future_is_killed() {
    isolated("the_child_of_a_dropped_future_is_killed", || {
        for rt in flavours() {
            rt.block_on(async {
                let short = Duration::from_millis(10);
                assert!(timeout(short, sleeper().kill_on_drop(true).status()).await.is_err());
                assert!(timeout(short, sleeper().kill_on_drop(true).output()).await.is_err());
                eventually_async("they are gone", || children().is_empty()).await;
            });
        }
    });
}

#[test]
fn the_child_of_a_task_that_the_shutdown_drops_is_killed() {
    isolated("the_child_of_a_task_that_the_shutdown_drops_is_killed", || {
        for rt in flavours() {
            rt.block_on(async {
                runtime::spawn(async { sleeper().kill_on_drop(true).status().await });
                eventually_async("it runs", || children().len() == 1).await;
            });
            drop(rt);
            let _next = workers(1);
            tests::eventually("it is gone", || children().is_empty());
        }
    });
}

#[test]
fn killing_is_not_waiting() {
    within(|| {
        for rt in flavours() {
            rt.block_on(async {
                use std::os::unix::process::ExitStatusExt;
                let mut child = sleeper().spawn().unwrap();
                child.start_kill().unwrap();
                assert!(child.id().is_some(), "it has not been waited for");
                assert_eq!(child.wait().await.unwrap().signal(), Some(libc::SIGKILL));
                // Its number is not its own any more.
                assert_eq!(child.id(), None);
                child.start_kill().unwrap();
                child.kill().await.unwrap();
                assert_eq!(child.wait().await.unwrap().signal(), Some(libc::SIGKILL));
            });
        }
    });
}

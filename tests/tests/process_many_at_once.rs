//! Children at the same time do not mix: each wait gets the status of its own, and no thread is
//! taken for any.

use std::process::Stdio;

use runtime::Runtime;
use runtime::process::Command;
use tests::{current_thread, isolated, within, workers};

fn flavours() -> [Runtime; 2] {
    [workers(2), current_thread()]
}

fn ends_with(code: i32) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("read line; exit {code}")]).stdin(Stdio::piped());
    command
}

#[test]
fn two_hundred_children_run_at_once() {
    isolated("two_hundred_children_run_at_once", || {
        for rt in flavours() {
            rt.block_on(async {
                #[cfg(target_os = "linux")]
                let threads = tests::process::threads();
                let mut waits = Vec::new();
                let mut inputs = Vec::new();
                for code in 0..200 {
                    let mut child = ends_with(code).spawn().unwrap();
                    inputs.push(child.stdin.take());
                    waits.push(runtime::spawn(async move { child.wait().await.unwrap().code() }));
                }
                #[cfg(target_os = "linux")]
                assert!(
                    tests::process::threads() <= threads + 5,
                    "spares, the reporter and the monitor at most"
                );
                // All end within moments.
                drop(inputs);
                for (code, wait) in (0..).zip(waits) {
                    assert_eq!(wait.await.unwrap(), Some(code));
                }
            });
        }
    });
}

#[test]
fn children_may_be_started_from_many_tasks() {
    within(|| {
        for rt in flavours() {
            rt.block_on(async {
                let tasks: Vec<_> = (0..40)
                    .map(|code| {
                        runtime::spawn(async move {
                            let mut shell = Command::new("sh");
                            let output =
                                shell.args(["-c", &format!("echo {code}; exit {code}")]).output();
                            let output = output.await.unwrap();
                            assert_eq!(output.status.code(), Some(code));
                            assert_eq!(output.stdout, format!("{code}\n").as_bytes());
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
            });
        }
    });
}

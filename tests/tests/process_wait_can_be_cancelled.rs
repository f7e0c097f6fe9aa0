//! A wait that is given up loses nothing: the next one waits on, and the status stays.

use std::process::Stdio;
use std::time::Duration;

use runtime::Runtime;
use runtime::process::Command;
use runtime::time::timeout;
use tests::{current_thread, within, workers};

fn flavours() -> [Runtime; 2] {
    [workers(2), current_thread()]
}

#[test]
fn a_wait_can_be_cancelled_again_and_again() {
    within(|| {
        for rt in flavours() {
            rt.block_on(async {
                let mut command = Command::new("sh");
                command.args(["-c", "read line; exit 7"]).stdin(Stdio::piped());
                let mut child = command.spawn().unwrap();
                let stdin = child.stdin.take();
                for _ in 0..20 {
                    assert!(timeout(Duration::from_millis(2), child.wait()).await.is_err());
                    assert!(child.try_wait().unwrap().is_none());
                }
                drop(stdin);
                for _ in 0..3 {
                    assert_eq!(child.wait().await.unwrap().code(), Some(7));
                    assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(7));
                }
            });
        }
    });
}

#[test]
fn an_end_between_two_waits_is_told() {
    within(|| {
        for rt in flavours() {
            rt.block_on(async {
                for _ in 0..50 {
                    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
                    let stdin = child.stdin.take();
                    let given_up = futures::poll!(Box::pin(child.wait()));
                    assert!(given_up.is_pending());
                    drop(stdin);
                    assert!(child.wait().await.unwrap().success());
                }
            });
        }
    });
}

#[test]
fn one_that_was_polled_by_another_task_is_told_to_the_last() {
    within(|| {
        for rt in flavours() {
            rt.block_on(async {
                let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
                let stdin = child.stdin.take();
                let polled = runtime::spawn(async move {
                    assert!(timeout(Duration::from_millis(5), child.wait()).await.is_err());
                    child
                });
                let mut child = polled.await.unwrap();
                let waited = runtime::spawn(async move { child.wait().await.unwrap() });
                runtime::task::yield_now().await;
                drop(stdin);
                assert!(waited.await.unwrap().success());
            });
        }
    });
}

#[test]
fn try_wait_alone_comes_to_the_end() {
    within(|| {
        for rt in flavours() {
            rt.block_on(async {
                let mut child = Command::new("true").spawn().unwrap();
                let status = loop {
                    match child.try_wait().unwrap() {
                        Some(status) => break status,
                        None => runtime::task::yield_now().await,
                    }
                };
                assert!(status.success());
                assert_eq!(child.id(), None);
                assert_eq!(child.wait().await.unwrap(), status);
            });
        }
    });
}

//! A child that cannot be had says why, and does not run; a wait that can come to no end is an
//! error.
#![cfg(target_os = "linux")]

use std::process::Stdio;

use runtime::Builder;
use runtime::io::AsyncReadExt;
use runtime::process::Command;
use tests::process::children;
use tests::{current_thread, isolated, panic_of, within, workers};

#[test]
fn outside_a_runtime_it_panics_and_starts_nothing() {
    isolated("outside_a_runtime_it_panics_and_starts_nothing", || {
        for text in [
            panic_of(|| Command::new("sleep").arg("1000").spawn()),
            panic_of(|| drop(Command::new("sleep").arg("1000").status())),
            panic_of(|| drop(Command::new("sleep").arg("1000").output())),
        ] {
            assert!(text.contains("there is no reactor running"), "{text}");
            assert!(text.contains("Runtime::block_on"), "{text}");
        }
        assert!(children().is_empty());
    });
}

#[test]
fn without_io_it_panics_and_starts_nothing() {
    isolated("without_io_it_panics_and_starts_nothing", || {
        let rt = Builder::new_current_thread().enable_time().build().unwrap();
        let _context = rt.enter();
        let text = panic_of(|| Command::new("sleep").arg("1000").spawn());
        assert!(text.contains("enable_io"), "{text}");
        assert!(children().is_empty());
    });
}

#[test]
fn after_the_shutdown_it_is_an_error_and_starts_nothing() {
    isolated("after_the_shutdown_it_is_an_error_and_starts_nothing", || {
        for rt in [workers(1), current_thread()] {
            let handle = rt.handle().clone();
            drop(rt);
            let _context = handle.enter();
            let error = Command::new("sleep").arg("1000").spawn().unwrap_err();
            assert!(error.to_string().contains("shut down"), "{error}");
            assert!(children().is_empty());
        }
    });
}

#[test]
fn a_wait_without_any_runtime_says_that_its_own_is_shut_down() {
    within(|| {
        for rt in [workers(1), current_thread()] {
            let mut child = rt.block_on(async {
                let mut cat = Command::new("cat");
                cat.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
            });
            let _stdin = child.stdin.take();
            drop(rt);
            let error = futures::executor::block_on(child.wait()).unwrap_err();
            assert!(error.to_string().contains("shut down"), "{error}");
            let mut stdout = child.stdout.take().unwrap();
            let error = futures::executor::block_on(stdout.read(&mut [0; 8])).unwrap_err();
            assert!(error.to_string().contains("shut down"), "{error}");
            child.start_kill().unwrap();
            // What has ended needs nobody to tell of it.
            let status = futures::executor::block_on(async {
                loop {
                    match child.wait().await {
                        Ok(status) => break status,
                        Err(_) => std::thread::yield_now(),
                    }
                }
            });
            assert!(!status.success());
        }
    });
}

#[test]
fn a_wait_in_another_runtime_goes_on_when_its_own_is_gone() {
    within(|| {
        for [first, second] in [[workers(1), current_thread()], [current_thread(), workers(1)]] {
            let mut child = first
                .block_on(async { Command::new("cat").stdin(Stdio::piped()).spawn().unwrap() });
            let stdin = child.stdin.take();
            let (polled, is_polled) = std::sync::mpsc::channel();
            let waits = second.spawn(async move {
                assert!(futures::poll!(Box::pin(child.wait())).is_pending());
                polled.send(()).unwrap();
                child.wait().await
            });
            let ends = std::thread::spawn(move || {
                is_polled.recv().unwrap();
                // The wait moves on when it is told of this.
                drop(first);
                drop(stdin);
            });
            assert!(second.block_on(waits).unwrap().unwrap().success());
            ends.join().unwrap();
        }
    });
}

#[test]
fn a_status_that_somebody_else_has_taken_is_an_error() {
    within(|| {
        current_thread().block_on(async {
            let mut child = Command::new("true").spawn().unwrap();
            let pid = child.id().unwrap() as libc::pid_t;
            let mut status = 0;
            // SAFETY: the pointer is to a live integer; the process is our child.
            assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
            assert_eq!(child.wait().await.unwrap_err().raw_os_error(), Some(libc::ECHILD));
        });
    });
}

#[test]
fn without_descriptors_for_the_streams_no_child_is_left() {
    isolated("without_descriptors_for_the_streams_no_child_is_left", || {
        workers(1).block_on(async {
            let mut sleep = Command::new("sleep");
            sleep.arg("1000").stdin(Stdio::piped()).stdout(Stdio::piped());
            for left in 0..12 {
                tests::process::leave_descriptors(left);
                let spawned = sleep.kill_on_drop(true).spawn();
                tests::process::limit(libc::RLIMIT_NOFILE, 1024);
                drop(spawned);
                tests::eventually_async("none runs", || children().is_empty()).await;
            }
        });
    });
}

//! What goes into the standard streams comes out of them: all, in order, and whole characters at a
//! time; what a cancelled read got is there for the next one.

use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::time::Duration;

use futures::FutureExt;
use runtime::io::{self, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tests::{again, current_thread, role, workers};

/// More than one job takes, with characters of several bytes.
fn long() -> String {
    "größer als 😀\n".repeat(200_000)
}

/// Starts `test` of this file again with pipes.
fn started(test: &str) -> Child {
    again(test, test)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn stdout_passes_all() {
    if role().is_none() {
        let output = started("stdout_passes_all").wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains(&format!("<{}>", long())));
        return;
    }
    current_thread().block_on(async {
        let mut stdout = io::stdout();
        stdout.write_all(format!("<{}>", long()).as_bytes()).await.unwrap();
        stdout.flush().await.unwrap();
    });
}

#[test]
fn what_was_written_appears_though_the_runtime_ends() {
    const TEST: &str = "what_was_written_appears_though_the_runtime_ends";
    if role().is_none() {
        let output = started(TEST).wait_with_output().unwrap();
        assert!(output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(&"last words\n".repeat(1_000)), "{said}");
        return;
    }
    let runtime = current_thread();
    runtime.block_on(async {
        // Not flushed: the job was only handed over.
        let words = "last words\n".repeat(1_000);
        assert_eq!(io::stderr().write(words.as_bytes()).await.unwrap(), words.len());
    });
}

#[test]
fn stdin_passes_all() {
    if role().is_none() {
        let mut child = started("stdin_passes_all");
        let mut stdin = child.stdin.take().unwrap();
        let feed = std::thread::spawn(move || stdin.write_all(long().as_bytes()).unwrap());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        feed.join().unwrap();
        return;
    }
    workers(2).block_on(async {
        let mut lines = BufReader::new(io::stdin()).lines();
        for expected in long().lines() {
            assert_eq!(lines.next_line().await.unwrap().unwrap(), expected);
        }
        assert_eq!(lines.next_line().await.unwrap(), None);
        assert_eq!(lines.next_line().await.unwrap(), None);
    });
}

#[test]
fn a_cancelled_read_loses_nothing() {
    if role().is_none() {
        let mut child = started("a_cancelled_read_loses_nothing");
        let (mut stdin, mut stderr) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
        // Speaks when the other side waits.
        let mut ready = [0; 5];
        stderr.read_exact(&mut ready).unwrap();
        stdin.write_all(b"word").unwrap();
        drop(stdin);
        assert!(child.wait().unwrap().success());
        return;
    }
    current_thread().block_on(async {
        let mut stdin = io::stdin();
        // Begins a read of 100 bytes and gives it up.
        let cancelled =
            runtime::time::timeout(Duration::ZERO, async { stdin.read(&mut [0; 100]).await });
        assert!(cancelled.await.is_err());
        io::stderr().write_all(b"ready").await.unwrap();
        let mut text = [0; 2];
        assert_eq!(stdin.read(&mut text).await.unwrap(), 2);
        assert_eq!(&text, b"wo");
        assert_eq!(stdin.read(&mut text).now_or_never().unwrap().unwrap(), 2);
        assert_eq!(&text, b"rd");
        assert_eq!(stdin.read(&mut text).await.unwrap(), 0);
        assert_eq!(stdin.read(&mut text).await.unwrap(), 0);
    });
}

#[test]
fn nothing_works_outside_a_runtime() {
    let advice = tests::panic_of(|| {
        futures::executor::block_on(io::stderr().write(b"nothing of this is said")).unwrap()
    });
    assert!(advice.contains("runtime"), "{advice}");
}

//! What goes through the pipes of a child arrives, however much it is and in whatever order the two
//! sides come to it; and no wait is stuck because a pipe is open or full.

use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd};
use std::process::Stdio;

use runtime::Runtime;
use runtime::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use runtime::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tests::{current_thread, within, workers};

const LARGE: usize = 3 << 20;

fn flavours() -> [Runtime; 2] {
    [workers(2), current_thread()]
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn is_blocking(fd: &impl AsRawFd) -> bool {
    // SAFETY: F_GETFL takes no pointer and changes nothing.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    assert_ne!(flags, -1);
    flags & libc::O_NONBLOCK == 0
}

#[test]
fn wait_closes_stdin_first() {
    within(|| {
        for rt in flavours() {
            rt.block_on(async {
                // It would read for ever.
                let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
                assert!(child.wait().await.unwrap().success());
                assert!(child.stdin.is_none());
                let command =
                    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
                assert!(command.unwrap().wait_with_output().await.unwrap().stdout.is_empty());
                let mut cat = Command::new("cat");
                assert!(cat.stdin(Stdio::piped()).status().await.unwrap().success());
            });
        }
    });
}

#[test]
fn both_outputs_are_read_at_the_same_time() {
    within(|| {
        for rt in flavours() {
            rt.block_on(async {
                // Whoever reads one of them to its end first never gets there.
                let both = format!(
                    "head -c {LARGE} /dev/zero; head -c {LARGE} /dev/zero >&2; \
                     head -c {LARGE} /dev/zero; head -c {LARGE} /dev/zero >&2; exit 5"
                );
                let output = shell(&both).output().await.unwrap();
                assert_eq!(output.status.code(), Some(5));
                assert_eq!((output.stdout.len(), output.stderr.len()), (2 * LARGE, 2 * LARGE));
            });
        }
    });
}

#[test]
fn bytes_go_to_a_child_and_back() {
    within(|| {
        for rt in flavours() {
            rt.block_on(async {
                let mut cat = Command::new("cat");
                let mut child = cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
                let sent: Vec<u8> = (0..LARGE).map(|i| (i % 251) as u8).collect();
                let (mut stdin, bytes) = (child.stdin.take().unwrap(), sent.clone());
                let writes = runtime::spawn(async move {
                    assert!(stdin.is_write_vectored());
                    stdin.write_all(&bytes).await.unwrap();
                    // Neither of them ends the input: only the drop does.
                    stdin.flush().await.unwrap();
                    stdin.shutdown().await.unwrap();
                    stdin.write_all(b"!").await.unwrap();
                });
                let mut got = Vec::new();
                child.stdout.take().unwrap().read_to_end(&mut got).await.unwrap();
                writes.await.unwrap();
                assert_eq!(got.pop(), Some(b'!'));
                assert!(got == sent);
                assert!(child.wait().await.unwrap().success());
            });
        }
    });
}

#[test]
fn output_in_pieces_is_read_piece_by_piece() {
    within(|| {
        for rt in flavours() {
            rt.block_on(async {
                let mut child = shell("while read line; do echo $line; echo $line >&2; done")
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap();
                let (mut out, mut err) =
                    (child.stdout.take().unwrap(), child.stderr.take().unwrap());
                let mut stdin = child.stdin.take().unwrap();
                for _ in 0..100 {
                    stdin.write_all(b"piece\n").await.unwrap();
                    let mut buf = [0; 6];
                    out.read_exact(&mut buf).await.unwrap();
                    assert_eq!(&buf, b"piece\n");
                    err.read_exact(&mut buf).await.unwrap();
                    assert_eq!(&buf, b"piece\n");
                }
                drop(stdin);
                assert_eq!(out.read(&mut [0; 8]).await.unwrap(), 0);
                assert_eq!(err.read(&mut [0; 8]).await.unwrap(), 0);
                assert!(child.wait().await.unwrap().success());
            });
        }
    });
}

#[test]
fn writing_to_a_child_that_has_gone_is_an_error() {
    within(|| {
        for rt in flavours() {
            rt.block_on(async {
                let mut child =
                    Command::new("sleep").arg("1000").stdin(Stdio::piped()).spawn().unwrap();
                let mut stdin = child.stdin.take().unwrap();
                let writes = runtime::spawn(async move {
                    // More than the pipe holds: it waits when the child is killed.
                    stdin.write_all(&vec![0; LARGE]).await.unwrap_err().kind()
                });
                runtime::task::yield_now().await;
                child.kill().await.unwrap();
                assert_eq!(writes.await.unwrap(), ErrorKind::BrokenPipe);
            });
        }
    });
}

#[test]
fn a_stream_of_one_becomes_that_of_another() {
    within(|| {
        for rt in flavours() {
            rt.block_on(async {
                let mut first = shell("echo one; echo two >&2")
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn();
                let first = first.as_mut().unwrap();
                for stdin in [
                    TryInto::<Stdio>::try_into(first.stdout.take().unwrap()).unwrap(),
                    TryInto::<Stdio>::try_into(first.stderr.take().unwrap()).unwrap(),
                ] {
                    let wc = Command::new("wc").arg("-c").stdin(stdin).output().await.unwrap();
                    assert_eq!(String::from_utf8_lossy(&wc.stdout).trim(), "4");
                }
                let mut last = Command::new("cat")
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .spawn()
                    .unwrap();
                let stdin: Stdio = last.stdin.take().unwrap().try_into().unwrap();
                assert!(shell("echo three").stdout(stdin).status().await.unwrap().success());
                assert_eq!(last.wait_with_output().await.unwrap().stdout, b"three\n");
            });
        }
    });
}

#[test]
fn descriptors_come_and_go() {
    within(|| {
        for rt in flavours() {
            rt.block_on(async {
                let mut command = std::process::Command::new("cat");
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
                let mut child = command.spawn().unwrap();
                let mut stdin = ChildStdin::from_std(child.stdin.take().unwrap()).unwrap();
                let mut stdout = ChildStdout::from_std(child.stdout.take().unwrap()).unwrap();
                let stderr = ChildStderr::from_std(child.stderr.take().unwrap()).unwrap();
                assert_eq!(stdin.as_fd().as_raw_fd(), stdin.as_raw_fd());
                assert!(!is_blocking(&stdin) && !is_blocking(&stdout) && !is_blocking(&stderr));
                stdin.write_all(b"hello").await.unwrap();
                // Given away it blocks, as programs expect.
                let raw = stdin.as_raw_fd();
                let stdin = stdin.into_owned_fd().unwrap();
                assert!(is_blocking(&stdin) && stdin.as_raw_fd() == raw);
                assert!(is_blocking(&stderr.into_owned_fd().unwrap()));
                drop(stdin);
                let mut got = String::new();
                stdout.read_to_string(&mut got).await.unwrap();
                assert_eq!(got, "hello");
                assert!(is_blocking(&stdout.into_owned_fd().unwrap()));
                assert!(child.wait().unwrap().success());
            });
        }
    });
}

//! A child that was spawned.

use std::fmt;
use std::future::Future;
use std::io;
use std::process::{ExitStatus, Output};
use std::sync::{Arc, Mutex};

use futures_lite::{AsyncRead, AsyncReadExt, future};

use crate::exit::{self, Guard, lock};
use crate::{ChildStderr, ChildStdin, ChildStdout};

/// A child process.
///
/// A child that is dropped goes on, and is reaped when it ends;
/// [`Command`](crate::Command::kill_on_drop) can make it otherwise.
///
/// # Examples
///
/// ```
/// use async_process::{Command, Stdio};
/// use futures_lite::{AsyncWriteExt, AsyncReadExt};
///
/// # futures_lite::future::block_on(async {
/// let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
/// cat.stdin.take().unwrap().write_all(b"hello").await?;
/// let mut text = String::new();
/// cat.stdout.take().unwrap().read_to_string(&mut text).await?;
/// assert!(text == "hello" && cat.status().await?.success());
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct Child {
    /// Its standard input, if that is a pipe.
    pub stdin: Option<ChildStdin>,
    /// Its standard output, if that is a pipe.
    pub stdout: Option<ChildStdout>,
    /// Its standard error, if that is a pipe.
    pub stderr: Option<ChildStderr>,
    guard: Arc<Mutex<Guard>>,
}

impl Child {
    pub(crate) fn new(
        mut child: std::process::Child,
        reap_on_drop: bool,
        kill_on_drop: bool,
    ) -> io::Result<Child> {
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        // From here on an error leaves no zombie.
        let guard = Arc::new(Mutex::new(Guard::new(child, reap_on_drop, kill_on_drop)));
        Ok(Child {
            stdin: pipes.0.map(ChildStdin::new).transpose()?,
            stdout: pipes.1.map(ChildStdout::new).transpose()?,
            stderr: pipes.2.map(ChildStderr::new).transpose()?,
            guard,
        })
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        lock(&self.guard).child().id()
    }

    /// Kills the process, if it has not ended.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub fn kill(&mut self) -> io::Result<()> {
        lock(&self.guard).child().kill()
    }

    /// How the process ended, if it has.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub fn try_status(&mut self) -> io::Result<Option<ExitStatus>> {
        lock(&self.guard).child().try_wait()
    }

    /// Closes the standard input, and waits for the end of the process. The future does not borrow
    /// the child; any number may wait.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + use<> {
        self.stdin.take();
        exit::wait(Arc::clone(&self.guard))
    }

    /// Closes the standard input, reads output and errors to their ends where they are pipes, and
    /// waits for the end of the process.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub fn output(mut self) -> impl Future<Output = io::Result<Output>> {
        let status = self.status();
        let (stdout, stderr) = (all_of(self.stdout.take()), all_of(self.stderr.take()));
        async move {
            let (stdout, stderr) = future::try_zip(stdout, stderr).await?;
            Ok(Output { status: status.await?, stdout, stderr })
        }
    }
}

async fn all_of(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .finish()
    }
}

//! A running child process.

use std::future::poll_fn;
use std::io;
use std::process::{self, ExitStatus, Output};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::stdio::{ChildStderr, ChildStdin, ChildStdout};
use crate::engine::coop;
use crate::engine::driver::{IoDriver, Running};
use crate::engine::insight::{Kind, Wait};
use crate::io::{AsyncRead, AsyncReadExt};
use crate::runtime::context;
use crate::try_join;

/// A child process: made by [`Command::spawn`](super::Command::spawn).
///
/// Dropping it neither waits for the child nor, by default, ends it; see [the module](super).
///
/// # Examples
///
/// ```
/// use runtime::process::Command;
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut child = Command::new("sleep").arg("1000").spawn()?;
/// assert!(child.try_wait()?.is_none());
/// child.kill().await?;
/// assert!(child.try_wait()?.is_some());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Child {
    state: State,
    /// Where to write the child's input, if it is piped. To end that input, take it and drop it.
    pub stdin: Option<ChildStdin>,
    /// Where to read the child's output, if it is piped.
    pub stdout: Option<ChildStdout>,
    /// Where to read what the child writes as errors, if it is piped.
    pub stderr: Option<ChildStderr>,
}

#[derive(Debug)]
enum State {
    Running(Guard),
    Ended(ExitStatus),
}

/// Kills the child when dropped, if `kill_on_drop` was set.
#[derive(Debug)]
struct Guard {
    running: Running,
    kill_on_drop: bool,
}

impl Guard {
    fn kill(&mut self) -> io::Result<()> {
        self.running.kill()?;
        self.kill_on_drop = false;
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.kill_on_drop {
            let _ = self.kill();
        }
    }
}

impl Child {
    pub(super) fn new(
        mut child: process::Child,
        kill_on_drop: bool,
        driver: &Arc<IoDriver>,
    ) -> io::Result<Child> {
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let guard = Guard { running: Running::new(child, driver)?, kill_on_drop: true };
        let mut child = Child {
            state: State::Running(guard),
            stdin: stdin.map(ChildStdin::from_std).transpose()?,
            stdout: stdout.map(ChildStdout::from_std).transpose()?,
            stderr: stderr.map(ChildStderr::from_std).transpose()?,
        };
        // Until here, an error kills the child.
        if let State::Running(guard) = &mut child.state {
            guard.kill_on_drop = kill_on_drop;
        }
        Ok(child)
    }

    /// The process id of the child; `None` once it has been waited for, since another process may
    /// then have the id.
    ///
    /// # Examples
    ///
    /// See [`kill`](Self::kill).
    pub fn id(&self) -> Option<u32> {
        match &self.state {
            State::Running(guard) => Some(guard.running.child().id()),
            State::Ended(_) => None,
        }
    }

    /// Kills the child (`SIGKILL`) without waiting for its end. Does nothing once it has been
    /// waited for.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut child = runtime::process::Command::new("sleep").arg("1000").spawn()?;
    /// child.start_kill()?;
    /// assert!(!child.wait().await?.success());
    /// # Ok(()) }
    /// ```
    pub fn start_kill(&mut self) -> io::Result<()> {
        match &mut self.state {
            State::Running(guard) => guard.kill(),
            State::Ended(_) => Ok(()),
        }
    }

    /// Kills the child (`SIGKILL`), and waits until it has ended.
    ///
    /// # Errors
    ///
    /// As for [`start_kill`](Self::start_kill) and [`wait`](Self::wait).
    ///
    /// # Cancel safety
    ///
    /// Safe: once this is polled, the child is killed, even if its end is not waited for.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::process::Command;
    ///
    /// let mut child = Command::new("sleep").arg("1000").spawn()?;
    /// assert!(child.id().is_some());
    /// child.kill().await?; // and waits until it has ended
    /// assert!(child.id().is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn kill(&mut self) -> io::Result<()> {
        self.start_kill()?;
        self.wait().await?;
        Ok(())
    }

    /// Waits until the child has ended. From then on this returns at once.
    ///
    /// [`stdin`](Self::stdin) is closed first, so that a child that reads its input to the end does
    /// not wait for its parent while the parent waits for it. To keep it open, take it. Piped
    /// output must be read meanwhile, since a child whose pipe is full waits.
    /// [`wait_with_output`](Self::wait_with_output) does both.
    ///
    /// It may be called in another runtime than the one in which the child was spawned.
    ///
    /// # Errors
    ///
    /// If other code has taken the status (see [the module](super)), or if the child's runtime has
    /// been shut down and this is polled outside of any other.
    ///
    /// # Cancel safety
    ///
    /// Safe: the next call goes on waiting. `stdin` stays closed.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut child = runtime::process::Command::new("sh").args(["-c", "exit 3"]).spawn()?;
    /// assert_eq!(child.wait().await?.code(), Some(3));
    /// assert_eq!(child.wait().await?.code(), Some(3));
    /// # Ok(()) }
    /// ```
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        poll_fn(|cx| self.poll_wait(cx)).await
    }

    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        let guard = match &mut self.state {
            State::Running(guard) => guard,
            State::Ended(status) => return Poll::Ready(Ok(*status)),
        };
        let coop = ready!(coop::poll_proceed(cx));
        let Poll::Ready(end) = guard.running.poll_exit(cx.waker(), context::try_io_driver) else {
            return coop.pending(|| Wait::new(Kind::Child, u64::from(guard.running.child().id())));
        };
        coop.made_progress();
        Poll::Ready(end.inspect(|status| self.has_ended(*status)))
    }

    fn has_ended(&mut self, status: ExitStatus) {
        if let State::Running(guard) = &mut self.state {
            // Another process may have its id by now.
            guard.kill_on_drop = false;
        }
        self.state = State::Ended(status);
    }

    /// The child's exit status, if it has ended. `stdin` stays open.
    ///
    /// # Errors
    ///
    /// If other code has taken the status (see [the module](super)).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut child = runtime::process::Command::new("true").spawn()?;
    /// match child.try_wait()? {
    ///     Some(status) => assert!(status.success()),
    ///     None => println!("it still runs"),
    /// }
    /// # Ok(()) }
    /// ```
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let guard = match &mut self.state {
            State::Running(guard) => guard,
            State::Ended(status) => return Ok(Some(*status)),
        };
        let status = guard.running.child_mut().try_wait()?;
        if let Some(status) = status {
            self.has_ended(status);
        }
        Ok(status)
    }

    /// Closes `stdin`, reads `stdout` and `stderr` to the end at the same time, and waits until the
    /// child has ended. For streams that are not piped, or were taken, the output is empty.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait), and when a pipe cannot be read.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the child, and loses what was read.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::process::Stdio;
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut shell = runtime::process::Command::new("sh");
    /// let child = shell.args(["-c", "echo out; echo err >&2"]);
    /// let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    /// let output = child.wait_with_output().await?;
    /// assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
    /// # Ok(()) }
    /// ```
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        let (status, stdout, stderr) = try_join!(self.wait(), all_of(stdout), all_of(stderr))?;
        Ok(Output { status, stdout, stderr })
    }
}

async fn all_of(stream: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        stream.read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

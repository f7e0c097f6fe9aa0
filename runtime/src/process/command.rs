//! The builder of a child process.
#![allow(unsafe_code, reason = "`pre_exec` is unsafe by nature; see docs/unsafe.md")]

use std::ffi::OsStr;
use std::future::Future;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, ExitStatus, Output, Stdio};

use super::child::Child;
use crate::runtime::context;

/// A child process to be started.
///
/// It works like [`std::process::Command`], and has its defaults for arguments, environment and
/// working directory. With [`spawn`](Self::spawn) and [`status`](Self::status) the streams are
/// inherited from this process.
///
/// # Examples
///
/// ```
/// use runtime::process::Command;
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let status = Command::new("sh").args(["-c", "exit 3"]).status().await?;
/// assert_eq!(status.code(), Some(3));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Command {
    std: process::Command,
    kill_on_drop: bool,
}

impl From<process::Command> for Command {
    fn from(std: process::Command) -> Command {
        Command { std, kill_on_drop: false }
    }
}

impl Command {
    /// Runs `program`: a path, or a name that is looked up in `PATH`.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::process::Stdio;
    /// use runtime::process::Command;
    ///
    /// let mut child = Command::new("cat")
    ///     .args(["-n", "-"])
    ///     .arg("-s")
    ///     .current_dir("/")
    ///     .stdin(Stdio::null())
    ///     .stdout(Stdio::piped())
    ///     .stderr(Stdio::inherit())
    ///     .spawn()?;
    /// assert!(child.wait().await?.success());
    /// # Ok(())
    /// # }
    /// ```
    pub fn new<S: AsRef<OsStr>>(program: S) -> Command {
        process::Command::new(program).into()
    }

    /// The inner command of `std`.
    ///
    /// # Examples
    ///
    /// ```
    /// let command = runtime::process::Command::new("ls");
    /// assert_eq!(command.as_std().get_program(), "ls");
    /// ```
    pub fn as_std(&self) -> &process::Command {
        &self.std
    }

    /// The inner command of `std`, for options that are not offered here.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::os::unix::process::CommandExt;
    /// use runtime::process::Command;
    ///
    /// let mut command = Command::new("true");
    /// command.as_std_mut().process_group(0); // whatever only `std` offers
    /// let std: std::process::Command = command.into_std();
    /// assert_eq!(std.get_program(), "true");
    /// ```
    pub fn as_std_mut(&mut self) -> &mut process::Command {
        &mut self.std
    }

    /// The inner command of `std`. [`kill_on_drop`](Self::kill_on_drop) is lost.
    ///
    /// # Examples
    ///
    /// See [`as_std_mut`](Self::as_std_mut).
    pub fn into_std(self) -> process::Command {
        self.std
    }

    /// Adds an argument. It reaches the program as it is: there is no shell that would split it or
    /// replace anything in it.
    ///
    /// # Examples
    ///
    /// See [`new`](Self::new).
    pub fn arg<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.std.arg(arg);
        self
    }

    /// Adds arguments.
    ///
    /// # Examples
    ///
    /// See [`Command`].
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.std.args(args);
        self
    }

    /// Sets a variable of the environment.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut shell = runtime::process::Command::new("sh");
    /// let output = shell.args(["-c", "echo $PLACE"]).env("PLACE", "here").output().await?;
    /// assert_eq!(output.stdout, b"here\n");
    /// # Ok(()) }
    /// ```
    pub fn env<K, V>(&mut self, key: K, val: V) -> &mut Command
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.env(key, val);
        self
    }

    /// Sets variables of the environment.
    ///
    /// # Examples
    ///
    /// See [`env_clear`](Self::env_clear).
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(vars);
        self
    }

    /// Removes a variable from the environment.
    ///
    /// # Examples
    ///
    /// See [`env_clear`](Self::env_clear).
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Command {
        self.std.env_remove(key);
        self
    }

    /// Starts from an empty environment.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::process::Command;
    ///
    /// let output = Command::new("/usr/bin/env")
    ///     .env_clear()
    ///     .envs([("A", "1"), ("B", "2")])
    ///     .env_remove("B")
    ///     .output()
    ///     .await?;
    /// assert_eq!(output.stdout, b"A=1\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn env_clear(&mut self) -> &mut Command {
        self.std.env_clear();
        self
    }

    /// Sets the working directory.
    ///
    /// Whether a relative path of the program is taken from there or from this process's own
    /// directory depends on the system: give an absolute one.
    ///
    /// # Examples
    ///
    /// See [`new`](Self::new).
    pub fn current_dir<P: AsRef<Path>>(&mut self, dir: P) -> &mut Command {
        self.std.current_dir(dir);
        self
    }

    /// Sets the standard input. The default is this process's own.
    ///
    /// # Examples
    ///
    /// See [`new`](Self::new).
    pub fn stdin<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.std.stdin(cfg);
        self
    }

    /// Sets the standard output. The default is this process's own; [`output`](Self::output) makes
    /// it a pipe.
    ///
    /// # Examples
    ///
    /// See [`new`](Self::new).
    pub fn stdout<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.std.stdout(cfg);
        self
    }

    /// Sets the standard error. The default is this process's own; [`output`](Self::output) makes
    /// it a pipe.
    ///
    /// # Examples
    ///
    /// See [`new`](Self::new).
    pub fn stderr<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.std.stderr(cfg);
        self
    }

    /// Whether a child is killed when its [`Child`] is dropped and it has not been waited for. The
    /// default is `false`.
    ///
    /// It also holds for the futures of [`status`](Self::status), [`output`](Self::output) and
    /// [`Child::wait_with_output`], which own the child. Processes that the child has started are
    /// not killed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use runtime::process::Command;
    /// use runtime::time::timeout;
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut sleep = Command::new("sleep");
    /// let status = sleep.arg("1000").kill_on_drop(true).status();
    /// // The child ends with the future that the timeout drops.
    /// assert!(timeout(Duration::from_millis(10), status).await.is_err());
    /// # Ok(()) }
    /// ```
    pub fn kill_on_drop(&mut self, kill_on_drop: bool) -> &mut Command {
        self.kill_on_drop = kill_on_drop;
        self
    }

    /// The value of [`kill_on_drop`](Self::kill_on_drop).
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::process::Command;
    ///
    /// let mut command = Command::new("true");
    /// assert!(!command.get_kill_on_drop());
    /// command.kill_on_drop(true);
    /// assert!(command.get_kill_on_drop());
    /// ```
    pub fn get_kill_on_drop(&self) -> bool {
        self.kill_on_drop
    }

    /// Sets the user that the child runs as. This process must be allowed to.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::process::Command;
    ///
    /// // As a user with few rights; needs the right to become that user.
    /// let status = Command::new("whoami").uid(65_534).gid(65_534).status().await?;
    /// assert!(status.success());
    /// # Ok(())
    /// # }
    /// ```
    pub fn uid(&mut self, id: u32) -> &mut Command {
        self.std.uid(id);
        self
    }

    /// Sets the group that the child runs as. This process must be allowed to.
    ///
    /// # Examples
    ///
    /// See [`uid`](Self::uid).
    pub fn gid(&mut self, id: u32) -> &mut Command {
        self.std.gid(id);
        self
    }

    /// Sets the argument with the number 0, by default the program.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut shell = runtime::process::Command::new("sh");
    /// let output = shell.arg0("another").args(["-c", "echo $0"]).output().await?;
    /// assert_eq!(output.stdout, b"another\n");
    /// # Ok(()) }
    /// ```
    pub fn arg0<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.std.arg0(arg);
        self
    }

    /// Calls `f` in the child, after the fork and before the `exec`. Several are called in their
    /// order; the first error ends the child, and [`spawn`](Self::spawn) returns it.
    ///
    /// # Safety
    ///
    /// `f` runs in a copy of this process that has one thread, and locks that other threads held
    /// when it was made stay locked in it. So `f` may do only what is allowed in a signal handler:
    /// it may not allocate, lock or use the runtime. What it does to descriptors must respect that
    /// others own them.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::process::Command;
    ///
    /// let mut command = Command::new("true");
    /// // SAFETY: it runs between `fork` and `exec`, and only returns.
    /// unsafe { command.pre_exec(|| Ok(())) };
    /// assert!(command.status().await?.success());
    /// # Ok(())
    /// # }
    /// ```
    pub unsafe fn pre_exec<F>(&mut self, f: F) -> &mut Command
    where
        F: FnMut() -> io::Result<()> + Send + Sync + 'static,
    {
        // SAFETY: E1: the contract is the same, and our caller has promised to keep it.
        unsafe { self.std.pre_exec(f) };
        self
    }

    /// Sets the process group that the child joins; 0 makes a new group, led by the child. By
    /// default it stays in the group of this process, and also gets its Ctrl-C.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut daemon = runtime::process::Command::new("true");
    /// assert!(daemon.process_group(0).status().await?.success());
    /// # Ok(()) }
    /// ```
    pub fn process_group(&mut self, pgroup: i32) -> &mut Command {
        self.std.process_group(pgroup);
        self
    }

    /// Starts the child.
    ///
    /// The calling thread waits until the child has called `exec`, about a millisecond. The child
    /// runs whether it is waited for or not; [the module](super) says what happens when the
    /// [`Child`] is dropped.
    ///
    /// # Panics
    ///
    /// Outside a runtime, or in one without I/O. No child is started then.
    ///
    /// # Errors
    ///
    /// If the program cannot be started, the process is out of descriptors, or the runtime has been
    /// shut down. No child is left running then.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut child = runtime::process::Command::new("true").spawn()?;
    /// assert!(child.id().is_some());
    /// assert!(child.wait().await?.success());
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn spawn(&mut self) -> io::Result<Child> {
        self.spawn_with(process::Command::spawn)
    }

    /// Starts the child by `with`, for other ways to start one, of `std` or another crate.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Errors
    ///
    /// What `with` returns, and as for [`spawn`](Self::spawn).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut child = runtime::process::Command::new("true").spawn_with(|std| std.spawn())?;
    /// assert!(child.wait().await?.success());
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn spawn_with(
        &mut self,
        with: impl FnOnce(&mut process::Command) -> io::Result<process::Child>,
    ) -> io::Result<Child> {
        // First of all, since an error of the runtime must come before a child runs.
        let driver = context::io_driver();
        driver.check_open()?;
        Child::new(with(&mut self.std)?, self.kill_on_drop, &driver)
    }

    /// Starts the child at once, and waits for its end.
    ///
    /// Piped streams are closed: the child's input ends, and its output goes nowhere.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn), when it is called.
    ///
    /// # Errors
    ///
    /// As for [`spawn`](Self::spawn) and [`Child::wait`], when it is awaited.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the child goes on running, unless
    /// [`kill_on_drop`](Self::kill_on_drop) was set.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::process::Command;
    ///
    /// let status = Command::new("sh").args(["-c", "exit 3"]).status().await?;
    /// assert_eq!(status.code(), Some(3));
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + use<> {
        let child = self.spawn();
        async {
            let mut child = child?;
            drop((child.stdin.take(), child.stdout.take(), child.stderr.take()));
            child.wait().await
        }
    }

    /// Starts the child at once with pipes for output and error, waits for its end, and returns
    /// what it has written.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn), when it is called.
    ///
    /// # Errors
    ///
    /// As for [`spawn`](Self::spawn) and [`Child::wait_with_output`], when it is awaited.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the child goes on running, unless
    /// [`kill_on_drop`](Self::kill_on_drop) was set. Its output so far is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::process::Command;
    ///
    /// let output = Command::new("sh").args(["-c", "echo out; echo err >&2"]).output().await?;
    /// assert!(output.status.success());
    /// assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn output(&mut self) -> impl Future<Output = io::Result<Output>> + use<> {
        self.std.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.spawn();
        async { child?.wait_with_output().await }
    }
}

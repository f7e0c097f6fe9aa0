//! How a child is spawned.

use std::ffi::OsStr;
use std::fmt;
use std::future::Future;
use std::io;
use std::path::Path;
use std::process::{self, ExitStatus, Output, Stdio};

use crate::Child;

/// Spawns child processes: [`std::process::Command`], with futures.
///
/// # Examples
///
/// ```
/// use async_process::Command;
///
/// # futures_lite::future::block_on(async {
/// assert!(Command::new("true").status().await?.success());
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct Command {
    pub(crate) inner: process::Command,
    /// Whether the caller has said what these are.
    stdin: bool,
    stdout: bool,
    stderr: bool,
    reap_on_drop: bool,
    kill_on_drop: bool,
}

impl Command {
    /// For a program, which is looked for in `PATH`.
    pub fn new<S: AsRef<OsStr>>(program: S) -> Command {
        process::Command::new(program).into()
    }

    /// Adds an argument.
    pub fn arg<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.inner.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.inner.args(args);
        self
    }

    /// Sets a variable of the environment.
    pub fn env<K, V>(&mut self, key: K, val: V) -> &mut Command
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.inner.env(key, val);
        self
    }

    /// Sets variables of the environment.
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.inner.envs(vars);
        self
    }

    /// The arguments.
    pub fn get_args(&self) -> process::CommandArgs<'_> {
        self.inner.get_args()
    }

    /// What was changed in the environment.
    pub fn get_envs(&self) -> process::CommandEnvs<'_> {
        self.inner.get_envs()
    }

    /// The working directory, if it was set.
    pub fn get_current_dir(&self) -> Option<&Path> {
        self.inner.get_current_dir()
    }

    /// The program.
    pub fn get_program(&self) -> &OsStr {
        self.inner.get_program()
    }

    /// Removes a variable from the environment.
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Command {
        self.inner.env_remove(key);
        self
    }

    /// Empties the environment.
    pub fn env_clear(&mut self) -> &mut Command {
        self.inner.env_clear();
        self
    }

    /// Sets the working directory.
    pub fn current_dir<P: AsRef<Path>>(&mut self, dir: P) -> &mut Command {
        self.inner.current_dir(dir);
        self
    }

    /// Sets the standard input.
    pub fn stdin<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.stdin = true;
        self.inner.stdin(cfg);
        self
    }

    /// Sets the standard output.
    pub fn stdout<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.stdout = true;
        self.inner.stdout(cfg);
        self
    }

    /// Sets the standard error.
    pub fn stderr<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.stderr = true;
        self.inner.stderr(cfg);
        self
    }

    /// Whether a child that is dropped is reaped when it ends: yes, if nothing is said. Else it
    /// stays as a zombie until this process ends.
    pub fn reap_on_drop(&mut self, reap_on_drop: bool) -> &mut Command {
        self.reap_on_drop = reap_on_drop;
        self
    }

    /// Whether a child that is dropped is killed: no, if nothing is said.
    pub fn kill_on_drop(&mut self, kill_on_drop: bool) -> &mut Command {
        self.kill_on_drop = kill_on_drop;
        self
    }

    /// Spawns a child. What was not set of the three streams is this process's.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub fn spawn(&mut self) -> io::Result<Child> {
        self.streams(Stdio::inherit, Stdio::inherit);
        self.spawn_so()
    }

    /// Spawns a child, and waits for its end. What was not set of the three streams is this
    /// process's. The child is spawned by the call, not by the first poll.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + use<> {
        let child = self.spawn();
        async { child?.status().await }
    }

    /// Spawns a child, and waits for its end and its output. Of the three streams, an input that
    /// was not set is empty, the others are pipes. The child is spawned by the call, not by the
    /// first poll.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub fn output(&mut self) -> impl Future<Output = io::Result<Output>> + use<> {
        self.streams(Stdio::null, Stdio::piped);
        let child = self.spawn_so();
        async { child?.output().await }
    }

    /// Sets the streams about which the caller has said nothing.
    fn streams(&mut self, input: fn() -> Stdio, output: fn() -> Stdio) {
        if !self.stdin {
            self.inner.stdin(input());
        }
        if !self.stdout {
            self.inner.stdout(output());
        }
        if !self.stderr {
            self.inner.stderr(output());
        }
    }

    fn spawn_so(&mut self) -> io::Result<Child> {
        Child::new(self.inner.spawn()?, self.reap_on_drop, self.kill_on_drop)
    }
}

impl From<process::Command> for Command {
    fn from(inner: process::Command) -> Command {
        Command {
            inner,
            stdin: false,
            stdout: false,
            stderr: false,
            reap_on_drop: true,
            kill_on_drop: false,
        }
    }
}

/// The command line; with `{:#?}` all settings.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return self.inner.fmt(f);
        }
        f.debug_struct("Command")
            .field("inner", &self.inner)
            .field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .field("reap_on_drop", &self.reap_on_drop)
            .field("kill_on_drop", &self.kill_on_drop)
            .finish()
    }
}

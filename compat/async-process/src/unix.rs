//! What only Unix has.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt as _;

use crate::Command;

mod sealed {
    pub trait Sealed {}
}

/// More settings of a [`Command`].
///
/// # Examples
///
/// ```
/// use async_process::{Command, unix::CommandExt};
///
/// # futures_lite::future::block_on(async {
/// let out = Command::new("sh").arg0("shell").args(["-c", "echo $0"]).output().await?;
/// assert_eq!(out.stdout, b"shell\n");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub trait CommandExt: sealed::Sealed {
    /// Sets the child's user. A failure to change to it is an error of the spawn.
    fn uid(&mut self, id: u32) -> &mut Command;

    /// Sets the child's group. A failure to change to it is an error of the spawn.
    fn gid(&mut self, id: u32) -> &mut Command;

    /// Puts the program in the place of this process. Returns only if that fails; the process may
    /// have been changed by then (its directory, its streams).
    fn exec(&mut self) -> io::Error;

    /// Sets the name that the program sees as its own.
    fn arg0<S>(&mut self, arg: S) -> &mut Command
    where
        S: AsRef<OsStr>;
}

impl sealed::Sealed for Command {}

impl CommandExt for Command {
    fn uid(&mut self, id: u32) -> &mut Command {
        self.inner.uid(id);
        self
    }

    fn gid(&mut self, id: u32) -> &mut Command {
        self.inner.gid(id);
        self
    }

    fn exec(&mut self) -> io::Error {
        self.inner.exec()
    }

    fn arg0<S>(&mut self, arg: S) -> &mut Command
    where
        S: AsRef<OsStr>,
    {
        self.inner.arg0(arg);
        self
    }
}

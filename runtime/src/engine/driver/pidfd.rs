//! A descriptor for a child process, readable once the child has ended (Linux 5.3).
#![allow(unsafe_code, reason = "one system call; its block cites docs/unsafe.md")]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::Child;

use mio::unix::SourceFd;

/// A child's descriptor, registered in the driver.
#[derive(Debug)]
pub(super) struct Pidfd(OwnedFd);

impl Pidfd {
    /// # Errors
    ///
    /// On an old kernel, in a sandbox that does not know the call, and without descriptors.
    pub(super) fn open(child: &Child) -> io::Result<Pidfd> {
        // `child` has not been waited for, so the number is still its own.
        let pid = child.id() as libc::pid_t;
        // SAFETY: K1: the call takes two numbers.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: O1: the call has just opened it, for us alone; it is closed by `exec`.
        Ok(Pidfd(unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) }))
    }
}

impl Pidfd {
    pub(super) fn descriptor(&self) -> std::os::fd::RawFd {
        self.0.as_raw_fd()
    }
}

impl mio::event::Source for Pidfd {
    fn register(
        &mut self,
        registry: &mio::Registry,
        token: mio::Token,
        interest: mio::Interest,
    ) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).register(registry, token, interest)
    }

    fn reregister(
        &mut self,
        registry: &mio::Registry,
        token: mio::Token,
        interest: mio::Interest,
    ) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).reregister(registry, token, interest)
    }

    fn deregister(&mut self, registry: &mio::Registry) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).deregister(registry)
    }
}

//! For systems without descriptors for processes.

use std::convert::Infallible;
use std::io;
use std::process::Child;

/// Never made on this system.
#[derive(Debug)]
pub(super) struct Pidfd(Infallible);

impl Pidfd {
    pub(super) fn open(_: &Child) -> io::Result<Pidfd> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Pidfd {
    pub(super) fn descriptor(&self) -> std::os::fd::RawFd {
        match self.0 {}
    }
}

impl mio::event::Source for Pidfd {
    fn register(&mut self, _: &mio::Registry, _: mio::Token, _: mio::Interest) -> io::Result<()> {
        match self.0 {}
    }

    fn reregister(&mut self, _: &mio::Registry, _: mio::Token, _: mio::Interest) -> io::Result<()> {
        match self.0 {}
    }

    fn deregister(&mut self, _: &mio::Registry) -> io::Result<()> {
        match self.0 {}
    }
}

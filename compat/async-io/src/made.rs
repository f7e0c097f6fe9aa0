//! How a value comes into an [`Async`], and out of it mutably.
//!
//! What is here is not as in async-io 1, where values are not asked to keep their descriptors.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use crate::Async;
use crate::source::set_nonblocking;

impl<T: AsFd> Async<T> {
    /// Watches a value, and puts its descriptor in non-blocking mode.
    ///
    /// # Errors
    ///
    /// When the system cannot watch it (a file), or the runtime watches it already.
    ///
    /// # Panics
    ///
    /// If the runtime of the process cannot be started.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_io::Async;
    /// use std::os::unix::net::UnixStream;
    ///
    /// let (one, _other) = UnixStream::pair()?;
    /// let one = Async::new(one)?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn new(io: T) -> io::Result<Async<T>> {
        set_nonblocking(io.as_fd())?;
        Async::new_nonblocking(io)
    }

    /// Watches a value whose descriptor is in non-blocking mode already. If it is not, operations
    /// block the thread.
    ///
    /// # Errors
    ///
    /// As [`new`](Async::new).
    ///
    /// # Panics
    ///
    /// As [`new`](Async::new).
    pub fn new_nonblocking(io: T) -> io::Result<Async<T>> {
        let fd = io.as_fd().as_raw_fd();
        // SAFETY: nobody gets `io` mutably but by `unsafe` methods, whose callers keep it, and by
        // types that are `IoSafe`.
        unsafe { Async::watch(io, fd) }
    }
}

impl<T> Async<T> {
    /// The value.
    ///
    /// # Safety
    ///
    /// It is not dropped or exchanged, and keeps its descriptor.
    pub unsafe fn get_mut(&mut self) -> &mut T {
        self.io_mut()
    }

    /// As [`read_with`](Async::read_with), with the value lent mutably.
    ///
    /// # Safety
    ///
    /// `op` does not drop or exchange the value, which keeps its descriptor.
    ///
    /// # Errors
    ///
    /// As [`read_with`](Async::read_with).
    pub async unsafe fn read_with_mut<R>(
        &mut self,
        op: impl FnMut(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.reads(op).await
    }

    /// As [`write_with`](Async::write_with), with the value lent mutably.
    ///
    /// # Safety
    ///
    /// `op` does not drop or exchange the value, which keeps its descriptor.
    ///
    /// # Errors
    ///
    /// As [`write_with`](Async::write_with).
    pub async unsafe fn write_with_mut<R>(
        &mut self,
        op: impl FnMut(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.writes(op).await
    }
}

impl<T: AsFd + From<OwnedFd>> TryFrom<OwnedFd> for Async<T> {
    type Error = io::Error;

    fn try_from(fd: OwnedFd) -> io::Result<Async<T>> {
        Async::new(fd.into())
    }
}

//! How a value comes into an [`Async`], and out of it mutably.
//!
//! What is here is not as in async-io 2, which asks for values that keep their descriptors.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use crate::Async;
use crate::source::set_nonblocking;

/// What async-io 2 asks of values that are read and written mutably. Version 1 asks nothing.
pub(crate) trait IoSafe {}

impl<T: ?Sized> IoSafe for T {}

impl<T: AsRawFd> Async<T> {
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
        // The system says so itself; a `BorrowedFd` cannot hold this one.
        if io.as_raw_fd() < 0 {
            return Err(rustix::io::Errno::BADF.into());
        }
        // SAFETY: it is not negative, and `io` is there until the call ends. That it is open is
        // `AsRawFd`'s word, as in the original; if it is not, the system answers with an error.
        set_nonblocking(unsafe { BorrowedFd::borrow_raw(io.as_raw_fd()) })?;
        Async::new_nonblocking(io)
    }

    pub(crate) fn new_nonblocking(io: T) -> io::Result<Async<T>> {
        let fd = io.as_raw_fd();
        // SAFETY: version 1 leaves it to its callers that the value keeps its descriptor (see the
        // head of the crate).
        unsafe { Async::watch(io, fd) }
    }
}

impl<T> Async<T> {
    /// The value, which must keep its descriptor.
    pub fn get_mut(&mut self) -> &mut T {
        self.io_mut()
    }

    /// As [`read_with`](Async::read_with), with the value lent mutably. It must keep its
    /// descriptor.
    ///
    /// # Errors
    ///
    /// As [`read_with`](Async::read_with).
    pub async fn read_with_mut<R>(
        &mut self,
        op: impl FnMut(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.reads(op).await
    }

    /// As [`write_with`](Async::write_with), with the value lent mutably. It must keep its
    /// descriptor.
    ///
    /// # Errors
    ///
    /// As [`write_with`](Async::write_with).
    pub async fn write_with_mut<R>(
        &mut self,
        op: impl FnMut(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.writes(op).await
    }
}

impl<T> AsMut<T> for Async<T> {
    fn as_mut(&mut self) -> &mut T {
        self.io_mut()
    }
}

impl<T: AsRawFd + From<OwnedFd>> TryFrom<OwnedFd> for Async<T> {
    type Error = io::Error;

    fn try_from(fd: OwnedFd) -> io::Result<Async<T>> {
        Async::new(fd.into())
    }
}

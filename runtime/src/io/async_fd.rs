//! Any file descriptor that the system can watch, without reading or writing it.
#![allow(
    unsafe_code,
    reason = "`register` trusts the caller with the descriptor; see docs/unsafe.md"
)]

use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll};

use mio::unix::SourceFd;

use crate::engine::driver::{Direction, Interest, Ready, ReadyEvent, Registration};
use crate::runtime::context;

/// A file descriptor of yours that the runtime watches.
///
/// For sockets of other libraries, devices, `inotify`, `timerfd` and the like. The descriptor must
/// be in non-blocking mode, and of a kind that can be watched (a regular file is not). The runtime
/// neither reads nor writes it, but tells you when you can. Readiness stays until you clear it with
/// the guards: do your operation in their `try_io`, or call `clear_ready` when it would have
/// blocked (and only then: readiness that is cleared wrongly is not reported again).
///
/// # Examples
///
/// ```no_run
/// use std::io::Read;
/// use std::os::unix::net::UnixStream;
/// use runtime::io::unix::AsyncFd;
///
/// # async fn example() -> std::io::Result<()> {
/// let (socket, _other) = UnixStream::pair()?;
/// socket.set_nonblocking(true)?;
/// // SAFETY: a `UnixStream` keeps its descriptor open and always names the same one.
/// let socket = unsafe { AsyncFd::register(socket)? };
/// let mut buf = [0; 64];
/// let n = loop {
///     let mut guard = socket.readable().await?;
///     match guard.try_io(|socket| socket.get_ref().read(&mut buf)) {
///         Ok(done) => break done?,
///         Err(_would_block) => continue,
///     }
/// };
/// # drop(n);
/// # Ok(()) }
/// ```
pub struct AsyncFd<T: AsRawFd> {
    // `None` only in the course of `into_inner` and drop.
    inner: Option<T>,
    registration: Registration,
}

const OPEN: &str = "taken by `into_inner` and drop only";

impl<T: AsRawFd> AsyncFd<T> {
    /// Watches `inner` for reads and writes.
    ///
    /// # Safety
    ///
    /// The descriptor of `inner` is open for as long as the `AsyncFd` (or, after `into_inner`, has
    /// it), and `as_raw_fd` always names the same.
    ///
    /// # Panics
    ///
    /// Outside a runtime, or in one without I/O.
    ///
    /// # Errors
    ///
    /// When the system cannot watch it, or the runtime has been shut down; the error hands `inner`
    /// back.
    ///
    /// # Examples
    ///
    /// See [`AsyncFd`].
    #[track_caller]
    pub unsafe fn register(inner: T) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
        AsyncFd::watch(inner, Interest::READABLE | Interest::WRITABLE)
    }

    /// Watches `inner` for `interest`.
    ///
    /// # Safety
    ///
    /// As for [`register`](Self::register).
    ///
    /// # Panics
    ///
    /// Outside a runtime, or in one without I/O.
    ///
    /// # Errors
    ///
    /// As for [`register`](Self::register).
    ///
    /// # Examples
    ///
    /// Only for reads, and what to do when the system cannot watch it:
    ///
    /// ```no_run
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::os::unix::net::UnixStream;
    /// use runtime::io::{Interest, unix::{AsyncFd, AsyncFdRegisterError}};
    ///
    /// let (socket, _other) = UnixStream::pair()?;
    /// socket.set_nonblocking(true)?;
    /// // SAFETY: a `UnixStream` keeps its descriptor open and always names the same one.
    /// let watched = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) };
    /// let watched = watched.map_err(|error: AsyncFdRegisterError<_>| error.into_parts().1)?;
    /// let guard = watched.readable().await?;
    /// # drop(guard);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub unsafe fn register_with_interest(
        inner: T,
        interest: Interest,
    ) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
        AsyncFd::watch(inner, interest)
    }

    #[track_caller]
    fn watch(inner: T, interest: Interest) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
        let fd = inner.as_raw_fd();
        match context::io_driver().register(&mut SourceFd(&fd), fd, interest, Ready::EMPTY) {
            Ok(registration) => Ok(AsyncFd { inner: Some(inner), registration }),
            Err(cause) => Err(AsyncFdRegisterError { inner, cause }),
        }
    }

    /// As [`register`](Self::register), by a caller that does not promise anything.
    ///
    /// # Panics
    ///
    /// Outside a runtime, or in one without I/O.
    ///
    /// # Errors
    ///
    /// As for [`register`](Self::register).
    #[deprecated = "nothing makes sure that the descriptor stays open: use `AsyncFd::register`"]
    #[track_caller]
    pub fn new(inner: T) -> io::Result<AsyncFd<T>> {
        Ok(AsyncFd::watch(inner, Interest::READABLE | Interest::WRITABLE)?)
    }

    /// As [`register_with_interest`](Self::register_with_interest), by a caller that does not
    /// promise anything.
    ///
    /// # Panics
    ///
    /// Outside a runtime, or in one without I/O.
    ///
    /// # Errors
    ///
    /// As for [`register`](Self::register).
    #[deprecated = "nothing makes sure that the descriptor stays open: \
                    use `AsyncFd::register_with_interest`"]
    #[track_caller]
    pub fn with_interest(inner: T, interest: Interest) -> io::Result<AsyncFd<T>> {
        Ok(AsyncFd::watch(inner, interest)?)
    }

    /// As [`new`](Self::new), with the value returned in the error.
    ///
    /// # Panics
    ///
    /// Outside a runtime, or in one without I/O.
    ///
    /// # Errors
    ///
    /// As for [`register`](Self::register).
    #[deprecated = "nothing makes sure that the descriptor stays open: use `AsyncFd::register`"]
    #[track_caller]
    pub fn try_new(inner: T) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
        AsyncFd::watch(inner, Interest::READABLE | Interest::WRITABLE)
    }

    /// As [`with_interest`](Self::with_interest), with the value returned in the error.
    ///
    /// # Panics
    ///
    /// Outside a runtime, or in one without I/O.
    ///
    /// # Errors
    ///
    /// As for [`register`](Self::register).
    #[deprecated = "nothing makes sure that the descriptor stays open: \
                    use `AsyncFd::register_with_interest`"]
    #[track_caller]
    pub fn try_with_interest(
        inner: T,
        interest: Interest,
    ) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
        AsyncFd::watch(inner, interest)
    }

    /// The value whose descriptor it is.
    ///
    /// # Examples
    ///
    /// See [`AsyncFd`].
    pub fn get_ref(&self) -> &T {
        self.inner.as_ref().expect(OPEN)
    }

    /// The value whose descriptor it is.
    ///
    /// # Examples
    ///
    /// See [`into_inner`](Self::into_inner).
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.as_mut().expect(OPEN)
    }

    fn take(&mut self) -> Option<T> {
        let inner = self.inner.take()?;
        // An error means that the system has forgotten the descriptor already.
        let _ = self.registration.deregister(&mut SourceFd(&inner.as_raw_fd()));
        Some(inner)
    }

    /// Stops watching, and returns the value.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::os::unix::net::UnixStream;
    /// use runtime::io::unix::AsyncFd;
    ///
    /// let (socket, _other) = UnixStream::pair()?;
    /// socket.set_nonblocking(true)?;
    /// // SAFETY: a `UnixStream` keeps its descriptor open and always names the same one.
    /// let mut watched = unsafe { AsyncFd::register(socket)? };
    /// println!("{:?}", watched.get_ref().local_addr());
    /// watched.get_mut().set_read_timeout(None)?;
    /// let socket: UnixStream = watched.into_inner();
    /// # runtime::task::yield_now().await;
    /// # drop(socket);
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_inner(mut self) -> T {
        self.take().expect(OPEN)
    }

    /// Waits, as one of any number, until the descriptor is ready for any of `interest`.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Safe: once ready, it stays so until a guard clears it.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::{Read, Write};
    /// use std::os::unix::net::UnixStream;
    /// use runtime::io::{Interest, unix::AsyncFd};
    ///
    /// async fn serve(socket: &AsyncFd<UnixStream>) -> std::io::Result<()> {
    ///     let mut guard = socket.ready(Interest::READABLE | Interest::WRITABLE).await?;
    ///     if guard.ready().is_readable() {
    ///         let mut buf = [0; 64];
    ///         let _read = guard.try_io(|socket| socket.get_ref().read(&mut buf));
    ///     }
    ///     if guard.ready().is_writable() {
    ///         let _written = guard.try_io(|socket| socket.get_ref().write(b"tick"));
    ///     }
    ///     Ok(())
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn ready(&self, interest: Interest) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        let event = self.registration.ready(interest).await?;
        Ok(AsyncFdReadyGuard { async_fd: self, event: Some(event) })
    }

    /// As [`ready`](Self::ready), with a guard that lends the value mutably.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Safe: once ready, it stays so until a guard clears it.
    ///
    /// # Examples
    ///
    /// A value that must be borrowed mutably for its operation, such as a device of a library:
    ///
    /// ```no_run
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::Read;
    /// use std::os::unix::net::UnixStream;
    /// use runtime::io::{Interest, unix::AsyncFd};
    ///
    /// async fn read(socket: &mut AsyncFd<UnixStream>, buf: &mut [u8]) -> std::io::Result<usize> {
    ///     loop {
    ///         let mut guard = socket.ready_mut(Interest::READABLE).await?;
    ///         match guard.try_io(|socket| socket.get_mut().read(buf)) {
    ///             Ok(done) => return done,
    ///             Err(_would_block) => continue,
    ///         }
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn ready_mut(
        &mut self,
        interest: Interest,
    ) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        let event = self.registration.ready(interest).await?;
        Ok(AsyncFdReadyMutGuard { async_fd: self, event: Some(event) })
    }

    /// Waits, as one of any number, until the descriptor is readable.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Safe: once readable, it stays so until a guard clears it.
    ///
    /// # Examples
    ///
    /// See [`AsyncFd`].
    pub async fn readable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::READABLE).await
    }

    /// As [`readable`](Self::readable), with a guard that lends the value mutably.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Safe: once readable, it stays so until a guard clears it.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::{Read, Write};
    /// use std::os::unix::net::UnixStream;
    /// use runtime::io::unix::AsyncFd;
    ///
    /// async fn echo_once(socket: &mut AsyncFd<UnixStream>) -> std::io::Result<()> {
    ///     let mut buf = [0; 64];
    ///     let mut guard = socket.readable_mut().await?;
    ///     let n = match guard.try_io(|socket| socket.get_mut().read(&mut buf)) {
    ///         Ok(read) => read?,
    ///         Err(_would_block) => return Ok(()),
    ///     };
    ///     let mut guard = socket.writable_mut().await?;
    ///     let _written = guard.try_io(|socket| socket.get_mut().write(&buf[..n]));
    ///     Ok(())
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn readable_mut(&mut self) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::READABLE).await
    }

    /// Waits, as the one reader, until the descriptor is readable: of several tasks that poll this,
    /// only the last is woken.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Examples
    ///
    /// A source of bytes of your own:
    ///
    /// ```no_run
    /// use std::io::{self, Read};
    /// use std::os::unix::net::UnixStream;
    /// use std::task::{Context, Poll, ready};
    /// use runtime::io::unix::AsyncFd;
    ///
    /// fn poll_read(
    ///     fd: &AsyncFd<UnixStream>,
    ///     cx: &mut Context<'_>,
    ///     buf: &mut [u8],
    /// ) -> Poll<io::Result<usize>> {
    ///     loop {
    ///         let mut guard = ready!(fd.poll_read_ready(cx))?;
    ///         if let Ok(done) = guard.try_io(|fd| fd.get_ref().read(buf)) {
    ///             return Poll::Ready(done);
    ///         }
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn poll_read_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let event = self.registration.poll_ready(cx, Direction::Read);
        event.map_ok(|event| AsyncFdReadyGuard { async_fd: self, event: Some(event) })
    }

    /// As [`poll_read_ready`](Self::poll_read_ready), with a guard that lends the value mutably.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::io::{self, Read, Write};
    /// use std::os::unix::net::UnixStream;
    /// use std::task::{Context, Poll, ready};
    /// use runtime::io::unix::AsyncFd;
    ///
    /// fn poll_tick(fd: &mut AsyncFd<UnixStream>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    ///     let mut guard = ready!(fd.poll_read_ready_mut(cx))?;
    ///     let _read = guard.try_io(|fd| fd.get_mut().read(&mut [0]));
    ///     let mut guard = ready!(fd.poll_write_ready_mut(cx))?;
    ///     let _written = guard.try_io(|fd| fd.get_mut().write(&[0]));
    ///     Poll::Ready(Ok(()))
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn poll_read_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let event = self.registration.poll_ready(cx, Direction::Read);
        event.map_ok(|event| AsyncFdReadyMutGuard { async_fd: self, event: Some(event) })
    }

    /// Waits, as one of any number, until the descriptor is writable.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Safe: once writable, it stays so until a guard clears it.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::Write;
    /// use std::os::unix::net::UnixStream;
    /// use runtime::io::unix::AsyncFd;
    ///
    /// async fn send(socket: &AsyncFd<UnixStream>, bytes: &[u8]) -> std::io::Result<usize> {
    ///     loop {
    ///         let mut guard = socket.writable().await?;
    ///         match guard.try_io(|socket| socket.get_ref().write(bytes)) {
    ///             Ok(done) => return done,
    ///             Err(_would_block) => continue,
    ///         }
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn writable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::WRITABLE).await
    }

    /// As [`writable`](Self::writable), with a guard that lends the value mutably.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Safe: once writable, it stays so until a guard clears it.
    ///
    /// # Examples
    ///
    /// See [`readable_mut`](Self::readable_mut).
    pub async fn writable_mut(&mut self) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::WRITABLE).await
    }

    /// Waits, as the one writer, until the descriptor is writable: of several tasks that poll this,
    /// only the last is woken.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::io::{self, Write};
    /// use std::os::unix::net::UnixStream;
    /// use std::task::{Context, Poll, ready};
    /// use runtime::io::unix::AsyncFd;
    ///
    /// fn poll_write(
    ///     fd: &AsyncFd<UnixStream>,
    ///     cx: &mut Context<'_>,
    ///     buf: &[u8],
    /// ) -> Poll<io::Result<usize>> {
    ///     loop {
    ///         let mut guard = ready!(fd.poll_write_ready(cx))?;
    ///         if let Ok(done) = guard.try_io(|fd| fd.get_ref().write(buf)) {
    ///             return Poll::Ready(done);
    ///         }
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn poll_write_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let event = self.registration.poll_ready(cx, Direction::Write);
        event.map_ok(|event| AsyncFdReadyGuard { async_fd: self, event: Some(event) })
    }

    /// As [`poll_write_ready`](Self::poll_write_ready), with a guard that lends the value mutably.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Examples
    ///
    /// See [`poll_read_ready_mut`](Self::poll_read_ready_mut).
    pub fn poll_write_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let event = self.registration.poll_ready(cx, Direction::Write);
        event.map_ok(|event| AsyncFdReadyMutGuard { async_fd: self, event: Some(event) })
    }

    /// Does `operation` now, if the descriptor is ready for `interest`.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if it is not, and what `operation` returns.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::io::{self, Read};
    /// use std::os::unix::net::UnixStream;
    /// use runtime::io::{Interest, unix::AsyncFd};
    ///
    /// fn read_now(socket: &AsyncFd<UnixStream>, buf: &mut [u8]) -> io::Result<usize> {
    ///     // `WouldBlock` if nothing is there: no wait.
    ///     socket.try_io(Interest::READABLE, |mut socket| socket.read(buf))
    /// }
    ///
    /// fn drain(socket: &mut AsyncFd<UnixStream>) -> io::Result<usize> {
    ///     socket.try_io_mut(Interest::READABLE, |socket| socket.read(&mut [0; 64]))
    /// }
    /// ```
    pub fn try_io<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.registration.try_io(interest, || operation(self.get_ref()))
    }

    /// As [`try_io`](Self::try_io), with the value lent mutably.
    ///
    /// # Errors
    ///
    /// As for [`try_io`](Self::try_io).
    ///
    /// # Examples
    ///
    /// See [`try_io`](Self::try_io).
    pub fn try_io_mut<R>(
        &mut self,
        interest: Interest,
        operation: impl FnOnce(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        let inner = self.inner.as_mut().expect(OPEN);
        self.registration.try_io(interest, || operation(inner))
    }

    /// Does `operation` as soon as the descriptor is ready for `interest` and the operation does
    /// not return [`WouldBlock`](io::ErrorKind::WouldBlock). It may be called any number of times.
    ///
    /// # Errors
    ///
    /// What `operation` returns, and when the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Safe as long as `operation` is: it is never interrupted, only not called again.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::io::Read;
    /// use runtime::io::{Interest, unix::AsyncFd};
    ///
    /// # async fn example(socket: AsyncFd<std::net::TcpStream>) -> std::io::Result<()> {
    /// let mut buf = [0; 64];
    /// let n = socket.async_io(Interest::READABLE, |mut socket| socket.read(&mut buf)).await?;
    /// # drop(n);
    /// # Ok(()) }
    /// ```
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.registration.async_io(interest, || operation(self.get_ref())).await
    }

    /// As [`async_io`](Self::async_io), with the value lent mutably.
    ///
    /// # Errors
    ///
    /// As for [`async_io`](Self::async_io).
    ///
    /// # Cancel safety
    ///
    /// As for [`async_io`](Self::async_io).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::io::{self, Read};
    /// use std::os::unix::net::UnixStream;
    /// use runtime::io::{Interest, unix::AsyncFd};
    ///
    /// async fn read(socket: &mut AsyncFd<UnixStream>, buf: &mut [u8]) -> io::Result<usize> {
    ///     socket.async_io_mut(Interest::READABLE, |socket| socket.read(buf)).await
    /// }
    /// # }
    /// ```
    pub async fn async_io_mut<R>(
        &mut self,
        interest: Interest,
        mut operation: impl FnMut(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        let inner = self.inner.as_mut().expect(OPEN);
        self.registration.async_io(interest, || operation(inner)).await
    }
}

impl<T: AsRawFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.get_ref().as_raw_fd()
    }
}

impl<T: AsRawFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: who called `register` promised that the descriptor stays open as long as `self`.
        unsafe { BorrowedFd::borrow_raw(self.as_raw_fd()) }
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFd").field("inner", self.get_ref()).finish()
    }
}

impl<T: AsRawFd> Drop for AsyncFd<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// The descriptor was ready. The holder does an operation, and clears the readiness if that would
/// block.
///
/// Dropping it leaves the readiness as it is, and the next wait ends at once.
///
/// # Examples
///
/// ```no_run
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::io::{ErrorKind, Read};
/// use std::os::unix::net::UnixStream;
/// use runtime::io::{Ready, unix::AsyncFd};
///
/// async fn look(socket: &AsyncFd<UnixStream>) -> std::io::Result<()> {
///     let mut guard = socket.readable().await?;
///     assert!(std::ptr::eq(guard.get_ref(), socket));
///     match guard.get_inner().read(&mut [0; 64]) {
///         Err(error) if error.kind() == ErrorKind::WouldBlock => guard.clear_ready(),
///         // There may be more: the next wait ends at once.
///         _ => guard.retain_ready(),
///     }
///     guard.clear_ready_matching(Ready::WRITABLE);
///     Ok(())
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "say whether the readiness is over: `try_io`, `clear_ready` or `retain_ready`"]
pub struct AsyncFdReadyGuard<'a, T: AsRawFd> {
    async_fd: &'a AsyncFd<T>,
    event: Option<ReadyEvent>,
}

/// As [`AsyncFdReadyGuard`], lending the value mutably.
///
/// # Examples
///
/// ```no_run
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::io::Read;
/// use std::os::unix::net::UnixStream;
/// use runtime::io::unix::AsyncFd;
///
/// async fn look(socket: &mut AsyncFd<UnixStream>) -> std::io::Result<()> {
///     let mut guard = socket.readable_mut().await?;
///     println!("{:?}", guard.get_inner().peer_addr());
///     println!("{:?}", guard.get_ref().get_ref().local_addr());
///     guard.get_mut().get_mut().set_nonblocking(true)?;
///     let _n = guard.get_inner_mut().read(&mut [0; 64])?;
///     Ok(())
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "say whether the readiness is over: `try_io`, `clear_ready` or `retain_ready`"]
pub struct AsyncFdReadyMutGuard<'a, T: AsRawFd> {
    async_fd: &'a mut AsyncFd<T>,
    event: Option<ReadyEvent>,
}

/// The methods that both guards have.
macro_rules! guard {
    ($guard:ident, $lent:ty, $name:literal) => {
        impl<'a, T: AsRawFd> $guard<'a, T> {
            /// Clears the readiness, since an operation would have blocked. An event that has come
            /// in the meantime is not lost.
            ///
            /// # Examples
            ///
            /// See [`AsyncFdReadyGuard`].
            pub fn clear_ready(&mut self) {
                if let Some(event) = self.event.take() {
                    self.async_fd.registration.clear(event);
                }
            }

            /// As [`clear_ready`](Self::clear_ready), for a part of what the descriptor is ready
            /// for.
            ///
            /// # Examples
            ///
            /// See [`AsyncFdReadyGuard`].
            pub fn clear_ready_matching(&mut self, ready: Ready) {
                if let Some(event) = self.event.take() {
                    self.async_fd.registration.clear(event.with_ready(ready));
                    let left = event.ready - ready;
                    if !left.is_empty() {
                        self.event = Some(event.with_ready(left));
                    }
                }
            }

            /// Keeps the readiness. The same as dropping the guard.
            ///
            /// # Examples
            ///
            /// See [`AsyncFdReadyGuard`].
            pub fn retain_ready(&mut self) {}

            /// What the descriptor was ready for and has not been cleared.
            ///
            /// # Examples
            ///
            /// See [`AsyncFd::ready`].
            pub fn ready(&self) -> Ready {
                self.event.map_or(Ready::EMPTY, |event| event.ready)
            }

            /// Does `operation`; if it would block, clears the readiness.
            ///
            /// # Errors
            ///
            /// [`TryIoError`] if it would block: wait again. What else `operation` returns is
            /// within.
            ///
            /// # Examples
            ///
            /// See [`AsyncFd`].
            pub fn try_io<R>(
                &mut self,
                operation: impl FnOnce($lent) -> io::Result<R>,
            ) -> Result<io::Result<R>, TryIoError> {
                match operation(self.async_fd) {
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                        self.clear_ready();
                        Err(TryIoError(()))
                    }
                    done => Ok(done),
                }
            }
        }

        impl<T: AsRawFd + fmt::Debug> fmt::Debug for $guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct($name).field("async_fd", &self.async_fd).finish()
            }
        }
    };
}

guard!(AsyncFdReadyGuard, &'a AsyncFd<T>, "ReadyGuard");
guard!(AsyncFdReadyMutGuard, &mut AsyncFd<T>, "MutReadyGuard");

impl<'a, T: AsRawFd> AsyncFdReadyGuard<'a, T> {
    /// The `AsyncFd` it belongs to.
    ///
    /// # Examples
    ///
    /// See [`AsyncFdReadyGuard`].
    pub fn get_ref(&self) -> &'a AsyncFd<T> {
        self.async_fd
    }

    /// The value whose descriptor it is.
    ///
    /// # Examples
    ///
    /// See [`AsyncFdReadyGuard`].
    pub fn get_inner(&self) -> &'a T {
        self.async_fd.get_ref()
    }
}

impl<T: AsRawFd> AsyncFdReadyMutGuard<'_, T> {
    /// The `AsyncFd` it belongs to.
    ///
    /// # Examples
    ///
    /// See [`AsyncFdReadyMutGuard`].
    pub fn get_ref(&self) -> &AsyncFd<T> {
        self.async_fd
    }

    /// The `AsyncFd` it belongs to.
    ///
    /// # Examples
    ///
    /// See [`AsyncFdReadyMutGuard`].
    pub fn get_mut(&mut self) -> &mut AsyncFd<T> {
        self.async_fd
    }

    /// The value whose descriptor it is.
    ///
    /// # Examples
    ///
    /// See [`AsyncFdReadyMutGuard`].
    pub fn get_inner(&self) -> &T {
        self.async_fd.get_ref()
    }

    /// The value whose descriptor it is.
    ///
    /// # Examples
    ///
    /// See [`AsyncFdReadyMutGuard`].
    pub fn get_inner_mut(&mut self) -> &mut T {
        self.async_fd.get_mut()
    }
}

/// An operation would have blocked: wait again.
///
/// # Examples
///
/// ```no_run
/// # #[runtime::main]
/// # async fn main() {
/// use std::io::Read;
/// use std::os::unix::net::UnixStream;
/// use runtime::io::unix::{AsyncFd, TryIoError};
///
/// async fn read_once(socket: &AsyncFd<UnixStream>) -> Result<std::io::Result<usize>, TryIoError> {
///     let Ok(mut guard) = socket.readable().await else { return Ok(Ok(0)) };
///     guard.try_io(|socket| socket.get_ref().read(&mut [0; 64]))
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct TryIoError(());

/// A descriptor could not be watched; the value is in [`into_parts`](Self::into_parts).
///
/// # Examples
///
/// See [`AsyncFd::register_with_interest`].
pub struct AsyncFdRegisterError<T> {
    inner: T,
    cause: io::Error,
}

/// The older name of [`AsyncFdRegisterError`].
#[doc(hidden)]
#[deprecated = "renamed to `AsyncFdRegisterError`"]
pub type AsyncFdTryNewError<T> = AsyncFdRegisterError<T>;

impl<T> AsyncFdRegisterError<T> {
    /// The value and the error.
    ///
    /// # Examples
    ///
    /// See [`AsyncFd::register_with_interest`].
    pub fn into_parts(self) -> (T, io::Error) {
        (self.inner, self.cause)
    }
}

impl<T> fmt::Display for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl<T> fmt::Debug for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl<T> Error for AsyncFdRegisterError<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

impl<T> From<AsyncFdRegisterError<T>> for io::Error {
    fn from(error: AsyncFdRegisterError<T>) -> io::Error {
        error.cause
    }
}

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
/// neither reads nor writes it: it tells when you can. Readiness stays until you say that it is
/// over, which is what the guards are for: do your operation in their `try_io`, or call
/// `clear_ready` when it would have blocked (and only then: what is cleared wrongly is not told
/// again).
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
        match context::io_driver().register(&mut SourceFd(&fd), interest, Ready::EMPTY) {
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

    /// As [`new`](Self::new), with the value handed back by the error.
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

    /// As [`with_interest`](Self::with_interest), with the value handed back by the error.
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
    pub fn get_ref(&self) -> &T {
        self.inner.as_ref().expect(OPEN)
    }

    /// The value whose descriptor it is.
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.as_mut().expect(OPEN)
    }

    fn take(&mut self) -> Option<T> {
        let inner = self.inner.take()?;
        // If the system has forgotten the descriptor already, so much the better.
        let _ = self.registration.deregister(&mut SourceFd(&inner.as_raw_fd()));
        Some(inner)
    }

    /// Watches no more, and gives the value back.
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
    pub async fn readable_mut(&mut self) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::READABLE).await
    }

    /// Waits, as the one reader, until the descriptor is readable: of several tasks that poll this,
    /// only the last is woken.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
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
    pub async fn writable_mut(&mut self) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::WRITABLE).await
    }

    /// Waits, as the one writer, until the descriptor is writable: of several tasks that poll this,
    /// only the last is woken.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
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

/// The descriptor was ready: what to do about it is for the holder to say.
///
/// Dropping it leaves the readiness as it is, and the next wait ends at once.
#[must_use = "say whether the readiness is over: `try_io`, `clear_ready` or `retain_ready`"]
pub struct AsyncFdReadyGuard<'a, T: AsRawFd> {
    async_fd: &'a AsyncFd<T>,
    event: Option<ReadyEvent>,
}

/// As [`AsyncFdReadyGuard`], lending the value mutably.
#[must_use = "say whether the readiness is over: `try_io`, `clear_ready` or `retain_ready`"]
pub struct AsyncFdReadyMutGuard<'a, T: AsRawFd> {
    async_fd: &'a mut AsyncFd<T>,
    event: Option<ReadyEvent>,
}

/// What both guards can do.
macro_rules! guard {
    ($guard:ident, $lent:ty, $name:literal) => {
        impl<'a, T: AsRawFd> $guard<'a, T> {
            /// The readiness is over: an operation has just said that it would block. What came in
            /// the meantime is not lost.
            pub fn clear_ready(&mut self) {
                if let Some(event) = self.event.take() {
                    self.async_fd.registration.clear(event);
                }
            }

            /// As [`clear_ready`](Self::clear_ready), for a part of what the descriptor is ready
            /// for.
            pub fn clear_ready_matching(&mut self, ready: Ready) {
                if let Some(event) = self.event.take() {
                    self.async_fd.registration.clear(event.with_ready(ready));
                    let left = event.ready - ready;
                    if !left.is_empty() {
                        self.event = Some(event.with_ready(left));
                    }
                }
            }

            /// The readiness is not over. The same as dropping the guard.
            pub fn retain_ready(&mut self) {}

            /// What the descriptor was ready for and has not been cleared.
            pub fn ready(&self) -> Ready {
                self.event.map_or(Ready::EMPTY, |event| event.ready)
            }

            /// Does `operation`; if it would block, the readiness is over.
            ///
            /// # Errors
            ///
            /// [`TryIoError`] if it would block: wait again. What else `operation` returns is
            /// within.
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
    pub fn get_ref(&self) -> &'a AsyncFd<T> {
        self.async_fd
    }

    /// The value whose descriptor it is.
    pub fn get_inner(&self) -> &'a T {
        self.async_fd.get_ref()
    }
}

impl<T: AsRawFd> AsyncFdReadyMutGuard<'_, T> {
    /// The `AsyncFd` it belongs to.
    pub fn get_ref(&self) -> &AsyncFd<T> {
        self.async_fd
    }

    /// The `AsyncFd` it belongs to.
    pub fn get_mut(&mut self) -> &mut AsyncFd<T> {
        self.async_fd
    }

    /// The value whose descriptor it is.
    pub fn get_inner(&self) -> &T {
        self.async_fd.get_ref()
    }

    /// The value whose descriptor it is.
    pub fn get_inner_mut(&mut self) -> &mut T {
        self.async_fd.get_mut()
    }
}

/// An operation would have blocked: wait again.
#[derive(Debug)]
pub struct TryIoError(());

/// A descriptor could not be watched; the value is in [`into_parts`](Self::into_parts).
pub struct AsyncFdRegisterError<T> {
    inner: T,
    cause: io::Error,
}

/// The older name of [`AsyncFdRegisterError`].
#[doc(hidden)]
#[deprecated = "renamed to `AsyncFdRegisterError`"]
pub type AsyncFdTryNewError<T> = AsyncFdRegisterError<T>;

impl<T> AsyncFdRegisterError<T> {
    /// The value, and what was wrong.
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

//! A value whose descriptor is watched. The packages for both versions of async-io have this file.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use runtime::io::unix::{FdReady, FdWatch};

use crate::{IoSafe, Readable, ReadableOwned, Writable, WritableOwned};

/// A value with a descriptor, used from async code.
///
/// For sockets of the standard library, and for whatever else has a descriptor that the system can
/// watch (`timerfd`, `inotify`, sockets of other libraries), but not for files. The descriptor is
/// put in non-blocking mode. Each operation is tried first, and waits only when it would block.
///
/// `&Async<T>` reads and writes as well, so one task may read while another one writes. Of two
/// tasks that poll reads at the same time (or writes), each wakes the other: that works, and wastes
/// time. Any number may wait in [`readable`](Async::readable) and [`read_with`](Async::read_with).
///
/// To close a writer flushes it, and no more: shut a socket down by [`get_ref`](Async::get_ref).
///
/// # Examples
///
/// ```
/// use async_io::Async;
/// use std::net::UdpSocket;
///
/// # async_io::block_on(async {
/// let one = Async::<UdpSocket>::bind(([127, 0, 0, 1], 0))?;
/// let other = Async::<UdpSocket>::bind(([127, 0, 0, 1], 0))?;
/// one.send_to(b"hello", other.get_ref().local_addr()?).await?;
/// let mut buf = [0; 16];
/// // An operation of the value itself, which would block before the datagram is there.
/// let (n, _) = other.read_with(|socket| socket.recv_from(&mut buf)).await?;
/// assert_eq!(&buf[..n], b"hello");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Async<T> {
    // The first field: dropped before the value closes the descriptor.
    watch: FdWatch,
    io: T,
}

// The value is never pinned.
impl<T> Unpin for Async<T> {}

/// Puts a descriptor in non-blocking mode.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    // One call, where the system has it for every kind of descriptor.
    #[cfg(target_os = "linux")]
    rustix::io::ioctl_fionbio(fd, true)?;
    #[cfg(not(target_os = "linux"))]
    {
        let flags = rustix::fs::fcntl_getfl(fd)?;
        rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK)?;
    }
    Ok(())
}

impl<T> Async<T> {
    /// Watches a value, whose descriptor is in non-blocking mode.
    ///
    /// # Safety
    ///
    /// `fd` is the value's descriptor. The value keeps it for as long as the `Async` has the value:
    /// nobody gets it mutably but by methods whose callers promise that, and by types that do.
    pub(crate) unsafe fn watch(io: T, fd: RawFd) -> io::Result<Async<T>> {
        // SAFETY: by the caller; `watch` is dropped before `io`.
        let watch = process_runtime::within(|| unsafe { FdWatch::new(fd) })?;
        Ok(Async { watch, io })
    }

    /// The value, for the methods that lend it mutably.
    pub(crate) fn io_mut(&mut self) -> &mut T {
        &mut self.io
    }

    /// See `read_with_mut`.
    pub(crate) async fn reads<R>(
        &mut self,
        mut op: impl FnMut(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            match op(&mut self.io) {
                Err(error) if would_block(&error) => until_woken(self.watch.readable()).await?,
                done => return done,
            }
        }
    }

    /// See `write_with_mut`.
    pub(crate) async fn writes<R>(
        &mut self,
        mut op: impl FnMut(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            match op(&mut self.io) {
                Err(error) if would_block(&error) => until_woken(self.watch.writable()).await?,
                done => return done,
            }
        }
    }

    /// The value.
    pub fn get_ref(&self) -> &T {
        &self.io
    }

    /// Ends the watch, and returns the value. Its descriptor stays in non-blocking mode.
    ///
    /// # Errors
    ///
    /// None.
    pub fn into_inner(self) -> io::Result<T> {
        let Async { watch, io } = self;
        drop(watch);
        Ok(io)
    }

    /// Waits until a read would not block.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is consumed.
    pub fn readable(&self) -> Readable<'_, T> {
        Readable::new(self, self.watch.readable())
    }

    /// As [`readable`](Async::readable), without a borrow.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    pub fn readable_owned(self: Arc<Self>) -> ReadableOwned<T> {
        let wait = self.watch.readable();
        ReadableOwned::new(self, wait)
    }

    /// Waits until a write would not block.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is consumed.
    pub fn writable(&self) -> Writable<'_, T> {
        Writable::new(self, self.watch.writable())
    }

    /// As [`writable`](Async::writable), without a borrow.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    pub fn writable_owned(self: Arc<Self>) -> WritableOwned<T> {
        let wait = self.watch.writable();
        WritableOwned::new(self, wait)
    }

    /// Waits until a read would not block. For one task at a time, which may be another each time.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watch.poll_readable(cx)
    }

    /// Waits until a write would not block. For one task at a time, which may be another each time.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watch.poll_writable(cx)
    }

    /// Calls `op`, and again each time that the value becomes readable, until it does not fail with
    /// `WouldBlock`.
    ///
    /// # Errors
    ///
    /// Other errors of `op`, and when the runtime has been shut down.
    pub async fn read_with<R>(&self, op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        let mut op = op;
        loop {
            match op(&self.io) {
                Err(error) if would_block(&error) => until_woken(self.watch.readable()).await?,
                done => return done,
            }
        }
    }

    /// Calls `op`, and again each time that the value becomes writable, until it does not fail with
    /// `WouldBlock`.
    ///
    /// # Errors
    ///
    /// Other errors of `op`, and when the runtime has been shut down.
    pub async fn write_with<R>(&self, op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        let mut op = op;
        loop {
            match op(&self.io) {
                Err(error) if would_block(&error) => until_woken(self.watch.writable()).await?,
                done => return done,
            }
        }
    }
}

pub(crate) fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// Ends with the first wake: whether the operation goes on then, it tells itself. (The wait would
/// ask the system first.)
async fn until_woken(mut wait: FdReady) -> io::Result<()> {
    let mut waited = false;
    poll_fn(|cx| {
        if waited {
            return Poll::Ready(Ok(()));
        }
        waited = true;
        Pin::new(&mut wait).poll(cx)
    })
    .await
}

impl<T> AsRef<T> for Async<T> {
    fn as_ref(&self) -> &T {
        &self.io
    }
}

impl<T: AsRawFd> AsRawFd for Async<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}

impl<T: AsFd> AsFd for Async<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

impl<T: Into<OwnedFd>> TryFrom<Async<T>> for OwnedFd {
    type Error = io::Error;

    fn try_from(io: Async<T>) -> io::Result<OwnedFd> {
        Ok(io.into_inner()?.into())
    }
}

/// Tries an operation, and waits for the descriptor while it would block.
macro_rules! attempt {
    ($operation:expr, $watch:expr, $wait:ident, $cx:ident) => {
        loop {
            match $operation {
                Err(error) if would_block(&error) => ready!($watch.$wait($cx))?,
                done => return Poll::Ready(done),
            }
        }
    };
}

impl<T: IoSafe + Read> AsyncRead for Async<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        attempt!(this.io.read(buf), this.watch, poll_readable, cx)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        attempt!(this.io.read_vectored(bufs), this.watch, poll_readable, cx)
    }
}

impl<T> AsyncRead for &Async<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        attempt!((&self.io).read(buf), self.watch, poll_readable, cx)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        attempt!((&self.io).read_vectored(bufs), self.watch, poll_readable, cx)
    }
}

impl<T: IoSafe + Write> AsyncWrite for Async<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        attempt!(this.io.write(buf), this.watch, poll_writable, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        attempt!(this.io.write_vectored(bufs), this.watch, poll_writable, cx)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        attempt!(this.io.flush(), this.watch, poll_writable, cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl<T> AsyncWrite for &Async<T>
where
    for<'a> &'a T: Write,
{
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        attempt!((&self.io).write(buf), self.watch, poll_writable, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        attempt!((&self.io).write_vectored(bufs), self.watch, poll_writable, cx)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        attempt!((&self.io).flush(), self.watch, poll_writable, cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

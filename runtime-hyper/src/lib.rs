//! Between the crate `runtime` and `hyper::rt`, for programs that use hyper without hyper-util.
//!
//! [`HyperIo`] wraps a stream of the runtime and is one of hyper's, or the other way round.
//! [`HyperExecutor`] spawns what hyper spawns, [`HyperTimer`] times what hyper times.
//!
//! A package of its own, because hyper depends on the package `tokio`: where that is
//! `compat/tokio`, which rests on `runtime`, a feature of `runtime` for hyper would close a circle.
#![warn(missing_docs)]
#![allow(unsafe_code, reason = "hyper's read cursor is advanced over memory that a reader filled")]

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt;
use pin_project_lite::pin_project;
use runtime::io::{AsyncRead, AsyncWrite, ReadBuf};
use runtime::time::{self, Instant};

pin_project! {
    /// A stream of the runtime as one of hyper's, or the other way round.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::duplex;
    /// use runtime_hyper::HyperIo;
    ///
    /// fn theirs(_: impl hyper::rt::Read + hyper::rt::Write) {}
    /// fn ours(_: impl runtime::io::AsyncRead + runtime::io::AsyncWrite) {}
    ///
    /// let (near, far) = duplex(64);
    /// theirs(HyperIo::new(near));
    /// // What is theirs is wrapped in the same way: here, our own stream on its way back.
    /// ours(HyperIo::new(HyperIo::new(far)));
    /// ```
    #[derive(Debug)]
    pub struct HyperIo<T> {
        #[pin]
        inner: T,
    }
}

impl<T> HyperIo<T> {
    /// Wraps `inner`.
    pub fn new(inner: T) -> HyperIo<T> {
        HyperIo { inner }
    }

    /// What is inside.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// What is inside, to be changed.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Gives back what is inside.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

// Theirs from ours.

impl<T: AsyncRead> rt::Read for HyperIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // SAFETY: the memory goes into a `ReadBuf` alone, which never makes a byte uninitialized.
        let memory = unsafe { cursor.as_mut() };
        let start = memory.as_ptr().cast::<u8>();
        let mut buf = ReadBuf::uninit(memory);
        ready!(self.project().inner.poll_read(cx, &mut buf))?;
        let filled = buf.filled();
        assert!(
            std::ptr::eq(filled.as_ptr(), start),
            "the reader put another `ReadBuf` in the place of the one that it was lent: \
             `poll_read` must fill the buffer that it gets"
        );
        let filled = filled.len();
        // SAFETY: the buffer is still the one over this very memory, and says how much of it was
        // filled.
        unsafe { cursor.advance(filled) };
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite> rt::Write for HyperIo<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write_vectored(cx, bufs)
    }
}

// Ours from theirs.

impl<T: rt::Read> AsyncRead for HyperIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Hyper's buffer does not say how much of itself is initialized, and it can be exchanged as
        // ours can: over initialized memory nothing has to be taken on trust.
        let mut theirs = rt::ReadBuf::new(buf.initialize_unfilled());
        ready!(self.project().inner.poll_read(cx, theirs.unfilled()))?;
        let filled = theirs.filled().len();
        buf.advance(filled);
        Poll::Ready(Ok(()))
    }
}

impl<T: rt::Write> AsyncWrite for HyperIo<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write_vectored(cx, bufs)
    }
}

/// Spawns what hyper wants to run beside a connection, as tasks of the current runtime.
///
/// # Panics
///
/// What uses it panics outside of a runtime, as [`spawn`](runtime::spawn) does.
///
/// # Examples
///
/// ```
/// use hyper::rt::Executor;
/// use runtime_hyper::HyperExecutor;
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() {
/// HyperExecutor::new().execute(async { println!("beside") });
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct HyperExecutor;

impl HyperExecutor {
    /// An executor.
    pub fn new() -> HyperExecutor {
        HyperExecutor
    }
}

impl<F> rt::Executor<F> for HyperExecutor
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    #[track_caller]
    fn execute(&self, future: F) {
        drop(runtime::spawn(future));
    }
}

/// Times what hyper times (header and keep-alive timeouts) by the current runtime's clock, which
/// may be paused.
///
/// # Panics
///
/// What uses it panics outside of a runtime, as [`sleep`](runtime::time::sleep) does.
///
/// # Examples
///
/// ```
/// use hyper::rt::Timer;
/// use runtime_hyper::HyperTimer;
/// use std::time::Duration;
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() {
/// HyperTimer::new().sleep(Duration::from_millis(1)).await;
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct HyperTimer;

impl HyperTimer {
    /// A timer.
    pub fn new() -> HyperTimer {
        HyperTimer
    }
}

impl rt::Timer for HyperTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(HyperSleep { sleep: time::sleep(duration) })
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(HyperSleep { sleep: time::sleep_until(deadline.into()) })
    }

    fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn rt::Sleep>>, new_deadline: std::time::Instant) {
        match sleep.as_mut().downcast_mut_pin::<HyperSleep>() {
            Some(ours) => ours.project().sleep.reset(new_deadline.into()),
            None => *sleep = self.sleep_until(new_deadline),
        }
    }
}

pin_project! {
    /// A [`time::Sleep`] for hyper.
    #[derive(Debug)]
    struct HyperSleep {
        #[pin]
        sleep: time::Sleep,
    }
}

impl Future for HyperSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().sleep.poll(cx)
    }
}

impl rt::Sleep for HyperSleep {}

//! Watches a descriptor that belongs to somebody else, by asking the system.
#![allow(unsafe_code, reason = "`new` trusts the caller with the descriptor; see docs/unsafe.md")]

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use mio::unix::SourceFd;

use crate::engine::driver::{Direction, Interest, Ready, Registration};
use crate::engine::primitive::Mutex;
use crate::engine::slab::Key;
use crate::runtime::context;

/// A file descriptor of somebody else that the runtime watches.
///
/// For code that has a descriptor, reads and writes it as it likes, and wants to know when it can.
/// Unlike [`AsyncFd`](super::unix::AsyncFd) it does not own the descriptor, remembers nothing that
/// you must clear, and spends no [budget](crate::task::coop): a wait is over when the system says
/// that the descriptor is ready at this moment, whoever has read or written it meanwhile. That
/// costs a system call (`poll`) for each wait that an event has ended before. Urgent data, a
/// hang-up and an error count as readable.
///
/// The descriptor should be in non-blocking mode, and must be of a kind that can be watched (a
/// regular file is not). A runtime watches one descriptor once: register a duplicate for a second
/// `FdWatch`.
///
/// # Examples
///
/// ```
/// use std::io::{Read, Write};
/// use std::os::fd::AsRawFd;
/// use std::os::unix::net::UnixStream;
/// use runtime::io::unix::FdWatch;
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// let (mut one, mut other) = UnixStream::pair()?;
/// one.set_nonblocking(true)?;
/// // SAFETY: `watch` is dropped before `one`, as locals are.
/// let watch = unsafe { FdWatch::new(one.as_raw_fd())? };
/// other.write_all(b"hello")?;
/// watch.readable().await?;
/// let mut buf = [0; 64];
/// assert_eq!(one.read(&mut buf)?, 5);
/// # Ok(()) }
/// ```
pub struct FdWatch {
    watched: Arc<Watched>,
}

struct Watched {
    fd: RawFd,
    registration: Registration,
    /// The waits of `poll_readable` and `poll_writable`. Copied in and out: no waker is touched
    /// under this lock.
    turns: [Mutex<Option<Key>>; 2],
}

impl FdWatch {
    /// Watches `fd` for reads and writes, in the current runtime.
    ///
    /// # Safety
    ///
    /// The descriptor stays open, and the same, until the `FdWatch` is dropped.
    ///
    /// # Panics
    ///
    /// Outside a runtime, or in one without I/O.
    ///
    /// # Errors
    ///
    /// When the system cannot watch it, when the runtime watches it already, and when the runtime
    /// has been shut down.
    ///
    /// # Examples
    ///
    /// See [`FdWatch`].
    #[track_caller]
    pub unsafe fn new(fd: RawFd) -> io::Result<FdWatch> {
        let interest = Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY;
        let driver = context::io_driver();
        let registration = driver.register(&mut SourceFd(&fd), fd, interest, Ready::EMPTY)?;
        let turns = [Mutex::new(None), Mutex::new(None)];
        Ok(FdWatch { watched: Arc::new(Watched { fd, registration, turns }) })
    }

    /// Waits, as one of any number, until the descriptor is readable.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is consumed.
    ///
    /// # Examples
    ///
    /// See [`FdWatch`].
    pub fn readable(&self) -> FdReady {
        self.ready(Direction::Read)
    }

    /// Waits, as one of any number, until the descriptor is writable.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is consumed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::os::fd::AsRawFd;
    /// # use std::os::unix::net::UnixStream;
    /// # use runtime::io::unix::FdWatch;
    /// # #[runtime::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let (one, _other) = UnixStream::pair()?;
    /// // SAFETY: `watch` is dropped before `one`, as locals are.
    /// let watch = unsafe { FdWatch::new(one.as_raw_fd())? };
    /// watch.writable().await?;
    /// # Ok(()) }
    /// ```
    pub fn writable(&self) -> FdReady {
        self.ready(Direction::Write)
    }

    fn ready(&self, direction: Direction) -> FdReady {
        FdReady { watched: Arc::clone(&self.watched), direction, key: None }
    }

    /// Waits, as the one reader, until the descriptor is readable. Of several tasks that poll this,
    /// each wakes the one before it: they take turns, and all make progress.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{self, Read};
    /// use std::os::unix::net::UnixStream;
    /// use std::task::{Context, Poll, ready};
    /// use runtime::io::unix::FdWatch;
    ///
    /// fn poll_read(
    ///     socket: &UnixStream,
    ///     watch: &FdWatch,
    ///     cx: &mut Context<'_>,
    ///     buf: &mut [u8],
    /// ) -> Poll<io::Result<usize>> {
    ///     loop {
    ///         match (&*socket).read(buf) {
    ///             Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
    ///             done => return Poll::Ready(done),
    ///         }
    ///         ready!(watch.poll_readable(cx))?;
    ///     }
    /// }
    /// ```
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watched.poll_turn(cx, Direction::Read)
    }

    /// Waits, as the one writer, until the descriptor is writable. Of several tasks that poll this,
    /// each wakes the one before it: they take turns, and all make progress.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::os::fd::AsRawFd;
    /// # use std::os::unix::net::UnixStream;
    /// # use runtime::io::unix::FdWatch;
    /// # #[runtime::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let (one, _other) = UnixStream::pair()?;
    /// // SAFETY: `watch` is dropped before `one`, as locals are.
    /// let watch = unsafe { FdWatch::new(one.as_raw_fd())? };
    /// std::future::poll_fn(|cx| watch.poll_writable(cx)).await?;
    /// # Ok(()) }
    /// ```
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watched.poll_turn(cx, Direction::Write)
    }
}

impl Watched {
    fn poll_turn(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        let turn = &self.turns[direction as usize];
        let mut key = *turn.lock();
        let polled = self.registration.poll_level(cx, &mut key, direction);
        // Two tasks that come here at once may each leave a waker; an event takes both.
        *turn.lock() = key;
        polled
    }
}

impl Drop for FdWatch {
    fn drop(&mut self) {
        // An error means that the system has forgotten the descriptor already.
        let _ = self.watched.registration.deregister(&mut SourceFd(&self.watched.fd));
    }
}

/// The number of the descriptor, which is still its owner's.
impl AsRawFd for FdWatch {
    fn as_raw_fd(&self) -> RawFd {
        self.watched.fd
    }
}

// A panic of a waker leaves at worst a wake too many.
impl UnwindSafe for FdWatch {}
impl RefUnwindSafe for FdWatch {}

impl fmt::Debug for FdWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FdWatch").field("fd", &self.watched.fd).finish_non_exhaustive()
    }
}

/// Future of [`FdWatch::readable`] and [`FdWatch::writable`]. It borrows nothing; once the
/// `FdWatch` is dropped it may wait for ever.
///
/// # Examples
///
/// ```
/// use runtime::io::unix::{FdReady, FdWatch};
///
/// /// A wait that can be kept beside its watch.
/// struct Reader {
///     waits: Option<FdReady>,
///     watch: FdWatch,
/// }
/// ```
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct FdReady {
    watched: Arc<Watched>,
    direction: Direction,
    key: Option<Key>,
}

impl Future for FdReady {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.watched.registration.poll_level(cx, &mut this.key, this.direction)
    }
}

impl Drop for FdReady {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.watched.registration.leave(key);
        }
    }
}

impl UnwindSafe for FdReady {}
impl RefUnwindSafe for FdReady {}

impl fmt::Debug for FdReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FdReady")
            .field("fd", &self.watched.fd)
            .field("direction", &self.direction)
            .finish_non_exhaustive()
    }
}

//! Pipes, anonymous and named.
//!
//! # Examples
//!
//! ```no_run
//! use runtime::io::{AsyncReadExt, AsyncWriteExt};
//! use runtime::net::unix::pipe;
//!
//! # async fn example() -> std::io::Result<()> {
//! let (mut sender, mut receiver) = pipe::pipe()?;
//! sender.write_all(b"hello").await?;
//! drop(sender);
//! let mut got = String::new();
//! receiver.read_to_string(&mut got).await?;
//! assert_eq!(got, "hello");
//! # Ok(()) }
//! ```

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;

use super::super::evented::{PollEvented, can_read, can_write};
use super::super::socket_macros::descriptor;
use super::super::socket_macros::{evented_read, evented_write};
use crate::engine::driver::{Interest, Ready};
use crate::io::{AsyncRead, AsyncWrite};

/// Makes a pipe.
///
/// # Panics
///
/// Outside a runtime.
///
/// # Errors
///
/// Errors of the system.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use runtime::io::{AsyncReadExt, AsyncWriteExt};
/// use runtime::net::unix::pipe;
///
/// let (mut sender, mut receiver) = pipe::pipe()?;
/// sender.write_all(b"hello").await?;
/// drop(sender);
/// let mut text = String::new();
/// receiver.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn pipe() -> io::Result<(Sender, Receiver)> {
    let (sender, receiver) = mio::unix::pipe::new()?;
    Ok((Sender::from_mio(sender, Ready::WRITABLE)?, Receiver::from_mio(receiver)?))
}

/// How to open a named pipe (a FIFO).
///
/// # Examples
///
/// ```no_run
/// use runtime::net::unix::pipe;
///
/// # async fn example() -> std::io::Result<()> {
/// let receiver = pipe::OpenOptions::new().open_receiver("/tmp/fifo")?;
/// let sender = pipe::OpenOptions::new().open_sender("/tmp/fifo")?;
/// # drop((receiver, sender));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    read_write: bool,
    unchecked: bool,
}

impl OpenOptions {
    /// One direction, and checked to be a pipe.
    ///
    /// # Examples
    ///
    /// See [`OpenOptions`].
    pub fn new() -> OpenOptions {
        OpenOptions::default()
    }

    /// Whether to open it in both directions. Then a sender can be opened while nobody reads, and a
    /// receiver does not see the end when the last sender goes. Linux only.
    ///
    /// # Examples
    ///
    /// A receiver that stays open while senders come and go (Linux):
    ///
    /// ```no_run
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::net::unix::pipe;
    ///
    /// let receiver = pipe::OpenOptions::new().read_write(true).open_receiver("/tmp/fifo")?;
    /// // This opens something else that the system can watch, without the check:
    /// let device = pipe::OpenOptions::new().unchecked(true).open_sender("/dev/tty")?;
    /// # drop((receiver, device));
    /// # runtime::task::yield_now().await;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn read_write(&mut self, value: bool) -> &mut OpenOptions {
        self.read_write = value;
        self
    }

    /// Whether to skip the check that the file is a pipe.
    ///
    /// # Examples
    ///
    /// See [`read_write`](Self::read_write).
    pub fn unchecked(&mut self, value: bool) -> &mut OpenOptions {
        self.unchecked = value;
        self
    }

    /// Opens the pipe at `path` for reading. It need not have a writer: until it has one, reads say
    /// that the end is reached.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if it is not a pipe, and errors of the system.
    ///
    /// # Examples
    ///
    /// See [`OpenOptions`].
    pub fn open_receiver<P: AsRef<Path>>(&self, path: P) -> io::Result<Receiver> {
        Receiver::from_file_unchecked(self.open(path.as_ref(), true)?)
    }

    /// Opens the pipe at `path` for writing. It must have a reader (otherwise `ENXIO`).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if it is not a pipe, and errors of the system.
    ///
    /// # Examples
    ///
    /// See [`OpenOptions`].
    pub fn open_sender<P: AsRef<Path>>(&self, path: P) -> io::Result<Sender> {
        Sender::from_file_unchecked(self.open(path.as_ref(), false)?)
    }

    fn open(&self, path: &Path, to_read: bool) -> io::Result<File> {
        let file = std::fs::OpenOptions::new()
            .read(to_read || self.read_write)
            .write(!to_read || self.read_write)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)?;
        if self.unchecked { Ok(file) } else { must_be_pipe(file) }
    }
}

fn must_be_pipe(file: File) -> io::Result<File> {
    if file.metadata()?.file_type().is_fifo() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a pipe"))
    }
}

macro_rules! end {
    (
        $end:ident, $mio:ty, $interest:expr, $wait:ident, $poll:ident, $poll_inner:ident,
        $access:ident, $refusal:literal
    ) => {
        descriptor!($end);

        impl $end {
            /// Takes a pipe over, and sets it to non-blocking mode.
            ///
            /// # Panics
            ///
            /// Outside a runtime.
            ///
            /// # Errors
            ///
            /// [`InvalidInput`](io::ErrorKind::InvalidInput) if it is no pipe or was opened for the
            /// other direction, and errors of the system.
            ///
            /// # Examples
            ///
            /// See [`Sender`].
            pub fn from_file(file: File) -> io::Result<$end> {
                let file = must_be_pipe(file)?;
                if !$access(file.as_fd())? {
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, $refusal));
                }
                $end::from_blocking_fd(file.into())
            }

            /// Takes over a descriptor that is known to be right, and sets it to non-blocking mode.
            #[track_caller]
            pub(crate) fn from_blocking_fd(fd: OwnedFd) -> io::Result<$end> {
                let end = <$mio>::from(fd);
                end.set_nonblocking(true)?;
                $end::from_mio_with(end, Ready::EMPTY)
            }

            /// As [`from_file`](Self::from_file), from a descriptor.
            ///
            /// # Panics
            ///
            /// Outside a runtime.
            ///
            /// # Errors
            ///
            /// As for [`from_file`](Self::from_file).
            ///
            /// # Examples
            ///
            /// See [`Sender`].
            pub fn from_owned_fd(fd: OwnedFd) -> io::Result<$end> {
                $end::from_file(fd.into())
            }

            /// As [`from_file`](Self::from_file), without any check: it must be a pipe (or
            /// something else that the system can watch) in non-blocking mode.
            ///
            /// # Panics
            ///
            /// Outside a runtime.
            ///
            /// # Errors
            ///
            /// Errors of the system.
            ///
            /// # Examples
            ///
            /// See [`Sender`].
            pub fn from_file_unchecked(file: File) -> io::Result<$end> {
                $end::from_owned_fd_unchecked(file.into())
            }

            /// As [`from_file_unchecked`](Self::from_file_unchecked), from a descriptor.
            ///
            /// # Panics
            ///
            /// Outside a runtime.
            ///
            /// # Errors
            ///
            /// Errors of the system.
            ///
            /// # Examples
            ///
            /// See [`Sender`].
            pub fn from_owned_fd_unchecked(fd: OwnedFd) -> io::Result<$end> {
                $end::from_mio_with(fd.into(), Ready::EMPTY)
            }

            #[track_caller]
            fn from_mio_with(end: $mio, initially: Ready) -> io::Result<$end> {
                Ok($end { io: PollEvented::with(end, $interest, initially)? })
            }

            /// Gives the descriptor back, in blocking mode.
            ///
            /// # Errors
            ///
            /// Errors of the system.
            ///
            /// # Examples
            ///
            /// See [`Sender`].
            pub fn into_blocking_fd(self) -> io::Result<OwnedFd> {
                let end = self.io.into_inner()?;
                end.set_nonblocking(false)?;
                Ok(end.into())
            }

            /// Gives the descriptor back, in non-blocking mode.
            ///
            /// # Errors
            ///
            /// Errors of the system.
            ///
            /// # Examples
            ///
            /// See [`Sender`].
            pub fn into_nonblocking_fd(self) -> io::Result<OwnedFd> {
                Ok(self.io.into_inner()?.into())
            }

            /// Waits until this end is ready for any of `interest`, and returns what it is ready
            /// for.
            ///
            /// # Errors
            ///
            /// When the runtime has been shut down.
            ///
            /// # Cancel safety
            ///
            /// Safe: once ready, it stays so until an operation would block.
            ///
            /// # Examples
            ///
            /// See [`Sender`].
            pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
                self.io.ready(interest).await
            }

            /// Waits until this end is ready.
            ///
            /// # Errors
            ///
            /// When the runtime has been shut down.
            ///
            /// # Cancel safety
            ///
            /// Safe: once ready, it stays so until an operation would block.
            ///
            /// # Examples
            ///
            /// See [`Sender`].
            pub async fn $wait(&self) -> io::Result<()> {
                self.io.ready($interest).await.map(|_| ())
            }

            /// Waits until this end is ready, but only one task may wait: of several tasks that
            /// poll this, only the last is woken.
            ///
            /// # Errors
            ///
            /// When the runtime has been shut down.
            ///
            /// # Examples
            ///
            /// See [`Sender`].
            pub fn $poll(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.io.$poll_inner(cx)
            }

            /// Does `operation` now, if this end is ready.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if it is not, and what `operation`
            /// returns.
            ///
            /// # Examples
            ///
            /// See [`Sender`].
            pub fn try_io<R>(&self, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
                self.io.try_io($interest, operation)
            }
        }
    };
}

/// The end of a pipe for writing.
///
/// Writing to a pipe that nobody reads is an error ([`BrokenPipe`](io::ErrorKind::BrokenPipe)).
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::io::IoSlice;
/// use runtime::net::unix::pipe;
///
/// let (sender, receiver) = pipe::pipe()?;
/// sender.writable().await?;
/// assert_eq!(sender.try_write(b"hello")?, 5);
/// assert_eq!(sender.try_write_vectored(&[IoSlice::new(b"a"), IoSlice::new(b"b")])?, 2);
///
/// let mut buf = [0; 5];
/// receiver.readable().await?;
/// assert_eq!(receiver.try_read(&mut buf)?, 5);
/// # Ok(())
/// # }
/// ```
///
/// Descriptors from elsewhere, and for elsewhere:
///
/// ```
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::os::fd::OwnedFd;
/// use runtime::net::unix::pipe::{self, Receiver, Sender};
///
/// let (sender, receiver) = pipe::pipe()?;
/// let descriptor: OwnedFd = sender.into_blocking_fd()?; // for a child, or a thread
/// let sender = Sender::from_owned_fd(descriptor)?; // sets it to non-blocking mode
/// let file: std::fs::File = receiver.into_nonblocking_fd()?.into();
/// let receiver = Receiver::from_file(file)?;
/// let descriptor = sender.into_nonblocking_fd()?;
/// let sender = Sender::from_owned_fd_unchecked(descriptor)?; // known to be right
/// let receiver = Receiver::from_file_unchecked(receiver.into_nonblocking_fd()?.into())?;
/// # drop((sender, receiver));
/// # runtime::task::yield_now().await;
/// # Ok(())
/// # }
/// ```
///
/// Readiness, for a system call of your own:
///
/// ```
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::future::poll_fn;
/// use runtime::io::Interest;
/// use runtime::net::unix::pipe;
///
/// let (sender, _receiver) = pipe::pipe()?;
/// assert!(sender.ready(Interest::WRITABLE).await?.is_writable());
/// poll_fn(|cx| sender.poll_write_ready(cx)).await?;
/// let done = sender.try_io(|| Ok(7))?; // a call on the descriptor
/// assert_eq!(done, 7);
/// # Ok(())
/// # }
/// ```
pub struct Sender {
    io: PollEvented<mio::unix::pipe::Sender>,
}

end!(
    Sender,
    mio::unix::pipe::Sender,
    Interest::WRITABLE,
    writable,
    poll_write_ready,
    poll_write_ready,
    can_write,
    "not in O_WRONLY or O_RDWR access mode"
);

impl Sender {
    #[track_caller]
    fn from_mio(end: mio::unix::pipe::Sender, initially: Ready) -> io::Result<Sender> {
        Sender::from_mio_with(end, initially)
    }

    /// Writes what there is room for without waiting, and returns how many bytes.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no room.
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.try_write(buf)
    }

    /// As [`try_write`](Self::try_write), from several buffers in turn.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no room.
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    pub fn try_write_vectored(&self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.io.try_write_vectored(bufs)
    }
}

impl AsyncWrite for Sender {
    evented_write!(self => self.io);

    /// Does nothing: a pipe ends when it is dropped.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The end of a pipe for reading.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::io::IoSliceMut;
/// use runtime::net::unix::pipe;
///
/// let (sender, receiver) = pipe::pipe()?;
/// sender.try_write(b"hello, world")?;
/// let mut first = [0; 5];
/// receiver.readable().await?;
/// assert_eq!(receiver.try_read(&mut first)?, 5);
/// let (mut a, mut b) = ([0; 2], [0; 1]);
/// let mut parts = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
/// assert_eq!(receiver.try_read_vectored(&mut parts)?, 3);
/// let mut rest = Vec::with_capacity(16);
/// receiver.try_read_buf(&mut rest)?;
/// assert_eq!((&a, &b, &rest[..]), (b", ", b"w", &b"orld"[..]));
/// # Ok(())
/// # }
/// ```
pub struct Receiver {
    io: PollEvented<mio::unix::pipe::Receiver>,
}

end!(
    Receiver,
    mio::unix::pipe::Receiver,
    Interest::READABLE,
    readable,
    poll_read_ready,
    poll_read_ready,
    can_read,
    "not in O_RDONLY or O_RDWR access mode"
);

impl Receiver {
    #[track_caller]
    fn from_mio(end: mio::unix::pipe::Receiver) -> io::Result<Receiver> {
        Receiver::from_mio_with(end, Ready::EMPTY)
    }

    /// Reads what is there into `buf` without waiting, and returns how many bytes; 0 means the end.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there.
    ///
    /// # Examples
    ///
    /// See [`Receiver`].
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.try_read(buf)
    }

    /// As [`try_read`](Self::try_read), into several buffers in turn.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there.
    ///
    /// # Examples
    ///
    /// See [`Receiver`].
    pub fn try_read_vectored(&self, bufs: &mut [io::IoSliceMut<'_>]) -> io::Result<usize> {
        self.io.try_read_vectored(bufs)
    }

    /// As [`try_read`](Self::try_read), into the spare room of `buf`.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there.
    ///
    /// # Examples
    ///
    /// See [`Receiver`].
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.io.try_read_buf(buf)
    }
}

impl AsyncRead for Receiver {
    evented_read!(self => self.io);
}

//! Holds the OS socket of the net types: a source of the system, registered with the driver of the
//! runtime in which it was made.
#![allow(unsafe_code, reason = "bytes that the system wrote are initialised; see docs/unsafe.md")]

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use socket2::{SockAddr, SockRef};

use crate::engine::driver::{Direction, Interest, IoDriver, Ready, Registration, Short};
use crate::engine::messages;
use crate::io::ReadBuf;
use crate::runtime::context;

/// The interest of most sources.
pub(crate) const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// The interest of a TCP stream. A read stops at urgent data, although more may follow. So a short
/// read means "drained" only if there is known to be no urgent data.
pub(crate) const BYTE_STREAM: Interest = BOTH.add(Interest::PRIORITY);

/// Slices that every system takes in one call.
const SLICES_AT_ONCE: usize = 16;

/// A byte stream or pipe of the system. Implemented only in this file, since the result of
/// `receive` is trusted.
pub(crate) trait Transport {
    /// Reads into memory that need not be initialised, and returns how many bytes, from the first
    /// on, are now; and what it means if they are fewer than wanted.
    fn receive(&self, buf: &mut [MaybeUninit<u8>]) -> io::Result<(usize, Short)>;
}

impl Transport for mio::net::TcpStream {
    fn receive(&self, buf: &mut [MaybeUninit<u8>]) -> io::Result<(usize, Short)> {
        // Urgent data, at which a read stops, is watched for: see `BYTE_STREAM`.
        Ok((SockRef::from(self).recv(buf)?, Short::IsOver))
    }
}

impl Transport for mio::net::UnixStream {
    fn receive(&self, buf: &mut [MaybeUninit<u8>]) -> io::Result<(usize, Short)> {
        receive_unix(self, buf)
    }
}

impl Transport for mio::unix::pipe::Receiver {
    fn receive(&self, buf: &mut [MaybeUninit<u8>]) -> io::Result<(usize, Short)> {
        // SAFETY: `buf` is valid for writes of its length, and the descriptor is open.
        let n = unsafe { libc::read(self.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len()) };
        // A pipe in packet mode stops at the end of a packet.
        let n = usize::try_from(n).map_err(|_| io::Error::last_os_error())?;
        Ok((n, Short::SaysNothing))
    }
}

/// Reads from a Unix stream. A read stops at a message with descriptors; Linux then reports that it
/// has cut them off, which distinguishes this end from a drained stream.
fn receive_unix(socket: &impl AsRawFd, buf: &mut [MaybeUninit<u8>]) -> io::Result<(usize, Short)> {
    let mut room = libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
    // SAFETY: null pointers and zero lengths are valid in every field of a `msghdr`.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut room;
    message.msg_iovlen = 1;
    // SAFETY: `message` names one slice, valid for writes of its length, and no room for anything
    // else; all of it outlives the call, and the descriptor is open.
    let n = unsafe { libc::recvmsg(socket.as_raw_fd(), &mut message, 0) };
    let n = usize::try_from(n).map_err(|_| io::Error::last_os_error())?;
    let tells = cfg!(any(target_os = "linux", target_os = "android"));
    let drained = tells && message.msg_flags & libc::MSG_CTRUNC == 0;
    Ok((n, if drained { Short::IsOver } else { Short::SaysNothing }))
}

/// A registered source. Dropping it deregisters the source from the system, then closes it.
pub(crate) struct PollEvented<S: mio::event::Source> {
    // `None` only during `into_inner` and drop.
    source: Option<S>,
    registration: Registration,
}

impl<S: mio::event::Source + AsRawFd> PollEvented<S> {
    /// Registers `source` for `interest`, taken to be ready for `initially` at first.
    #[track_caller]
    pub(crate) fn with(
        source: S,
        interest: Interest,
        initially: Ready,
    ) -> io::Result<PollEvented<S>> {
        PollEvented::registered(source, |driver, source, descriptor| {
            driver.register(source, descriptor, interest, initially)
        })
    }

    /// The same for a socket of datagrams, which one task often reads without a pause: its events
    /// are switched off while nobody waits for them.
    #[track_caller]
    pub(crate) fn of_datagrams(
        source: S,
        interest: Interest,
        initially: Ready,
    ) -> io::Result<PollEvented<S>> {
        PollEvented::registered(source, |driver, source, descriptor| {
            driver.register_own(source, descriptor, interest, initially)
        })
    }

    #[track_caller]
    fn registered(
        mut source: S,
        register: impl FnOnce(&Arc<IoDriver>, &mut S, RawFd) -> io::Result<Registration>,
    ) -> io::Result<PollEvented<S>> {
        let descriptor = source.as_raw_fd();
        let registration = register(&context::io_driver(), &mut source, descriptor)?;
        Ok(PollEvented { source: Some(source), registration })
    }

    /// Deregisters the source from the system, and returns it.
    pub(crate) fn into_inner(mut self) -> io::Result<S> {
        let mut source = self.source.take().expect("taken by `into_inner` and drop only");
        self.registration.deregister(&mut source)?;
        Ok(source)
    }

    pub(crate) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.registration.poll_ready(cx, Direction::Read).map_ok(|_| ())
    }

    pub(crate) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.registration.poll_ready(cx, Direction::Write).map_ok(|_| ())
    }

    /// The one reader or writer is gone, so its waker is removed.
    pub(crate) fn end_turn(&self, direction: Direction) {
        self.registration.end_turn(direction);
    }

    /// Waits as one of many.
    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        Ok(self.registration.ready(interest).await?.ready)
    }

    /// Does the user's own operation, without waiting.
    pub(crate) fn try_io<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        self.registration.try_io(interest, operation)
    }

    /// Does the user's own operation, as soon as it does not block.
    pub(crate) async fn async_io<R>(
        &self,
        interest: Interest,
        operation: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        self.registration.async_io(interest, operation).await
    }

    /// Does one of our operations, as the source's one reader or writer.
    pub(crate) fn poll_own<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut operation: impl FnMut(&S) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.registration.poll_io(cx, direction, || operation(self))
    }

    /// Does one of our operations, as one of many.
    pub(crate) async fn own<R>(
        &self,
        interest: Interest,
        mut operation: impl FnMut(&S) -> io::Result<R>,
    ) -> io::Result<R> {
        self.registration.own_io(interest, || operation(self)).await
    }

    /// Does one of our operations, without waiting.
    pub(crate) fn try_own<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce(&S) -> io::Result<R>,
    ) -> io::Result<R> {
        self.registration.try_own_io(interest, || operation(self))
    }

    /// Waits until a pending connection is established or has failed.
    pub(crate) async fn connected(
        &self,
        take_error: impl Fn(&S) -> io::Result<Option<io::Error>>,
    ) -> io::Result<()> {
        poll_fn(|cx| self.poll_write_ready(cx)).await?;
        match take_error(self)? {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Reads into the rest of `buf`.
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>>
    where
        S: Transport,
    {
        // SAFETY: `receive` only ever writes there, so nothing initialised becomes uninitialised.
        let room = unsafe { buf.unfilled_mut() };
        let n = ready!(
            self.registration
                .poll_transfer(cx, Direction::Read, room.len(), || { self.receive(room) })
        )?;
        // SAFETY: by `Transport::receive`'s contract the first `n` bytes are initialised.
        unsafe { buf.assume_init(n) };
        buf.advance(n);
        Poll::Ready(Ok(()))
    }

    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>>
    where
        for<'a> &'a S: Write,
    {
        self.registration.poll_transfer(cx, Direction::Write, buf.len(), || {
            Ok(((&**self).write(buf)?, Short::IsOver))
        })
    }

    pub(crate) fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>
    where
        for<'a> &'a S: Write,
    {
        let wanted = bufs.iter().map(|buf| buf.len()).sum();
        self.registration.poll_transfer(cx, Direction::Write, wanted, || {
            let n = (&**self).write_vectored(bufs)?;
            let all = bufs.len() <= SLICES_AT_ONCE;
            Ok((n, if all { Short::IsOver } else { Short::SaysNothing }))
        })
    }

    pub(crate) fn try_read(&self, buf: &mut [u8]) -> io::Result<usize>
    where
        for<'a> &'a S: Read,
    {
        self.try_own(Interest::READABLE, |mut source| source.read(buf))
    }

    pub(crate) fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize>
    where
        for<'a> &'a S: Read,
    {
        self.try_own(Interest::READABLE, |mut source| source.read_vectored(bufs))
    }

    pub(crate) fn try_read_buf(&self, buf: &mut impl BufMut) -> io::Result<usize>
    where
        S: Transport,
    {
        self.try_own(Interest::READABLE, |source| {
            // SAFETY: `receive` only ever writes there.
            let (n, _) = source.receive(unsafe { buf.chunk_mut().as_uninit_slice_mut() })?;
            // SAFETY: `receive` has initialised the first `n` bytes of the chunk.
            unsafe { buf.advance_mut(n) };
            Ok(n)
        })
    }

    pub(crate) fn try_write(&self, buf: &[u8]) -> io::Result<usize>
    where
        for<'a> &'a S: Write,
    {
        self.try_own(Interest::WRITABLE, |mut source| source.write(buf))
    }

    pub(crate) fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>
    where
        for<'a> &'a S: Write,
    {
        self.try_own(Interest::WRITABLE, |mut source| source.write_vectored(bufs))
    }
}

/// How a datagram is received, and what comes with it. Implemented only in this file, since the
/// count is trusted.
pub(crate) trait Receive {
    type Sender;

    fn receive(
        &self,
        socket: SockRef<'_>,
        buf: &mut [MaybeUninit<u8>],
    ) -> io::Result<(usize, Self::Sender)>;

    /// Into the spare room of `buf`; returns how many bytes, and what came with it.
    fn fill_spare(
        &self,
        socket: SockRef<'_>,
        buf: &mut impl BufMut,
    ) -> io::Result<(usize, Self::Sender)> {
        // SAFETY: `receive` only ever writes there.
        let (n, sender) = self.receive(socket, unsafe { buf.chunk_mut().as_uninit_slice_mut() })?;
        // SAFETY: `receive` has initialised the first `n` bytes of the chunk.
        unsafe { buf.advance_mut(n) };
        Ok((n, sender))
    }

    /// Into the rest of `buf`; says what came with it.
    fn fill_rest(&self, socket: SockRef<'_>, buf: &mut ReadBuf<'_>) -> io::Result<Self::Sender> {
        // SAFETY: `receive` only ever writes there.
        let (n, sender) = self.receive(socket, unsafe { buf.unfilled_mut() })?;
        // SAFETY: `receive` has initialised the first `n` bytes.
        unsafe { buf.assume_init(n) };
        buf.advance(n);
        Ok(sender)
    }
}

/// Takes the datagram (or looks at it, with `MSG_PEEK`), without its sender.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anonymous {
    pub(crate) peek: bool,
}

impl Receive for Anonymous {
    type Sender = ();

    fn receive(&self, socket: SockRef<'_>, buf: &mut [MaybeUninit<u8>]) -> io::Result<(usize, ())> {
        let n = if self.peek { socket.peek(buf) } else { socket.recv(buf) }?;
        Ok((n, ()))
    }
}

/// Takes the datagram (or looks at it), with its sender.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signed {
    pub(crate) peek: bool,
}

impl Receive for Signed {
    type Sender = SockAddr;

    fn receive(
        &self,
        socket: SockRef<'_>,
        buf: &mut [MaybeUninit<u8>],
    ) -> io::Result<(usize, SockAddr)> {
        if self.peek { socket.peek_from(buf) } else { socket.recv_from(buf) }
    }
}

/// Refuses a socket that would block its worker.
///
/// # Panics
///
/// In builds with debug assertions, if the socket is in blocking mode.
#[track_caller]
pub(crate) fn check_nonblocking<'a>(socket: impl Into<SockRef<'a>>) -> io::Result<()> {
    debug_assert!(socket.into().nonblocking()?, "{}", messages::BLOCKING_SOCKET);
    Ok(())
}

impl<S: mio::event::Source> Deref for PollEvented<S> {
    type Target = S;
    fn deref(&self) -> &S {
        self.source.as_ref().expect("taken by `into_inner` and drop only")
    }
}

impl<S: mio::event::Source> Drop for PollEvented<S> {
    fn drop(&mut self) {
        if let Some(mut source) = self.source.take() {
            // An error means that the system has forgotten the source already.
            let _ = self.registration.deregister(&mut source);
        }
    }
}

impl<S: mio::event::Source + fmt::Debug> fmt::Debug for PollEvented<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

fn open_flags(fd: BorrowedFd<'_>) -> io::Result<libc::c_int> {
    // SAFETY: the descriptor is borrowed, so open, and the call takes no pointer.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    if flags < 0 { Err(io::Error::last_os_error()) } else { Ok(flags) }
}

/// Whether a file was opened for reading.
pub(super) fn can_read(fd: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(open_flags(fd)? & libc::O_ACCMODE != libc::O_WRONLY)
}

/// Whether a file was opened for writing.
pub(super) fn can_write(fd: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(open_flags(fd)? & libc::O_ACCMODE != libc::O_RDONLY)
}

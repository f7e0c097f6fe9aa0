//! One blocking device (a file, a standard stream), used by jobs of the blocking pool.
//!
//! # States
//!
//! ```text
//!            start (a read, a write, a seek, ...)
//!   idle  ------------------------------------->  busy
//!         <-------------------------------------
//!           the job gave the memory back, or it did not run, or it panicked: its memory is lost then
//! ```
//!
//! # Rules
//!
//! 1. There is one job at a time, so operations keep their order. The memory is in one place: here
//!    while idle, in the job while busy. The device is shared, and no job holds it once it is done.
//! 2. A caller that gives up does not stop the job. The bytes of a read are kept for the next read;
//!    those of a write were taken before.
//! 3. No caller waits for a write that succeeds. The error of a failed write is kept until the next
//!    write or flush, and returned once.
//! 4. A read asks for no more than its caller does. So bytes are unread here only if a caller gave
//!    a read up or came back with less room. Meanwhile the device's position is ahead of the
//!    caller's by that number: an operation that depends on the position first moves back
//!    ([`OnPool::poll_give_back`]).
//! 5. Writes run even if the runtime is shut down before they have begun; nothing else does.
//!
//! The bytes are copied through our memory, since a caller that gives up gets its own memory back.

use std::io::{self, IoSlice, Read, Seek, SeekFrom, Write};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::engine::{coop, messages};
use crate::io::ReadBuf;
use crate::runtime::context;
use crate::task::JoinHandle;

/// The most bytes that one job reads or writes, by default.
pub(crate) const MOST_BYTES: usize = 2 * 1024 * 1024;

/// See the module.
#[derive(Debug)]
pub(crate) struct OnPool {
    job: Option<JoinHandle<(Memory, Done)>>,
    memory: Memory,
    /// Rule 3.
    unreported: Option<io::Error>,
    /// The position after the last seek.
    position: u64,
    /// Where the user made the device: the jobs' spawn location.
    location: &'static Location<'static>,
    refused: fn() -> io::Error,
}

/// What a job does.
type Work = Box<dyn FnOnce(&mut Memory) -> Done + Send>;

/// What a job has done.
#[derive(Debug)]
pub(crate) enum Done {
    Read(io::Result<()>),
    Write(io::Result<()>),
    Seek(io::Result<u64>),
    /// Other work, whose result is passed in another way.
    Other,
}

/// `bytes[start..end]` was read and not used. In the job of a write, it is all that is to be
/// written.
#[derive(Debug, Default)]
struct Memory {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl OnPool {
    /// For a device that was made at `location`. `refused` is the error when the runtime takes no
    /// more jobs.
    pub(crate) fn new(location: &'static Location<'static>, refused: fn() -> io::Error) -> OnPool {
        let memory = Memory::default();
        OnPool { job: None, memory, unreported: None, position: 0, location, refused }
    }

    /// Where the device was made.
    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Starts a job: idle before, busy after.
    ///
    /// # Panics
    ///
    /// Outside a runtime: still idle then.
    ///
    /// # Errors
    ///
    /// The runtime takes no more jobs.
    pub(crate) fn start<D: Send + Sync + 'static>(
        &mut self,
        device: &Arc<D>,
        work: impl FnOnce(&D) -> Done + Send + 'static,
    ) -> io::Result<()> {
        self.start_with_memory(device, false, move |device, _| work(device))
    }

    /// [`start`](OnPool::start) for a write (rule 5).
    pub(crate) fn start_write<D: Send + Sync + 'static>(
        &mut self,
        device: &Arc<D>,
        work: impl FnOnce(&D) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        self.start_with_memory(device, true, move |device, _| Done::Write(work(device)))
    }

    fn start_with_memory<D: Send + Sync + 'static>(
        &mut self,
        device: &Arc<D>,
        mandatory: bool,
        work: impl FnOnce(&D, &mut Memory) -> Done + Send + 'static,
    ) -> io::Result<()> {
        let device = Arc::clone(device);
        self.submit(mandatory, Box::new(move |memory| work(&device, memory)))
    }

    /// The work is boxed, so that there is one type of job, and the program holds the life of a job
    /// once.
    fn submit(&mut self, mandatory: bool, work: Work) -> io::Result<()> {
        debug_assert!(self.job.is_none(), "rule 1");
        context::expect_current(|handle| {
            let mut memory = std::mem::take(&mut self.memory);
            let job = move || {
                // The device is gone with the work.
                let done = work(&mut memory);
                (memory, done)
            };
            let submitted = handle.try_spawn_blocking(job, self.location, mandatory);
            self.job = Some(submitted.ok_or_else(self.refused)?);
            Ok(())
        })
    }

    /// Whether the device is idle and at the caller's position (rule 4).
    pub(crate) fn is_in_place(&self) -> bool {
        self.job.is_none() && self.memory.unread() == 0
    }

    /// Waits for the running job, if any, and returns its result.
    ///
    /// # Errors
    ///
    /// The job did not run, or panicked.
    pub(crate) fn poll_job(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Done>> {
        let Some(job) = &mut self.job else { return Poll::Ready(Ok(Done::Other)) };
        let result = ready!(Pin::new(job).poll(cx));
        self.job = None;
        let Ok((memory, done)) = result else { return Poll::Ready(Err(lost())) };
        self.memory = memory;
        Poll::Ready(Ok(match done {
            Done::Write(result) => {
                self.unreported = result.err();
                Done::Other
            }
            Done::Seek(Ok(position)) => {
                self.position = position;
                done
            }
            _ => done,
        }))
    }

    /// Waits until idle, and keeps an error for [`poll_written`](OnPool::poll_written).
    pub(crate) fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Err(error) = ready!(self.poll_job(cx)) {
            self.unreported = Some(error);
        }
        Poll::Ready(())
    }

    /// Waits until everything is written, and returns the error of a failed write.
    pub(crate) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_settled(cx));
        Poll::Ready(self.unreported.take().map_or(Ok(()), Err))
    }

    /// Reads once, at most so many bytes.
    pub(crate) fn poll_read<D>(
        &mut self,
        device: &Arc<D>,
        most: usize,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>>
    where
        D: Send + Sync + 'static,
        for<'a> &'a D: Read,
    {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            if let Done::Read(result) = ready!(self.poll_job(cx))? {
                self.memory.give(buf);
                return Poll::Ready(result);
            }
            if self.memory.unread() > 0 {
                let unit = ready!(coop::poll_proceed(cx));
                self.memory.give(buf);
                unit.made_progress();
                return Poll::Ready(Ok(()));
            }
            let most = most.min(buf.remaining());
            self.start_with_memory(device, false, move |device, memory| {
                Done::Read(memory.read(device, most))
            })?;
        }
    }

    /// Takes at most so many bytes and starts to write them. Nothing may be unread (rule 4).
    pub(crate) fn poll_write<D>(
        &mut self,
        device: &Arc<D>,
        most: usize,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>
    where
        D: Send + Sync + 'static,
        for<'a> &'a D: Write,
    {
        ready!(self.poll_written(cx))?;
        let taken = self.memory.take(pieces, most);
        if taken > 0 {
            self.start_with_memory(device, true, |mut device, memory| {
                let result = device.write_all(&memory.bytes[..memory.end]);
                memory.end = 0;
                Done::Write(result)
            })?;
        }
        Poll::Ready(Ok(taken))
    }

    /// Waits until the device is idle and at the caller's position, with nothing unread.
    pub(crate) fn poll_give_back<D>(
        &mut self,
        device: &Arc<D>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>>
    where
        D: Send + Sync + 'static,
        for<'a> &'a D: Seek,
    {
        loop {
            ready!(self.poll_settled(cx));
            if self.memory.unread() == 0 {
                return Poll::Ready(Ok(()));
            }
            self.start_with_memory(device, false, |device, memory| {
                match memory.give_back(device) {
                    Ok(()) => Done::Other,
                    Err(error) => Done::Seek(Err(error)),
                }
            })?;
            if let Done::Seek(result) = ready!(self.poll_job(cx))? {
                return Poll::Ready(result.map(|_| ()));
            }
        }
    }

    /// Starts to move.
    ///
    /// # Errors
    ///
    /// A job runs: [`poll_complete`](OnPool::poll_complete) first. Or the runtime takes no more
    /// jobs.
    pub(crate) fn start_seek<D>(&mut self, device: &Arc<D>, to: SeekFrom) -> io::Result<()>
    where
        D: Send + Sync + 'static,
        for<'a> &'a D: Seek,
    {
        if self.job.is_some() {
            return Err(io::Error::other(messages::SEEK_WHILE_BUSY));
        }
        self.start_with_memory(device, false, move |mut device, memory| {
            Done::Seek(memory.give_back(device).and_then(|()| device.seek(to)))
        })
    }

    /// Waits until idle. Returns the result of the seek in progress, or the position after the last
    /// one.
    pub(crate) fn poll_complete(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        match ready!(self.poll_job(cx))? {
            Done::Seek(result) => Poll::Ready(result),
            _ => Poll::Ready(Ok(self.position)),
        }
    }
}

impl Memory {
    fn unread(&self) -> usize {
        self.end - self.start
    }

    fn give(&mut self, buf: &mut ReadBuf<'_>) {
        let n = buf.remaining().min(self.unread());
        buf.put_slice(&self.bytes[self.start..][..n]);
        self.start += n;
    }

    /// Reads once, at most so many bytes; nothing is unread before.
    fn read(&mut self, mut device: impl Read, most: usize) -> io::Result<()> {
        self.start = 0;
        self.end = 0;
        if self.bytes.len() < most {
            // A new vector: growing the old one would copy bytes that are not needed.
            self.bytes = vec![0; most];
        }
        loop {
            match device.read(&mut self.bytes[..most]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(n) => {
                    self.end = n;
                    return Ok(());
                }
            }
        }
    }

    /// Takes as many bytes of the pieces as allowed, and replaces the former content.
    fn take(&mut self, pieces: &[IoSlice<'_>], most: usize) -> usize {
        debug_assert_eq!(self.unread(), 0, "rule 4");
        self.start = 0;
        self.end = 0;
        for piece in pieces {
            let piece = &piece[..piece.len().min(most - self.end)];
            // Overwrites the memory of an earlier read, and appends the rest.
            let (over, beyond) = piece.split_at(piece.len().min(self.bytes.len() - self.end));
            self.bytes[self.end..][..over.len()].copy_from_slice(over);
            self.bytes.extend_from_slice(beyond);
            self.end += piece.len();
        }
        self.end
    }

    /// Moves the device back over unread bytes, which are then discarded.
    fn give_back(&mut self, mut device: impl Seek) -> io::Result<()> {
        let unread = self.unread();
        if unread > 0 {
            // A vector has at most `isize::MAX` bytes.
            device.seek(SeekFrom::Current(-(unread as i64)))?;
            self.start = self.end;
        }
        Ok(())
    }
}

/// The job did not run, or panicked.
#[cold]
pub(crate) fn lost() -> io::Error {
    io::Error::other(messages::JOB_LOST)
}

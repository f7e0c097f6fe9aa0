//! Readers, writers, iterators and seekers that block, behind async traits.
//!
//! # Shape
//!
//! The value is *at home*, in the [`Unblock`], or *lent*: a task of the blocking pool has it, and a
//! pipe (bytes) or a channel (items) connects the two. A reader's task reads ahead until the pipe
//! is full, a writer's writes what is in the pipe. Each operation either goes on with the work that
//! the value was lent for, or calls the value home first ([`Unblock::poll_home`]): it closes its
//! end of the pipe, upon which the task comes to an end and hands the value back.
//!
//! # Invariants
//!
//! 1. The value is in one place. It is `AtHome(None)` only after it was taken out for good.
//! 2. `Lent` ends only with the value back at home, also where the task has an error to report: the
//!    error is returned once, after that.

use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_channel::{Receiver, bounded};
use async_task::Task;
use futures_core::Stream;
use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};
use piper::{Reader, Writer, pipe};
use process_runtime::spawn_on_blocking_threads as spawn;

/// The capacity of a pipe, in bytes, if none is given.
const BYTES: usize = 8 * 1024 * 1024;
/// The capacity of a channel, in items, if none is given.
const ITEMS: usize = 8 * 1024;

const TAKEN: &str = "the value of this `Unblock` was taken out: it was closed";

/// A value whose operations block, used from async code.
///
/// Its operations run on threads that may block. It is an [`AsyncRead`], [`AsyncWrite`],
/// [`AsyncSeek`] or [`Stream`] if the value is a [`Read`], [`Write`], [`Seek`] or [`Iterator`].
///
/// Reads are ahead of you: up to the capacity of a pipe between you and the thread. So a dropped
/// `Unblock` may have read what nobody will see, and a file's position is where the thread is, not
/// where you are. Writes come after you: flush before you drop it, or the rest may be lost.
///
/// # Examples
///
/// ```
/// use blocking::Unblock;
/// use futures_lite::AsyncWriteExt;
///
/// # futures_lite::future::block_on(async {
/// let mut out = Unblock::new(Vec::new());
/// out.write_all(b"text").await?;
/// out.flush().await?;
/// assert_eq!(out.into_inner().await, b"text");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct Unblock<T> {
    place: Place<T>,
    capacity: Option<usize>,
}

/// Where the value is.
enum Place<T> {
    AtHome(Option<Box<T>>),
    Lent(Work<T>),
}

/// What the value is lent for. An end of a pipe that is `None` has been closed.
enum Work<T> {
    Call(Task<Box<T>>),
    /// The receiver is a `Receiver<T::Item>`.
    Items(Option<Box<dyn Any + Send + Sync>>, Task<Box<T>>),
    Reads(Option<Reader>, Task<(io::Result<()>, Box<T>)>),
    Writes(Option<Writer>, Task<(io::Result<()>, Box<T>)>),
    Seek(SeekFrom, Task<(io::Result<u64>, Box<T>)>),
}

impl<T> Work<T> {
    /// Closes this end of the pipe, and waits for the value and for what there is to report.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<(io::Result<()>, Box<T>)> {
        Poll::Ready(match self {
            Work::Call(task) => (Ok(()), ready!(Pin::new(task).poll(cx))),
            Work::Items(receiver, task) => {
                drop(receiver.take());
                (Ok(()), ready!(Pin::new(task).poll(cx)))
            }
            Work::Reads(reader, task) => {
                drop(reader.take());
                ready!(Pin::new(task).poll(cx))
            }
            Work::Writes(writer, task) => {
                drop(writer.take());
                ready!(Pin::new(task).poll(cx))
            }
            Work::Seek(_, task) => {
                let (at, value) = ready!(Pin::new(task).poll(cx));
                (at.map(drop), value)
            }
        })
    }
}

impl<T> Unblock<T> {
    /// Wraps a value. The pipe holds 8 MiB, or 8192 items of an iterator.
    ///
    /// # Examples
    ///
    /// ```
    /// let stdin = blocking::Unblock::new(std::io::stdin());
    /// ```
    pub fn new(io: T) -> Unblock<T> {
        Unblock { place: Place::AtHome(Some(Box::new(io))), capacity: None }
    }

    /// Wraps a value, with a pipe of `cap` bytes, or `cap` items of an iterator.
    ///
    /// # Examples
    ///
    /// ```
    /// let stdout = blocking::Unblock::with_capacity(64 * 1024, std::io::stdout());
    /// ```
    pub fn with_capacity(cap: usize, io: T) -> Unblock<T> {
        Unblock { capacity: Some(cap), ..Unblock::new(io) }
    }

    /// The value, once the thread has given it back. What it has to report is lost.
    ///
    /// # Panics
    ///
    /// If the `Unblock` was closed, or an operation panicked.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let mut list = blocking::Unblock::new(vec![1, 2]);
    /// list.get_mut().await.push(3);
    /// assert_eq!(list.into_inner().await, [1, 2, 3]);
    /// # });
    /// ```
    pub async fn get_mut(&mut self) -> &mut T {
        let _reported = poll_fn(|cx| self.poll_home(cx)).await;
        match &mut self.place {
            Place::AtHome(value) => value.as_mut().expect(TAKEN),
            Place::Lent(_) => unreachable!("called home"),
        }
    }

    /// Calls a closure with the value, on a thread that may block.
    ///
    /// # Panics
    ///
    /// If the closure panics, or the `Unblock` was closed.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let file = blocking::unblock(|| std::fs::File::open("Cargo.toml")).await?;
    /// let mut file = blocking::Unblock::new(file);
    /// assert!(file.with_mut(|file| file.metadata()).await?.is_file());
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub async fn with_mut<R, F>(&mut self, op: F) -> R
    where
        F: FnOnce(&mut T) -> R + Send + 'static,
        R: Send + 'static,
        T: Send + 'static,
    {
        let _reported = poll_fn(|cx| self.poll_home(cx)).await;
        let mut value = self.take();
        let (sender, receiver) = bounded(1);
        self.place = Place::Lent(Work::Call(spawn(async move {
            // If nobody waits any more, the result is dropped here.
            let _ = sender.try_send(op(&mut value));
            value
        })));
        receiver.recv().await.expect("`Unblock::with_mut()` operation has panicked")
    }

    /// Takes the value out, once the thread has given it back. What it has to report is lost.
    ///
    /// # Panics
    ///
    /// If the `Unblock` was closed, or an operation panicked.
    ///
    /// # Examples
    ///
    /// See [`Unblock`].
    pub async fn into_inner(self) -> T {
        let mut this = self;
        let _reported = poll_fn(|cx| this.poll_home(cx)).await;
        *this.take()
    }

    /// Calls the value home. Returns what its last work had to report.
    fn poll_home(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Place::Lent(work) = &mut self.place else { return Poll::Ready(Ok(())) };
        let (report, value) = ready!(work.poll_end(cx));
        self.place = Place::AtHome(Some(value));
        Poll::Ready(report)
    }

    /// Takes the value, which is at home, to be lent.
    fn take(&mut self) -> Box<T> {
        match &mut self.place {
            Place::AtHome(value) => value.take().expect(TAKEN),
            Place::Lent(_) => unreachable!("called home"),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Unblock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Unblock");
        match &self.place {
            Place::AtHome(Some(value)) => shown.field("io", value),
            Place::AtHome(None) => shown.field("io", &format_args!("<closed>")),
            Place::Lent(_) => shown.field("io", &format_args!("<blocked>")),
        };
        shown.finish()
    }
}

impl<T: Iterator + Send + 'static> Stream for Unblock<T>
where
    T::Item: Send + 'static,
{
    type Item = T::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T::Item>> {
        loop {
            if let Place::Lent(Work::Items(Some(receiver), _)) = &mut self.place {
                let receiver = receiver.downcast_mut::<Pin<Box<Receiver<T::Item>>>>();
                let receiver = receiver.expect("made for this iterator");
                let item = ready!(receiver.as_mut().poll_next(cx));
                if item.is_none() {
                    // The end. A panic of the iterator shows here.
                    let _nothing_to_report = ready!(self.poll_home(cx));
                }
                return Poll::Ready(item);
            }
            if let Place::Lent(_) = self.place {
                // An iterator cannot report what a reader or writer had to.
                let _reported = ready!(self.poll_home(cx));
            }
            let mut iterator = self.take();
            let (sender, receiver) = bounded(self.capacity.unwrap_or(ITEMS));
            let task = spawn(async move {
                for item in &mut iterator {
                    if sender.send(item).await.is_err() {
                        break;
                    }
                }
                iterator
            });
            self.place = Place::Lent(Work::Items(Some(Box::new(Box::pin(receiver))), task));
        }
    }
}

impl<T: Read + Send + 'static> AsyncRead for Unblock<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            if let Place::Lent(Work::Reads(Some(reader), _)) = &mut self.place {
                let n = ready!(reader.poll_drain(cx, &mut *buf))?;
                if n == 0 && !buf.is_empty() {
                    // The end, or an error.
                    ready!(self.poll_home(cx))?;
                }
                return Poll::Ready(Ok(n));
            }
            ready!(self.poll_home(cx))?;
            let mut value = self.take();
            let (reader, mut writer) = pipe(self.capacity.unwrap_or(BYTES));
            let task = spawn(async move {
                loop {
                    match poll_fn(|cx| writer.poll_fill(cx, &mut *value)).await {
                        Ok(1..) => {}
                        ended => return (ended.map(drop), value),
                    }
                }
            });
            self.place = Place::Lent(Work::Reads(Some(reader), task));
        }
    }
}

impl<T: Write + Send + 'static> AsyncWrite for Unblock<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            if let Place::Lent(Work::Writes(Some(writer), _)) = &mut self.place {
                return writer.poll_fill(cx, buf);
            }
            ready!(self.poll_home(cx))?;
            let mut value = self.take();
            let (mut reader, writer) = pipe(self.capacity.unwrap_or(BYTES));
            let task = spawn(async move {
                loop {
                    match poll_fn(|cx| reader.poll_drain(cx, &mut *value)).await {
                        Ok(1..) => {}
                        Ok(0) => return (value.flush(), value),
                        Err(error) => {
                            // The first error is what is reported.
                            let _ = value.flush();
                            return (Err(error), value);
                        }
                    }
                }
            });
            self.place = Place::Lent(Work::Writes(Some(writer), task));
        }
    }

    /// A value that is at home has been flushed.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_home(cx)
    }

    /// Flushes, and drops the value.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_home(cx))?;
        drop(mem::replace(&mut self.place, Place::AtHome(None)));
        Poll::Ready(Ok(()))
    }
}

impl<T: Seek + Send + 'static> AsyncSeek for Unblock<T> {
    fn poll_seek(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pos: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        loop {
            if let Place::Lent(Work::Seek(to, task)) = &mut self.place {
                let to = *to;
                let (at, value) = ready!(Pin::new(task).poll(cx));
                self.place = Place::AtHome(Some(value));
                let at = at?;
                // Else it is of an earlier call, which was given up.
                if to == pos {
                    return Poll::Ready(Ok(at));
                }
            }
            ready!(self.poll_home(cx))?;
            let mut value = self.take();
            let task = spawn(async move { (value.seek(pos), value) });
            self.place = Place::Lent(Work::Seek(pos, task));
        }
    }
}

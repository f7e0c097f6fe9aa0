//! A device that blocks, used by jobs of the blocking pool.
//!
//! # States
//!
//! ```text
//!            start (a read, a write, a flush)
//!   Idle  ------------------------------------->  Busy
//!     ^   <-------------------------------------    |
//!           the job gives the device back           | the job did not run, or panicked
//!                                                   v
//!                                                  Lost
//! ```
//!
//! # Rules
//!
//! 1. The device and its buffer are in one place: here while idle, in the job while busy. So there is
//!    one job at a time, and what is written keeps its order.
//! 2. A caller that gives up leaves the job as it is. What it reads is kept for the next read, what
//!    it writes was taken before, and its error goes to the next operation.
//! 3. The bytes cross through the buffer, since the caller's memory is his again when he gives up.

use std::io::{self, Read, Write};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::engine::coop;
use crate::engine::text;
use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use crate::runtime::context;
use crate::task::JoinHandle;

/// The most bytes that one job reads or writes.
const MOST_BYTES: usize = 2 * 1024 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct OnPool<T> {
    state: State<T>,
    /// Something was written since the last flush.
    unflushed: bool,
    /// Jobs run even if the runtime is shut down before they have begun.
    mandatory: bool,
}

#[derive(Debug)]
enum State<T> {
    Idle(Idle<T>),
    Busy(JoinHandle<(Idle<T>, io::Result<()>)>),
    Lost,
}

#[derive(Debug)]
struct Idle<T> {
    device: T,
    /// `memory[start..end]` was read and not used. For writing, it is all that is to be written.
    memory: Vec<u8>,
    start: usize,
    end: usize,
    /// A read was made and nobody was told: without bytes, that the end has come.
    answered: bool,
}

impl<T> OnPool<T> {
    pub(super) fn new(device: T) -> OnPool<T> {
        let idle = Idle { device, memory: Vec::new(), start: 0, end: 0, answered: false };
        OnPool { state: State::Idle(idle), unflushed: false, mandatory: false }
    }

    pub(super) fn mandatory(device: T) -> OnPool<T> {
        OnPool { mandatory: true, ..OnPool::new(device) }
    }

    /// Waits for the job that runs, if any; its error is given once.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&mut Idle<T>>> {
        if let State::Busy(job) = &mut self.state {
            match ready!(Pin::new(job).poll(cx)) {
                Ok((idle, result)) => {
                    self.state = State::Idle(idle);
                    result?;
                }
                Err(_) => self.state = State::Lost,
            }
        }
        Poll::Ready(match &mut self.state {
            State::Idle(idle) => Ok(idle),
            _ => Err(io::Error::other(text::DEVICE_LOST)),
        })
    }

    /// Starts a job; idle before, busy after.
    ///
    /// # Panics
    ///
    /// Outside of a runtime: still idle then.
    #[track_caller]
    fn start(&mut self, work: impl FnOnce(&mut Idle<T>) -> io::Result<()> + Send + 'static)
    where
        T: Send + 'static,
    {
        let location = Location::caller();
        context::expect_current(|handle| {
            let State::Idle(mut idle) = std::mem::replace(&mut self.state, State::Lost) else {
                return;
            };
            let job = move || {
                let result = work(&mut idle);
                (idle, result)
            };
            self.state = State::Busy(if self.mandatory {
                handle.spawn_mandatory_blocking(job, location)
            } else {
                handle.spawn_blocking_at(job, None, location)
            });
        });
    }
}

impl<T> Idle<T> {
    /// Reads once, at most so many bytes.
    fn read(&mut self, most: usize) -> io::Result<()>
    where
        T: Read,
    {
        self.start = 0;
        self.end = 0;
        if self.memory.len() < most {
            self.memory.resize(most, 0);
        }
        self.end = loop {
            match self.device.read(&mut self.memory[..most]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.answered = true;
        Ok(())
    }
}

impl<T: Read + Send + Unpin + 'static> AsyncRead for OnPool<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            let idle = ready!(self.poll_idle(cx))?;
            if idle.answered || idle.start < idle.end {
                let unit = ready!(coop::poll_proceed(cx));
                let n = buf.remaining().min(idle.end - idle.start);
                buf.put_slice(&idle.memory[idle.start..][..n]);
                idle.start += n;
                idle.answered = false;
                unit.made_progress();
                return Poll::Ready(Ok(()));
            }
            let most = buf.remaining().min(MOST_BYTES);
            self.start(move |idle| idle.read(most));
        }
    }
}

impl<T: Write + Send + Unpin + 'static> AsyncWrite for OnPool<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let idle = ready!(self.poll_idle(cx))?;
        let piece = whole_characters(buf, MOST_BYTES);
        if piece.is_empty() {
            return Poll::Ready(Ok(0));
        }
        idle.memory.clear();
        idle.memory.extend_from_slice(piece);
        self.start(|idle| idle.device.write_all(&idle.memory));
        self.unflushed = true;
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_idle(cx))?;
            if !self.unflushed {
                return Poll::Ready(Ok(()));
            }
            self.start(|idle| idle.device.flush());
            self.unflushed = false;
        }
    }

    /// A standard stream is not closed: others in the process use it.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

/// The longest start of `bytes` within `limit` that does not cut a character apart: a console that
/// wants text refuses half a character. Bytes that are no text lose no more than three of them to
/// the next write.
fn whole_characters(bytes: &[u8], limit: usize) -> &[u8] {
    if bytes.len() <= limit {
        return bytes;
    }
    let bytes = &bytes[..limit];
    // The last byte that can begin a character, among those whose character may go on.
    let begins = |byte: &u8| !matches!(byte, 0x80..=0xBF);
    let last = bytes.iter().rev().take(4).position(begins);
    let Some(behind) = last else { return bytes };
    let start = limit - 1 - behind;
    let size = match bytes[start] {
        0xF0..=0xF4 => 4,
        0xE0..=0xEF => 3,
        0xC2..=0xDF => 2,
        _ => 1,
    };
    if start > 0 && start + size > limit { &bytes[..start] } else { bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_is_cut_apart() {
        for text in ["aaaaaaaa", "ääää", "€€€", "😀😀", "a😀ä€b😀"] {
            for limit in 4..text.len() {
                let piece = whole_characters(text.as_bytes(), limit);
                assert!(piece.len() + 4 > limit && piece.len() <= limit);
                assert!(std::str::from_utf8(piece).is_ok(), "{text} at {limit}");
            }
            assert_eq!(whole_characters(text.as_bytes(), 100), text.as_bytes());
        }
    }

    #[test]
    fn bytes_that_are_no_text_go_on() {
        for byte in 0..=255_u8 {
            let bytes = [byte; 10];
            assert!(whole_characters(&bytes, 8).len() >= 5);
            assert!(!whole_characters(&bytes, 1).is_empty());
        }
    }
}

//! A reader and a writer that do what a script says.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use runtime::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that stay for as long as the process; a script needs such. They stay reachable, so that
/// they are no leak to those who look for one.
pub fn kept(bytes: Vec<u8>) -> &'static [u8] {
    static KEPT: Mutex<Vec<&'static [u8]>> = Mutex::new(Vec::new());
    let bytes: &'static [u8] = bytes.leak();
    KEPT.lock().unwrap().push(bytes);
    bytes
}

/// What a [`Reader`] does at a poll.
#[derive(Clone, Debug)]
pub enum Read {
    /// Gives these bytes (as many as fit; the rest at the next poll).
    Give(&'static [u8]),
    /// Is not ready once; wakes the task at once.
    Wait,
    /// Fails once.
    Fail(ErrorKind),
    /// Is never ready again.
    Stuck,
}

/// Reads what its script says; after that, the end.
#[derive(Debug, Default)]
pub struct Reader {
    script: VecDeque<Read>,
    /// How often it was asked.
    pub polls: usize,
}

impl Reader {
    pub fn new(script: impl IntoIterator<Item = Read>) -> Reader {
        Reader { script: script.into_iter().collect(), polls: 0 }
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.polls += 1;
        match self.script.front_mut() {
            None => Poll::Ready(Ok(())),
            Some(Read::Give(bytes)) => {
                let n = bytes.len().min(buf.remaining());
                buf.put_slice(&bytes[..n]);
                *bytes = &bytes[n..];
                if bytes.is_empty() {
                    self.script.pop_front();
                }
                Poll::Ready(Ok(()))
            }
            Some(Read::Wait) => {
                self.script.pop_front();
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Read::Fail(kind)) => {
                let kind = *kind;
                self.script.pop_front();
                Poll::Ready(Err(kind.into()))
            }
            Some(Read::Stuck) => Poll::Pending,
        }
    }
}

/// What a [`Writer`] does at a poll of its writing.
#[derive(Clone, Debug)]
pub enum Write {
    /// Takes at most so many bytes.
    Take(usize),
    /// Is not ready once; wakes the task at once.
    Wait,
    /// Fails once.
    Fail(ErrorKind),
    /// Is never ready again.
    Stuck,
}

/// What happened to a [`Writer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Wrote(Vec<u8>),
    Flushed,
    ShutDown,
}

/// Takes what its script says; after that, everything.
#[derive(Debug, Default)]
pub struct Writer {
    script: VecDeque<Write>,
    /// What happened.
    pub events: Vec<Event>,
}

impl Writer {
    pub fn new(script: impl IntoIterator<Item = Write>) -> Writer {
        Writer { script: script.into_iter().collect(), events: Vec::new() }
    }

    /// All that was written.
    pub fn written(&self) -> Vec<u8> {
        let pieces = self.events.iter().map(|event| match event {
            Event::Wrote(bytes) => &bytes[..],
            _ => &[],
        });
        pieces.collect::<Vec<_>>().concat()
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let n = match self.script.front() {
            None => buf.len(),
            Some(Write::Take(n)) => buf.len().min(*n),
            Some(Write::Wait) => {
                self.script.pop_front();
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Write::Fail(kind)) => {
                let kind = *kind;
                self.script.pop_front();
                return Poll::Ready(Err(kind.into()));
            }
            Some(Write::Stuck) => return Poll::Pending,
        };
        self.script.pop_front();
        self.events.push(Event::Wrote(buf[..n].to_vec()));
        Poll::Ready(Ok(n))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.events.push(Event::Flushed);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.events.push(Event::ShutDown);
        Poll::Ready(Ok(()))
    }
}

//! Streams with nothing behind them: [`empty`], [`repeat`], [`sink`].
//!
//! They are always ready, so a task that uses them would never yield: each poll spends a unit of
//! the cooperative budget.

use std::fmt;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use crate::engine::coop;

/// Returns `value`, and spends a unit of the budget.
#[inline]
fn ready_for_a_unit<T>(cx: &mut Context<'_>, value: T) -> Poll<io::Result<T>> {
    ready!(coop::poll_proceed(cx)).made_progress();
    Poll::Ready(Ok(value))
}

/// A stream that is always at its end, and takes every write. Made by [`empty`].
///
/// # Examples
///
/// See [`empty`].
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct Empty;

/// Makes a stream that is at its end from the first read on, and that takes and discards every
/// write.
///
/// # Examples
///
/// ```
/// use runtime::io::{self, AsyncReadExt};
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut text = String::new();
/// assert_eq!(io::empty().read_to_string(&mut text).await?, 0);
/// # Ok(())
/// # }
/// ```
pub fn empty() -> Empty {
    Empty
}

impl fmt::Debug for Empty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Empty { .. }")
    }
}

impl AsyncRead for Empty {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready_for_a_unit(cx, ())
    }
}

impl AsyncBufRead for Empty {
    #[inline]
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        ready_for_a_unit(cx, &[])
    }

    #[inline]
    fn consume(self: Pin<&mut Self>, _: usize) {}
}

impl AsyncSeek for Empty {
    #[inline]
    fn start_seek(self: Pin<&mut Self>, _: SeekFrom) -> io::Result<()> {
        Ok(())
    }

    #[inline]
    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        ready_for_a_unit(cx, 0)
    }
}

/// A writer that takes every write. Made by [`sink`].
///
/// # Examples
///
/// See [`sink`].
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct Sink;

/// Makes a writer that takes and discards every write.
///
/// # Examples
///
/// ```
/// use runtime::io::{self, AsyncWriteExt};
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// assert_eq!(io::sink().write(&[0; 100]).await?, 100);
/// # Ok(())
/// # }
/// ```
pub fn sink() -> Sink {
    Sink
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Sink { .. }")
    }
}

macro_rules! forget_what_is_written {
    ($($writer:ty)*) => { $(
        impl AsyncWrite for $writer {
            #[inline]
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                ready_for_a_unit(cx, buf.len())
            }

            #[inline]
            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                ready_for_a_unit(cx, bufs.iter().map(|buf| buf.len()).sum())
            }

            #[inline]
            fn is_write_vectored(&self) -> bool {
                true
            }

            #[inline]
            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                ready_for_a_unit(cx, ())
            }

            #[inline]
            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                ready_for_a_unit(cx, ())
            }
        }
    )* };
}

forget_what_is_written!(Empty Sink);

/// A reader that repeats one byte for ever. Made by [`repeat`].
///
/// # Examples
///
/// See [`repeat`].
#[derive(Debug)]
pub struct Repeat {
    byte: u8,
}

/// Makes a reader that gives `byte` for ever.
///
/// # Examples
///
/// ```
/// use runtime::io::{self, AsyncReadExt};
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut buf = [0; 3];
/// io::repeat(b'z').read_exact(&mut buf).await?;
/// assert_eq!(&buf, b"zzz");
/// # Ok(())
/// # }
/// ```
pub fn repeat(byte: u8) -> Repeat {
    Repeat { byte }
}

impl AsyncRead for Repeat {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(ready_for_a_unit(cx, ()))?;
        buf.fill_with(self.byte);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::coop::Budget;
    use crate::io::duplex;
    use std::task::Waker;

    /// How many polls are ready before the budget is spent.
    fn ready_polls<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> usize {
        let _reset = coop::set(Budget::UNTIMED);
        let mut cx = Context::from_waker(Waker::noop());
        (0..1_000).take_while(|_| poll(&mut cx).is_ready()).count()
    }

    #[test]
    fn what_is_always_ready_spends_the_budget() {
        let mut memory = [0; 1];
        let mut read = |poll: &mut dyn FnMut(&mut Context<'_>, &mut ReadBuf<'_>) -> bool| {
            ready_polls(|cx| match poll(cx, &mut ReadBuf::new(&mut memory)) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            })
        };
        let (mut empty, mut repeat, mut sink) = (empty(), repeat(1), sink());
        assert_eq!(read(&mut |cx, buf| Pin::new(&mut empty).poll_read(cx, buf).is_ready()), 128);
        assert_eq!(read(&mut |cx, buf| Pin::new(&mut repeat).poll_read(cx, buf).is_ready()), 128);
        assert_eq!(ready_polls(|cx| Pin::new(&mut empty).poll_fill_buf(cx).map(drop)), 128);
        assert_eq!(ready_polls(|cx| Pin::new(&mut empty).poll_complete(cx)), 128);
        assert_eq!(ready_polls(|cx| Pin::new(&mut empty).poll_write(cx, b"x")), 128);
        assert_eq!(ready_polls(|cx| Pin::new(&mut sink).poll_write(cx, b"x")), 128);
        assert_eq!(ready_polls(|cx| Pin::new(&mut sink).poll_flush(cx)), 128);
        let (mut near, mut far) = duplex(1_000);
        assert_eq!(ready_polls(|cx| Pin::new(&mut near).poll_write(cx, b"x")), 128);
        assert_eq!(read(&mut |cx, buf| Pin::new(&mut far).poll_read(cx, buf).is_ready()), 128);
    }

    #[test]
    fn a_wait_costs_nothing() {
        let _reset = coop::set(Budget::FULL);
        let (_near, mut far) = duplex(1);
        let mut memory = [0; 1];
        for _ in 0..1_000 {
            let mut cx = Context::from_waker(Waker::noop());
            let read = Pin::new(&mut far).poll_read(&mut cx, &mut ReadBuf::new(&mut memory));
            assert!(read.is_pending());
        }
        assert!(coop::has_budget_remaining());
    }
}

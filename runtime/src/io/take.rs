//! A reader with a limit.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::{AsyncBufRead, AsyncRead, ReadBuf};

pin_project! {
    /// The first bytes of a reader: see [`AsyncReadExt::take`](super::AsyncReadExt::take).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::io::AsyncReadExt;
    ///
    /// let mut body = b"0123456789"[..].take(4);
    /// let mut text = String::new();
    /// body.read_to_string(&mut text).await?;
    /// assert_eq!((text.as_str(), body.limit()), ("0123", 0));
    /// body.set_limit(2);
    /// assert_eq!(body.get_ref(), b"456789");
    /// *body.get_mut() = b"ab";
    /// assert_eq!(body.into_inner(), b"ab");
    /// # Ok(())
    /// # }
    /// ```
    #[derive(Debug)]
    #[must_use = "readers do nothing unless they are read from"]
    pub struct Take<R> {
        #[pin]
        inner: R,
        left: u64,
    }
}

impl<R> Take<R> {
    pub(super) fn new(inner: R, limit: u64) -> Take<R> {
        Take { inner, left: limit }
    }

    /// How many bytes may still be read. The reader may end earlier.
    ///
    /// # Examples
    ///
    /// See [`Take`].
    pub fn limit(&self) -> u64 {
        self.left
    }

    /// Sets how many bytes may be read from now on, whatever was read before.
    ///
    /// # Examples
    ///
    /// See [`Take`].
    pub fn set_limit(&mut self, limit: u64) {
        self.left = limit;
    }

    /// The reader.
    ///
    /// # Examples
    ///
    /// See [`Take`].
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The reader, mutably. What is read from it directly does not count.
    ///
    /// # Examples
    ///
    /// See [`Take`].
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The reader, pinned. What is read from it directly does not count.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    /// use runtime::io::AsyncReadExt;
    ///
    /// let mut body = pin!(b"0123"[..].take(2));
    /// *body.as_mut().get_pin_mut() = b"other";
    /// assert_eq!(body.get_ref(), b"other");
    /// ```
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut R> {
        self.project().inner
    }

    /// Gives the reader back.
    ///
    /// # Examples
    ///
    /// See [`Take`].
    pub fn into_inner(self) -> R {
        self.inner
    }
}

/// A limit as a length of a slice.
fn at_most(left: u64) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX)
}

impl<R: AsyncRead> AsyncRead for Take<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.project();
        // At the limit the reader is not asked: it might wait.
        if *this.left > 0 {
            let read = |part: &mut ReadBuf<'_>| this.inner.poll_read(cx, part);
            *this.left -= ready!(buf.poll_at_most(at_most(*this.left), read))? as u64;
        }
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncBufRead> AsyncBufRead for Take<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.project();
        if *this.left == 0 {
            return Poll::Ready(Ok(&[]));
        }
        let buffer = ready!(this.inner.poll_fill_buf(cx))?;
        Poll::Ready(Ok(&buffer[..buffer.len().min(at_most(*this.left))]))
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        let this = self.project();
        let amt = amt.min(at_most(*this.left));
        *this.left -= amt as u64;
        this.inner.consume(amt);
    }
}

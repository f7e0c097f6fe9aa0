//! One reader after another.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::{AsyncBufRead, AsyncRead, ReadBuf};

pin_project! {
    /// Two readers in a row: see [`AsyncReadExt::chain`](super::AsyncReadExt::chain).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::io::AsyncReadExt;
    ///
    /// let mut both = b"hello "[..].chain(&b"world"[..]);
    /// assert_eq!(both.get_ref().1.len(), 5);
    /// *both.get_mut().1 = b"there";
    /// let mut text = String::new();
    /// both.read_to_string(&mut text).await?;
    /// assert_eq!(text, "hello there");
    /// let (_first, _second) = both.into_inner();
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "readers do nothing unless they are read from"]
    pub struct Chain<T, U> {
        #[pin]
        first: T,
        #[pin]
        second: U,
        first_ended: bool,
    }
}

impl<T, U> Chain<T, U> {
    pub(super) fn new(first: T, second: U) -> Chain<T, U> {
        Chain { first, second, first_ended: false }
    }

    /// Both readers.
    ///
    /// # Examples
    ///
    /// See [`Chain`].
    pub fn get_ref(&self) -> (&T, &U) {
        (&self.first, &self.second)
    }

    /// Both readers, mutably. What is read from them directly is missing from the chain.
    ///
    /// # Examples
    ///
    /// See [`Chain`].
    pub fn get_mut(&mut self) -> (&mut T, &mut U) {
        (&mut self.first, &mut self.second)
    }

    /// Both readers, pinned.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    /// use runtime::io::AsyncReadExt;
    ///
    /// let mut both = pin!(b"a"[..].chain(&b"b"[..]));
    /// let (mut first, _second) = both.as_mut().get_pin_mut();
    /// *first = b"";
    /// assert!(both.get_ref().0.is_empty());
    /// ```
    pub fn get_pin_mut(self: Pin<&mut Self>) -> (Pin<&mut T>, Pin<&mut U>) {
        let this = self.project();
        (this.first, this.second)
    }

    /// Gives both readers back.
    ///
    /// # Examples
    ///
    /// See [`Chain`].
    pub fn into_inner(self) -> (T, U) {
        (self.first, self.second)
    }
}

impl<T: fmt::Debug, U: fmt::Debug> fmt::Debug for Chain<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("first", &self.first).field("second", &self.second).finish()
    }
}

impl<T: AsyncRead, U: AsyncRead> AsyncRead for Chain<T, U> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.project();
        if !*this.first_ended {
            let room = buf.remaining();
            ready!(this.first.poll_read(cx, buf))?;
            // A reader that is given no room gives no bytes: that is not the end.
            if room == 0 || buf.remaining() < room {
                return Poll::Ready(Ok(()));
            }
            *this.first_ended = true;
        }
        this.second.poll_read(cx, buf)
    }
}

impl<T: AsyncBufRead, U: AsyncBufRead> AsyncBufRead for Chain<T, U> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.project();
        if !*this.first_ended {
            match ready!(this.first.poll_fill_buf(cx))? {
                [] => *this.first_ended = true,
                buffer => return Poll::Ready(Ok(buffer)),
            }
        }
        this.second.poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        let this = self.project();
        if *this.first_ended { this.second.consume(amt) } else { this.first.consume(amt) }
    }
}

//! A buffered reader cut into lines or segments.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::AsyncBufRead;
use super::stretch::poll_stretch;

pin_project! {
    /// The segments of a reader that end with a delimiter. A part of the next segment is kept here
    /// until the rest has come, also if the caller drops its future in between.
    #[derive(Debug)]
    struct Stretches<R> {
        #[pin]
        reader: R,
        delimiter: u8,
        part: Vec<u8>,
        read: usize,
    }
}

/// One segment, without its delimiter.
struct Stretch {
    bytes: Vec<u8>,
    /// Whether it had a delimiter; the last one may not.
    ended: bool,
}

impl<R> Stretches<R> {
    fn new(reader: R, delimiter: u8) -> Stretches<R> {
        Stretches { reader, delimiter, part: Vec::new(), read: 0 }
    }
}

impl<R: AsyncBufRead> Stretches<R> {
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Option<Stretch>>> {
        let this = self.project();
        let part = &mut *this.part;
        ready!(poll_stretch(this.reader, cx, *this.delimiter, this.read, |piece| {
            part.extend_from_slice(piece);
        }))?;
        if part.is_empty() {
            return Poll::Ready(Ok(None));
        }
        let mut bytes = std::mem::take(part);
        let ended = pop_if_is(&mut bytes, *this.delimiter);
        Poll::Ready(Ok(Some(Stretch { bytes, ended })))
    }
}

/// Takes the last byte off, if it is `byte`.
fn pop_if_is(bytes: &mut Vec<u8>, byte: u8) -> bool {
    let is = bytes.last() == Some(&byte);
    if is {
        bytes.pop();
    }
    is
}

pin_project! {
    /// The lines of a reader: see [`AsyncBufReadExt::lines`](super::AsyncBufReadExt::lines).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::io::AsyncBufReadExt;
    ///
    /// let mut lines = b"one\ntwo\nthree"[..].lines();
    /// assert_eq!(lines.next_line().await?.as_deref(), Some("one"));
    /// assert_eq!(lines.get_ref(), b"two\nthree");
    /// *lines.get_mut() = b"2\n3";
    /// assert_eq!(lines.next_line().await?.as_deref(), Some("2"));
    /// assert_eq!(lines.into_inner(), b"3");
    /// # Ok(())
    /// # }
    /// ```
    #[derive(Debug)]
    #[must_use = "lines do nothing unless they are asked for"]
    pub struct Lines<R> {
        #[pin]
        stretches: Stretches<R>,
    }
}

impl<R> Lines<R> {
    pub(super) fn new(reader: R) -> Lines<R> {
        Lines { stretches: Stretches::new(reader, b'\n') }
    }

    /// The reader.
    ///
    /// # Examples
    ///
    /// See [`Lines`].
    pub fn get_ref(&self) -> &R {
        &self.stretches.reader
    }

    /// The reader, mutably. What is read from it directly is missing from the lines.
    ///
    /// # Examples
    ///
    /// See [`Lines`].
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.stretches.reader
    }

    /// Gives the reader back. A part of a line that was read already is lost.
    ///
    /// # Examples
    ///
    /// See [`Lines`].
    pub fn into_inner(self) -> R {
        self.stretches.reader
    }
}

impl<R: AsyncBufRead> Lines<R> {
    /// The next line, without its end (`\n` or `\r\n`); `None` when the stream has ended.
    ///
    /// # Errors
    ///
    /// Errors of the reader, and [`InvalidData`](io::ErrorKind::InvalidData) when the line is
    /// not valid UTF-8: the error holds the [`FromUtf8Error`](std::string::FromUtf8Error) with the
    /// line's bytes, and the next call gives the line after it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a part that was read is kept for the next call.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::AsyncBufReadExt;
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut lines = b"only one\n".lines();
    /// assert_eq!(lines.next_line().await?.as_deref(), Some("only one"));
    /// assert_eq!(lines.next_line().await?, None);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn next_line(&mut self) -> io::Result<Option<String>>
    where
        R: Unpin,
    {
        poll_fn(|cx| Pin::new(&mut *self).poll_next_line(cx)).await
    }

    /// The next line as a poll function: see [`next_line`](Lines::next_line).
    ///
    /// # Errors
    ///
    /// As for [`next_line`](Lines::next_line).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::future::poll_fn;
    /// use std::pin::pin;
    /// use runtime::io::AsyncBufReadExt;
    ///
    /// let mut lines = pin!(b"one\ntwo"[..].lines());
    /// let first = poll_fn(|cx| lines.as_mut().poll_next_line(cx)).await?;
    /// assert_eq!(first.as_deref(), Some("one"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn poll_next_line(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<String>>> {
        let Some(Stretch { bytes: mut line, ended }) =
            ready!(self.project().stretches.poll_next(cx))?
        else {
            return Poll::Ready(Ok(None));
        };
        if ended {
            pop_if_is(&mut line, b'\r');
        }
        let text = String::from_utf8(line);
        Poll::Ready(
            text.map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
        )
    }
}

pin_project! {
    /// The segments of a reader: see [`AsyncBufReadExt::split`](super::AsyncBufReadExt::split).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::io::AsyncBufReadExt;
    ///
    /// let mut fields = AsyncBufReadExt::split(&b"a,b"[..], b',');
    /// assert_eq!(fields.next_segment().await?.as_deref(), Some(&b"a"[..]));
    /// assert_eq!(fields.next_segment().await?.as_deref(), Some(&b"b"[..]));
    /// assert_eq!(fields.next_segment().await?, None);
    /// # Ok(())
    /// # }
    /// ```
    #[derive(Debug)]
    #[must_use = "segments do nothing unless they are asked for"]
    pub struct Split<R> {
        #[pin]
        stretches: Stretches<R>,
    }
}

impl<R> Split<R> {
    pub(super) fn new(reader: R, delimiter: u8) -> Split<R> {
        Split { stretches: Stretches::new(reader, delimiter) }
    }
}

impl<R: AsyncBufRead> Split<R> {
    /// The next segment, without its delimiter; `None` when the stream has ended.
    ///
    /// # Errors
    ///
    /// Errors of the reader.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a part that was read is kept for the next call.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::{AsyncBufReadExt, BufReader};
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut segments = BufReader::new(&b"a--b"[..]).split(b'-');
    /// assert_eq!(segments.next_segment().await?, Some(b"a".to_vec()));
    /// assert_eq!(segments.next_segment().await?, Some(b"".to_vec()));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn next_segment(&mut self) -> io::Result<Option<Vec<u8>>>
    where
        R: Unpin,
    {
        poll_fn(|cx| Pin::new(&mut *self).poll_next_segment(cx)).await
    }

    /// The next segment as a poll function: see [`next_segment`](Split::next_segment).
    ///
    /// # Errors
    ///
    /// As for [`next_segment`](Split::next_segment).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::future::poll_fn;
    /// use std::pin::pin;
    /// use runtime::io::AsyncBufReadExt;
    ///
    /// let mut fields = pin!(AsyncBufReadExt::split(&b"a,b"[..], b','));
    /// let first = poll_fn(|cx| fields.as_mut().poll_next_segment(cx)).await?;
    /// assert_eq!(first.as_deref(), Some(&b"a"[..]));
    /// # Ok(())
    /// # }
    /// ```
    pub fn poll_next_segment(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Vec<u8>>>> {
        let next = ready!(self.project().stretches.poll_next(cx))?;
        Poll::Ready(Ok(next.map(|segment| segment.bytes)))
    }
}

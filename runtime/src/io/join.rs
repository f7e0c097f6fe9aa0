//! A reader and a writer as one stream.

use std::pin::Pin;

use pin_project_lite::pin_project;

use super::traits::{forward_buf_read, forward_read, forward_write};
use super::{AsyncBufRead, AsyncRead, AsyncWrite};

pin_project! {
    /// A reader and a writer as one stream. Made by [`join`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::io::{AsyncReadExt, AsyncWriteExt, join};
    ///
    /// let mut stream = join(&b"question"[..], Vec::new());
    /// assert_eq!(stream.reader().len(), 8);
    /// stream.read_u8().await?;
    /// stream.write_all(b"answer").await?;
    /// assert_eq!(stream.writer(), b"answer");
    /// stream.writer_mut().push(b'!');
    /// *stream.reader_mut() = b"next";
    /// assert_eq!(stream.into_inner(), (&b"next"[..], b"answer!".to_vec()));
    /// # Ok(())
    /// # }
    /// ```
    #[derive(Debug)]
    pub struct Join<R, W> {
        #[pin]
        reader: R,
        #[pin]
        writer: W,
    }
}

/// Joins a reader and a writer into one stream.
///
/// # Examples
///
/// ```
/// use runtime::io::{AsyncReadExt, AsyncWriteExt, join};
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut stream = join(&b"in"[..], Vec::new());
/// stream.write_all(b"out").await?;
/// assert_eq!(stream.read_u16().await?, u16::from_be_bytes(*b"in"));
/// assert_eq!(stream.into_inner().1, b"out");
/// # Ok(())
/// # }
/// ```
pub fn join<R: AsyncRead, W: AsyncWrite>(reader: R, writer: W) -> Join<R, W> {
    Join { reader, writer }
}

impl<R, W> Join<R, W> {
    /// Gives the reader and the writer back.
    ///
    /// # Examples
    ///
    /// See [`Join`].
    pub fn into_inner(self) -> (R, W) {
        (self.reader, self.writer)
    }

    /// The reader.
    ///
    /// # Examples
    ///
    /// See [`Join`].
    pub fn reader(&self) -> &R {
        &self.reader
    }

    /// The writer.
    ///
    /// # Examples
    ///
    /// See [`Join`].
    pub fn writer(&self) -> &W {
        &self.writer
    }

    /// The reader, mutably.
    ///
    /// # Examples
    ///
    /// See [`Join`].
    pub fn reader_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The writer, mutably.
    ///
    /// # Examples
    ///
    /// See [`Join`].
    pub fn writer_mut(&mut self) -> &mut W {
        &mut self.writer
    }

    /// The reader, pinned.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    /// use runtime::io::join;
    ///
    /// let mut stream = pin!(join(&b"question"[..], Vec::new()));
    /// *stream.as_mut().reader_pin_mut() = b"another";
    /// stream.as_mut().writer_pin_mut().push(b'!');
    /// assert_eq!((*stream.reader(), stream.writer().len()), (&b"another"[..], 1));
    /// ```
    pub fn reader_pin_mut(self: Pin<&mut Self>) -> Pin<&mut R> {
        self.project().reader
    }

    /// The writer, pinned.
    ///
    /// # Examples
    ///
    /// See [`reader_pin_mut`](Self::reader_pin_mut).
    pub fn writer_pin_mut(self: Pin<&mut Self>) -> Pin<&mut W> {
        self.project().writer
    }
}

impl<R: AsyncRead, W> AsyncRead for Join<R, W> {
    forward_read!(self => self.project().reader);
}

impl<R: AsyncBufRead, W> AsyncBufRead for Join<R, W> {
    forward_buf_read!(self => self.project().reader);
}

impl<R, W: AsyncWrite> AsyncWrite for Join<R, W> {
    forward_write!(self => self.project().writer, &self.writer);
}

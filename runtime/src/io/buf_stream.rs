//! A stream with a buffer in either direction.

use std::pin::Pin;

use pin_project_lite::pin_project;

use super::traits::{forward_buf_read, forward_read, forward_seek, forward_write};
use super::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, BufReader, BufWriter};

pin_project! {
    /// A [`BufReader`] and a [`BufWriter`] in one.
    ///
    /// **Nothing is flushed when it is dropped**: see [`BufWriter`].
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::{AsyncBufReadExt, AsyncWriteExt, BufStream, duplex};
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let (near, far) = duplex(64);
    /// let (mut near, mut far) = (BufStream::new(near), BufStream::new(far));
    /// near.write_all(b"hello\n").await?;
    /// near.flush().await?;
    /// let mut line = String::new();
    /// far.read_line(&mut line).await?;
    /// assert_eq!(line, "hello\n");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Sizes, and what lies under it:
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::io::{AsyncReadExt, AsyncWriteExt, BufStream, duplex};
    ///
    /// let (near, mut far) = duplex(64);
    /// let mut stream = BufStream::with_capacity(1024, 4096, near);
    /// stream.write_all(b"hello").await?;
    /// stream.flush().await?;
    /// assert_eq!(far.read(&mut [0; 16]).await?, 5);
    /// println!("{:?}", stream.get_ref());
    /// stream.get_mut().write_all(b"past the buffer").await?;
    /// let _near = stream.into_inner();
    /// # Ok(())
    /// # }
    /// ```
    #[derive(Debug)]
    pub struct BufStream<RW> {
        #[pin]
        inner: BufReader<BufWriter<RW>>,
    }
}

impl<RW: AsyncRead + AsyncWrite> BufStream<RW> {
    /// A stream with two buffers of 8 KiB.
    ///
    /// # Examples
    ///
    /// See [`BufStream`].
    pub fn new(stream: RW) -> BufStream<RW> {
        BufStream { inner: BufReader::new(BufWriter::new(stream)) }
    }

    /// A stream with buffers of so many bytes.
    ///
    /// # Panics
    ///
    /// When `reader_capacity` is 0.
    ///
    /// # Examples
    ///
    /// See [`BufStream`].
    #[track_caller]
    pub fn with_capacity(
        reader_capacity: usize,
        writer_capacity: usize,
        stream: RW,
    ) -> BufStream<RW> {
        let writer = BufWriter::with_capacity(writer_capacity, stream);
        BufStream { inner: BufReader::with_capacity(reader_capacity, writer) }
    }
}

impl<RW> BufStream<RW> {
    /// The inner stream.
    ///
    /// # Examples
    ///
    /// See [`BufStream`].
    pub fn get_ref(&self) -> &RW {
        self.inner.get_ref().get_ref()
    }

    /// The inner stream, mutably. Reading or writing it directly goes past the buffers.
    ///
    /// # Examples
    ///
    /// See [`BufStream`].
    pub fn get_mut(&mut self) -> &mut RW {
        self.inner.get_mut().get_mut()
    }

    /// The inner stream, pinned.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::{Pin, pin};
    /// use runtime::io::{BufStream, DuplexStream, duplex};
    ///
    /// let mut stream = pin!(BufStream::new(duplex(64).0));
    /// let _inner: Pin<&mut DuplexStream> = stream.as_mut().get_pin_mut();
    /// ```
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut RW> {
        self.project().inner.get_pin_mut().get_pin_mut()
    }

    /// Returns the inner stream. What is in the buffers is lost.
    ///
    /// # Examples
    ///
    /// See [`BufStream`].
    pub fn into_inner(self) -> RW {
        self.inner.into_inner().into_inner()
    }
}

impl<RW> From<BufReader<BufWriter<RW>>> for BufStream<RW> {
    fn from(inner: BufReader<BufWriter<RW>>) -> Self {
        BufStream { inner }
    }
}

impl<RW> From<BufWriter<BufReader<RW>>> for BufStream<RW> {
    fn from(outer: BufWriter<BufReader<RW>>) -> Self {
        // The same two buffers, the other way round.
        let BufWriter { inner: BufReader { inner, buffer: ahead }, buffer: behind } = outer;
        BufStream { inner: BufReader { inner: BufWriter { inner, buffer: behind }, buffer: ahead } }
    }
}

impl<RW: AsyncRead + AsyncWrite> AsyncRead for BufStream<RW> {
    forward_read!(self => self.project().inner);
}

impl<RW: AsyncRead + AsyncWrite> AsyncBufRead for BufStream<RW> {
    forward_buf_read!(self => self.project().inner);
}

impl<RW: AsyncRead + AsyncWrite> AsyncWrite for BufStream<RW> {
    forward_write!(self => self.project().inner, &self.inner);
}

impl<RW: AsyncRead + AsyncWrite + AsyncSeek> AsyncSeek for BufStream<RW> {
    forward_seek!(self => self.project().inner);
}

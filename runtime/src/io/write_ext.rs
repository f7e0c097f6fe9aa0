//! What a user calls on a writer: [`AsyncWriteExt`].

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;

use super::number::{Big, Little, WriteNumber, number_methods};
use super::op::{Op, Step, uninterrupted};
use super::{AsyncWrite, write_zero};

/// The methods that write numbers.
macro_rules! write_numbers {
    ($($order:ident, $to:ident, $order_words:literal, $read_cancel:literal, $write_cancel:literal {
        $($read:ident, $write:ident: $number:ident = $value:literal;)*
    })*) => { $($(
        #[doc = concat!("Writes one `", stringify!($number), "`", $order_words, ".")]
        ///
        /// Equivalent to:
        ///
        /// ```text
        #[doc = concat!("async fn ", stringify!($write), "(&mut self, n: ", stringify!($number), ") -> io::Result<()>")]
        /// ```
        ///
        /// Use a buffered writer: each call may be a system call otherwise.
        ///
        /// # Errors
        ///
        /// Errors of the writer, and [`WriteZero`](io::ErrorKind::WriteZero) when it takes
        /// nothing.
        ///
        /// # Cancel safety
        ///
        #[doc = $write_cancel]
        ///
        /// # Examples
        ///
        /// ```
        /// use runtime::io::AsyncWriteExt;
        ///
        /// # #[runtime::main(flavor = "current_thread")]
        /// # async fn main() -> std::io::Result<()> {
        /// let mut writer = Vec::new();
        #[doc = concat!("writer.", stringify!($write), "(", $value, ").await?;")]
        #[doc = concat!("assert_eq!(writer, (", $value, "_", stringify!($number), ").", stringify!($to), "());")]
        /// # Ok(())
        /// # }
        /// ```
        #[inline]
        fn $write(&mut self, n: $number) -> Op<'_, Self, WriteNumber<$number, $order>>
        where
            Self: Unpin,
        {
            Op::new(self, WriteNumber::new(n))
        }
    )*)* };
}

/// Methods for every [`AsyncWrite`].
///
/// # Examples
///
/// ```
/// use runtime::io::AsyncWriteExt;
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut writer = Vec::new();
/// writer.write_all(b"hello").await?;
/// writer.write_u16(258).await?;
/// assert_eq!(writer, b"hello\x01\x02");
/// # Ok(())
/// # }
/// ```
pub trait AsyncWriteExt: AsyncWrite {
    /// Waits until there is room, writes bytes from the start of `src`, and returns how many.
    ///
    /// Equivalent to:
    ///
    /// ```text
    /// async fn write(&mut self, src: &[u8]) -> io::Result<usize>
    /// ```
    ///
    /// 0 means that the writer takes no more, or that `src` is empty.
    ///
    /// # Errors
    ///
    /// Errors of the writer; nothing was written then.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if it is dropped before it is done, it has written nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::AsyncWriteExt;
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut memory = [0; 3];
    /// let mut room = std::io::Cursor::new(&mut memory[..]);
    /// assert_eq!(room.write(b"hello").await?, 3);
    /// assert_eq!(room.write(b"lo").await?, 0);
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    fn write<'a>(&'a mut self, src: &'a [u8]) -> Op<'a, Self, Write<'a>>
    where
        Self: Unpin,
    {
        Op::new(self, Write { src })
    }

    /// Like [`write`](AsyncWriteExt::write), from several buffers in turn.
    ///
    /// Equivalent to:
    ///
    /// ```text
    /// async fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize>
    /// ```
    ///
    /// # Errors
    ///
    /// Errors of the writer; nothing was written then.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if it is dropped before it is done, it has written nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::AsyncWriteExt;
    /// use std::io::IoSlice;
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut writer = Vec::new();
    /// let parts = [IoSlice::new(b"head "), IoSlice::new(b"body")];
    /// assert_eq!(writer.write_vectored(&parts).await?, 9);
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    fn write_vectored<'a, 'b>(
        &'a mut self,
        bufs: &'a [IoSlice<'b>],
    ) -> Op<'a, Self, WriteVectored<'a, 'b>>
    where
        Self: Unpin,
    {
        Op::new(self, WriteVectored { bufs })
    }

    /// Writes bytes from the front of `src`, advances it by as many, and returns how many.
    ///
    /// Equivalent to:
    ///
    /// ```text
    /// async fn write_buf<B: Buf>(&mut self, src: &mut B) -> io::Result<usize>
    /// ```
    ///
    /// Several chunks of `src` go out at once where the writer supports it. 0 means that the writer
    /// takes no more, or that `src` is empty.
    ///
    /// # Errors
    ///
    /// Errors of the writer; nothing was written then.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if it is dropped before it is done, it has written nothing and `src` has not
    /// moved.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::AsyncWriteExt;
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut writer = Vec::new();
    /// let mut source = &b"hello"[..];
    /// while !source.is_empty() {
    ///     writer.write_buf(&mut source).await?;
    /// }
    /// assert_eq!(writer, b"hello");
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    fn write_buf<'a, B>(&'a mut self, src: &'a mut B) -> Op<'a, Self, WriteBuf<'a, B>>
    where
        Self: Unpin,
        B: Buf + ?Sized,
    {
        Op::new(self, WriteBuf { src })
    }

    /// Writes all of `src`, and advances it meanwhile.
    ///
    /// Equivalent to:
    ///
    /// ```text
    /// async fn write_all_buf<B: Buf>(&mut self, src: &mut B) -> io::Result<()>
    /// ```
    ///
    /// # Errors
    ///
    /// Errors of the writer, and [`WriteZero`](io::ErrorKind::WriteZero) when it takes nothing.
    /// What was written until then is gone from `src`.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before it is done, what was written is gone from `src`, so that another
    /// call writes just the rest.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::AsyncWriteExt;
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut writer = Vec::new();
    /// let mut source = &b"hello"[..];
    /// writer.write_all_buf(&mut source).await?;
    /// assert_eq!((writer, source), (b"hello".to_vec(), &b""[..]));
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    fn write_all_buf<'a, B>(&'a mut self, src: &'a mut B) -> Op<'a, Self, WriteAllBuf<'a, B>>
    where
        Self: Unpin,
        B: Buf + ?Sized,
    {
        Op::new(self, WriteAllBuf { src })
    }

    /// Writes all of `src`.
    ///
    /// Equivalent to:
    ///
    /// ```text
    /// async fn write_all(&mut self, src: &[u8]) -> io::Result<()>
    /// ```
    ///
    /// # Errors
    ///
    /// Errors of the writer, and [`WriteZero`](io::ErrorKind::WriteZero) when it takes nothing.
    /// A part may have been written.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if it is dropped before it is done, it may have written a part, whose
    /// length is not known. [`write_all_buf`](AsyncWriteExt::write_all_buf) tells it.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::AsyncWriteExt;
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut writer = Vec::new();
    /// writer.write_all(b"some bytes").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    fn write_all<'a>(&'a mut self, src: &'a [u8]) -> Op<'a, Self, WriteAll<'a>>
    where
        Self: Unpin,
    {
        Op::new(self, WriteAll { src })
    }

    number_methods!(write_numbers);

    /// Brings all that was written to its destination.
    ///
    /// Equivalent to:
    ///
    /// ```text
    /// async fn flush(&mut self) -> io::Result<()>
    /// ```
    ///
    /// # Errors
    ///
    /// Errors of the writer; what was written may be lost.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if it is dropped before it is done, a part may have been flushed, and another
    /// call goes on with the rest.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::{AsyncWriteExt, BufWriter};
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut writer = BufWriter::new(Vec::new());
    /// writer.write_all(b"hello").await?;
    /// assert_eq!(writer.get_ref(), b"");
    /// writer.flush().await?;
    /// assert_eq!(writer.get_ref(), b"hello");
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    fn flush(&mut self) -> Op<'_, Self, Flush>
    where
        Self: Unpin,
    {
        Op::new(self, Flush)
    }

    /// Flushes, and ends the writing: the other side sees the end of the stream.
    ///
    /// Equivalent to:
    ///
    /// ```text
    /// async fn shutdown(&mut self) -> io::Result<()>
    /// ```
    ///
    /// # Errors
    ///
    /// Errors of the writer.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if it is dropped before it is done, another call goes on with it. Do not write
    /// in between.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::{AsyncReadExt, AsyncWriteExt, duplex};
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let (mut near, mut far) = duplex(64);
    /// near.write_all(b"bye").await?;
    /// near.shutdown().await?;
    /// let mut text = String::new();
    /// far.read_to_string(&mut text).await?;
    /// assert_eq!(text, "bye");
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    fn shutdown(&mut self) -> Op<'_, Self, Shutdown>
    where
        Self: Unpin,
    {
        Op::new(self, Shutdown)
    }
}

impl<W: AsyncWrite + ?Sized> AsyncWriteExt for W {}

/// The future of one write.
#[derive(Debug)]
pub struct Write<'a> {
    src: &'a [u8],
}

impl<W: AsyncWrite + ?Sized> Step<W> for Write<'_> {
    type Output = io::Result<usize>;

    #[inline]
    fn poll_step(&mut self, writer: Pin<&mut W>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        writer.poll_write(cx, self.src)
    }
}

/// The future of one write of several buffers.
#[derive(Debug)]
pub struct WriteVectored<'a, 'b> {
    bufs: &'a [IoSlice<'b>],
}

impl<W: AsyncWrite + ?Sized> Step<W> for WriteVectored<'_, '_> {
    type Output = io::Result<usize>;

    #[inline]
    fn poll_step(&mut self, writer: Pin<&mut W>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        writer.poll_write_vectored(cx, self.bufs)
    }
}

/// How many chunks of a `Buf` go out in one write: as many as some systems take.
const MOST_CHUNKS: usize = 64;

/// Makes one write from the front of `src`, and advances it.
#[inline]
fn poll_write_front<W: AsyncWrite + ?Sized, B: Buf + ?Sized>(
    writer: Pin<&mut W>,
    cx: &mut Context<'_>,
    src: &mut B,
) -> Poll<io::Result<usize>> {
    let written = if writer.is_write_vectored() {
        let mut chunks = [IoSlice::new(&[]); MOST_CHUNKS];
        let count = src.chunks_vectored(&mut chunks);
        ready!(writer.poll_write_vectored(cx, &chunks[..count]))?
    } else {
        ready!(writer.poll_write(cx, src.chunk()))?
    };
    src.advance(written);
    Poll::Ready(Ok(written))
}

/// The future of one write of a `Buf`.
#[derive(Debug)]
pub struct WriteBuf<'a, B: ?Sized> {
    src: &'a mut B,
}

impl<W: AsyncWrite + ?Sized, B: Buf + ?Sized> Step<W> for WriteBuf<'_, B> {
    type Output = io::Result<usize>;

    #[inline]
    fn poll_step(&mut self, writer: Pin<&mut W>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if !self.src.has_remaining() {
            return Poll::Ready(Ok(0));
        }
        poll_write_front(writer, cx, self.src)
    }
}

/// Writes a `Buf` until it is empty; an interrupted write is made again.
#[derive(Debug)]
pub struct WriteAllBuf<'a, B: ?Sized> {
    src: &'a mut B,
}

impl<W: AsyncWrite + ?Sized, B: Buf + ?Sized> Step<W> for WriteAllBuf<'_, B> {
    type Output = io::Result<()>;

    #[inline]
    fn poll_step(&mut self, mut writer: Pin<&mut W>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.src.has_remaining() {
            if ready!(uninterrupted(|| poll_write_front(writer.as_mut(), cx, self.src)))? == 0 {
                return Poll::Ready(Err(write_zero()));
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Writes all bytes; an interrupted write is made again.
#[derive(Debug)]
pub struct WriteAll<'a> {
    src: &'a [u8],
}

impl<W: AsyncWrite + ?Sized> Step<W> for WriteAll<'_> {
    type Output = io::Result<()>;

    #[inline]
    fn poll_step(&mut self, mut writer: Pin<&mut W>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.src.is_empty() {
            match ready!(uninterrupted(|| writer.as_mut().poll_write(cx, self.src)))? {
                0 => return Poll::Ready(Err(write_zero())),
                n => self.src = &self.src[n..],
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Flushes.
#[derive(Debug)]
pub struct Flush;

impl<W: AsyncWrite + ?Sized> Step<W> for Flush {
    type Output = io::Result<()>;

    #[inline]
    fn poll_step(&mut self, writer: Pin<&mut W>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        writer.poll_flush(cx)
    }
}

/// Shuts down.
#[derive(Debug)]
pub struct Shutdown;

impl<W: AsyncWrite + ?Sized> Step<W> for Shutdown {
    type Output = io::Result<()>;

    #[inline]
    fn poll_step(&mut self, writer: Pin<&mut W>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        writer.poll_shutdown(cx)
    }
}

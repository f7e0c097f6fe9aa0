//! What a user calls on a reader: [`AsyncReadExt`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BufMut;

use super::number::{Big, Little, ReadNumber, number_methods};
use super::op::{Op, Step, uninterrupted};
use super::read_buf::{Grown, VecTail, poll_read_buf};
use super::{AsyncRead, Chain, Take, early_eof, not_utf8};

/// The methods that read numbers.
macro_rules! read_numbers {
    ($($order:ident, $to:ident, $order_words:literal, $read_cancel:literal, $write_cancel:literal {
        $($read:ident, $write:ident: $number:ident = $value:literal;)*
    })*) => { $($(
        #[doc = concat!("Reads one `", stringify!($number), "`", $order_words, ".")]
        ///
        /// Equivalent to:
        ///
        /// ```text
        #[doc = concat!("async fn ", stringify!($read), "(&mut self) -> io::Result<", stringify!($number), ">")]
        /// ```
        ///
        /// Use a buffered reader: each call may be a system call otherwise.
        ///
        /// # Errors
        ///
        /// Errors of the reader, and [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when the
        /// stream ends before the number does.
        ///
        /// # Cancel safety
        ///
        #[doc = $read_cancel]
        ///
        /// # Examples
        ///
        /// ```
        /// use runtime::io::AsyncReadExt;
        ///
        /// # #[runtime::main(flavor = "current_thread")]
        /// # async fn main() -> std::io::Result<()> {
        #[doc = concat!("let bytes = (", $value, "_", stringify!($number), ").", stringify!($to), "();")]
        /// let mut reader = &bytes[..];
        #[doc = concat!("assert_eq!(reader.", stringify!($read), "().await?, ", $value, ");")]
        /// # Ok(())
        /// # }
        /// ```
        #[inline]
        fn $read(&mut self) -> Op<'_, Self, ReadNumber<$number, $order>>
        where
            Self: Unpin,
        {
            Op::new(self, ReadNumber::new())
        }
    )*)* };
}

/// Methods for every [`AsyncRead`].
///
/// # Examples
///
/// ```
/// use runtime::io::AsyncReadExt;
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut reader = &b"hello world"[..];
/// let mut word = [0; 5];
/// reader.read_exact(&mut word).await?;
/// assert_eq!(&word, b"hello");
/// # Ok(())
/// # }
/// ```
pub trait AsyncReadExt: AsyncRead {
    /// Makes a reader that gives the bytes of this one, and then those of `next`.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::AsyncReadExt;
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut reader = b"ab".chain(&b"cd"[..]);
    /// let mut text = String::new();
    /// reader.read_to_string(&mut text).await?;
    /// assert_eq!(text, "abcd");
    /// # Ok(())
    /// # }
    /// ```
    fn chain<R>(self, next: R) -> Chain<Self, R>
    where
        Self: Sized,
        R: AsyncRead,
    {
        Chain::new(self, next)
    }

    /// Waits until there are bytes, reads some into `buf` and returns how many.
    ///
    /// Equivalent to:
    ///
    /// ```text
    /// async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize>
    /// ```
    ///
    /// 0 means that the stream has ended, or that `buf` is empty. Fewer bytes than `buf` has room
    /// for do not mean the end.
    ///
    /// # Errors
    ///
    /// Errors of the reader; nothing was read then.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if it is dropped before it is done, it has read nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::AsyncReadExt;
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut reader = &b"hello"[..];
    /// let mut buf = [0; 10];
    /// assert_eq!(reader.read(&mut buf).await?, 5);
    /// assert_eq!(reader.read(&mut buf).await?, 0);
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    fn read<'a>(&'a mut self, buf: &'a mut [u8]) -> Op<'a, Self, Read<'a>>
    where
        Self: Unpin,
    {
        Op::new(self, Read { buf })
    }

    /// Reads some bytes, appends them to `buf`, and returns how many.
    ///
    /// Equivalent to:
    ///
    /// ```text
    /// async fn read_buf<B: BufMut>(&mut self, buf: &mut B) -> io::Result<usize>
    /// ```
    ///
    /// 0 means that the stream has ended, or that `buf` has no room
    /// ([`remaining_mut`](BufMut::remaining_mut) is 0). A `Vec` or `BytesMut` grows when it is
    /// full.
    ///
    /// # Errors
    ///
    /// Errors of the reader; nothing was read then.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if it is dropped before it is done, it has read nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::AsyncReadExt;
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut reader = &b"hello"[..];
    /// let mut buf = Vec::with_capacity(16);
    /// while reader.read_buf(&mut buf).await? > 0 {}
    /// assert_eq!(buf, b"hello");
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    fn read_buf<'a, B>(&'a mut self, buf: &'a mut B) -> Op<'a, Self, ReadIntoBuf<'a, B>>
    where
        Self: Unpin,
        B: BufMut + ?Sized,
    {
        Op::new(self, ReadIntoBuf { buf })
    }

    /// Fills `buf` to its end, and returns its length.
    ///
    /// Equivalent to:
    ///
    /// ```text
    /// async fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<usize>
    /// ```
    ///
    /// # Errors
    ///
    /// Errors of the reader, and [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when the stream
    /// ends early. What `buf` holds then is not specified, and neither is how much was read.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if it is dropped before it is done, it may have read a part. The part is in
    /// `buf`, but its length is not known.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::AsyncReadExt;
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut reader = &b"head body"[..];
    /// let mut head = [0; 4];
    /// reader.read_exact(&mut head).await?;
    /// assert_eq!(&head, b"head");
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    fn read_exact<'a>(&'a mut self, buf: &'a mut [u8]) -> Op<'a, Self, ReadExact<'a>>
    where
        Self: Unpin,
    {
        Op::new(self, ReadExact { buf, filled: 0 })
    }

    number_methods!(read_numbers);

    /// Reads all that is left and appends it to `buf`; returns how many bytes came.
    ///
    /// Equivalent to:
    ///
    /// ```text
    /// async fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize>
    /// ```
    ///
    /// # Errors
    ///
    /// Errors of the reader; what was read until then is in `buf`.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before it is done, what was read until then is in `buf`, and another call
    /// goes on after it; only the count of bytes starts at 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::AsyncReadExt;
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut reader = &b"all of it"[..];
    /// let mut buf = Vec::new();
    /// assert_eq!(reader.read_to_end(&mut buf).await?, 9);
    /// # Ok(())
    /// # }
    /// ```
    fn read_to_end<'a>(&'a mut self, buf: &'a mut Vec<u8>) -> Op<'a, Self, ReadToEnd<'a>>
    where
        Self: Unpin,
    {
        Op::new(self, ReadToEnd { tail: VecTail::new(buf), read: 0 })
    }

    /// Reads all that is left, as text, and appends it to `buf`; returns how many bytes came.
    ///
    /// Equivalent to:
    ///
    /// ```text
    /// async fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize>
    /// ```
    ///
    /// # Errors
    ///
    /// Errors of the reader, and [`InvalidData`](io::ErrorKind::InvalidData) when the bytes are not
    /// valid UTF-8. Then `buf` holds what it did before.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: what was read is lost. `buf` holds what it did before the call.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::AsyncReadExt;
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut reader = "größer".as_bytes();
    /// let mut text = String::new();
    /// assert_eq!(reader.read_to_string(&mut text).await?, 8);
    /// assert_eq!(text, "größer");
    /// # Ok(())
    /// # }
    /// ```
    fn read_to_string<'a>(&'a mut self, buf: &'a mut String) -> Op<'a, Self, ReadToString<'a>>
    where
        Self: Unpin,
    {
        Op::new(self, ReadToString::new(buf))
    }

    /// Makes a reader that gives at most `limit` bytes of this one.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::AsyncReadExt;
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut text = String::new();
    /// b"hello world".take(5).read_to_string(&mut text).await?;
    /// assert_eq!(text, "hello");
    /// # Ok(())
    /// # }
    /// ```
    fn take(self, limit: u64) -> Take<Self>
    where
        Self: Sized,
    {
        Take::new(self, limit)
    }
}

impl<R: AsyncRead + ?Sized> AsyncReadExt for R {}

/// The future of one read.
#[derive(Debug)]
pub struct Read<'a> {
    buf: &'a mut [u8],
}

impl<R: AsyncRead + ?Sized> Step<R> for Read<'_> {
    type Output = io::Result<usize>;

    #[inline]
    fn poll_step(&mut self, reader: Pin<&mut R>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut buf = super::ReadBuf::new(self.buf);
        ready!(reader.poll_read(cx, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

/// The future of one read into a `BufMut`.
#[derive(Debug)]
pub struct ReadIntoBuf<'a, B: ?Sized> {
    buf: &'a mut B,
}

impl<R: AsyncRead + ?Sized, B: BufMut + ?Sized> Step<R> for ReadIntoBuf<'_, B> {
    type Output = io::Result<usize>;

    #[inline]
    fn poll_step(&mut self, reader: Pin<&mut R>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        poll_read_buf(self.buf, |buf| reader.poll_read(cx, buf))
    }
}

/// Reads until the buffer is full.
#[derive(Debug)]
pub struct ReadExact<'a> {
    buf: &'a mut [u8],
    filled: usize,
}

impl<R: AsyncRead + ?Sized> Step<R> for ReadExact<'_> {
    type Output = io::Result<usize>;

    #[inline]
    fn poll_step(
        &mut self,
        mut reader: Pin<&mut R>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        while self.filled < self.buf.len() {
            let mut rest = super::ReadBuf::new(&mut self.buf[self.filled..]);
            ready!(uninterrupted(|| reader.as_mut().poll_read(cx, &mut rest)))?;
            match rest.filled().len() {
                0 => return Poll::Ready(Err(early_eof())),
                n => self.filled += n,
            }
        }
        Poll::Ready(Ok(self.filled))
    }
}

/// Reads until the end; an interrupted read is made again.
fn poll_to_end<R: AsyncRead + ?Sized, V: Grown>(
    tail: &mut VecTail<V>,
    read: &mut usize,
    mut reader: Pin<&mut R>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    loop {
        let mut more = || tail.poll_read(|buf| reader.as_mut().poll_read(cx, buf));
        match ready!(uninterrupted(&mut more))? {
            0 => return Poll::Ready(Ok(std::mem::take(read))),
            n => *read += n,
        }
    }
}

/// Reads all into a vector.
#[derive(Debug)]
pub struct ReadToEnd<'a> {
    tail: VecTail<&'a mut Vec<u8>>,
    read: usize,
}

impl<R: AsyncRead + ?Sized> Step<R> for ReadToEnd<'_> {
    type Output = io::Result<usize>;

    fn poll_step(&mut self, reader: Pin<&mut R>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        poll_to_end(&mut self.tail, &mut self.read, reader, cx)
    }
}

/// Reads all into a string.
#[derive(Debug)]
pub struct ReadToString<'a> {
    output: &'a mut String,
    /// What is read. It is appended to the output once the whole is known to be text, so an output
    /// with content keeps it, whatever happens. An empty output lends its memory.
    tail: VecTail<Vec<u8>>,
    read: usize,
}

impl<'a> ReadToString<'a> {
    fn new(output: &'a mut String) -> ReadToString<'a> {
        let lent = if output.is_empty() { std::mem::take(output) } else { String::new() };
        ReadToString { output, tail: VecTail::new(lent.into_bytes()), read: 0 }
    }
}

impl<R: AsyncRead + ?Sized> Step<R> for ReadToString<'_> {
    type Output = io::Result<usize>;

    fn poll_step(&mut self, reader: Pin<&mut R>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let read = ready!(poll_to_end(&mut self.tail, &mut self.read, reader, cx))?;
        let text = match String::from_utf8(self.tail.take()) {
            Ok(text) => text,
            Err(error) => return Poll::Ready(Err(not_utf8(self.output, error.as_bytes()))),
        };
        if self.output.is_empty() {
            *self.output = text;
        } else {
            self.output.push_str(&text);
        }
        Poll::Ready(Ok(read))
    }
}

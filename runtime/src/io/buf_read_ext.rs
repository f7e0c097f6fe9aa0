//! What a user calls on a buffered reader: [`AsyncBufReadExt`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::fill_buf::FillBuf;
use super::op::{Op, Step};
use super::stretch::poll_stretch;
use super::{AsyncBufRead, Lines, Split, not_utf8};

/// Methods for every [`AsyncBufRead`].
///
/// # Examples
///
/// ```
/// use runtime::io::AsyncBufReadExt;
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut reader = &b"one\ntwo\n"[..];
/// let mut line = String::new();
/// reader.read_line(&mut line).await?;
/// assert_eq!(line, "one\n");
/// # Ok(())
/// # }
/// ```
pub trait AsyncBufReadExt: AsyncBufRead {
    /// Reads up to and including the next `byte`, or to the end, and appends that to `buf`; returns
    /// how many bytes came.
    ///
    /// Equivalent to:
    ///
    /// ```text
    /// async fn read_until(&mut self, byte: u8, buf: &mut Vec<u8>) -> io::Result<usize>
    /// ```
    ///
    /// 0 means that the stream has ended. As long as no `byte` comes `buf` grows, without limit:
    /// [`take`](super::AsyncReadExt::take) sets one.
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
    /// use runtime::io::AsyncBufReadExt;
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut reader = &b"key=value"[..];
    /// let mut key = Vec::new();
    /// assert_eq!(reader.read_until(b'=', &mut key).await?, 4);
    /// assert_eq!(key, b"key=");
    /// # Ok(())
    /// # }
    /// ```
    fn read_until<'a>(&'a mut self, byte: u8, buf: &'a mut Vec<u8>) -> Op<'a, Self, ReadUntil<'a>>
    where
        Self: Unpin,
    {
        Op::new(self, ReadUntil { delimiter: byte, buf, read: 0 })
    }

    /// Reads a line with its newline (0x0A), or what is left if none comes, and appends it to
    /// `buf`; returns how many bytes came.
    ///
    /// Equivalent to:
    ///
    /// ```text
    /// async fn read_line(&mut self, buf: &mut String) -> io::Result<usize>
    /// ```
    ///
    /// 0 means that the stream has ended. As long as no newline comes `buf` grows, without limit:
    /// [`take`](super::AsyncReadExt::take) sets one.
    ///
    /// # Errors
    ///
    /// Errors of the reader; the text that was read until then is in `buf`.
    /// [`InvalidData`](io::ErrorKind::InvalidData) when the line is not valid UTF-8: then the line
    /// has been read, and `buf` holds what it did before.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if it is dropped before it is done, the whole characters that were read are
    /// in `buf`, but the bytes of an incomplete last character are lost.
    /// [`read_until`](AsyncBufReadExt::read_until) and [`Lines::next_line`] lose nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::AsyncBufReadExt;
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut reader = &b"one\ntwo"[..];
    /// let mut text = String::new();
    /// assert_eq!(reader.read_line(&mut text).await?, 4);
    /// assert_eq!(reader.read_line(&mut text).await?, 3);
    /// assert_eq!(reader.read_line(&mut text).await?, 0);
    /// assert_eq!(text, "one\ntwo");
    /// # Ok(())
    /// # }
    /// ```
    fn read_line<'a>(&'a mut self, buf: &'a mut String) -> Op<'a, Self, ReadLine<'a>>
    where
        Self: Unpin,
    {
        let start = buf.len();
        Op::new(self, ReadLine { output: buf, start, cut: Cut::default(), bad: Ok(()), read: 0 })
    }

    /// The parts of the stream between the bytes `byte`, one after the other.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::{AsyncBufReadExt, BufReader};
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut segments = BufReader::new(&b"a,b"[..]).split(b',');
    /// assert_eq!(segments.next_segment().await?, Some(b"a".to_vec()));
    /// assert_eq!(segments.next_segment().await?, Some(b"b".to_vec()));
    /// assert_eq!(segments.next_segment().await?, None);
    /// # Ok(())
    /// # }
    /// ```
    fn split(self, byte: u8) -> Split<Self>
    where
        Self: Sized + Unpin,
    {
        Split::new(self, byte)
    }

    /// Returns what the buffer holds, and fills it first if it is empty. An empty slice means that
    /// the stream has ended.
    ///
    /// Equivalent to:
    ///
    /// ```text
    /// async fn fill_buf(&mut self) -> io::Result<&[u8]>
    /// ```
    ///
    /// The same bytes come again until [`consume`](AsyncBufReadExt::consume) says that they have
    /// been used.
    ///
    /// # Errors
    ///
    /// Errors of the reader.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if it is dropped before it is done, nothing is used.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::AsyncBufReadExt;
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut reader = &b"abc"[..];
    /// let first = reader.fill_buf().await?[0];
    /// reader.consume(1);
    /// assert_eq!((first, reader.fill_buf().await?), (b'a', &b"bc"[..]));
    /// # Ok(())
    /// # }
    /// ```
    fn fill_buf(&mut self) -> FillBuf<'_, Self>
    where
        Self: Unpin,
    {
        FillBuf::new(self)
    }

    /// Marks the first `amt` bytes of the buffer as used.
    ///
    /// `amt` must be no more than [`fill_buf`](AsyncBufReadExt::fill_buf) gave; what happens
    /// otherwise is up to the reader.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::io::AsyncBufReadExt;
    ///
    /// let mut reader: &[u8] = b"key=value";
    /// let length = reader.fill_buf().await?.iter().position(|&byte| byte == b'=').unwrap();
    /// reader.consume(length + 1);
    /// assert_eq!(reader, b"value");
    /// # Ok(())
    /// # }
    /// ```
    fn consume(&mut self, amt: usize)
    where
        Self: Unpin,
    {
        Pin::new(self).consume(amt);
    }

    /// The lines, one after the other, without their line ends (`\n` or `\r\n`).
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::AsyncBufReadExt;
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut lines = b"one\r\ntwo".lines();
    /// while let Some(line) = lines.next_line().await? {
    ///     assert!(["one", "two"].contains(&&*line));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    fn lines(self) -> Lines<Self>
    where
        Self: Sized,
    {
        Lines::new(self)
    }
}

impl<R: AsyncBufRead + ?Sized> AsyncBufReadExt for R {}

/// Reads up to a delimiter.
#[derive(Debug)]
pub struct ReadUntil<'a> {
    delimiter: u8,
    buf: &'a mut Vec<u8>,
    read: usize,
}

impl<R: AsyncBufRead + ?Sized> Step<R> for ReadUntil<'_> {
    type Output = io::Result<usize>;

    fn poll_step(&mut self, reader: Pin<&mut R>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let buf = &mut *self.buf;
        poll_stretch(reader, cx, self.delimiter, &mut self.read, |piece| {
            buf.extend_from_slice(piece);
        })
    }
}

/// The first bytes of a character that is not complete yet.
#[derive(Debug, Default)]
struct Cut {
    bytes: [u8; 4],
    len: usize,
}

/// Reads a line of text. Whole characters go to the output as they come, so the output is valid
/// text at every moment.
#[derive(Debug)]
pub struct ReadLine<'a> {
    output: &'a mut String,
    /// The length of the output before the read.
    start: usize,
    cut: Cut,
    /// An error if the line is not UTF-8. It is returned when the line has been read to its end.
    bad: io::Result<()>,
    read: usize,
}

/// Appends `piece` to `output`. An incomplete character at its end goes to `cut`. Fails if `piece`
/// is not UTF-8.
fn push_text(output: &mut String, cut: &mut Cut, mut piece: &[u8]) -> io::Result<()> {
    while cut.len > 0 {
        let Some((&byte, rest)) = piece.split_first() else { return Ok(()) };
        cut.bytes[cut.len] = byte;
        cut.len += 1;
        piece = rest;
        match std::str::from_utf8(&cut.bytes[..cut.len]) {
            Ok(character) => {
                output.push_str(character);
                cut.len = 0;
            }
            Err(error) if error.error_len().is_none() => {}
            Err(_) => return Err(not_utf8(output, &cut.bytes[..cut.len])),
        }
    }
    match std::str::from_utf8(piece) {
        Ok(text) => output.push_str(text),
        Err(error) if error.error_len().is_some() => return Err(not_utf8(output, piece)),
        Err(error) => {
            let (text, rest) = piece.split_at(error.valid_up_to());
            output.push_str(&String::from_utf8_lossy(text));
            cut.bytes[..rest.len()].copy_from_slice(rest);
            cut.len = rest.len();
        }
    }
    Ok(())
}

impl<R: AsyncBufRead + ?Sized> Step<R> for ReadLine<'_> {
    type Output = io::Result<usize>;

    fn poll_step(&mut self, reader: Pin<&mut R>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let (output, cut, bad) = (&mut *self.output, &mut self.cut, &mut self.bad);
        let result = ready!(poll_stretch(reader, cx, b'\n', &mut self.read, |piece| {
            if bad.is_ok() {
                *bad = push_text(output, cut, piece);
            }
        }));
        let mut bad = std::mem::replace(&mut self.bad, Ok(()));
        if bad.is_ok() && result.is_ok() && self.cut.len > 0 {
            bad = Err(not_utf8(self.output, &self.cut.bytes[..self.cut.len]));
        }
        if bad.is_err() {
            self.output.truncate(self.start);
        }
        Poll::Ready(result.and_then(|read| bad.map(|()| read)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_pieces_is_the_same_text() {
        let text = "aä€😀\u{10ffff}z";
        for size in 1..text.len() {
            let (mut output, mut cut) = (String::new(), Cut::default());
            for piece in text.as_bytes().chunks(size) {
                push_text(&mut output, &mut cut, piece).unwrap();
            }
            assert_eq!((&*output, cut.len), (text, 0));
        }
    }

    #[test]
    fn no_text_in_pieces_is_noticed() {
        for bytes in [&b"ab\xffcd"[..], b"a\xe2\x82b", b"\xf0\x9f\x98\xc3", b"\x80"] {
            for size in 1..=bytes.len() {
                let (mut output, mut cut) = (String::new(), Cut::default());
                let all =
                    bytes.chunks(size).all(|piece| push_text(&mut output, &mut cut, piece).is_ok());
                assert!(!all || cut.len > 0, "{bytes:?} in pieces of {size}");
            }
        }
    }
}

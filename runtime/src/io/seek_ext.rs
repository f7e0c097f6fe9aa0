//! What a user calls on a stream with positions: [`AsyncSeekExt`].

use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::AsyncSeek;
use super::op::{Op, Step};

/// Methods for every [`AsyncSeek`].
///
/// # Examples
///
/// ```
/// use runtime::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut stream = std::io::Cursor::new(b"0123456789");
/// assert_eq!(stream.seek(SeekFrom::End(-3)).await?, 7);
/// assert_eq!(stream.read_u8().await?, b'7');
/// # Ok(())
/// # }
/// ```
pub trait AsyncSeekExt: AsyncSeek {
    /// Moves to `pos`, and returns the new position from the start, in bytes.
    ///
    /// Equivalent to:
    ///
    /// ```text
    /// async fn seek(&mut self, pos: SeekFrom) -> io::Result<u64>
    /// ```
    ///
    /// If an earlier move has not ended, it waits for that first.
    ///
    /// # Errors
    ///
    /// Errors of the stream; a position before the start is an error.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if it is dropped before it is done, the stream may move or not. The next
    /// seek waits for that and then makes its own move.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::{AsyncSeekExt, SeekFrom};
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut stream = std::io::Cursor::new([0; 10]);
    /// stream.seek(SeekFrom::Start(4)).await?;
    /// assert_eq!(stream.seek(SeekFrom::Current(2)).await?, 6);
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    fn seek(&mut self, pos: SeekFrom) -> Op<'_, Self, Seek>
    where
        Self: Unpin,
    {
        Op::new(self, Seek { to: Some(pos) })
    }

    /// Moves to the start: `seek(SeekFrom::Start(0))`.
    ///
    /// # Errors
    ///
    /// As for [`seek`](AsyncSeekExt::seek).
    ///
    /// # Cancel safety
    ///
    /// As [`seek`](AsyncSeekExt::seek).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::Cursor;
    /// use runtime::io::{AsyncReadExt, AsyncSeekExt};
    ///
    /// let mut stream = Cursor::new("hello");
    /// stream.read_u8().await?;
    /// assert_eq!(stream.stream_position().await?, 1);
    /// stream.rewind().await?;
    /// assert_eq!(stream.read_u8().await?, b'h');
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    fn rewind(&mut self) -> Op<'_, Self, Seek>
    where
        Self: Unpin,
    {
        self.seek(SeekFrom::Start(0))
    }

    /// The position from the start, in bytes: `seek(SeekFrom::Current(0))`.
    ///
    /// # Errors
    ///
    /// As for [`seek`](AsyncSeekExt::seek).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing moves.
    ///
    /// # Examples
    ///
    /// See [`rewind`](Self::rewind).
    #[inline]
    fn stream_position(&mut self) -> Op<'_, Self, Seek>
    where
        Self: Unpin,
    {
        self.seek(SeekFrom::Current(0))
    }
}

impl<S: AsyncSeek + ?Sized> AsyncSeekExt for S {}

/// The future of one move.
#[derive(Debug)]
pub struct Seek {
    /// The target, until the move has begun.
    to: Option<SeekFrom>,
}

impl<S: AsyncSeek + ?Sized> Step<S> for Seek {
    type Output = io::Result<u64>;

    fn poll_step(
        &mut self,
        mut stream: Pin<&mut S>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<u64>> {
        if let Some(to) = self.to {
            ready!(stream.as_mut().poll_complete(cx))?;
            stream.as_mut().start_seek(to)?;
            self.to = None;
        }
        stream.poll_complete(cx)
    }
}

//! Reads from a buffered reader up to a delimiter: the common part of `read_until`, `read_line` and
//! `lines`.

use std::io::{self, BufRead};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::AsyncBufRead;

/// Reads a stretch that ends with `delimiter` (or the stream), lending it to `take` piece by piece
/// as it comes; returns how many bytes it had in all. `read` counts across polls.
pub(super) fn poll_stretch<R: AsyncBufRead + ?Sized>(
    mut reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    delimiter: u8,
    read: &mut usize,
    mut take: impl FnMut(&[u8]),
) -> Poll<io::Result<usize>> {
    loop {
        let available = match ready!(reader.as_mut().poll_fill_buf(cx)) {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Poll::Ready(Err(error)),
        };
        // std's fast search, by its one public name.
        let used = (&mut &*available).skip_until(delimiter)?;
        let piece = &available[..used];
        let done = piece.last().is_none_or(|&last| last == delimiter);
        take(piece);
        reader.as_mut().consume(used);
        *read += used;
        if done {
            return Poll::Ready(Ok(std::mem::take(read)));
        }
    }
}

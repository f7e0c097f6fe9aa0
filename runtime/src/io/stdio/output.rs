//! A standard output stream.

use std::io::{self, IoSlice, Write};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::engine::messages;
use crate::io::AsyncWrite;
use crate::io::on_pool::{MOST_BYTES, OnPool};

/// Text stays whole, and std's buffer is flushed when the user flushes.
#[derive(Debug)]
pub(super) struct Output<D> {
    pub(super) device: Arc<D>,
    on_pool: OnPool,
    /// Something was written since the last flush.
    unflushed: bool,
}

impl<D> Output<D> {
    #[track_caller]
    pub(super) fn new(device: D) -> Output<D> {
        Output {
            device: Arc::new(device),
            on_pool: OnPool::new(Location::caller(), messages::shut_down),
            unflushed: false,
        }
    }
}

impl<D> AsyncWrite for Output<D>
where
    D: Send + Sync + 'static,
    for<'a> &'a D: Write,
{
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let piece = whole_characters(buf, MOST_BYTES);
        let taken =
            ready!(this.on_pool.poll_write(&this.device, MOST_BYTES, cx, &[IoSlice::new(piece)]))?;
        this.unflushed |= taken > 0;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            ready!(this.on_pool.poll_written(cx))?;
            if !this.unflushed {
                return Poll::Ready(Ok(()));
            }
            this.on_pool.start_write(&this.device, |mut device| device.flush())?;
            this.unflushed = false;
        }
    }

    /// A standard stream is not closed: others in the process use it.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

/// The longest prefix of `bytes` within `limit` that does not end inside a character: a text
/// console refuses half a character. Bytes that are not text leave at most three of them to the
/// next write.
fn whole_characters(bytes: &[u8], limit: usize) -> &[u8] {
    if bytes.len() <= limit {
        return bytes;
    }
    let bytes = &bytes[..limit];
    // The last byte that can begin a character, among those whose character may go on.
    let begins = |byte: &u8| !matches!(byte, 0x80..=0xBF);
    let last = bytes.iter().rev().take(4).position(begins);
    let Some(behind) = last else { return bytes };
    let start = limit - 1 - behind;
    let size = match bytes[start] {
        0xF0..=0xF4 => 4,
        0xE0..=0xEF => 3,
        0xC2..=0xDF => 2,
        _ => 1,
    };
    if start > 0 && start + size > limit { &bytes[..start] } else { bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_is_cut_apart() {
        for text in ["aaaaaaaa", "ääää", "€€€", "😀😀", "a😀ä€b😀"] {
            for limit in 4..text.len() {
                let piece = whole_characters(text.as_bytes(), limit);
                assert!(piece.len() + 4 > limit && piece.len() <= limit);
                assert!(std::str::from_utf8(piece).is_ok(), "{text} at {limit}");
            }
            assert_eq!(whole_characters(text.as_bytes(), 100), text.as_bytes());
        }
    }

    #[test]
    fn bytes_that_are_no_text_go_on() {
        for byte in 0..=255_u8 {
            let bytes = [byte; 10];
            assert!(whole_characters(&bytes, 8).len() >= 5);
            assert!(!whole_characters(&bytes, 1).is_empty());
        }
    }
}

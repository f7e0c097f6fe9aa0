//! The future that returns a borrow of a reader's buffer.
//!
//! The result borrows from the reader for as long as the reader was borrowed, so the reader must
//! leave the future with it. "Keep the reader if pending, give up the borrow if ready" is a
//! conditional return of a borrow, which the borrow checker does not accept yet.
#![allow(unsafe_code, reason = "a conditional return of a borrow, see above")]

use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::AsyncBufRead;
use crate::engine::messages;

pin_project! {
    /// Waits until the buffer holds something, or the stream has ended.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct FillBuf<'a, R: ?Sized> {
        // Gone once it was given away as part of the result.
        reader: Option<&'a mut R>,
        #[pin]
        _pinned: PhantomPinned,
    }
}

impl<'a, R: ?Sized> FillBuf<'a, R> {
    pub(super) fn new(reader: &'a mut R) -> FillBuf<'a, R> {
        FillBuf { reader: Some(reader), _pinned: PhantomPinned }
    }
}

impl<'a, R: AsyncBufRead + Unpin + ?Sized> Future for FillBuf<'a, R> {
    type Output = io::Result<&'a [u8]>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&'a [u8]>> {
        let this = self.project();
        let reader = this.reader.as_deref_mut().expect(messages::POLLED_AFTER_DONE);
        let buffer: *const [u8] = ready!(Pin::new(reader).poll_fill_buf(cx))?;
        *this.reader = None;
        // SAFETY: the slice was borrowed from the reader, which this future held exclusively for
        // `'a`. The future has given it up on the line before and never touches it again, so the
        // slice is the only way to the reader that is left of that borrow.
        Poll::Ready(Ok(unsafe { &*buffer }))
    }
}

//! Replaces `span.rs` without the feature `tracing`: no events.

use std::future::Future;
use std::panic::Location;

use crate::engine::large::FullSize;
use crate::engine::task_id::Id;

pub(crate) type InSpan<F> = F;

#[derive(Debug)]
pub(crate) struct SpanId;

impl SpanId {
    #[inline]
    pub(crate) fn is_heard(&self) -> bool {
        false
    }

    #[inline]
    pub(crate) fn tell(&self, _: &'static str) {}
}

#[inline]
pub(crate) fn of_task<F: Future>(
    future: F,
    _: &'static str,
    _: Id,
    _: bool,
    _: &'static Location<'static>,
    _: FullSize,
) -> (InSpan<F>, SpanId) {
    (future, SpanId)
}

#[inline]
pub(crate) fn of_root<F: Future>(
    future: F,
    _: FullSize,
    _: &'static Location<'static>,
) -> InSpan<F> {
    future
}

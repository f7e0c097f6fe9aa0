//! In place of `notes.rs` without the feature `insight`: nobody takes notes.

use super::Block;
use super::wait::Wait;

#[inline]
pub(crate) fn note(_: impl FnOnce() -> Wait) {}

#[inline]
pub(crate) fn went_on(_: impl FnOnce()) {}

#[allow(dead_code, reason = "models ask")]
pub(crate) fn are_taken() -> bool {
    false
}

#[derive(Debug)]
pub(crate) struct NoteTaking;

impl NoteTaking {
    #[inline]
    pub(crate) fn begin() -> NoteTaking {
        NoteTaking
    }

    #[inline]
    pub(crate) fn leave_in(&self, block: &Block, now: u64) {
        block.end_poll(now, 0, |_| None);
    }
}

//! Replaces `lines.rs` without the feature `stall-lines`: no lines are known.

use super::{Address, Frame};

pub(super) fn at(_: Address) -> Vec<Frame> {
    Vec::new()
}

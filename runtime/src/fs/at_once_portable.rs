//! Reads without a job: this system does not support them, so each read is a job.

use std::fs::File;

use crate::io::ReadBuf;

/// The most bytes that are copied at once.
pub(super) const MOST_BYTES: usize = 0;

/// The result of a read.
#[derive(Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "elsewhere the others happen")]
pub(super) enum AtOnce {
    /// Bytes were read.
    Done,
    /// Not now.
    Later,
    /// Never with this file.
    Never,
}

/// Reads nothing.
pub(super) fn read(_: &File, _: &mut ReadBuf<'_>, _: usize) -> AtOnce {
    AtOnce::Never
}

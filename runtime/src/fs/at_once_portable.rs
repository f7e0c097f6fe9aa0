//! Operations without a job: this system does not support them, so each is a job.

use std::fs::{File, Metadata};
use std::path::Path;

use crate::io::ReadBuf;

/// The most bytes that are copied at once.
pub(super) const MOST_BYTES: usize = 0;

/// The result of a read.
#[derive(Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "elsewhere the others happen")]
pub(super) enum AtOnce {
    /// Bytes were read.
    Done,
    /// The file is at its end, or seems to be.
    AtEnd,
    /// Not now.
    Later,
    /// Never with this file.
    Never,
}

/// Reads nothing.
pub(super) fn read(_: &File, _: &mut ReadBuf<'_>, _: usize) -> AtOnce {
    AtOnce::Never
}

/// The whole content of a small file: never.
pub(super) fn read_whole(_: &Path) -> Option<Vec<u8>> {
    None
}

/// A file that is open to read: never.
pub(super) fn open(_: &Path) -> Option<File> {
    None
}

/// The metadata of what is at a path: never.
pub(super) fn metadata(_: &Path, _follow: bool) -> Option<Metadata> {
    None
}

/// Whether something is certainly at a path: never certain.
pub(super) fn is_there(_: &Path) -> bool {
    false
}

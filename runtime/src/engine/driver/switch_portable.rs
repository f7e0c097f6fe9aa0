//! Sources whose events are always on.

use std::os::fd::RawFd;

/// See `off`.
pub(crate) const AFTER: u8 = u8::MAX;

/// The source as the system knows it.
#[derive(Debug)]
pub(crate) struct Switch;

impl Switch {
    pub(super) fn new(_: &mio::Registry, _: RawFd, _: usize, _: mio::Interest) -> Switch {
        Switch
    }

    /// Stays on.
    pub(crate) fn off(&self) -> bool {
        false
    }

    pub(crate) fn on(&self) {}
}

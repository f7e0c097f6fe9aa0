//! For systems where threads have no number that another thread can use.

use std::time::Duration;

/// 0: unknown.
pub(crate) fn os_id() -> u32 {
    0
}

/// Unknown.
pub(crate) fn cpu_time(_os_id: u32) -> Option<Duration> {
    None
}

/// Does nothing.
pub(crate) fn ask_for_long_slices() {}

/// What a thread has used of its processor: unknown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage;

impl Usage {
    pub(crate) fn now() -> Option<Usage> {
        None
    }

    pub(crate) fn since(self) -> Option<Spent> {
        None
    }
}

/// Never made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) computed: Duration,
    pub(crate) has_waited: bool,
}

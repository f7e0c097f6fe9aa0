//! Where the system has no `/proc/self/task`.

use std::time::Duration;

use super::{ThreadState, Tid, Why};

pub(crate) fn thread_state(_tid: Tid) -> Result<ThreadState, Why> {
    Err(Why::Unsupported)
}

/// Tells nothing.
#[derive(Debug, Default)]
pub(crate) struct Probe;

impl Probe {
    pub(crate) fn sleeps(&mut self, _os_id: u32) -> Option<bool> {
        None
    }

    pub(crate) fn queued(&mut self, _os_id: u32) -> Option<Duration> {
        None
    }
}

//! For systems without `/proc/self/task`.

use std::time::Duration;

use super::{ThreadState, Tid, Why};

pub(crate) fn thread_state(_tid: Tid) -> Result<ThreadState, Why> {
    Err(Why::Unsupported)
}

pub(crate) fn sleeps(_os_id: u32) -> Option<bool> {
    None
}

pub(crate) fn queued(_os_id: u32) -> Option<Duration> {
    None
}

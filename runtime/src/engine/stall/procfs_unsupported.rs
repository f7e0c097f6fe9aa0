//! Where the system has no `/proc/self/task`.

use std::time::Duration;

use super::{ThreadState, Tid, Why};

pub(crate) fn thread_state(_tid: Tid) -> Result<ThreadState, Why> {
    Err(Why::Unsupported)
}

pub(crate) fn processor_time(_tid: Tid) -> Result<Duration, Why> {
    Err(Why::Unsupported)
}

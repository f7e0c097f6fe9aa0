//! Where the system has no `/proc/self/task`.

use super::{ScheduleStats, ThreadState, Tid, Why};

pub(crate) fn current_tid() -> Tid {
    Tid(0)
}

pub(crate) fn thread_state(_tid: Tid) -> Result<ThreadState, Why> {
    Err(Why::Unsupported)
}

pub(crate) fn schedule_stats(_tid: Tid) -> Result<ScheduleStats, Why> {
    Err(Why::Unsupported)
}

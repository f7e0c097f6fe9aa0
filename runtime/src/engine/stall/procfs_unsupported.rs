//! Where the system has no `/proc/self/task`.

use super::{ThreadState, Tid, Why};

pub(crate) fn thread_state(_tid: Tid) -> Result<ThreadState, Why> {
    Err(Why::Unsupported)
}

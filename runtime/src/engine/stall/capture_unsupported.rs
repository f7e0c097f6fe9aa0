//! Where nobody can look at another thread's stack.

use super::{How, Tid, Trace, Unwinder, Why};

/// Never made here.
#[derive(Debug)]
pub(crate) enum Capture {}

impl Capture {
    pub(crate) fn trace(&self, _unwinder: &mut Unwinder) -> Trace {
        match *self {}
    }
}

pub(crate) fn capture(_tid: Tid, _how: How) -> Result<Capture, Why> {
    Err(Why::Unsupported)
}

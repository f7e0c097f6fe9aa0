//! Where nobody can look at another thread's stack.

use super::{How, Tid, Trace, Why};

/// Never made here.
#[derive(Debug)]
pub(crate) enum Capture {}

pub(crate) fn capture(_tid: Tid, _how: How) -> Result<Capture, Why> {
    Err(Why::Unsupported)
}

impl Capture {
    pub(crate) fn trace(&self, _unwinder: &mut Unwinder) -> Trace {
        match *self {}
    }
}

/// Has nothing to do here.
#[derive(Debug, Default)]
pub(crate) struct Unwinder(());

impl Unwinder {
    pub(crate) fn new() -> Unwinder {
        Unwinder(())
    }
}

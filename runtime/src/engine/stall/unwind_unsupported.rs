//! Where nobody can look at another thread's stack.

use super::{Capture, Trace};

/// Has nothing to do here.
#[derive(Debug, Default)]
pub(crate) struct Unwinder(());

impl Unwinder {
    pub(crate) fn new() -> Unwinder {
        Unwinder(())
    }
}

impl Capture {
    pub(crate) fn trace(&self, _unwinder: &mut Unwinder) -> Trace {
        match *self {}
    }
}

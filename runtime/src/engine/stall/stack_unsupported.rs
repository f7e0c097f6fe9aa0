//! For systems on which the stack of another thread cannot be read.

use super::{How, Tid, Trace, Why};

/// Never made on this system.
#[derive(Debug)]
pub(crate) enum Capture {}

pub(crate) fn capture(_tid: Tid, _how: How) -> Result<Capture, Why> {
    Err(Why::Unsupported)
}

/// Says why [`capture_here`] captures nothing.
pub(crate) fn prepare() -> Result<(), Why> {
    Err(Why::Unsupported)
}

/// Nowhere that anybody asks about.
pub(crate) fn stack_pointer() -> usize {
    0
}

pub(crate) fn capture_here(_base: usize) -> Option<Capture> {
    None
}

impl Capture {
    pub(crate) fn trace(&self, _unwinder: &mut Unwinder) -> Trace {
        match *self {}
    }
}

/// Does nothing on this system.
#[derive(Debug, Default)]
pub(crate) struct Unwinder(());

impl Unwinder {
    pub(crate) fn new() -> Unwinder {
        Unwinder(())
    }
}

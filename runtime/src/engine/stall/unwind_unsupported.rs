//! Where nobody can look at another thread's stack.

/// Has nothing to do here.
#[derive(Debug, Default)]
pub(crate) struct Unwinder(());

impl Unwinder {
    pub(crate) fn new() -> Unwinder {
        Unwinder(())
    }
}

//! How many events one call to the system fetches.

/// The most events that one call to the system fetches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    /// For a call that may sleep.
    pub(crate) idle: usize,
    /// For a call that does not wait, by a thread that has other work.
    pub(crate) busy: usize,
}

impl Default for Batch {
    fn default() -> Batch {
        Batch { idle: 1024, busy: 1024 }
    }
}

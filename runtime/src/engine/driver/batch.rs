//! How many events one look at the system fetches.

/// How many events one look at the system fetches at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    /// By a holder who may sleep.
    pub(crate) idle: usize,
    /// By one who has something else to do.
    pub(crate) busy: usize,
}

impl Default for Batch {
    fn default() -> Batch {
        Batch { idle: 1024, busy: 1024 }
    }
}

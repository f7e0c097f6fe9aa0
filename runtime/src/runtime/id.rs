//! The number of a runtime.

use std::fmt;

use crate::engine::primitive::atomic::{AtomicU64, Ordering};

/// The number of a runtime, unique in this process.
///
/// # Examples
///
/// See [`Handle::id`](super::Handle::id).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RuntimeId(u64);

/// Numbers the runtimes of this process.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl RuntimeId {
    pub(crate) fn next() -> RuntimeId {
        RuntimeId(NEXT_ID.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for RuntimeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

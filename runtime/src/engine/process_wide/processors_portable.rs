//! Replaces `processors.rs` elsewhere: what the standard library says.

/// The number of processors that this process may use at a time; at least 1.
pub(crate) fn available() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

//! Threads, where the system gives them no number that another thread could use.

/// 0: unknown.
pub(crate) fn os_id() -> u32 {
    0
}

//! The frame at which a report of a stall ends.

/// What the frame's name contains.
pub(crate) const MARKER: &str = "__runtime_short_backtrace";

/// Calls `f`; a report of a stall in it ends here, so that it does not show the runtime's own
/// frames.
#[inline(always)]
pub(crate) fn short_backtrace<R>(f: impl FnOnce() -> R) -> R {
    __runtime_short_backtrace(f)
}

#[inline(never)]
fn __runtime_short_backtrace<R>(f: impl FnOnce() -> R) -> R {
    let result = f();
    // Keeps the call above from being the last thing done, and this frame with it.
    std::hint::black_box(());
    result
}

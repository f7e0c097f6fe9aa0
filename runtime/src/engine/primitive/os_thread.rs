//! Threads as the Linux kernel sees them.
#![allow(unsafe_code, reason = "system calls; blocks cite docs/unsafe.md")]

/// The kernel's number of this thread.
pub(crate) fn os_id() -> u32 {
    // SAFETY: the call takes no argument and touches no memory.
    unsafe { libc::gettid() as u32 }
}

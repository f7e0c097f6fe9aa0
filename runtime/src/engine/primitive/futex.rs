//! Waits on a word of memory: the futex of Linux.
#![allow(unsafe_code, reason = "the futex system call; blocks cite docs/unsafe.md")]

use std::time::Duration;

use super::atomic::AtomicU32;

/// Sleeps while `word` holds `expected`, until a wake or the end of `timeout`. May return
/// spuriously.
pub(crate) fn wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    let timespec = timeout.and_then(|t| {
        Some(libc::timespec {
            tv_sec: libc::time_t::try_from(t.as_secs()).ok()?,
            tv_nsec: t.subsec_nanos() as _,
        })
    });
    let timespec = timespec.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `word` is a live, aligned 32-bit word for the whole call, and `timespec` is null or
    // points to a value that outlives it. FUTEX_WAIT reads both and writes neither.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            expected,
            timespec,
        );
    }
}

/// Wakes one thread that waits on `word`.
pub(crate) fn wake_one(word: &AtomicU32) {
    // SAFETY: FUTEX_WAKE uses the address as a key only and never reads or writes memory there.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
            1_i32,
        );
    }
}

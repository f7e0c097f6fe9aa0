//! The table of the process's file descriptors.
//!
//! # Problem
//!
//! Linux begins with a table of 64 and doubles it when it is full. In a process with several
//! threads it then waits for all processors to have taken note (an RCU grace period), on the thread
//! that opens the file or accepts the connection: tens of milliseconds. Meanwhile every other
//! thread that opens one waits, too. A server that gets 100,000 connections meets that eleven
//! times.
//!
//! # What helps
//!
//! A descriptor with a high number makes the table as large as that number needs, and the table
//! never shrinks. So one is made and closed, at best while the process has one thread: then nobody
//! has to take note.
#![allow(unsafe_code, reason = "three system calls; blocks cite docs/unsafe.md")]

use std::io;
use std::os::fd::RawFd;

use crate::engine::messages;

/// Makes room for `count` descriptors. `any` is one that is open.
///
/// # Errors
///
/// If the process may not have so many, or the system has no memory for the table.
pub(crate) fn make_room(any: RawFd, count: usize) -> io::Result<()> {
    let Some(last) = count.checked_sub(1) else { return Ok(()) };
    let limit = limit();
    let last = match libc::c_int::try_from(last) {
        Ok(last) if count as u64 <= limit => last,
        _ => return Err(messages::too_many_descriptors(count, limit)),
    };
    // SAFETY: K1. The call takes numbers. It makes a descriptor, and changes none.
    let made = unsafe { libc::fcntl(any, libc::F_DUPFD_CLOEXEC, last) };
    if made < 0 {
        return Err(messages::no_room_for_descriptors(count, io::Error::last_os_error()));
    }
    // SAFETY: K1. It was made above and given to nobody.
    unsafe { libc::close(made) };
    Ok(())
}

/// The most descriptors that this process may have.
#[allow(clippy::unnecessary_cast, reason = "on some systems the number is signed")]
fn limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: K1. `limit` outlives the call.
    match unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } {
        0 => limit.rlim_cur as u64,
        // It is not known: the call that makes one tells.
        _ => u64::MAX,
    }
}

//! `getpeereid`.
#![allow(unsafe_code, reason = "one system call; see docs/unsafe.md")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

pub(super) fn credentials(socket: BorrowedFd<'_>) -> io::Result<(Option<i32>, u32, u32)> {
    let (mut uid, mut gid) = (0, 0);
    // SAFETY: both numbers are writable, and the descriptor is borrowed, so open.
    let done = unsafe { libc::getpeereid(socket.as_raw_fd(), &mut uid, &mut gid) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((None, uid, gid))
}

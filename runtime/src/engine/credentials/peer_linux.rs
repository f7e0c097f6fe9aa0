//! `SO_PEERCRED`.
#![allow(unsafe_code, reason = "one system call; see docs/unsafe.md")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

pub(super) fn credentials(socket: BorrowedFd<'_>) -> io::Result<(Option<i32>, u32, u32)> {
    let mut cred = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: `cred` is writable for the `len` bytes that are said, `len` itself too, and the
    // descriptor is borrowed, so open.
    let done = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            std::ptr::from_mut(&mut cred).cast(),
            &mut len,
        )
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((Some(cred.pid), cred.uid, cred.gid))
}

//! Reads without a job: the calling thread copies bytes that the system has in memory.
//!
//! The system is asked not to wait (`RWF_NOWAIT`): it copies what it has in memory, which costs
//! less than half a wake-up, or returns that it would have to wait. Then the read is a job like any
//! other. The position moves as in a read.
#![allow(unsafe_code, reason = "bytes that the system wrote are initialised; see docs/unsafe.md")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use crate::io::ReadBuf;

/// The most bytes that are copied without a job: a few microseconds.
pub(super) const MOST_BYTES: usize = 64 * 1024;

/// The result of a read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AtOnce {
    /// Bytes were read.
    Done,
    /// Not now: the system would have to wait. Or the file is at its end, or seems to be (Linux 5.9
    /// and 5.10 say so where it is not).
    Later,
    /// Never with this file: its file system does not support it, or there is an error, which the
    /// job will return.
    Never,
}

/// Reads at most so many bytes if that needs no waiting.
pub(super) fn read(file: &File, buf: &mut ReadBuf<'_>, most: usize) -> AtOnce {
    // SAFETY: the system only writes there, so nothing initialised becomes uninitialised.
    let room = unsafe { buf.unfilled_mut() };
    let iov_len = most.min(room.len());
    let piece = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len };
    // SAFETY: there is one piece, valid for writes of its length, which outlives the call; the
    // descriptor is open. The offset -1 stands for the file's own position.
    let n = unsafe { libc::preadv2(file.as_raw_fd(), &piece, 1, -1, libc::RWF_NOWAIT) };
    match usize::try_from(n) {
        Ok(0) => AtOnce::Later,
        Ok(n) => {
            // SAFETY: the system says that it wrote `n` bytes from the start of `room`.
            unsafe { buf.assume_init(n) };
            buf.advance(n);
            AtOnce::Done
        }
        Err(_) => match io::Error::last_os_error().kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => AtOnce::Later,
            _ => AtOnce::Never,
        },
    }
}

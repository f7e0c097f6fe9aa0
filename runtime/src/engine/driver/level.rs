//! Asks the system whether a descriptor is ready at this moment.
#![allow(unsafe_code, reason = "one system call; its block cites docs/unsafe.md")]

use std::io;
use std::os::fd::RawFd;

use super::readiness::Direction;

#[cfg(target_os = "linux")]
const CLOSED: libc::c_short = libc::POLLRDHUP;
#[cfg(not(target_os = "linux"))]
const CLOSED: libc::c_short = 0;

/// Whether an operation in this direction would not block now, if only to fail. Urgent data and a
/// hang-up count as readable, and so does a number that names no open descriptor: the operation
/// tells.
///
/// # Errors
///
/// Errors of the system.
pub(super) fn is_ready(fd: RawFd, direction: Direction) -> io::Result<bool> {
    let asked = match direction {
        Direction::Read => libc::POLLIN | libc::POLLPRI | CLOSED,
        Direction::Write => libc::POLLOUT,
    };
    let mut entry = libc::pollfd { fd, events: asked, revents: 0 };
    loop {
        // SAFETY: K1: the one entry is ours, and no descriptor is owned or kept by the call.
        match unsafe { libc::poll(&mut entry, 1, 0) } {
            -1 => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
            ready => return Ok(ready > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn it_follows_the_system() {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let fd = one.as_raw_fd();
        assert!(!is_ready(fd, Direction::Read).unwrap());
        assert!(is_ready(fd, Direction::Write).unwrap());
        other.write_all(b"x").unwrap();
        assert!(is_ready(fd, Direction::Read).unwrap());
        one.read_exact(&mut [0]).unwrap();
        assert!(!is_ready(fd, Direction::Read).unwrap());
        one.set_nonblocking(true).unwrap();
        while one.write(&[0; 4096]).is_ok() {}
        assert!(!is_ready(fd, Direction::Write).unwrap());
        drop(other);
        assert!(is_ready(fd, Direction::Read).unwrap() && is_ready(fd, Direction::Write).unwrap());
    }

    #[test]
    fn a_number_that_is_no_descriptor_is_ready_to_fail() {
        assert!(is_ready(1_000_000, Direction::Read).unwrap());
    }
}

//! What only Unix has.

use std::os::fd::BorrowedFd;

/// The descriptor in which the process's runtime waits for events, for a foreign event loop that
/// wants to know of them. It is readable when there are some.
///
/// Only watch it. The runtime's own threads take the events, so it may be unreadable again when the
/// loop looks. It tells of what was made outside other runtimes, and of no timers.
///
/// # Examples
///
/// ```
/// assert!(async_io::os::unix::reactor_fd().is_some());
/// ```
pub fn reactor_fd() -> Option<BorrowedFd<'static>> {
    let fd = process_runtime::of_the_process().poll_fd()?;
    // SAFETY: the runtime of the process is never dropped, and the descriptor is open as long as a
    // handle of it is there.
    Some(unsafe { BorrowedFd::borrow_raw(fd) })
}

//! Who is at the other end of a Unix socket.

use std::io;
use std::os::fd::BorrowedFd;

use super::{gid_t, pid_t, uid_t};
use crate::engine::credentials;

/// The credentials of a process.
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// let (stream, _other) = runtime::net::UnixStream::pair()?;
/// assert_eq!(stream.peer_cred()?.pid(), Some(std::process::id() as i32));
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct UCred {
    pid: Option<pid_t>,
    uid: uid_t,
    gid: gid_t,
}

impl UCred {
    /// The id of the user that the process runs as.
    ///
    /// # Examples
    ///
    /// See [`UnixStream::connect`](crate::net::UnixStream::connect).
    pub fn uid(&self) -> uid_t {
        self.uid
    }

    /// The id of the group that the process runs as.
    ///
    /// # Examples
    ///
    /// See [`UnixStream::connect`](crate::net::UnixStream::connect).
    pub fn gid(&self) -> gid_t {
        self.gid
    }

    /// The id of the process; `None` where the system does not tell it.
    ///
    /// # Examples
    ///
    /// See [`UnixStream::connect`](crate::net::UnixStream::connect).
    pub fn pid(&self) -> Option<pid_t> {
        self.pid
    }
}

pub(super) fn of_peer(socket: BorrowedFd<'_>) -> io::Result<UCred> {
    let (pid, uid, gid) = credentials::of_peer(socket)?;
    Ok(UCred { pid, uid, gid })
}

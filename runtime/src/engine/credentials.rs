//! Who is at the other end of a Unix socket.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

#[cfg_attr(
    not(any(target_os = "linux", target_os = "android")),
    path = "credentials/peer_portable.rs"
)]
#[cfg_attr(any(target_os = "linux", target_os = "android"), path = "credentials/peer_linux.rs")]
mod peer;

/// The process (where the system tells it), user and group of the process that connected a socket,
/// or that listened on it.
pub(crate) fn of_peer(socket: BorrowedFd<'_>) -> io::Result<(Option<i32>, u32, u32)> {
    peer::credentials(socket)
}

/// The user as whom this process acts.
#[cfg_attr(not(feature = "insight"), expect(dead_code, reason = "only insight asks"))]
pub(crate) fn own_user() -> io::Result<u32> {
    // What another would be told of this process.
    let (socket, _other) = UnixStream::pair()?;
    Ok(of_peer(socket.as_fd())?.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_has_this_process_at_both_ends() {
        let (socket, _other) = UnixStream::pair().unwrap();
        let (pid, user, _) = of_peer(socket.as_fd()).unwrap();
        assert!(pid.is_none_or(|pid| pid as u32 == std::process::id()));
        assert_eq!(user, own_user().unwrap());
    }
}

//! Where the sockets of programs are, and which programs there are.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustix::process::{Pid, geteuid, test_kill_process};

use crate::error::Error;

/// A program that lets others look in.
///
/// # Examples
///
/// See [`programs`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Found {
    /// The number of the process.
    pub pid: u32,
    /// Its socket.
    pub socket: PathBuf,
}

/// The programs of this user that let others look in, in order of their numbers.
///
/// Removes sockets that are left behind by programs that ended without removing them.
///
/// # Examples
///
/// ```
/// for found in runtime_insight::programs() {
///     println!("{} at {}", found.pid, found.socket.display());
/// }
/// ```
pub fn programs() -> Vec<Found> {
    let mut all = Vec::new();
    for directory in directories().into_iter().filter(|path| is_trusted(path).is_ok()) {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            let Some(pid) = pid_of(&path) else { continue };
            if is_alive(pid) || reach(&path, Duration::from_millis(100)).is_ok() {
                all.push(Found { pid, socket: path });
            } else {
                // The socket was left behind: nobody listens, and nobody will.
                let _ = fs::remove_file(path);
            }
        }
    }
    all.sort_by_key(|found| found.pid);
    all
}

/// The socket of a program.
pub(crate) fn find(pid: u32) -> Result<PathBuf, Error> {
    if !is_alive(pid) {
        return Err(Error::NoProcess { pid });
    }
    let mut untrusted = None;
    for directory in directories() {
        let socket = directory.join(format!("{pid}.sock"));
        match is_trusted(&directory) {
            Ok(()) if socket.exists() => return Ok(socket),
            Ok(()) => {}
            Err(error) => untrusted = Some(error),
        }
    }
    let user = owner(pid);
    match user {
        Some(user) if user != own_user() => Err(Error::NotYours { pid, user: Some(user) }),
        None if is_of_another(pid) => Err(Error::NotYours { pid, user }),
        _ => Err(untrusted.unwrap_or_else(|| no_insight(pid))),
    }
}

pub(crate) fn no_insight(pid: u32) -> Error {
    let program = fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    Error::NoInsight { pid, program: program.map(|name| name.trim_end().to_owned()) }
}

/// Connects. No read or write waits longer than `limit`.
pub(crate) fn reach(socket: &Path, limit: Duration) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new(socket)?;
    let descriptor =
        socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // Connecting waits, too, if many others connect.
    set_socket_timeout(&descriptor, Timeout::Send, Some(limit))?;
    set_socket_timeout(&descriptor, Timeout::Recv, Some(limit))?;
    connect(&descriptor, &address)?;
    Ok(UnixStream::from(descriptor))
}

/// The directories where programs of this user may have their sockets. A program takes the first
/// one that it can use; its environment may differ from this one's.
fn directories() -> Vec<PathBuf> {
    let user = own_user();
    let of_session = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let of_session = of_session.filter(|path| path.is_absolute());
    let usual = PathBuf::from(format!("/run/user/{user}"));
    let mut all: Vec<_> = of_session.into_iter().chain([usual]).collect();
    all.dedup();
    let mut all: Vec<_> = all.into_iter().map(|path| path.join("runtime-insight")).collect();
    all.push(PathBuf::from(format!("/tmp/runtime-insight-{user}")));
    all.retain(|path| fs::symlink_metadata(path).is_ok());
    all
}

/// Whether only this user can create files in the directory.
fn is_trusted(directory: &Path) -> Result<(), Error> {
    let seen = fs::symlink_metadata(directory)?;
    let why = if !seen.is_dir() {
        "it is no directory: remove it".to_owned()
    } else if seen.uid() != own_user() {
        format!("it belongs to user {}: remove it", seen.uid())
    } else if seen.permissions().mode() & 0o077 != 0 {
        "it is open to others: chmod 700".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::Untrusted { directory: directory.to_owned(), why })
}

fn pid_of(socket: &Path) -> Option<u32> {
    let name = socket.file_name()?.to_str()?;
    name.strip_suffix(".sock")?.parse().ok()
}

fn own_user() -> u32 {
    geteuid().as_raw()
}

fn number(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

fn is_alive(pid: u32) -> bool {
    number(pid).is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

fn is_of_another(pid: u32) -> bool {
    number(pid).is_some_and(|pid| test_kill_process(pid) == Err(rustix::io::Errno::PERM))
}

/// Takes it from `/proc`.
fn owner(pid: u32) -> Option<u32> {
    fs::metadata(format!("/proc/{pid}")).ok().map(|seen| seen.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_sockets_are_numbers() {
        assert_eq!(pid_of(Path::new("/a/12.sock")), Some(12));
        for other in ["/a/x.sock", "/a/12", "/a/-1.sock", "/a/.sock"] {
            assert_eq!(pid_of(Path::new(other)), None, "{other}");
        }
    }

    #[test]
    fn a_process_without_insight_is_told_from_none() {
        let own = std::process::id();
        assert!(matches!(find(own), Err(Error::NoInsight { .. } | Error::Untrusted { .. })));
        assert!(matches!(find(u32::MAX), Err(Error::NoProcess { .. })));
        assert!(matches!(find(0), Err(Error::NoProcess { .. })));
    }
}

//! Where the socket is: `$XDG_RUNTIME_DIR/runtime-insight/PID.sock`, or, where there is no such
//! directory of this user, `/tmp/runtime-insight-UID/PID.sock`.
//!
//! Anybody can make the second directory, and put his own socket or a link there. So it is used
//! only if it is a directory of this user that is closed to all others, in one in which others
//! cannot put another in its place.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Readable, writable or searchable by others than the owner.
const OTHERS: u32 = 0o077;
/// Writable by others.
const OTHERS_WRITE: u32 = 0o022;
/// Nobody but the owner of an entry can replace it.
const STICKY: u32 = 0o1000;

/// The file of the socket. It is removed when this is dropped.
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A socket for this process that only `user` can open.
pub(super) fn listen(user: u32) -> io::Result<(UnixListener, SocketFile)> {
    let directory = own_directory(user)?;
    let path = directory.join(format!("{}.sock", std::process::id()));
    let listener = bind(&path).map_err(|error| wrap(&path, error))?;
    let file = SocketFile(path);
    fs::set_permissions(&file.0, Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok((listener, file))
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            if UnixStream::connect(path).is_ok() {
                // The socket belongs to a process with the same number, in another namespace.
                return Err(error);
            }
            // A process that had this number ended without removing its socket.
            fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        other => other,
    }
}

/// The directory for the sockets of the user's programs, made if it is not there.
fn own_directory(user: u32) -> io::Result<PathBuf> {
    let of_session = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let of_session = of_session.filter(|path| {
        let is_own = |seen: Metadata| seen.is_dir() && seen.uid() == user;
        path.is_absolute() && fs::metadata(path).is_ok_and(is_own)
    });
    let directory = match of_session {
        Some(path) => path.join("runtime-insight"),
        None => Path::new("/tmp").join(format!("runtime-insight-{user}")),
    };
    let parent = directory.parent().unwrap_or(Path::new("/"));
    let mode = fs::metadata(parent).map_err(|error| wrap(parent, error))?.mode();
    if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
        return Err(refused(parent, "others can replace what is in it: chmod +t or go-w"));
    }
    match DirBuilder::new().mode(0o700).create(&directory) {
        // The umask may have taken bits away.
        Ok(()) => fs::set_permissions(&directory, Permissions::from_mode(0o700))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(wrap(&directory, error)),
    }
    // Does not follow a link.
    let seen = fs::symlink_metadata(&directory).map_err(|error| wrap(&directory, error))?;
    if !seen.is_dir() {
        return Err(refused(&directory, "it is no directory: remove it"));
    }
    if seen.uid() != user {
        let why = format!("it belongs to user {}, not to {user}: remove it", seen.uid());
        return Err(refused(&directory, &why));
    }
    if seen.mode() & OTHERS != 0 {
        return Err(refused(&directory, "it is open to others: chmod 700"));
    }
    Ok(directory)
}

fn refused(path: &Path, why: &str) -> io::Error {
    let text = format!("{} is not used: {why}", path.display());
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

fn wrap(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

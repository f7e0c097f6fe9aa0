//! Operations on paths: one job each, or none if the system has in memory what they ask for.

use std::fs::{Metadata, Permissions};
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};

use super::at_once;
use super::job::{job, job_at, job_at_two, job_unless};

/// The whole content of a file.
///
/// # Errors
///
/// The file is not there or must not be read, and other errors of the system.
///
/// # Cancel safety
///
/// Cancel safe: it changes nothing.
///
/// # Examples
///
/// ```
/// use runtime::fs;
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let dir = std::env::temp_dir().join(format!("runtime-doc-read-{}", std::process::id()));
/// # fs::create_dir(&dir).await?;
/// fs::write(dir.join("a"), [1, 2, 3]).await?;
/// assert_eq!(fs::read(dir.join("a")).await?, [1, 2, 3]);
/// # fs::remove_dir_all(dir).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Vec<u8>>> {
    job_unless(path, at_once::read_whole, std::fs::read)
}

/// The whole content of a file that is text.
///
/// # Errors
///
/// As for [`read`], and [`InvalidData`](io::ErrorKind::InvalidData) if it is no UTF-8.
///
/// # Cancel safety
///
/// Cancel safe: it changes nothing.
///
/// # Examples
///
/// ```
/// use runtime::fs;
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let dir = std::env::temp_dir().join(format!("runtime-doc-read-to-string-{}", std::process::id()));
/// # fs::create_dir(&dir).await?;
/// fs::write(dir.join("a"), "grün").await?;
/// assert_eq!(fs::read_to_string(dir.join("a")).await?, "grün");
/// # fs::remove_dir_all(dir).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn read_to_string(path: impl AsRef<Path>) -> impl Future<Output = io::Result<String>> {
    // A job says what is wrong with a text.
    let at_once = |path: &Path| String::from_utf8(at_once::read_whole(path)?).ok();
    job_unless(path, at_once, std::fs::read_to_string)
}

/// Makes `contents` the whole content of a file, which is created if it is not there.
///
/// The content is copied first, since the future may be dropped while it is written.
///
/// # Errors
///
/// A directory on the way is not there, permission is denied, the disk is full, and whatever else
/// the system says. The file may have part of the content then.
///
/// # Cancel safety
///
/// Once polled, all of it is written, unless the runtime is shut down before.
///
/// # Examples
///
/// ```
/// use runtime::fs;
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let dir = std::env::temp_dir().join(format!("runtime-doc-write-{}", std::process::id()));
/// # fs::create_dir(&dir).await?;
/// fs::write(dir.join("a"), "at first").await?;
/// fs::write(dir.join("a"), "then").await?;
/// assert_eq!(fs::read(dir.join("a")).await?, b"then");
/// # fs::remove_dir_all(dir).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn write(
    path: impl AsRef<Path>,
    contents: impl AsRef<[u8]>,
) -> impl Future<Output = io::Result<()>> {
    let owned = (path.as_ref().to_owned(), contents.as_ref().to_owned());
    job(path, move || std::fs::write(owned.0, owned.1))
}

/// Copies content and permissions of the file `from` to the file `to`, which is created or written
/// over. Gives the number of bytes.
///
/// # Errors
///
/// `from` is not there or no file, `to` must not be written, and other errors of the system.
///
/// # Cancel safety
///
/// Once polled it is carried out, unless the runtime is shut down before.
///
/// # Examples
///
/// ```
/// use runtime::fs;
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let dir = std::env::temp_dir().join(format!("runtime-doc-copy-{}", std::process::id()));
/// # fs::create_dir(&dir).await?;
/// fs::write(dir.join("a"), "twice").await?;
/// assert_eq!(fs::copy(dir.join("a"), dir.join("b")).await?, 5);
/// assert_eq!(fs::read(dir.join("b")).await?, b"twice");
/// # fs::remove_dir_all(dir).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> impl Future<Output = io::Result<u64>> {
    job_at_two(from, to, std::fs::copy)
}

/// Renames a file or directory, and replaces a file that has the new name.
///
/// # Errors
///
/// `from` is not there, `to` is on another file system or a directory with content, permission is
/// denied, and other errors of the system.
///
/// # Cancel safety
///
/// Once polled it is carried out, unless the runtime is shut down before.
///
/// # Examples
///
/// ```
/// use runtime::fs;
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let dir = std::env::temp_dir().join(format!("runtime-doc-rename-{}", std::process::id()));
/// # fs::create_dir(&dir).await?;
/// fs::write(dir.join("a"), "").await?;
/// fs::rename(dir.join("a"), dir.join("b")).await?;
/// assert!(!fs::try_exists(dir.join("a")).await?);
/// assert!(fs::try_exists(dir.join("b")).await?);
/// # fs::remove_dir_all(dir).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn rename(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
) -> impl Future<Output = io::Result<()>> {
    job_at_two(from, to, std::fs::rename)
}

/// Gives the file `original` a second name, on the same file system.
///
/// # Errors
///
/// `original` is not there or a directory, `link` is there, and other errors of the system.
///
/// # Cancel safety
///
/// Once polled it is carried out, unless the runtime is shut down before.
///
/// # Examples
///
/// ```
/// use runtime::fs;
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let dir = std::env::temp_dir().join(format!("runtime-doc-hard-link-{}", std::process::id()));
/// # fs::create_dir(&dir).await?;
/// fs::write(dir.join("a"), "one").await?;
/// fs::hard_link(dir.join("a"), dir.join("b")).await?;
/// fs::write(dir.join("a"), "both").await?;
/// assert_eq!(fs::read(dir.join("b")).await?, b"both");
/// # fs::remove_dir_all(dir).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn hard_link(
    original: impl AsRef<Path>,
    link: impl AsRef<Path>,
) -> impl Future<Output = io::Result<()>> {
    job_at_two(original, link, std::fs::hard_link)
}

/// Where a symbolic link leads to, as it is written there.
///
/// # Errors
///
/// Nothing is there, or no link, and other errors of the system.
///
/// # Cancel safety
///
/// Cancel safe: it changes nothing.
///
/// # Examples
///
/// ```
/// use runtime::fs;
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let dir = std::env::temp_dir().join(format!("runtime-doc-read-link-{}", std::process::id()));
/// # fs::create_dir(&dir).await?;
/// # #[cfg(unix)] {
/// fs::symlink("somewhere", dir.join("link")).await?;
/// assert_eq!(fs::read_link(dir.join("link")).await?.to_str(), Some("somewhere"));
/// # }
/// # fs::remove_dir_all(dir).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn read_link(path: impl AsRef<Path>) -> impl Future<Output = io::Result<PathBuf>> {
    job_at(path, std::fs::read_link)
}

/// The absolute path without links, `.` and `..`.
///
/// # Errors
///
/// Nothing is there, something on the way is no directory, and other errors of the system.
///
/// # Cancel safety
///
/// Cancel safe: it changes nothing.
///
/// # Examples
///
/// ```
/// use runtime::fs;
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let dir = std::env::temp_dir().join(format!("runtime-doc-canonicalize-{}", std::process::id()));
/// # fs::create_dir(&dir).await?;
/// fs::write(dir.join("a"), "").await?;
/// let path = fs::canonicalize(dir.join("./../.").join(dir.file_name().unwrap()).join("a")).await?;
/// assert_eq!(path, fs::canonicalize(dir.join("a")).await?);
/// assert!(path.is_absolute());
/// # fs::remove_dir_all(dir).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn canonicalize(path: impl AsRef<Path>) -> impl Future<Output = io::Result<PathBuf>> {
    job_at(path, std::fs::canonicalize)
}

/// The metadata of a file or directory; for a link, of its target.
///
/// # Errors
///
/// Nothing is there, a directory on the way must not be searched, and other errors of the system.
///
/// # Cancel safety
///
/// Cancel safe: it changes nothing.
///
/// # Examples
///
/// ```
/// use runtime::fs;
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let dir = std::env::temp_dir().join(format!("runtime-doc-metadata-{}", std::process::id()));
/// # fs::create_dir(&dir).await?;
/// fs::write(dir.join("a"), "12345").await?;
/// assert_eq!(fs::metadata(dir.join("a")).await?.len(), 5);
/// assert!(fs::metadata(&dir).await?.is_dir());
/// # fs::remove_dir_all(dir).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn metadata(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Metadata>> {
    job_unless(path, |path| at_once::metadata(path, true), std::fs::metadata)
}

/// As [`metadata`], but of a link itself.
///
/// # Errors
///
/// As for [`metadata`].
///
/// # Cancel safety
///
/// Cancel safe: it changes nothing.
///
/// # Examples
///
/// ```
/// use runtime::fs;
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let dir = std::env::temp_dir().join(format!("runtime-doc-symlink-metadata-{}", std::process::id()));
/// # fs::create_dir(&dir).await?;
/// # #[cfg(unix)] {
/// fs::symlink("nowhere", dir.join("link")).await?;
/// assert!(fs::symlink_metadata(dir.join("link")).await?.is_symlink());
/// assert!(fs::metadata(dir.join("link")).await.is_err());
/// # }
/// # fs::remove_dir_all(dir).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn symlink_metadata(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Metadata>> {
    job_unless(path, |path| at_once::metadata(path, false), std::fs::symlink_metadata)
}

/// Whether something is at the path; a link must lead to something.
///
/// The answer may be outdated when you act on it: to create a file that must not exist, use
/// [`File::create_new`](super::File::create_new).
///
/// # Errors
///
/// It cannot be known: a directory on the way must not be searched, and other errors of the system.
///
/// # Cancel safety
///
/// Cancel safe: it changes nothing.
///
/// # Examples
///
/// ```
/// use runtime::fs;
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let dir = std::env::temp_dir().join(format!("runtime-doc-try-exists-{}", std::process::id()));
/// # fs::create_dir(&dir).await?;
/// assert!(!fs::try_exists(dir.join("a")).await?);
/// fs::write(dir.join("a"), "").await?;
/// assert!(fs::try_exists(dir.join("a")).await?);
/// # fs::remove_dir_all(dir).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn try_exists(path: impl AsRef<Path>) -> impl Future<Output = io::Result<bool>> {
    job_unless(path, |path| at_once::is_there(path).then_some(true), |path| path.try_exists())
}

/// Sets the permissions of a file or directory.
///
/// # Errors
///
/// Nothing is there, it is somebody else's, and other errors of the system.
///
/// # Cancel safety
///
/// Once polled it is carried out, unless the runtime is shut down before.
///
/// # Examples
///
/// ```
/// use runtime::fs;
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let dir = std::env::temp_dir().join(format!("runtime-doc-set-permissions-{}", std::process::id()));
/// # fs::create_dir(&dir).await?;
/// fs::write(dir.join("a"), "").await?;
/// let mut permissions = fs::metadata(dir.join("a")).await?.permissions();
/// permissions.set_readonly(true);
/// fs::set_permissions(dir.join("a"), permissions).await?;
/// assert!(fs::metadata(dir.join("a")).await?.permissions().readonly());
/// # fs::remove_dir_all(dir).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn set_permissions(
    path: impl AsRef<Path>,
    perm: Permissions,
) -> impl Future<Output = io::Result<()>> {
    job_at(path, |path| std::fs::set_permissions(path, perm))
}

/// Makes a directory; its parent must be there.
///
/// # Errors
///
/// Something is there already, the parent is not, permission is denied, and other errors of the
/// system.
///
/// # Cancel safety
///
/// Once polled it is carried out, unless the runtime is shut down before.
///
/// # Examples
///
/// ```
/// use runtime::fs;
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let dir = std::env::temp_dir().join(format!("runtime-doc-create-dir-{}", std::process::id()));
/// # fs::create_dir(&dir).await?;
/// fs::create_dir(dir.join("a")).await?;
/// assert!(fs::create_dir(dir.join("a")).await.is_err());
/// # fs::remove_dir_all(dir).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn create_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    job_at(path, std::fs::create_dir)
}

/// Makes a directory and its parents, as far as they are not there.
///
/// # Errors
///
/// Something on the way is no directory, permission is denied, and other errors of the system.
/// Some of the parents may have been made.
///
/// # Cancel safety
///
/// Once polled it is carried out, unless the runtime is shut down before.
///
/// # Examples
///
/// ```
/// use runtime::fs;
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let dir = std::env::temp_dir().join(format!("runtime-doc-create-dir-all-{}", std::process::id()));
/// # fs::create_dir(&dir).await?;
/// fs::create_dir_all(dir.join("a/b/c")).await?;
/// fs::create_dir_all(dir.join("a/b/c")).await?;
/// assert!(fs::metadata(dir.join("a/b/c")).await?.is_dir());
/// # fs::remove_dir_all(dir).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn create_dir_all(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    job_at(path, std::fs::create_dir_all)
}

/// Removes a directory that is empty.
///
/// # Errors
///
/// It is not there, no directory or not empty, permission is denied, and other errors of the
/// system.
///
/// # Cancel safety
///
/// Once polled it is carried out, unless the runtime is shut down before.
///
/// # Examples
///
/// ```
/// use runtime::fs;
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let dir = std::env::temp_dir().join(format!("runtime-doc-remove-dir-{}", std::process::id()));
/// # fs::create_dir(&dir).await?;
/// fs::create_dir(dir.join("a")).await?;
/// fs::remove_dir(dir.join("a")).await?;
/// assert!(!fs::try_exists(dir.join("a")).await?);
/// # fs::remove_dir_all(dir).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn remove_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    job_at(path, std::fs::remove_dir)
}

/// Removes a directory with everything in it. Links are removed, not followed.
///
/// # Errors
///
/// As for [`remove_dir`] and [`remove_file`]. Part of it may be gone then.
///
/// # Cancel safety
///
/// Once polled it is carried out, unless the runtime is shut down before.
///
/// # Examples
///
/// ```
/// use runtime::fs;
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let dir = std::env::temp_dir().join(format!("runtime-doc-remove-dir-all-{}", std::process::id()));
/// # fs::create_dir(&dir).await?;
/// fs::create_dir_all(dir.join("a/b")).await?;
/// fs::write(dir.join("a/b/c"), "").await?;
/// fs::remove_dir_all(dir.join("a")).await?;
/// assert!(!fs::try_exists(dir.join("a")).await?);
/// # fs::remove_dir_all(dir).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn remove_dir_all(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    job_at(path, std::fs::remove_dir_all)
}

/// Removes a file or a link. A file that is still open stays usable there.
///
/// # Errors
///
/// It is not there or a directory, permission is denied, and other errors of the system.
///
/// # Cancel safety
///
/// Once polled it is carried out, unless the runtime is shut down before.
///
/// # Examples
///
/// ```
/// use runtime::fs;
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let dir = std::env::temp_dir().join(format!("runtime-doc-remove-file-{}", std::process::id()));
/// # fs::create_dir(&dir).await?;
/// fs::write(dir.join("a"), "").await?;
/// fs::remove_file(dir.join("a")).await?;
/// assert!(!fs::try_exists(dir.join("a")).await?);
/// # fs::remove_dir_all(dir).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn remove_file(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    job_at(path, std::fs::remove_file)
}

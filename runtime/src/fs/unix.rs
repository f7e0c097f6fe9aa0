//! What only Unix has.
#![allow(unsafe_code, reason = "`FromRawFd` is an unsafe trait; see docs/unsafe.md")]

use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{DirBuilderExt, DirEntryExt, OpenOptionsExt};
use std::path::Path;

use super::job::job_at_two;
use super::{DirBuilder, DirEntry, File, OpenOptions};

/// Makes `link` a symbolic link to `original`, which need not be there: one job.
///
/// # Errors
///
/// Something is at `link` already, permission is denied, and other errors of the system.
///
/// # Cancel safety
///
/// Once polled it is done, unless the runtime is shut down before.
///
/// # Examples
///
/// ```
/// use runtime::fs;
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let link = std::env::temp_dir().join(format!("runtime-doc-symlink-{}", std::process::id()));
/// fs::symlink("/somewhere/else", &link).await?;
/// assert!(fs::symlink_metadata(&link).await?.is_symlink());
/// assert_eq!(fs::read_link(&link).await?.to_str(), Some("/somewhere/else"));
/// # fs::remove_file(link).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn symlink(
    original: impl AsRef<Path>,
    link: impl AsRef<Path>,
) -> impl Future<Output = io::Result<()>> {
    job_at_two(original, link, std::os::unix::fs::symlink)
}

impl OpenOptions {
    /// The permissions of a file that is created, less the process's umask. 0o666 by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::os::unix::fs::PermissionsExt;
    /// use runtime::fs::OpenOptions;
    ///
    /// # #[runtime::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("runtime-doc-mode-{}", std::process::id()));
    /// let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await?;
    /// assert_eq!(file.metadata().await?.permissions().mode() & 0o777, 0o600);
    /// # runtime::fs::remove_file(path).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn mode(&mut self, mode: u32) -> &mut OpenOptions {
        self.std.mode(mode);
        self
    }

    /// Further flags for the system's `open`, such as `libc::O_NOFOLLOW`. Those that say whether
    /// the file is read or written are ignored.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::fs::OpenOptions;
    ///
    /// const O_NOFOLLOW: i32 = 0o400000; // of Linux on x86-64
    ///
    /// let mut options = OpenOptions::new();
    /// let opened = options.read(true).custom_flags(O_NOFOLLOW).open("/etc/hostname").await;
    /// if let Err(error) = opened {
    ///     println!("no such file, or a link: {error}");
    /// }
    /// # }
    /// ```
    pub fn custom_flags(&mut self, flags: i32) -> &mut OpenOptions {
        self.std.custom_flags(flags);
        self
    }
}

impl DirBuilder {
    /// The permissions of a directory that is made, less the process's umask. 0o777 by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::os::unix::fs::PermissionsExt;
    /// use runtime::fs::{self, DirBuilder};
    ///
    /// # #[runtime::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let dir = std::env::temp_dir().join(format!("runtime-doc-dir-mode-{}", std::process::id()));
    /// DirBuilder::new().mode(0o700).create(&dir).await?;
    /// assert_eq!(fs::metadata(&dir).await?.permissions().mode() & 0o777, 0o700);
    /// # fs::remove_dir(dir).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn mode(&mut self, mode: u32) -> &mut DirBuilder {
        self.mode = Some(mode);
        self
    }

    pub(super) fn apply_mode(&self, std: &mut std::fs::DirBuilder) {
        if let Some(mode) = self.mode {
            std.mode(mode);
        }
    }
}

impl DirEntry {
    /// The inode's number; asks nobody.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut entries = runtime::fs::read_dir("/").await?;
    /// while let Some(entry) = entries.next_entry().await? {
    ///     println!("{} {:?}", entry.ino(), entry.file_name());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn ino(&self) -> u64 {
        self.std.ino()
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.std.as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.std.as_raw_fd()
    }
}

impl From<OwnedFd> for File {
    #[track_caller]
    fn from(fd: OwnedFd) -> File {
        File::from_std(fd.into())
    }
}

impl FromRawFd for File {
    /// # Safety
    ///
    /// `fd` is open, and nobody else owns it.
    unsafe fn from_raw_fd(fd: RawFd) -> File {
        // SAFETY: the caller says that `fd` is open and not owned by anybody else.
        File::from(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

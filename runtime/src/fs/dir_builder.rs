//! How a directory is made.

use std::future::Future;
use std::io;
use std::path::Path;

use super::job::job_at;

/// Makes a directory, with or without its parents.
///
/// # Examples
///
/// ```
/// use runtime::fs::{self, DirBuilder};
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let dir = std::env::temp_dir().join(format!("runtime-doc-dir-builder-{}", std::process::id()));
/// DirBuilder::new().recursive(true).create(dir.join("a/b")).await?;
/// assert!(fs::metadata(dir.join("a/b")).await?.is_dir());
/// # fs::remove_dir_all(dir).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct DirBuilder {
    recursive: bool,
    /// The permissions, where the system has them as a number.
    pub(super) mode: Option<u32>,
}

impl DirBuilder {
    /// Makes one directory, which must not be there, with the system's usual permissions.
    ///
    /// # Examples
    ///
    /// See [`DirBuilder`].
    pub fn new() -> DirBuilder {
        DirBuilder::default()
    }

    /// Whether parents that are missing are made too; then it is no error that the directory is
    /// there. Off by default.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::fs::DirBuilder;
    ///
    /// # let base = std::env::temp_dir().join(format!("doc-recursive-{}", std::process::id()));
    /// let path = base.join("a/b");
    /// DirBuilder::new().recursive(true).create(&path).await?;
    /// // It is no error that it is there.
    /// DirBuilder::new().recursive(true).create(&path).await?;
    /// # runtime::fs::remove_dir_all(base).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn recursive(&mut self, recursive: bool) -> &mut DirBuilder {
        self.recursive = recursive;
        self
    }

    /// Makes the directory: one job.
    ///
    /// # Errors
    ///
    /// Something is there already (unless `recursive` and it is a directory), a parent is missing
    /// (unless `recursive`), permission is denied, and other errors of the system.
    ///
    /// # Cancel safety
    ///
    /// Once polled it is done, unless the runtime is shut down before.
    ///
    /// # Examples
    ///
    /// See [`DirBuilder`].
    #[track_caller]
    pub fn create(&self, path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
        let mut std = std::fs::DirBuilder::new();
        std.recursive(self.recursive);
        self.apply_mode(&mut std);
        job_at(path, move |path| std.create(path))
    }
}

//! When a file was used.

use std::time::SystemTime;

/// What [`File::set_times`](super::File::set_times) sets. What is not given stays as it is.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use runtime::fs::{File, FileTimes};
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("runtime-doc-file-times-{}", std::process::id()));
/// let yesterday = SystemTime::now() - Duration::from_secs(24 * 60 * 60);
/// let file = File::create(&path).await?;
/// file.set_times(FileTimes::new().set_accessed(yesterday).set_modified(yesterday)).await?;
/// assert_eq!(file.metadata().await?.modified()?, yesterday);
/// # runtime::fs::remove_file(path).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "times are set by `File::set_times`"]
pub struct FileTimes {
    pub(super) std: std::fs::FileTimes,
}

impl FileTimes {
    /// Nothing to set.
    ///
    /// # Examples
    ///
    /// See [`FileTimes`].
    pub fn new() -> FileTimes {
        FileTimes::default()
    }

    /// When it was last read.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::SystemTime;
    /// use runtime::fs::{File, FileTimes};
    ///
    /// # let path = std::env::temp_dir().join(format!("doc-accessed-{}", std::process::id()));
    /// let file = File::create(&path).await?;
    /// let times = FileTimes::new()
    ///     .set_accessed(SystemTime::UNIX_EPOCH)
    ///     .set_modified(SystemTime::UNIX_EPOCH);
    /// file.set_times(times).await?;
    /// assert_eq!(file.metadata().await?.modified()?, SystemTime::UNIX_EPOCH);
    /// # runtime::fs::remove_file(path).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_accessed(self, time: SystemTime) -> FileTimes {
        FileTimes { std: self.std.set_accessed(time) }
    }

    /// When it was last written.
    ///
    /// # Examples
    ///
    /// See [`FileTimes`].
    pub fn set_modified(self, time: SystemTime) -> FileTimes {
        FileTimes { std: self.std.set_modified(time) }
    }
}

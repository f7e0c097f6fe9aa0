//! The entries of a directory, one batch for each job.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{FileType, Metadata};
use std::future::{Future, poll_fn};
use std::io;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::job::{job, job_at};
use crate::engine::coop;
use crate::engine::task::Identity;
use crate::io::on_pool;
use crate::runtime::context;
use crate::task::JoinHandle;

/// The entries that one job fetches. With more, the cost of the handover no longer matters.
const BATCH: usize = 256;

/// The entries of a directory, in no particular order, without `.` and `..`.
///
/// One job opens the directory and fetches the first 256 entries; each 256 more are one more job.
///
/// # Errors
///
/// It is not there, is no directory, permission is denied, and other errors of the system.
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
/// # let dir = std::env::temp_dir().join(format!("runtime-doc-read-dir-{}", std::process::id()));
/// # fs::create_dir(&dir).await?;
/// fs::write(dir.join("a"), "").await?;
/// fs::create_dir(dir.join("b")).await?;
///
/// let (mut files, mut dirs) = (0, 0);
/// let mut entries = fs::read_dir(&dir).await?;
/// while let Some(entry) = entries.next_entry().await? {
///     if entry.file_type().await?.is_dir() { dirs += 1 } else { files += 1 }
/// }
/// assert_eq!((files, dirs), (1, 1));
/// # fs::remove_dir_all(dir).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn read_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<ReadDir>> {
    let location = Location::caller();
    job_at(path, move |path| {
        let batch = Batch { entries: VecDeque::new(), rest: Some(std::fs::read_dir(path)?) };
        Ok(ReadDir { batch: batch.next(), job: None, location })
    })
}

/// The entries of a directory. Made by [`read_dir`].
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use runtime::fs;
///
/// # let dir = std::env::temp_dir().join(format!("runtime-doc-readdir-{}", std::process::id()));
/// # fs::create_dir(&dir).await?;
/// fs::write(dir.join("a"), "content").await?;
/// let mut entries = fs::read_dir(&dir).await?;
/// while let Some(entry) = entries.next_entry().await? {
///     assert_eq!(entry.file_name(), "a");
///     assert_eq!(entry.path(), dir.join("a"));
///     assert!(entry.file_type().await?.is_file());
/// }
/// # fs::remove_dir_all(dir).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing is read unless you call `next_entry`"]
pub struct ReadDir {
    /// Nothing, while there is a job.
    batch: Batch,
    job: Option<JoinHandle<Batch>>,
    location: &'static Location<'static>,
}

/// The fetched entries, and the rest of the directory.
#[derive(Debug, Default)]
struct Batch {
    entries: VecDeque<io::Result<DirEntry>>,
    rest: Option<std::fs::ReadDir>,
}

impl Batch {
    /// Fetches the next entries.
    fn next(mut self) -> Batch {
        while let Some(rest) = self.rest.as_mut().filter(|_| self.entries.len() < BATCH) {
            match rest.next() {
                Some(entry) => self.entries.push_back(entry.map(DirEntry::new)),
                None => self.rest = None,
            }
        }
        self
    }
}

impl ReadDir {
    /// The next entry; `None` after the last.
    ///
    /// # Errors
    ///
    /// An entry could not be read; the others can still be asked for. Or the runtime was shut down:
    /// then there are no more.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no entry is lost.
    ///
    /// # Examples
    ///
    /// See [`read_dir`].
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        poll_fn(|cx| self.poll_next_entry(cx)).await
    }

    /// [`next_entry`](ReadDir::next_entry) as a poll: wakes the waker of the last call when there
    /// is an entry, an error or the end.
    ///
    /// # Errors
    ///
    /// As for [`next_entry`](ReadDir::next_entry).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::future::poll_fn;
    ///
    /// # let dir = std::env::temp_dir().join(format!("doc-pollentry-{}", std::process::id()));
    /// # runtime::fs::create_dir(&dir).await?;
    /// let mut entries = runtime::fs::read_dir(&dir).await?;
    /// let first = poll_fn(|cx| entries.poll_next_entry(cx)).await?;
    /// assert!(first.is_none(), "the directory is empty");
    /// # runtime::fs::remove_dir_all(dir).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        let unit = ready!(coop::poll_proceed(cx));
        loop {
            if let Some(job) = &mut self.job {
                let result = ready!(Pin::new(job).poll(cx));
                self.job = None;
                match result {
                    Ok(batch) => self.batch = batch,
                    Err(_) => return Poll::Ready(Err(on_pool::lost())),
                }
            }
            if let Some(entry) = self.batch.entries.pop_front() {
                unit.made_progress();
                return Poll::Ready(entry.map(Some));
            }
            if self.batch.rest.is_none() {
                return Poll::Ready(Ok(None));
            }
            let location = self.location;
            self.job = Some(context::expect_current(|handle| {
                let batch = std::mem::take(&mut self.batch);
                handle.spawn_blocking_as(move || batch.next(), Identity::at(location))
            }));
        }
    }
}

/// An entry of a directory.
///
/// # Examples
///
/// See [`ReadDir::poll_next_entry`].
#[derive(Debug)]
pub struct DirEntry {
    pub(super) std: Arc<std::fs::DirEntry>,
    /// The type, if the system returned it with the name, as most systems do.
    file_type: Option<FileType>,
}

impl DirEntry {
    fn new(std: std::fs::DirEntry) -> DirEntry {
        DirEntry { file_type: std.file_type().ok(), std: Arc::new(std) }
    }

    /// The path that was given to [`read_dir`], and the name.
    ///
    /// # Examples
    ///
    /// See [`metadata`](Self::metadata).
    pub fn path(&self) -> PathBuf {
        self.std.path()
    }

    /// The name, without the directory.
    ///
    /// # Examples
    ///
    /// See [`metadata`](Self::metadata).
    pub fn file_name(&self) -> OsString {
        self.std.file_name()
    }

    /// The metadata of the entry: one job. For a link, its own, not its target's.
    ///
    /// # Errors
    ///
    /// The entry is gone meanwhile, and other errors of the system.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it changes nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # use runtime::fs;
    /// # #[runtime::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let dir = std::env::temp_dir().join(format!("runtime-doc-entry-{}", std::process::id()));
    /// # fs::create_dir(&dir).await?;
    /// fs::write(dir.join("a"), "12345").await?;
    /// let entry = fs::read_dir(&dir).await?.next_entry().await?.unwrap();
    /// assert_eq!(entry.file_name(), "a");
    /// assert_eq!(entry.path(), dir.join("a"));
    /// assert_eq!(entry.metadata().await?.len(), 5);
    /// # fs::remove_dir_all(dir).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn metadata(&self) -> impl Future<Output = io::Result<Metadata>> {
        let std = Arc::clone(&self.std);
        job((), move || std.metadata())
    }

    /// Whether it is a file, a directory or a link: no job, if the system returned it with the
    /// name.
    ///
    /// # Errors
    ///
    /// As for [`metadata`](DirEntry::metadata).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it changes nothing.
    ///
    /// # Examples
    ///
    /// See [`read_dir`].
    pub async fn file_type(&self) -> io::Result<FileType> {
        match self.file_type {
            Some(file_type) => Ok(file_type),
            None => {
                let std = Arc::clone(&self.std);
                job((), move || std.file_type()).await
            }
        }
    }
}

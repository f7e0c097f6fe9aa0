//! An open file.

use std::fmt;
use std::fs::{Metadata, Permissions};
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice, SeekFrom};
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use super::at_once::{self, AtOnce};
use super::job::{job, job_at, job_unless};
use super::{FileTimes, OpenOptions};
use crate::engine::{coop, messages};
use crate::io::on_pool::{self, Done, MOST_BYTES, OnPool};
use crate::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use crate::runtime::{Handle, context};
use crate::sync::{Mutex, MutexGuard, oneshot};
use crate::task;

/// An open file, read and written by jobs of the blocking pool.
///
/// Read it by [`AsyncReadExt`](crate::io::AsyncReadExt), write it by
/// [`AsyncWriteExt`](crate::io::AsyncWriteExt), move in it by
/// [`AsyncSeekExt`](crate::io::AsyncSeekExt). Each operation is one job, of at most
/// [`max_buf_size`](File::max_buf_size) bytes, and there is one at a time: the next one waits for
/// it. ([`metadata`](File::metadata) and [`set_permissions`](File::set_permissions) touch neither
/// content nor position, and do not wait.) On Linux a read of at most 64 KiB that the system has in
/// memory needs no job.
///
/// # Writes are done in the background
///
/// A write takes the bytes, hands them to a job, and is done. **Flush to know that they are
/// written** ([`AsyncWriteExt::flush`](crate::io::AsyncWriteExt::flush)): the next write or flush,
/// [`sync_all`](File::sync_all) or [`sync_data`](File::sync_data) returns the error of a failed
/// write. If the file is dropped without a flush, that error is lost, and the last write may not be
/// visible at once. It is still carried out, also when the runtime is shut down, unless the process
/// ends first. The file is closed when the last job is done.
///
/// # Cancel safety
///
/// An operation whose future is dropped goes on. The bytes of such a read are kept for the next
/// one. A write has taken its bytes if, and only if, it was ready. A write or seek in between
/// discards the kept bytes and moves back: positions are always those that the caller knows.
///
/// # Examples
///
/// ```
/// use runtime::fs::File;
/// use runtime::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("runtime-doc-file-{}", std::process::id()));
/// let mut file = File::create(&path).await?;
/// file.write_all(b"hello, world!").await?;
/// file.flush().await?;
///
/// let mut content = Vec::new();
/// File::open(&path).await?.read_to_end(&mut content).await?;
/// assert_eq!(content, b"hello, world!");
/// # runtime::fs::remove_file(path).await?;
/// # Ok(())
/// # }
/// ```
pub struct File {
    pub(super) std: Arc<std::fs::File>,
    /// Behind a lock for the operations that take `&self`.
    on_pool: Mutex<OnPool>,
    max_buf_size: usize,
    /// Whether reads without a job seem to work with this file.
    at_once: bool,
    /// Whether it was opened without a job: then metadata needs none either, and the system knows
    /// where the file ends.
    is_local: bool,
}

impl File {
    /// Opens a file to read it: one job, or none on Linux if the system has the path and the file's
    /// inode in memory.
    ///
    /// # Errors
    ///
    /// As for [`OpenOptions::open`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a file that is opened after the drop is closed again.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::fs::File;
    /// use runtime::io::AsyncReadExt;
    ///
    /// # #[runtime::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("runtime-doc-open-{}", std::process::id()));
    /// # runtime::fs::write(&path, "four bytes, and more").await?;
    /// let mut file = File::open(&path).await?;
    /// let mut start = [0; 4];
    /// file.read_exact(&mut start).await?;
    /// assert_eq!(&start, b"four");
    /// # runtime::fs::remove_file(path).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn open(path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> {
        let location = Location::caller();
        let at_once = move |path: &Path| {
            let std = at_once::open(path)?;
            Some(File { is_local: true, ..File::made_at(std, location) })
        };
        job_unless(path, at_once, move |path| {
            std::fs::File::open(path).map(|std| File::made_at(std, location))
        })
    }

    /// Opens a file to write it: it is created, or loses its content. One job.
    ///
    /// # Errors
    ///
    /// As for [`OpenOptions::open`].
    ///
    /// # Cancel safety
    ///
    /// Once polled it is carried out, unless the runtime is shut down before.
    ///
    /// # Examples
    ///
    /// See [`File`].
    #[track_caller]
    pub fn create(path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> {
        File::options().write(true).create(true).truncate(true).opening(path)
    }

    /// Creates a file, which must not be there, to read and write it: one job.
    ///
    /// # Errors
    ///
    /// As for [`OpenOptions::open`]; [`AlreadyExists`](io::ErrorKind::AlreadyExists) if it is
    /// there.
    ///
    /// # Cancel safety
    ///
    /// Once polled it is carried out, unless the runtime is shut down before.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::fs::File;
    ///
    /// # #[runtime::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("runtime-doc-create-new-{}", std::process::id()));
    /// let lock = File::create_new(&path).await?;
    /// assert!(File::create_new(&path).await.is_err());
    /// # runtime::fs::remove_file(path).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn create_new<P: AsRef<Path>>(path: P) -> impl Future<Output = io::Result<File>> {
        File::options().read(true).write(true).create_new(true).opening(path)
    }

    /// Options with everything off: [`OpenOptions::new`].
    ///
    /// # Examples
    ///
    /// See [`OpenOptions`].
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::fs::File;
    /// use runtime::io::AsyncWriteExt;
    ///
    /// # let path = std::env::temp_dir().join(format!("doc-options-{}", std::process::id()));
    /// let mut log = File::options().create(true).append(true).open(&path).await?;
    /// log.write_all(b"a line\n").await?;
    /// log.sync_data().await?;
    /// # runtime::fs::remove_file(path).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Takes over an open file.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::fs::File;
    /// use runtime::io::AsyncReadExt;
    ///
    /// # #[runtime::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("runtime-doc-from-std-{}", std::process::id()));
    /// # std::fs::write(&path, "content")?;
    /// let mut file = File::from_std(std::fs::File::open(&path)?);
    /// assert_eq!(file.read(&mut [0; 100]).await?, 7);
    /// # std::fs::remove_file(path)?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn from_std(std: std::fs::File) -> File {
        File::made_at(std, Location::caller())
    }

    pub(super) fn made_at(std: std::fs::File, location: &'static Location<'static>) -> File {
        File {
            std: Arc::new(std),
            on_pool: Mutex::new(OnPool::new(location, on_pool::lost)),
            max_buf_size: MOST_BYTES,
            at_once: true,
            is_local: false,
        }
    }

    /// Waits for the operation in flight and returns the file, at the position that the caller
    /// knows. The error of a write in flight is lost: flush before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the file, once the operation in flight is done.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    /// use runtime::fs::File;
    /// use runtime::io::AsyncWriteExt;
    ///
    /// # #[runtime::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("runtime-doc-into-std-{}", std::process::id()));
    /// let mut file = File::create(&path).await?;
    /// file.write_all(b"one, ").await?;
    /// file.into_std().await.write_all(b"two")?;
    /// assert_eq!(std::fs::read(&path)?, b"one, two");
    /// # std::fs::remove_file(path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn into_std(mut self) -> std::fs::File {
        let on_pool = self.on_pool.get_mut();
        // A file that cannot seek has no position that could be wrong.
        let _ = poll_fn(|cx| on_pool.poll_give_back(&self.std, cx)).await;
        let mut std = self.std;
        loop {
            match Arc::try_unwrap(std) {
                Ok(std) => return std,
                // A dropped `metadata` may still hold it for a moment.
                Err(shared) => std = shared,
            }
            task::yield_now().await;
        }
    }

    /// The file, if no operation is in flight.
    ///
    /// # Errors
    ///
    /// If one is: this file itself, unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::fs::File;
    ///
    /// # #[runtime::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("runtime-doc-try-into-{}", std::process::id()));
    /// let std = File::create(&path).await?.try_into_std().expect("nothing was asked of it yet");
    /// # drop(std);
    /// # std::fs::remove_file(path)?;
    /// # Ok(())
    /// # }
    /// ```
    #[allow(clippy::result_large_err, reason = "it is the file that came in")]
    pub fn try_into_std(mut self) -> Result<std::fs::File, File> {
        match Arc::try_unwrap(self.std) {
            Ok(std) => Ok(std),
            Err(shared) => {
                self.std = shared;
                Err(self)
            }
        }
    }

    /// Waits until content and metadata are on the disk.
    ///
    /// # Errors
    ///
    /// If an earlier write failed and its error was not returned yet, or the disk has an error.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it waits, and changes nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::fs::File;
    /// use runtime::io::AsyncWriteExt;
    ///
    /// # #[runtime::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("runtime-doc-sync-{}", std::process::id()));
    /// let mut file = File::create(&path).await?;
    /// file.write_all(b"survives a power cut").await?;
    /// file.sync_all().await?;
    /// # runtime::fs::remove_file(path).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn sync_all(&self) -> io::Result<()> {
        let mut on_pool = self.written().await?;
        self.run(&mut on_pool, std::fs::File::sync_all).await
    }

    /// Waits until the content is on the disk, and as much of the metadata as is needed to read it.
    ///
    /// # Errors
    ///
    /// As for [`sync_all`](File::sync_all).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it waits, and changes nothing.
    ///
    /// # Examples
    ///
    /// As for [`sync_all`](File::sync_all).
    ///
    /// See [`options`](Self::options).
    pub async fn sync_data(&self) -> io::Result<()> {
        let mut on_pool = self.written().await?;
        self.run(&mut on_pool, std::fs::File::sync_data).await
    }

    /// Cuts the file off after `size` bytes, or extends it with zeroes. The position stays, even
    /// beyond the end.
    ///
    /// # Errors
    ///
    /// It is not open for writing, and other errors of the system.
    ///
    /// # Cancel safety
    ///
    /// Once it has begun it is carried out. It has not begun while it waits for an earlier write.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::fs::File;
    ///
    /// # #[runtime::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("runtime-doc-set-len-{}", std::process::id()));
    /// let file = File::create(&path).await?;
    /// file.set_len(10).await?;
    /// assert_eq!(file.metadata().await?.len(), 10);
    /// # runtime::fs::remove_file(path).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn set_len(&self, size: u64) -> io::Result<()> {
        let mut on_pool = self.settled().await;
        // Bytes that were read ahead of a part that is now cut off must not be returned.
        poll_fn(|cx| on_pool.poll_give_back(&self.std, cx)).await?;
        self.run(&mut on_pool, move |std| std.set_len(size)).await
    }

    /// The file's metadata. Does not wait: a write that was not flushed may not be seen.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it changes nothing.
    ///
    /// # Examples
    ///
    /// See [`set_len`](File::set_len).
    pub async fn metadata(&self) -> io::Result<Metadata> {
        if self.is_local && !context::expect_current(Handle::is_shut_down) {
            poll_fn(|cx| coop::poll_proceed(cx).map(|unit| unit.made_progress())).await;
            return self.std.metadata();
        }
        self.beside(std::fs::File::metadata).await
    }

    /// A second handle to the same open file. Both share one position, and each moves it.
    ///
    /// # Errors
    ///
    /// The process has too many files open, and other errors of the system.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it changes nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::fs::File;
    /// use runtime::io::{AsyncSeekExt, AsyncWriteExt};
    ///
    /// # #[runtime::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("runtime-doc-try-clone-{}", std::process::id()));
    /// let mut file = File::create(&path).await?;
    /// let mut second = file.try_clone().await?;
    /// second.write_all(b"12345").await?;
    /// second.flush().await?;
    /// assert_eq!(file.stream_position().await?, 5);
    /// # runtime::fs::remove_file(path).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn try_clone(&self) -> io::Result<File> {
        let mut on_pool = self.settled().await;
        let std = self.run(&mut on_pool, std::fs::File::try_clone).await?;
        let location = on_pool.location();
        Ok(File { max_buf_size: self.max_buf_size, ..File::made_at(std, location) })
    }

    /// Sets the permissions. Does not wait for the operation in flight.
    ///
    /// # Errors
    ///
    /// The file is somebody else's, and other errors of the system.
    ///
    /// # Cancel safety
    ///
    /// Once polled it is carried out, unless the runtime is shut down before.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::fs::File;
    ///
    /// # #[runtime::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("runtime-doc-file-perm-{}", std::process::id()));
    /// let file = File::create(&path).await?;
    /// let mut permissions = file.metadata().await?.permissions();
    /// permissions.set_readonly(true);
    /// file.set_permissions(permissions).await?;
    /// assert!(file.metadata().await?.permissions().readonly());
    /// # runtime::fs::remove_file(path).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn set_permissions(&self, perm: Permissions) -> io::Result<()> {
        self.beside(move |std| std.set_permissions(perm)).await
    }

    /// Sets the file's times, after the writes that were taken.
    ///
    /// # Errors
    ///
    /// The file is somebody else's, and other errors of the system.
    ///
    /// # Cancel safety
    ///
    /// Once it has begun it is carried out. It has not begun while it waits for an earlier write.
    ///
    /// # Examples
    ///
    /// See [`FileTimes`].
    pub async fn set_times(&self, times: FileTimes) -> io::Result<()> {
        let mut on_pool = self.settled().await;
        self.run(&mut on_pool, move |std| std.set_times(times.std)).await
    }

    /// Sets the time of the last write: [`set_times`](File::set_times) with only that.
    ///
    /// # Errors
    ///
    /// As for [`set_times`](File::set_times).
    ///
    /// # Cancel safety
    ///
    /// Once it has begun it is carried out. It has not begun while it waits for an earlier write.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::SystemTime;
    /// use runtime::fs::File;
    ///
    /// # #[runtime::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("runtime-doc-modified-{}", std::process::id()));
    /// let file = File::create(&path).await?;
    /// file.set_modified(SystemTime::UNIX_EPOCH).await?;
    /// assert_eq!(file.metadata().await?.modified()?, SystemTime::UNIX_EPOCH);
    /// # runtime::fs::remove_file(path).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(FileTimes::new().set_modified(time)).await
    }

    /// Sets the most bytes that one job, and one read or write, transfers. The default is 2 MiB.
    ///
    /// # Panics
    ///
    /// With 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::fs::File;
    /// use runtime::io::AsyncWriteExt;
    ///
    /// # #[runtime::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("runtime-doc-buf-size-{}", std::process::id()));
    /// let mut file = File::create(&path).await?;
    /// file.set_max_buf_size(3);
    /// assert_eq!(file.max_buf_size(), 3);
    /// assert_eq!(file.write(b"12345").await?, 3);
    /// # runtime::fs::remove_file(path).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn set_max_buf_size(&mut self, max_buf_size: usize) {
        assert!(max_buf_size > 0, "{}", messages::ZERO_MAX_BUF_SIZE);
        self.max_buf_size = max_buf_size;
    }

    /// The most bytes that one job reads or writes.
    ///
    /// # Examples
    ///
    /// See [`set_max_buf_size`](File::set_max_buf_size).
    pub fn max_buf_size(&self) -> usize {
        self.max_buf_size
    }

    /// The turn for an operation that takes `&self`, when nothing is in flight.
    async fn settled(&self) -> MutexGuard<'_, OnPool> {
        let mut on_pool = self.on_pool.lock().await;
        poll_fn(|cx| on_pool.poll_settled(cx)).await;
        on_pool
    }

    /// [`settled`](File::settled), if all writes went well.
    async fn written(&self) -> io::Result<MutexGuard<'_, OnPool>> {
        let mut on_pool = self.on_pool.lock().await;
        poll_fn(|cx| on_pool.poll_written(cx)).await?;
        Ok(on_pool)
    }

    /// Runs something as the file's operation in flight, so that later operations wait for it even
    /// if this future is dropped.
    async fn run<R: Send + 'static>(
        &self,
        on_pool: &mut OnPool,
        work: impl FnOnce(&std::fs::File) -> io::Result<R> + Send + 'static,
    ) -> io::Result<R> {
        let (tell, told) = oneshot::channel();
        on_pool.start(&self.std, move |std| {
            let _ = tell.send(work(std));
            Done::Other
        })?;
        poll_fn(|cx| on_pool.poll_job(cx)).await?;
        told.await.unwrap_or_else(|_| Err(on_pool::lost()))
    }

    /// Runs an operation that touches neither content nor position, beside the one in flight.
    async fn beside<R: Send + 'static>(
        &self,
        work: impl FnOnce(&std::fs::File) -> io::Result<R> + Send + 'static,
    ) -> io::Result<R> {
        let std = Arc::clone(&self.std);
        job((), move || work(&std)).await
    }

    /// Reads without a job, if the system has the next bytes in memory.
    fn poll_read_at_once(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<AtOnce> {
        let most = self.max_buf_size.min(buf.remaining());
        let small = (1..=at_once::MOST_BYTES).contains(&most);
        if !small || !self.at_once || !self.on_pool.get_mut().is_in_place() {
            return Poll::Ready(AtOnce::Later);
        }
        let unit = ready!(coop::poll_proceed(cx));
        // Without a runtime, and after its end, a file fails as it would where nothing is in
        // memory.
        if context::expect_current(Handle::is_shut_down) {
            return Poll::Ready(AtOnce::Later);
        }
        let read = at_once::read(&self.std, buf, most);
        match read {
            AtOnce::AtEnd if self.is_local => {
                unit.made_progress();
                return Poll::Ready(AtOnce::Done);
            }
            AtOnce::Done => unit.made_progress(),
            AtOnce::AtEnd | AtOnce::Later => {}
            AtOnce::Never => self.at_once = false,
        }
        Poll::Ready(read)
    }

    /// Waits for the turn to write: nothing is unread.
    fn poll_write_pieces(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let on_pool = self.on_pool.get_mut();
        ready!(on_pool.poll_give_back(&self.std, cx))?;
        on_pool.poll_write(&self.std, self.max_buf_size, cx, pieces)
    }
}

// The way from the options to a file.
impl OpenOptions {
    /// Opens the file: one job.
    ///
    /// # Errors
    ///
    /// Among others: [`NotFound`](io::ErrorKind::NotFound) without `create`, or if a directory on
    /// the way is missing; [`AlreadyExists`](io::ErrorKind::AlreadyExists) with `create_new`;
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied);
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for options that contradict each other.
    ///
    /// # Cancel safety
    ///
    /// A file that was being opened is closed again; one that was being created may be there.
    ///
    /// # Examples
    ///
    /// See [`OpenOptions`].
    #[track_caller]
    pub fn open(&self, path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> {
        self.opening(path)
    }

    /// A future that does not borrow the options.
    #[track_caller]
    fn opening<P: AsRef<Path>>(&self, path: P) -> impl Future<Output = io::Result<File>> + use<P> {
        let options = self.std.clone();
        let location = Location::caller();
        job_at(path, move |path| options.open(path).map(|std| File::made_at(std, location)))
    }
}

impl AsyncRead for File {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if ready!(this.poll_read_at_once(cx, buf)) == AtOnce::Done {
            return Poll::Ready(Ok(()));
        }
        this.on_pool.get_mut().poll_read(&this.std, this.max_buf_size, cx, buf)
    }
}

impl AsyncSeek for File {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        let this = self.get_mut();
        this.on_pool.get_mut().start_seek(&this.std, position)
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        self.get_mut().on_pool.get_mut().poll_complete(cx)
    }
}

impl AsyncWrite for File {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_pieces(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_pieces(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().on_pool.get_mut().poll_written(cx)
    }

    /// A flush: the file is closed when it is dropped.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl From<std::fs::File> for File {
    #[track_caller]
    fn from(std: std::fs::File) -> File {
        File::from_std(std)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(messages::FILE).field("std", &self.std).finish()
    }
}

//! Files and directories without blocking a worker.
//!
//! Systems offer no way to wait for a disk as for a socket: a call blocks until the disk has
//! answered. So each operation here is a job of the blocking pool, and its cost is the handover to
//! the pool and back. The fewer jobs the better:
//!
//! | what | jobs |
//! |---|---|
//! | [`read`], [`read_to_string`], [`metadata`], [`symlink_metadata`], [`try_exists`], [`File::open`] | none on Linux if the system has in memory what they ask for, and the file is on a local disk; else one |
//! | [`write`](fn@write), [`copy`], and everything else that takes a path | one |
//! | [`read_dir`] | one for each 256 entries |
//! | [`File`] | one for each read, write or seek, of at most [`max_buf_size`](File::max_buf_size) bytes; none for a read of at most 64 KiB that the system has in memory, on Linux |
//!
//! Wrap a [`File`] that is read or written in small pieces in a
//! [`BufReader`](crate::io::BufReader) or a [`BufWriter`](crate::io::BufWriter). Do several
//! operations that belong together with [`std::fs`] in one
//! [`spawn_blocking`](crate::spawn_blocking).
//!
//! This is for ordinary files. A file that may block without end (a named pipe, a terminal)
//! occupies a thread of the pool meanwhile, and delays the end of the runtime: see
//! [`net::unix::pipe`](crate::net::unix::pipe) and [`AsyncFd`](crate::io::unix::AsyncFd).
//!
//! # Rules for all of them
//!
//! - **Cancel safety.** A job that has begun cannot be stopped. A future that is dropped stops
//!   waiting, but its operation is still carried out, unless the job had not begun when the runtime
//!   was shut down.
//! - **Errors.** Those of the system, as in [`std::fs`]. If the runtime is shut down: an error of
//!   kind [`Other`](std::io::ErrorKind::Other) that begins with "background task failed".
//! - **Panics.** Outside a runtime, at the first poll.
//!
//! # Examples
//!
//! ```
//! use runtime::fs;
//!
//! # #[runtime::main]
//! # async fn main() -> std::io::Result<()> {
//! # let dir = std::env::temp_dir().join(format!("runtime-doc-fs-{}", std::process::id()));
//! fs::create_dir(&dir).await?;
//! let path = dir.join("poem");
//! fs::write(&path, "First line.\nSecond line.\n").await?;
//! assert_eq!(fs::read_to_string(&path).await?.lines().count(), 2);
//! fs::remove_dir_all(&dir).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A write of a [`File`] is done in the background; only a flush tells whether it succeeded:
//!
//! ```
//! use runtime::fs::File;
//! use runtime::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
//!
//! # #[runtime::main]
//! # async fn main() -> std::io::Result<()> {
//! # let path = std::env::temp_dir().join(format!("runtime-doc-fs-file-{}", std::process::id()));
//! let mut file = File::create_new(&path).await?;
//! file.write_all(b"hello").await?;
//! file.flush().await?;
//!
//! let mut text = String::new();
//! file.rewind().await?;
//! file.read_to_string(&mut text).await?;
//! assert_eq!(text, "hello");
//! # runtime::fs::remove_file(path).await?;
//! # Ok(())
//! # }
//! ```

#[cfg(target_vendor = "apple")]
mod apple;
#[cfg_attr(target_os = "linux", path = "at_once_linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "at_once_portable.rs")]
mod at_once;
mod by_path;
mod dir_builder;
mod file;
mod file_times;
mod job;
mod open_options;
mod read_dir;
#[cfg(unix)]
mod unix;

pub use by_path::{
    canonicalize, copy, create_dir, create_dir_all, hard_link, metadata, read, read_link,
    read_to_string, remove_dir, remove_dir_all, remove_file, rename, set_permissions,
    symlink_metadata, try_exists, write,
};
pub use dir_builder::DirBuilder;
pub use file::File;
pub use file_times::FileTimes;
pub use open_options::OpenOptions;
pub use read_dir::{DirEntry, ReadDir, read_dir};
#[cfg(unix)]
pub use unix::symlink;

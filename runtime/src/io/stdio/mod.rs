//! The standard streams of the process: [`stdin`], [`stdout`], [`stderr`].
//!
//! They may be a terminal, a pipe or a file, and can be read and written by nothing but a call that
//! blocks: each operation is a job of the blocking pool ([`on_pool`]).

mod on_pool;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::io;
use std::pin::Pin;

use super::traits::{forward_read, forward_write};
use super::{AsyncRead, AsyncWrite};
use on_pool::OnPool;

/// The process's standard input: what [`stdin`] gives.
#[derive(Debug)]
pub struct Stdin {
    on_pool: OnPool<io::Stdin>,
    /// For its file descriptor.
    std: io::Stdin,
}

/// The process's standard output: what [`stdout`] gives.
#[derive(Debug)]
pub struct Stdout {
    on_pool: OnPool<io::Stdout>,
    /// For its file descriptor.
    std: io::Stdout,
}

/// The process's standard error: what [`stderr`] gives.
#[derive(Debug)]
pub struct Stderr {
    on_pool: OnPool<io::Stderr>,
    /// For its file descriptor.
    std: io::Stderr,
}

/// The process's standard input.
///
/// Each read is a job on the blocking pool, which nothing can cancel: **the drop of the runtime waits
/// until it has an answer**, from a terminal until Enter is pressed. A program that reads a user's
/// words is better off with a thread of its own, or leaves by
/// [`Runtime::shutdown_background`](crate::Runtime::shutdown_background).
///
/// # Cancel safety
///
/// What a read that was given up gets is kept in the handle for the next one.
///
/// # Examples
///
/// ```no_run
/// use runtime::io::{self, AsyncBufReadExt, BufReader};
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// let mut lines = BufReader::new(io::stdin()).lines();
/// while let Some(line) = lines.next_line().await? {
///     println!("{line}");
/// }
/// # Ok(())
/// # }
/// ```
pub fn stdin() -> Stdin {
    Stdin { on_pool: OnPool::new(io::stdin()), std: io::stdin() }
}

/// The process's standard output.
///
/// A write takes up to 2 MiB (whole UTF-8 characters, if it is text), hands them to a job on the
/// blocking pool and is done; the next operation waits for that job and reports its error. A job
/// that was handed over is done even if the runtime is shut down. What does not end with a newline
/// stays in std's buffer until [`flush`](super::AsyncWriteExt::flush): flush before the end.
///
/// Two handles written at the same time may interleave.
///
/// # Examples
///
/// ```
/// use runtime::io::{self, AsyncWriteExt};
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// let mut stdout = io::stdout();
/// stdout.write_all(b"hello\n").await?;
/// stdout.flush().await?;
/// # Ok(())
/// # }
/// ```
pub fn stdout() -> Stdout {
    Stdout { on_pool: OnPool::mandatory(io::stdout()), std: io::stdout() }
}

/// The process's standard error: as [`stdout`], without std's buffer.
///
/// # Examples
///
/// ```
/// use runtime::io::{self, AsyncWriteExt};
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// let mut stderr = io::stderr();
/// stderr.write_all(b"oh!\n").await?;
/// stderr.flush().await?;
/// # Ok(())
/// # }
/// ```
pub fn stderr() -> Stderr {
    Stderr { on_pool: OnPool::mandatory(io::stderr()), std: io::stderr() }
}

impl AsyncRead for Stdin {
    forward_read!(self => Pin::new(&mut self.on_pool));
}

impl AsyncWrite for Stdout {
    forward_write!(self => Pin::new(&mut self.on_pool), &self.on_pool);
}

impl AsyncWrite for Stderr {
    forward_write!(self => Pin::new(&mut self.on_pool), &self.on_pool);
}

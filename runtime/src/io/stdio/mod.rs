//! The standard streams of the process: [`stdin`], [`stdout`], [`stderr`].
//!
//! They may be a terminal, a pipe or a file, and can only be read and written by blocking calls. So
//! each operation is a job of the blocking pool ([`on_pool`](super::on_pool)).

mod output;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::on_pool::{MOST_BYTES, OnPool};
use super::traits::forward_write;
use super::{AsyncRead, AsyncWrite, ReadBuf};
use crate::engine::messages;
use output::Output;

/// The process's standard input. Made by [`stdin`].
///
/// # Examples
///
/// See [`stdin`].
#[derive(Debug)]
pub struct Stdin {
    device: Arc<io::Stdin>,
    on_pool: OnPool,
}

/// The process's standard output. Made by [`stdout`].
///
/// # Examples
///
/// See [`stdout`].
#[derive(Debug)]
pub struct Stdout(Output<io::Stdout>);

/// The process's standard error. Made by [`stderr`].
///
/// # Examples
///
/// See [`stderr`].
#[derive(Debug)]
pub struct Stderr(Output<io::Stderr>);

// A panic leaves no job's state half done: each job returns what it was given.
impl std::panic::UnwindSafe for Stdin {}
impl std::panic::RefUnwindSafe for Stdin {}
impl std::panic::UnwindSafe for Stdout {}
impl std::panic::RefUnwindSafe for Stdout {}
impl std::panic::UnwindSafe for Stderr {}
impl std::panic::RefUnwindSafe for Stderr {}

/// The process's standard input.
///
/// Each read is a job on the blocking pool, which nothing can cancel: **the drop of the runtime
/// waits until it returns**, on a terminal until Enter is pressed. An interactive program should
/// read on a thread of its own, or end with
/// [`Runtime::shutdown_background`](crate::Runtime::shutdown_background).
///
/// # Cancel safety
///
/// The bytes of a read that was given up are kept in the handle for the next one.
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
#[track_caller]
pub fn stdin() -> Stdin {
    Stdin {
        device: Arc::new(io::stdin()),
        on_pool: OnPool::new(Location::caller(), messages::shut_down),
    }
}

/// The process's standard output.
///
/// A write takes up to 2 MiB (whole UTF-8 characters, if it is text), hands them to a job on the
/// blocking pool and is done; the next operation waits for that job and reports its error. A job
/// that was submitted runs even if the runtime is shut down. Output without a final newline stays
/// in std's buffer until [`flush`](super::AsyncWriteExt::flush): flush before the end.
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
#[track_caller]
pub fn stdout() -> Stdout {
    Stdout(Output::new(io::stdout()))
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
#[track_caller]
pub fn stderr() -> Stderr {
    Stderr(Output::new(io::stderr()))
}

impl AsyncRead for Stdin {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.on_pool.poll_read(&this.device, MOST_BYTES, cx, buf)
    }
}

impl AsyncWrite for Stdout {
    forward_write!(self => Pin::new(&mut self.0), &self.0);
}

impl AsyncWrite for Stderr {
    forward_write!(self => Pin::new(&mut self.0), &self.0);
}

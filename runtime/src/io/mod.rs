//! Reading and writing without blocking.
//!
//! | what | trait that a stream implements | trait whose methods you call |
//! |---|---|---|
//! | read bytes | [`AsyncRead`] | [`AsyncReadExt`] |
//! | write bytes | [`AsyncWrite`] | [`AsyncWriteExt`] |
//! | read lines, and up to a byte | [`AsyncBufRead`] | [`AsyncBufReadExt`] |
//! | move to a position | [`AsyncSeek`] | [`AsyncSeekExt`] |
//!
//! Sockets, files, pipes and the streams of child processes implement them; so do byte slices,
//! `Vec<u8>` and [`Cursor`](std::io::Cursor), which is handy in tests. Bring the `Ext` traits into
//! scope to have the methods.
//!
//! Each method says what happens when its future is dropped before it is done. [One
//! table](crate::select#cancel-safety) lists all of them.
//!
//! # Examples
//!
//! ```
//! use runtime::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, duplex};
//!
//! # #[runtime::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let (mut client, server) = duplex(64);
//! client.write_all(b"hello\nworld\n").await?;
//! client.shutdown().await?;
//!
//! let mut lines = BufReader::new(server).lines();
//! assert_eq!(lines.next_line().await?.as_deref(), Some("hello"));
//! assert_eq!(lines.next_line().await?.as_deref(), Some("world"));
//! assert_eq!(lines.next_line().await?, None);
//! # Ok(())
//! # }
//! ```
//!
//! # Buffers
//!
//! Each read and write of a socket or a file is a system call. Many small ones are slow. A
//! [`BufReader`] reads large pieces and returns small ones; a [`BufWriter`] collects small pieces;
//! a [`BufStream`] does both. **Flush a writer in the end**: bytes that are still in its buffer are
//! lost when it is dropped.
//!
//! ```
//! use runtime::io::{AsyncWriteExt, BufWriter};
//!
//! # #[runtime::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let mut writer = BufWriter::new(Vec::new());
//! for word in ["many ", "small ", "pieces"] {
//!     writer.write_all(word.as_bytes()).await?;
//! }
//! writer.flush().await?;
//! assert_eq!(writer.get_ref(), b"many small pieces");
//! # Ok(())
//! # }
//! ```
//!
//! # From one stream to another
//!
//! [`copy()`] moves all bytes of a reader to a writer, and [`copy_bidirectional`] does so both
//! ways: a proxy.
//!
//! ```
//! # #[runtime::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let mut reader: &[u8] = b"all of it";
//! let mut writer = Vec::new();
//! assert_eq!(runtime::io::copy(&mut reader, &mut writer).await?, 9);
//! assert_eq!(writer, b"all of it");
//! # Ok(())
//! # }
//! ```
//!
//! # Reading and writing at the same time
//!
//! Both take the stream by `&mut`. [`split`] makes two halves of any stream, for two tasks or for
//! two branches of a [`select!`](crate::select). TCP and Unix streams have [halves of their
//! own](crate::net), which cost less. [`join()`] is the other way round: one stream of a reader and
//! a writer.
//!
//! ```
//! use runtime::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
//!
//! # #[runtime::main]
//! # async fn main() -> std::io::Result<()> {
//! let (near, mut far) = duplex(64);
//! let (mut reader, mut writer) = split(near);
//! let sending = runtime::spawn(async move { writer.write_all(b"question").await });
//! far.write_all(b"answer").await?;
//! let mut answer = [0; 6];
//! reader.read_exact(&mut answer).await?;
//! sending.await??;
//! # Ok(())
//! # }
//! ```
//!
//! # For tests and small jobs
//!
//! [`duplex`] is a pipe in memory in both directions, [`simplex`] one in a single direction.
//! [`empty`], [`sink`] and [`repeat`] are trivial readers and writers. [`stdin`], [`stdout`] and
//! [`stderr`] are the streams of the process.

#[cfg(unix)]
mod async_fd;
mod buf_read_ext;
mod buf_reader;
mod buf_stream;
mod buf_writer;
mod chain;
#[cfg(feature = "futures-io")]
pub mod compat;
mod copy;
mod duplex;
mod ends;
mod fd_watch;
mod fill_buf;
mod in_memory;
mod join;
mod lines;
mod number;
pub(crate) mod on_pool;
mod op;
mod read_buf;
mod read_ext;
mod seek_ext;
mod split;
mod stdio;
mod stretch;
mod take;
mod traits;
mod write_ext;

pub use crate::engine::driver::{Interest, Ready};
pub use buf_read_ext::AsyncBufReadExt;
pub use buf_reader::BufReader;
pub use buf_stream::BufStream;
pub use buf_writer::BufWriter;
pub use chain::Chain;
pub use copy::{copy, copy_bidirectional, copy_bidirectional_with_sizes, copy_buf};
pub use duplex::{DuplexStream, SimplexStream, duplex, simplex};
pub use ends::{Empty, Repeat, Sink, empty, repeat, sink};
pub use join::{Join, join};
pub use lines::{Lines, Split};
pub use read_buf::ReadBuf;
pub use read_ext::AsyncReadExt;
pub use seek_ext::AsyncSeekExt;
pub use split::{ReadHalf, WriteHalf, split};
pub use stdio::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
pub use take::Take;
pub use traits::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
pub use write_ext::AsyncWriteExt;

pub(crate) use traits::{forward_read, forward_write};

pub use std::io::{Error, ErrorKind, Result, SeekFrom};

use crate::engine::messages;

/// Unix only: watches any file descriptor.
///
/// [`AsyncFd`](unix::AsyncFd) owns it, and remembers that it is ready until it is told otherwise.
/// [`FdWatch`](unix::FdWatch) leaves it to its owner, and asks the system.
///
/// # Examples
///
/// See [`AsyncFd`](unix::AsyncFd).
#[cfg(unix)]
pub mod unix {
    #[allow(deprecated, reason = "the older name is still exported")]
    pub use super::async_fd::AsyncFdTryNewError;
    pub use super::async_fd::{
        AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdRegisterError, TryIoError,
    };
    pub use super::fd_watch::{FdReady, FdWatch};
}

/// The default size of a buffer.
const BUFFER_BYTES: usize = 8 * 1024;

/// A stream ended amid what was asked for.
#[cold]
fn early_eof() -> Error {
    Error::new(ErrorKind::UnexpectedEof, messages::EARLY_EOF)
}

/// A writer takes nothing.
#[cold]
fn write_zero() -> Error {
    Error::new(ErrorKind::WriteZero, messages::WRITE_ZERO)
}

/// `bytes`, which follow the text in `before`, are not UTF-8. The error has the position in both
/// together.
#[cold]
fn not_utf8(before: &str, bytes: &[u8]) -> Error {
    let all = [before.as_bytes(), bytes].concat();
    match std::str::from_utf8(&all) {
        Ok(_) => unreachable!("text has an end that is no text"),
        Err(error) => Error::new(ErrorKind::InvalidData, error),
    }
}

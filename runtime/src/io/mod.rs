//! Reading and writing without blocking.
//!
//! [`AsyncRead`], [`AsyncWrite`], [`AsyncBufRead`] and [`AsyncSeek`] are what streams implement;
//! [`AsyncReadExt`], [`AsyncWriteExt`], [`AsyncBufReadExt`] and [`AsyncSeekExt`] are what you call.
//! Around them: buffers ([`BufReader`], [`BufWriter`]), [`copy`] and [`copy_bidirectional`],
//! [`split`] and [`join`], pipes in memory ([`duplex`], [`simplex`]).
//!
//! Each method says what happens when its future is dropped before it is done ("Cancel safety"),
//! as a branch of [`select!`](crate::select) does.
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

pub use std::io::{Error, ErrorKind, Result, SeekFrom};

use crate::engine::messages;

/// What only Unix has: watching any file descriptor.
#[cfg(unix)]
pub mod unix {
    #[allow(deprecated, reason = "the older name is still exported")]
    pub use super::async_fd::AsyncFdTryNewError;
    pub use super::async_fd::{
        AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdRegisterError, TryIoError,
    };
}

/// The size of a buffer for which nobody gave one.
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

/// Bytes that are no text.
/// `bytes`, read behind the text in `before`, are no text. The error says where in both together.
#[cold]
fn not_utf8(before: &str, bytes: &[u8]) -> Error {
    let all = [before.as_bytes(), bytes].concat();
    match std::str::from_utf8(&all) {
        Ok(_) => unreachable!("text has an end that is no text"),
        Err(error) => Error::new(ErrorKind::InvalidData, error),
    }
}

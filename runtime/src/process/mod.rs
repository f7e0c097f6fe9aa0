//! Child processes: started, talked to and waited for without blocking a thread.
//!
//! [`Command`] is built as [`std::process::Command`] is, and [`spawn`](Command::spawn) gives a
//! [`Child`]. Its pipes are read and written as sockets are, and no thread waits for its end. Names
//! and meaning follow `tokio::process`.
//!
//! | you want | use |
//! |---|---|
//! | what it writes, all at once | [`Command::output`] |
//! | only whether it went well | [`Command::status`] |
//! | to talk to it while it runs | [`Command::spawn`], and the pipes of the [`Child`] |
//! | to limit how long it may take | [`timeout`](crate::time::timeout()) around [`Child::wait`], then [`Child::kill`] |
//! | that it ends when you lose interest | [`Command::kill_on_drop`] |
//!
//! # Examples
//!
//! ```
//! use runtime::process::Command;
//!
//! # #[runtime::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let output = Command::new("echo").arg("hello").output().await?;
//! assert!(output.status.success());
//! assert_eq!(output.stdout, b"hello\n");
//! # Ok(()) }
//! ```
//!
//! Talking to a child:
//!
//! ```
//! use std::process::Stdio;
//!
//! use runtime::io::{AsyncReadExt, AsyncWriteExt};
//! use runtime::process::Command;
//!
//! # #[runtime::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let mut child =
//!     Command::new("tr").args(["a-z", "A-Z"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
//! let mut stdin = child.stdin.take().expect("it is piped");
//! let mut stdout = child.stdout.take().expect("it is piped");
//!
//! stdin.write_all(b"hello").await?;
//! drop(stdin); // the end of its input
//! let mut got = String::new();
//! stdout.read_to_string(&mut got).await?;
//! assert_eq!(got, "HELLO");
//! assert!(child.wait().await?.success());
//! # Ok(()) }
//! ```
//!
//! # Dropping a child
//!
//! A [`Child`] that is dropped goes on running, unless [`Command::kill_on_drop`] was set. When it
//! ends the runtime asks for its status, so that no zombie is left: the runtime that it was spawned
//! in, or if that has been shut down first, whichever runtime of the process is polled then. Where
//! no runtime is alive, the next one does it. A child that was killed, by that option or by hand,
//! needs none: once its own runtime has been shut down, a thread asks for it, which ends when all
//! of those have ended. To be sure when a child is gone, [`wait`](Child::wait) for it.
//!
//! # Signals
//!
//! On Linux since 5.3 a child's end is told by a descriptor of its own, of which a [`Child`] keeps
//! one. Elsewhere, when descriptors are used up, and for dropped children whose runtime is gone, it
//! is told by SIGCHLD, for which a handler is installed then.
//!
//! A program that ignores SIGCHLD, or waits for any child by itself, takes the status away: waiting
//! for a [`Child`] is an error then.

mod child;
mod command;
mod stdio;

pub use child::Child;
pub use command::Command;
pub use stdio::{ChildStderr, ChildStdin, ChildStdout};

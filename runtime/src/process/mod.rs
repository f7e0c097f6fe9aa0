//! Child processes: start them, talk to them and wait for them without blocking a thread.
//!
//! [`Command`] is built like [`std::process::Command`], and [`spawn`](Command::spawn) returns a
//! [`Child`]. Its pipes are read and written like sockets, and no thread waits for its end. Names
//! and meaning follow `tokio::process`.
//!
//! | you want | use |
//! |---|---|
//! | what it writes, all at once | [`Command::output`] |
//! | only whether it went well | [`Command::status`] |
//! | to talk to it while it runs | [`Command::spawn`], and the pipes of the [`Child`] |
//! | to limit how long it may take | [`timeout`](crate::time::timeout()) around [`Child::wait`], then [`Child::kill`] |
//! | that it ends when you drop it | [`Command::kill_on_drop`] |
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
//! ends, its runtime asks for its status, so that no zombie is left. If that runtime has been shut
//! down first, another runtime of the process asks; if none is alive, the next one does. A killed
//! child needs no runtime: once its own has been shut down, a thread asks for the status, and ends
//! when all such children have ended. To know when a child has ended, [`wait`](Child::wait) for it.
//!
//! # Signals
//!
//! On Linux since 5.3 each [`Child`] has a descriptor (a pidfd) that reports its end. Elsewhere,
//! when descriptors are used up, and for dropped children whose runtime is gone, SIGCHLD reports
//! it, and a handler for it is installed.
//!
//! If a program ignores SIGCHLD, or itself waits for any child, the status is lost: waiting for a
//! [`Child`] then returns an error.

mod child;
mod command;
mod stdio;

pub use child::Child;
pub use command::Command;
pub use stdio::{ChildStderr, ChildStdin, ChildStdout};

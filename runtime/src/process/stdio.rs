//! The three standard streams of a child, as pipes.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::process::{self, Stdio};

use crate::io::{AsyncRead, AsyncWrite, forward_read, forward_write};
use crate::net::unix::pipe;

/// What all three have in common; `$end` is our end of the pipe.
macro_rules! stream {
    ($stream:ident, $end:ident, $what:literal, $use:literal) => {
        #[doc = $what]
        ///
        /// It belongs to the runtime in which it was made, and works until that is shut down.
        ///
        /// # Examples
        ///
        /// To make it the stream of another child:
        ///
        /// ```
        /// use std::process::Stdio;
        ///
        /// use runtime::process::Command;
        ///
        /// # #[runtime::main(flavor = "current_thread")]
        /// # async fn main() -> std::io::Result<()> {
        #[doc = $use]
        /// # Ok(()) }
        /// ```
        pub struct $stream {
            pipe: pipe::$end,
        }

        impl $stream {
            /// Takes over a stream of a child that `std` has started.
            ///
            /// # Panics
            ///
            /// Outside a runtime, or in one without I/O.
            ///
            /// # Errors
            ///
            /// If the system cannot watch it, or the runtime has been shut down.
            ///
            /// # Examples
            ///
            /// ```
            /// # #[runtime::main]
            /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
            /// use std::process::Stdio;
            /// use runtime::io::AsyncReadExt;
            /// use runtime::process::ChildStdout;
            ///
            /// let mut command = std::process::Command::new("echo");
            /// let mut child = command.arg("hi").stdout(Stdio::piped()).spawn()?;
            /// let mut stdout = ChildStdout::from_std(child.stdout.take().unwrap())?;
            /// let mut text = String::new();
            /// stdout.read_to_string(&mut text).await?;
            /// assert_eq!(text, "hi\n");
            /// # child.wait()?;
            /// # Ok(())
            /// # }
            /// ```
            #[track_caller]
            pub fn from_std(inner: process::$stream) -> io::Result<$stream> {
                Ok($stream { pipe: pipe::$end::from_blocking_fd(inner.into())? })
            }

            /// Gives the descriptor back, in blocking mode.
            ///
            /// # Errors
            ///
            /// Errors of the system.
            ///
            /// # Examples
            ///
            /// ```
            /// # #[runtime::main]
            /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
            /// use std::process::Stdio;
            /// use runtime::process::Command;
            ///
            /// let mut child = Command::new("echo").arg("hi").stdout(Stdio::piped()).spawn()?;
            /// let descriptor = child.stdout.take().unwrap().into_owned_fd()?;
            /// let text = std::io::read_to_string(std::fs::File::from(descriptor))?;
            /// assert_eq!(text, "hi\n");
            /// # child.wait().await?;
            /// # Ok(())
            /// # }
            /// ```
            pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
                self.pipe.into_blocking_fd()
            }
        }

        /// Makes it a stream of another child, in blocking mode, as programs expect.
        impl TryInto<Stdio> for $stream {
            type Error = io::Error;

            fn try_into(self) -> io::Result<Stdio> {
                Ok(self.into_owned_fd()?.into())
            }
        }

        impl AsRawFd for $stream {
            fn as_raw_fd(&self) -> RawFd {
                self.pipe.as_raw_fd()
            }
        }

        impl AsFd for $stream {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.pipe.as_fd()
            }
        }

        impl fmt::Debug for $stream {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($stream)).field("fd", &self.as_raw_fd()).finish()
            }
        }
    };
}

stream!(
    ChildStdin,
    Sender,
    "The standard input of a child. Dropping it ends the input.",
    "let mut last = Command::new(\"cat\").stdin(Stdio::piped()).spawn()?;
let stdin: Stdio = last.stdin.take().expect(\"it is piped\").try_into()?;
let status = Command::new(\"echo\").arg(\"hello\").stdout(stdin).status().await?;
assert!(status.success() && last.wait().await?.success());"
);

stream!(
    ChildStdout,
    Receiver,
    "The standard output of a child.",
    "let mut first = Command::new(\"echo\").arg(\"hello\").stdout(Stdio::piped()).spawn()?;
let stdout: Stdio = first.stdout.take().expect(\"it is piped\").try_into()?;
let second = Command::new(\"cat\").stdin(stdout).output().await?;
assert_eq!(second.stdout, b\"hello\\n\");
assert!(first.wait().await?.success());"
);

stream!(
    ChildStderr,
    Receiver,
    "The standard error of a child.",
    "let mut shell = Command::new(\"sh\");
let mut first = shell.args([\"-c\", \"echo hello >&2\"]).stderr(Stdio::piped()).spawn()?;
let stderr: Stdio = first.stderr.take().expect(\"it is piped\").try_into()?;
let second = Command::new(\"cat\").stdin(stderr).output().await?;
assert_eq!(second.stdout, b\"hello\\n\");
assert!(first.wait().await?.success());"
);

/// Flushing does nothing, since the system has every written byte. Shutting down does nothing
/// either: the input ends when this is dropped.
impl AsyncWrite for ChildStdin {
    forward_write!(self => Pin::new(&mut self.pipe), &self.pipe);
}

impl AsyncRead for ChildStdout {
    forward_read!(self => Pin::new(&mut self.pipe));
}

impl AsyncRead for ChildStderr {
    forward_read!(self => Pin::new(&mut self.pipe));
}

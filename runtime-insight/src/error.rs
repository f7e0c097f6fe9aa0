//! Why a program cannot be looked into, and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a program cannot be looked into. `Display` says what to do.
///
/// # Examples
///
/// ```
/// use runtime_insight::{Client, Error};
///
/// // There is no process with this number anywhere.
/// let error = Client::attach(u32::MAX).unwrap_err();
/// assert!(matches!(error, Error::NoProcess { .. }));
/// assert_eq!(error.to_string(), "there is no process 4294967295");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// There is no such process.
    #[non_exhaustive]
    NoProcess {
        /// The number of the process.
        pid: u32,
    },
    /// The process does not let anybody in.
    #[non_exhaustive]
    NoInsight {
        /// The number of the process.
        pid: u32,
        /// The name of the program, where that is known.
        program: Option<String>,
    },
    /// The process belongs to another user.
    #[non_exhaustive]
    NotYours {
        /// The number of the process.
        pid: u32,
        /// The number of that user, where that is known.
        user: Option<u32>,
    },
    /// A directory for sockets in which other users could have put something.
    #[non_exhaustive]
    Untrusted {
        /// The directory.
        directory: PathBuf,
        /// What is wrong with it, and what to do.
        why: String,
    },
    /// The program refuses.
    #[non_exhaustive]
    Refused {
        /// The reason, in the program's words.
        text: String,
    },
    /// The answer is not in the form of the protocol.
    #[non_exhaustive]
    Unreadable {
        /// The difference from the protocol.
        text: String,
    },
    /// The page cannot be served at its address.
    Page(io::Error),
    /// The connection gave an error.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoProcess { pid } => write!(f, "there is no process {pid}"),
            Error::NoInsight { pid, program } => {
                write!(f, "process {pid}")?;
                if let Some(program) = program {
                    write!(f, " ({program})")?;
                }
                f.write_str(
                    " does not let anybody look in: start it with RUNTIME_INSIGHT=1 in its \
                     environment. It must be a program of the crate `runtime`; what it writes to \
                     stderr says if something went wrong",
                )
            }
            Error::NotYours { pid, user: Some(user) } => write!(
                f,
                "process {pid} belongs to user {user}, and only that user may look in: \
                 sudo -u '#{user}' runtime-insight {pid} .."
            ),
            Error::NotYours { pid, user: None } => write!(
                f,
                "process {pid} belongs to another user, and only that user may look in: run this \
                 command as that user"
            ),
            Error::Untrusted { directory, why } => {
                write!(f, "{} is not used: {why}", directory.display())
            }
            Error::Refused { text } => write!(f, "the program answers: {text}"),
            Error::Unreadable { text } => write!(
                f,
                "the answer cannot be read ({text}): are program and command of one version?"
            ),
            Error::Page(error) => error.fmt(f),
            Error::Io(error) => match error.kind() {
                io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => f.write_str(
                    "the program does not answer: is it stopped, or in a debugger? Its thread \
                     `insight` needs no worker, but a processor",
                ),
                io::ErrorKind::UnexpectedEof
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionReset => f.write_str("the program has ended"),
                _ => write!(f, "the connection to the program failed: {error}"),
            },
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(error) | Error::Page(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::Io(error)
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Error {
        Error::Unreadable { text: error.to_string() }
    }
}

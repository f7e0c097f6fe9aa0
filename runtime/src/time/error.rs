//! Errors of timers.
//!
//! # Examples
//!
//! See [`Elapsed`].

use std::{error, fmt, io};

/// A limit set by [`timeout`](super::timeout) or [`timeout_at`](super::timeout_at) was reached.
///
/// Converts into an [`io::Error`] of the kind [`TimedOut`](io::ErrorKind::TimedOut).
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use std::io::ErrorKind;
/// use runtime::time::{Duration, error::Elapsed, timeout};
///
/// let never = std::future::pending::<()>();
/// let elapsed: Elapsed = timeout(Duration::from_millis(1), never).await.unwrap_err();
/// assert_eq!(std::io::Error::from(elapsed).kind(), ErrorKind::TimedOut);
/// # }
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl Elapsed {
    pub(crate) fn new() -> Elapsed {
        Elapsed(())
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, elapsed)
    }
}

/// A timer could not be served.
///
/// No function of this runtime returns one; crates with timers of their own do.
///
/// # Examples
///
/// ```
/// use runtime::time::error::Error;
///
/// assert!(Error::shutdown().is_shutdown());
/// assert!(Error::at_capacity().is_at_capacity());
/// assert!(Error::invalid().is_invalid());
/// println!("{}", Error::at_capacity());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Error(Kind);

#[derive(Debug, Clone, Copy)]
enum Kind {
    Shutdown,
    AtCapacity,
    Invalid,
}

impl Error {
    /// The timer's runtime has been shut down.
    ///
    /// # Examples
    ///
    /// See [`Error`].
    pub fn shutdown() -> Error {
        Error(Kind::Shutdown)
    }

    /// Whether the timer's runtime has been shut down.
    ///
    /// # Examples
    ///
    /// See [`Error`].
    pub fn is_shutdown(&self) -> bool {
        matches!(self.0, Kind::Shutdown)
    }

    /// There are too many timers.
    ///
    /// # Examples
    ///
    /// See [`Error`].
    pub fn at_capacity() -> Error {
        Error(Kind::AtCapacity)
    }

    /// Whether there are too many timers.
    ///
    /// # Examples
    ///
    /// See [`Error`].
    pub fn is_at_capacity(&self) -> bool {
        matches!(self.0, Kind::AtCapacity)
    }

    /// The timer is set up wrongly.
    ///
    /// # Examples
    ///
    /// See [`Error`].
    pub fn invalid() -> Error {
        Error(Kind::Invalid)
    }

    /// Whether the timer is set up wrongly.
    ///
    /// # Examples
    ///
    /// See [`Error`].
    pub fn is_invalid(&self) -> bool {
        matches!(self.0, Kind::Invalid)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Shutdown => "the timer's runtime is shut down, timers can no longer be set",
            Kind::AtCapacity => "there are too many timers, drop some before setting more",
            Kind::Invalid => "the timer's duration is longer than it can be",
        })
    }
}

impl error::Error for Error {}

//! Sending with a limit of time: the one thing here that needs a runtime, for its timer.

use std::fmt;
use std::time::Duration;

use super::{Sender, error::SendError};

/// Why nothing was sent in time; holds what was not sent.
///
/// # Examples
///
/// See [`Sender::send_timeout`].
#[derive(PartialEq, Eq, Clone, Copy)]
pub enum SendTimeoutError<T> {
    /// There was no room until the time was over.
    Timeout(T),
    /// The receiver was closed or dropped.
    Closed(T),
}

impl<T> SendTimeoutError<T> {
    /// What was not sent.
    ///
    /// # Examples
    ///
    /// See [`Sender::send_timeout`].
    pub fn into_inner(self) -> T {
        match self {
            SendTimeoutError::Timeout(value) | SendTimeoutError::Closed(value) => value,
        }
    }
}

impl<T> fmt::Debug for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            SendTimeoutError::Timeout(_) => "Timeout(..)",
            SendTimeoutError::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            SendTimeoutError::Timeout(_) => "the channel was full until the time was over",
            SendTimeoutError::Closed(_) => "the channel is closed",
        })
    }
}

impl<T> std::error::Error for SendTimeoutError<T> {}

impl<T> Sender<T> {
    /// Sends `value`; waits while the channel is full, but no longer than `timeout`.
    ///
    /// # Panics
    ///
    /// Panics outside a runtime.
    ///
    /// # Errors
    ///
    /// `Timeout` if there was no room in time, `Closed` if the receiver was closed or dropped. Both
    /// give `value` back.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Sender::send).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use runtime::sync::mpsc::{self, error::SendTimeoutError};
    ///
    /// let (sender, _receiver) = mpsc::channel(1);
    /// let short = Duration::from_millis(5);
    /// sender.send_timeout(1, short).await.unwrap();
    /// // Full, and nobody receives.
    /// let error = sender.send_timeout(2, short).await.unwrap_err();
    /// assert!(matches!(error, SendTimeoutError::Timeout(2)));
    /// assert_eq!(error.into_inner(), 2);
    /// # }
    /// ```
    pub async fn send_timeout(
        &self,
        value: T,
        timeout: Duration,
    ) -> Result<(), SendTimeoutError<T>> {
        match crate::time::timeout(timeout, self.reserve()).await {
            Ok(Ok(permit)) => {
                permit.send(value);
                Ok(())
            }
            Ok(Err(SendError(()))) => Err(SendTimeoutError::Closed(value)),
            Err(_) => Err(SendTimeoutError::Timeout(value)),
        }
    }
}

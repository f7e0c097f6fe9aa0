//! Sending with a time limit: the only function here that needs a runtime, for its timer.

use std::time::Duration;

use super::Sender;
use super::error::{SendError, SendTimeoutError};

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

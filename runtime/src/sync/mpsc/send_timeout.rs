//! Sending with a limit of time: the one thing here that needs a runtime, for its timer.

use std::time::Duration;

use super::Sender;
use super::error::{SendError, SendTimeoutError};

impl<T> Sender<T> {
    /// Sends `value`; waits while the channel is full, but no longer than `timeout`.
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
    /// # Panics
    ///
    /// Panics outside a runtime.
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

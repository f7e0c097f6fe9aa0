//! What the tests in `tests/` share.

use std::future::Future;
use std::time::Duration;

/// How long a test may wait for what must come: far beyond what a loaded machine needs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for `future`, and fails if it has not ended after [`PATIENCE`].
#[track_caller]
pub fn in_time<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let place = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(PATIENCE, future).await {
            Ok(output) => output,
            Err(_) => panic!("hangs at {place}: not done after {PATIENCE:?}"),
        }
    }
}

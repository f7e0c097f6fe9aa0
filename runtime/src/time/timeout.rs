//! Limits how long a future may take.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::error::Elapsed;
use super::{Instant, Sleep, sleep_until};
use crate::engine::coop::{self, Budget};

/// Gives `future` at most `duration`.
///
/// Returns the future's output, or [`Elapsed`] if the time is over first. The future is dropped
/// with the [`Timeout`], that is at once if it was awaited. The future is polled first: if it is
/// ready, it wins even when the time is over.
///
/// The limit is only checked when the future yields: a future that blocks the thread is not
/// interrupted.
///
/// A timeout whose future is ready at its first poll never sets a timer.
///
/// # Panics
///
/// Outside a runtime.
///
/// # Errors
///
/// [`Elapsed`] when the time is over.
///
/// # Cancel safety
///
/// Dropping the `Timeout` drops the future: it is as cancel safe as that is. To keep the future,
/// pass it by reference.
///
/// # Examples
///
/// ```
/// use runtime::time::{Duration, timeout};
///
/// # let rt = runtime::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # rt.block_on(async {
/// let never = std::future::pending::<()>();
/// if timeout(Duration::from_millis(10), never).await.is_err() {
///     println!("no answer within 10 ms");
/// }
/// # });
/// ```
#[track_caller]
#[inline]
pub fn timeout<F>(duration: Duration, future: F) -> Timeout<F::IntoFuture>
where
    F: IntoFuture,
{
    Timeout { value: future.into_future(), delay: Sleep::after(duration) }
}

/// Gives `future` until `deadline`: see [`timeout`].
///
/// # Panics
///
/// Outside a runtime.
///
/// # Errors
///
/// [`Elapsed`] when the deadline has passed.
///
/// # Cancel safety
///
/// As [`timeout`].
///
/// # Examples
///
/// ```
/// use runtime::time::{Duration, Instant, timeout_at};
///
/// # let rt = runtime::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # rt.block_on(async {
/// let deadline = Instant::now() + Duration::from_secs(5);
/// assert_eq!(timeout_at(deadline, async { 1 }).await, Ok(1));
/// # });
/// ```
#[track_caller]
pub fn timeout_at<F>(deadline: Instant, future: F) -> Timeout<F::IntoFuture>
where
    F: IntoFuture,
{
    Timeout { value: future.into_future(), delay: sleep_until(deadline) }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::time::{Duration, timeout};
    ///
    /// let mut limited = timeout(Duration::from_secs(5), std::future::ready(1));
    /// assert!(format!("{:?}", limited.get_ref()).contains("1"));
    /// *limited.get_mut() = std::future::ready(2);
    /// assert_eq!(limited.into_inner().await, 2);
    /// # }
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    #[derive(Debug)]
    pub struct Timeout<T> {
        #[pin]
        value: T,
        #[pin]
        delay: Sleep,
    }
}

impl<T> Timeout<T> {
    /// The future.
    ///
    /// # Examples
    ///
    /// See [`Timeout`].
    pub fn get_ref(&self) -> &T {
        &self.value
    }

    /// The future, to change it.
    ///
    /// # Examples
    ///
    /// See [`Timeout`].
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.value
    }

    /// The future, without its limit.
    ///
    /// # Examples
    ///
    /// See [`Timeout`].
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T: Future> Future for Timeout<T> {
    type Output = Result<T::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        let had_budget = coop::has_budget_remaining();
        if let Poll::Ready(output) = me.value.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        // Without budget the timer would not be polled: a future that spends all of it in each poll
        // would outlive its limit.
        let _unlimited =
            (had_budget && !coop::has_budget_remaining()).then(|| coop::set(Budget::UNLIMITED));
        me.delay.poll(cx).map(|()| Err(Elapsed::new()))
    }
}

//! Waiting for a point in time.

use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::Instant;
use crate::engine::clock::NEVER;
use crate::engine::coop;
use crate::engine::timer::{Place, Registration, Shard};
use crate::runtime::context;

/// Waits for `duration`.
///
/// Never shorter, to the nanosecond. [`Duration::ZERO`] ends at the first poll; a duration that
/// reaches beyond some hundred years never ends.
///
/// # Panics
///
/// Outside a runtime.
///
/// # Cancel safety
///
/// Dropping the future has no effect but that nobody waits. To go on waiting for the same point in
/// time, keep the [`Sleep`] and poll it by reference, or use [`sleep_until`].
///
/// # Examples
///
/// ```
/// use runtime::time::{Duration, Instant, sleep};
///
/// # let rt = runtime::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # rt.block_on(async {
/// let start = Instant::now();
/// sleep(Duration::from_micros(300)).await;
/// assert!(start.elapsed() >= Duration::from_micros(300));
/// # });
/// ```
#[track_caller]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub fn sleep(duration: Duration) -> Sleep {
    Sleep::new(Timer::after(duration))
}

/// Waits until `deadline`.
///
/// A deadline that has passed ends at the first poll.
///
/// # Panics
///
/// Outside a runtime.
///
/// # Cancel safety
///
/// Dropping the future has no effect but that nobody waits.
///
/// # Examples
///
/// ```
/// use runtime::time::{Duration, Instant, sleep_until};
///
/// # let rt = runtime::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # rt.block_on(async {
/// let deadline = Instant::now() + Duration::from_millis(1);
/// sleep_until(deadline).await;
/// assert!(Instant::now() >= deadline);
/// # });
/// ```
#[track_caller]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(Timer::at(deadline))
}

pin_project! {
    /// The future of [`sleep`] and [`sleep_until`].
    ///
    /// It is not [`Unpin`]: pin it (`runtime::pin!`, `Box::pin`) to poll it by reference or to
    /// [`reset`](Sleep::reset) it.
    ///
    /// # Examples
    ///
    /// A limit on silence: each message moves it on.
    ///
    /// ```
    /// use runtime::time::{Duration, Instant, sleep};
    ///
    /// # let rt = runtime::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # rt.block_on(async {
    /// let mut quiet = Box::pin(sleep(Duration::from_secs(60)));
    /// // ... a message came:
    /// quiet.as_mut().reset(Instant::now() + Duration::from_millis(1));
    /// quiet.as_mut().await;
    /// assert!(quiet.is_elapsed());
    /// # });
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Sleep {
        timer: Timer,
        #[pin]
        pinned: PhantomPinned,
    }
}

impl Sleep {
    fn new(timer: Timer) -> Sleep {
        Sleep { timer, pinned: PhantomPinned }
    }

    /// A `Sleep` of a relative time, for `timeout`.
    #[inline]
    #[track_caller]
    pub(super) fn after(duration: Duration) -> Sleep {
        Sleep::new(Timer::after(duration))
    }

    /// When it ends.
    ///
    /// Of a `Sleep` that never ends: an instant some decades ahead.
    pub fn deadline(&self) -> Instant {
        self.timer.deadline()
    }

    /// Whether the deadline has passed. A `Sleep` that was not polled elapses too.
    pub fn is_elapsed(&self) -> bool {
        self.timer.registration.is_elapsed()
    }

    /// Sets another deadline, earlier or later, also after the first one has passed.
    ///
    /// The task that polled last and was told to wait will be woken at the new deadline; it need not
    /// poll again for that. No memory is allocated.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::time::{Duration, Instant, sleep};
    ///
    /// # let rt = runtime::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # rt.block_on(async {
    /// let mut sleep = Box::pin(sleep(Duration::MAX));
    /// let soon = Instant::now() + Duration::from_millis(1);
    /// sleep.as_mut().reset(soon);
    /// assert_eq!(sleep.deadline(), soon);
    /// sleep.await;
    /// # });
    /// ```
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        self.project().timer.reset(deadline);
    }
}

impl Future for Sleep {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().timer.poll(cx)
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("deadline", &self.deadline()).finish_non_exhaustive()
    }
}

/// A deadline as its user gave it, and the engine's side of it. Unlike [`Sleep`] it can be moved.
#[derive(Debug)]
pub(super) struct Timer {
    shown: Instant,
    registration: Registration,
}

impl Timer {
    #[inline]
    #[track_caller]
    pub(super) fn after(duration: Duration) -> Timer {
        let shard = context::timer_shard();
        let now = shard.clock().now_with_instant().1;
        let (shown, deadline) = match now.checked_add(duration) {
            Some(instant) => (instant, shard.clock().at(instant)),
            None => (shard.clock().far_future(), NEVER),
        };
        Timer { shown: Instant::from_std(shown), registration: Registration::new(shard, deadline) }
    }

    #[track_caller]
    pub(super) fn at(deadline: Instant) -> Timer {
        let shard = context::timer_shard();
        let at = shard.clock().at(deadline.into_std());
        Timer { shown: deadline, registration: Registration::new(shard, at) }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.shown
    }

    /// The clock's time now, as an instant: of this timer's runtime, wherever the caller is.
    pub(super) fn now(&self) -> Instant {
        Instant::from_std(self.registration.shard().clock().now_with_instant().1)
    }

    pub(super) fn reset(&mut self, deadline: Instant) {
        self.shown = deadline;
        let at = self.registration.shard().clock().at(deadline.into_std());
        self.registration.reset(at, context::on_owner_of);
    }

    /// Sets a deadline that never comes, and shows one that is far.
    pub(super) fn reset_to_never(&mut self) {
        self.shown = Instant::from_std(self.registration.shard().clock().far_future());
        self.registration.reset(NEVER, context::on_owner_of);
    }

    #[inline]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let coop = ready!(coop::poll_proceed(cx));
        let outcome = self.registration.poll(cx.waker(), place);
        if outcome.is_ready() {
            coop.made_progress();
        }
        outcome
    }
}

/// A timer goes to the wheel of the worker that polls it, if that is of the same runtime: it will
/// mostly be dropped there too.
fn place(shard: &Arc<Shard>) -> Place {
    if context::on_owner_of(shard) {
        return Place::Own;
    }
    match context::worker_timer_shard() {
        Some(own) if Arc::ptr_eq(own.clock(), shard.clock()) => Place::Other(own),
        _ => Place::Foreign,
    }
}

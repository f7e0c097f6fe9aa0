//! Waits for a point in time.

use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::Instant;
use crate::engine::clock::{FAR, NEVER};
use crate::engine::coop;
use crate::engine::insight::{self, Wait};
use crate::engine::timer::{Place, Registration, Shard};
use crate::engine::trace::resource::{Op, Resource};
use crate::runtime::context;

/// Waits for `duration`.
///
/// It is never shorter, to the nanosecond. [`Duration::ZERO`] ends at the first poll. A duration of
/// more than 30 years ends after 30 years, so that paused time can reach its end, too. Time counts
/// from the call, not from the first poll. A future that is first polled after its deadline may
/// need a second poll, for which it wakes its task at once.
///
/// # Panics
///
/// Outside a runtime.
///
/// # Cancel safety
///
/// Dropping the future only ends the wait. To go on waiting for the same point in time, keep the
/// [`Sleep`] and poll it by reference, or use [`sleep_until`].
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
/// Dropping the future only ends the wait.
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
    Sleep::new(Timer::until(deadline))
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
    #[inline(always)]
    fn new(timer: Timer) -> Sleep {
        Sleep { timer, pinned: PhantomPinned }
    }

    /// A `Sleep` of a relative time, for `timeout`.
    #[inline(always)]
    #[track_caller]
    pub(super) fn after(duration: Duration) -> Sleep {
        Sleep::new(Timer::after(duration))
    }

    /// The deadline.
    ///
    /// # Examples
    ///
    /// See [`is_elapsed`](Self::is_elapsed).
    pub fn deadline(&self) -> Instant {
        self.timer.deadline()
    }

    /// Whether the deadline has passed. A `Sleep` that has been neither polled nor reset has not
    /// begun, so it has not elapsed.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use runtime::time::{Duration, Instant, sleep};
    ///
    /// let mut nap = Box::pin(sleep(Duration::from_secs(1)));
    /// assert_eq!(nap.deadline(), Instant::now() + Duration::from_secs(1));
    /// assert!(!nap.is_elapsed());
    /// nap.as_mut().await;
    /// assert!(nap.is_elapsed());
    /// # }
    /// ```
    pub fn is_elapsed(&self) -> bool {
        self.timer.is_elapsed()
    }

    /// Sets another deadline, earlier or later, also after the first one has passed.
    ///
    /// The task that polled last and was told to wait will be woken at the new deadline; it need
    /// not poll again for that. If the new deadline has passed, the task is woken at once or, with
    /// real time, as soon as the runtime looks at its timers. No memory is allocated.
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
        let this = self.project();
        this.timer.reset(deadline);
        this.timer.begin_again();
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

/// A timer of at least this length is not compared with the clock at its first poll. If it is due
/// already, because it was polled late, the wheel fires it at its next turn.
const SURELY_AHEAD: Duration = Duration::from_millis(1);

/// A deadline as its user gave it, and the engine's registration. Unlike [`Sleep`] it can be moved.
///
/// A timeout whose future is ready at once never needs the registration. So its deadline is
/// converted only at the first poll.
#[derive(Debug)]
pub(super) struct Timer {
    shown: Instant,
    /// What the registration does not know yet.
    untold: Untold,
    registration: Registration,
    op: Op,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Untold {
    /// It knows everything.
    Nothing,
    /// The time of `shown`.
    Deadline,
    /// The time of `shown`, and that it was ahead by [`SURELY_AHEAD`] when the timer was made.
    DeadlineAhead,
}

impl Timer {
    // Inlined, so that it is written in its final place: a copy right after the fields were written
    // one by one would wait for these writes.
    #[inline(always)]
    #[track_caller]
    pub(super) fn after(duration: Duration) -> Timer {
        let shard = context::timer_shard();
        let (shown, untold) = match shard.clock().now_instant().checked_add(duration.min(FAR)) {
            Some(instant) if duration >= SURELY_AHEAD => (instant, Untold::DeadlineAhead),
            Some(instant) => (instant, Untold::Deadline),
            None => (shard.clock().far_future(), Untold::Nothing),
        };
        let shown = Instant::from_std(shown);
        let registration = Registration::new(shard, NEVER);
        Timer { shown, untold, registration, op: Resource::sleep(Location::caller()).sleeping() }
    }

    #[track_caller]
    pub(super) fn until(deadline: Instant) -> Timer {
        let shard = context::timer_shard();
        let registration = Registration::new(shard, NEVER);
        let op = Resource::sleep(Location::caller()).sleeping();
        Timer { shown: deadline, untold: Untold::Deadline, registration, op }
    }

    /// The time of `shown` on the clock of the registration's runtime.
    fn at(registration: &Registration, shown: Instant) -> u64 {
        registration.shard().clock().at(shown.into_std())
    }

    pub(super) fn is_elapsed(&self) -> bool {
        self.untold == Untold::Nothing && self.registration.is_elapsed()
    }

    pub(super) fn deadline(&self) -> Instant {
        self.shown
    }

    /// The current time of this timer's runtime, in whatever runtime the caller is.
    pub(super) fn now(&self) -> Instant {
        Instant::from_std(self.registration.shard().clock().now_instant())
    }

    /// Records that the waits from now on are for a deadline that the user has just set.
    #[inline]
    pub(super) fn begin_again(&mut self) {
        self.op.sleep_again(|| left(&self.registration, self.shown));
    }

    pub(super) fn reset(&mut self, deadline: Instant) {
        self.shown = deadline;
        self.untold = Untold::Nothing;
        let at = Timer::at(&self.registration, deadline);
        self.registration.reset(at, context::on_owner_of);
        self.op.is_moved();
    }

    /// Sets a deadline that never comes, and shows one that is far away.
    pub(super) fn reset_to_never(&mut self) {
        self.shown = Instant::from_std(self.registration.shard().clock().far_future());
        self.untold = Untold::Nothing;
        self.registration.reset(NEVER, context::on_owner_of);
        self.op.is_moved();
    }

    #[inline]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Timer { shown, untold, registration, op, .. } = self;
        op.within(|| {
            let coop = ready!(op.told(coop::poll_proceed(cx)));
            let mut ahead = false;
            if *untold != Untold::Nothing {
                ahead = *untold == Untold::DeadlineAhead;
                *untold = Untold::Nothing;
                registration.reset(Timer::at(registration, *shown), context::on_owner_of);
            }
            op.due_in(|| left(registration, *shown));
            let outcome = registration.poll(cx.waker(), ahead, place);
            if outcome.is_ready() {
                coop.made_progress();
            } else {
                insight::note(|| wait(*shown));
            }
            op.told(outcome)
        })
    }
}

/// What whoever polls it waits for.
#[cold]
fn wait(deadline: Instant) -> Wait {
    Wait::until(deadline.into_std())
}

/// How long it is until the deadline.
fn left(registration: &Registration, deadline: Instant) -> Duration {
    let now = Instant::from_std(registration.shard().clock().now_instant());
    deadline.saturating_duration_since(now)
}

/// A timer goes to the wheel of the worker that polls it, if that is of the same runtime: usually
/// it will be dropped there, too.
fn place(shard: &Arc<Shard>) -> Place {
    if context::on_owner_of(shard) {
        return Place::Own;
    }
    match context::worker_timer_shard() {
        Some(own) if Arc::ptr_eq(own.clock(), shard.clock()) => Place::Other(own),
        _ => Place::Foreign,
    }
}

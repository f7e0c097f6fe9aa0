//! Periodic ticks.

use std::future::poll_fn;
use std::panic::Location;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::Instant;
use super::sleep::Timer;
use crate::engine::messages;
use crate::engine::trace::resource::Resource;

/// How late a tick may be without counting as missed.
const TOLERANCE: Duration = Duration::from_millis(5);

/// Ticks every `period`, the first time at once.
///
/// [`Interval::set_missed_tick_behavior`] sets what happens to missed ticks. The default is
/// [`MissedTickBehavior::Burst`].
///
/// # Panics
///
/// When `period` is zero, and outside a runtime.
///
/// # Examples
///
/// ```
/// use runtime::time::{Duration, interval};
///
/// # let rt = runtime::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # rt.block_on(async {
/// let mut interval = interval(Duration::from_millis(2));
/// let first = interval.tick().await;
/// let second = interval.tick().await;
/// assert_eq!(second - first, Duration::from_millis(2));
/// # });
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    assert!(period > Duration::ZERO, "{}", messages::ZERO_PERIOD);
    let resource = Resource::interval(Location::caller());
    Interval::new(Timer::after(Duration::ZERO), period, resource)
}

/// Ticks every `period`, the first time at `start`.
///
/// # Panics
///
/// When `period` is zero, and outside a runtime.
///
/// # Examples
///
/// ```
/// use runtime::time::{Duration, Instant, interval_at};
///
/// # let rt = runtime::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # rt.block_on(async {
/// let start = Instant::now() + Duration::from_millis(1);
/// let mut interval = interval_at(start, Duration::from_millis(1));
/// assert_eq!(interval.tick().await, start);
/// # });
/// ```
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(period > Duration::ZERO, "{}", messages::ZERO_PERIOD);
    let resource = Resource::interval(Location::caller());
    Interval::new(Timer::until(start), period, resource)
}

/// What an [`Interval`] does about ticks that were not awaited in time.
///
/// A tick counts as missed when it is more than 5 ms late. With a period of 50 ms and a task that
/// is busy for 120 ms after the second tick:
///
/// ```text
/// on time:   |     |     |     |     |     |     |
/// Burst:     |     |           |||   |     |     |       back in step as soon as it can
/// Delay:     |     |             |     |     |     |     steps start anew from the late one
/// Skip:      |     |             |   |     |     |       in step, without the missed ones
/// ```
///
/// # Examples
///
/// See [`Interval`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// Missed ticks come one right after the other until the interval has caught up. As many ticks
    /// as periods: for work that must be done that often. The default.
    #[default]
    Burst,
    /// The next tick is one period after the late one. At least a period between any two: for work
    /// that must not come too close together.
    Delay,
    /// The next tick is the next multiple of the period, counted from the tick that was late.
    /// Missed ones are left out: for work that belongs to points in time.
    Skip,
}

impl MissedTickBehavior {
    /// The time of the tick after `due`, which was only seen at `now`. `None` if it is too far to
    /// represent.
    fn next(self, due: Instant, now: Instant, period: Duration) -> Option<Instant> {
        match self {
            MissedTickBehavior::Burst => due.checked_add(period),
            MissedTickBehavior::Delay => now.checked_add(period),
            MissedTickBehavior::Skip => {
                let past = (now - due).as_nanos() % period.as_nanos();
                // Less than `period`, which is as many seconds and nanoseconds as this.
                let past =
                    Duration::new((past / 1_000_000_000) as u64, (past % 1_000_000_000) as u32);
                now.checked_add(period - past)
            }
        }
    }
}

/// Ticks: made by [`interval`] and [`interval_at`].
///
/// It does nothing by itself and calls nothing: ticks are awaited.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::time::{Duration, MissedTickBehavior, interval};
///
/// let mut heartbeat = interval(Duration::from_millis(2));
/// heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
/// assert_eq!(heartbeat.period(), Duration::from_millis(2));
/// assert_eq!(heartbeat.missed_tick_behavior(), MissedTickBehavior::Delay);
/// for _ in 0..3 {
///     heartbeat.tick().await;
///     // Send a heartbeat.
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Interval {
    /// When the next tick is due.
    timer: Timer,
    period: Duration,
    missed_tick_behavior: MissedTickBehavior,
    resource: Resource,
}

impl Interval {
    fn new(timer: Timer, period: Duration, resource: Resource) -> Interval {
        let missed_tick_behavior = MissedTickBehavior::default();
        Interval { timer, period, missed_tick_behavior, resource }
    }

    /// Waits for the next tick; returns when it was due, which may be a little ago.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no tick is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::time::{Duration, interval};
    ///
    /// # let rt = runtime::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # rt.block_on(async {
    /// let mut interval = interval(Duration::from_millis(1));
    /// for _ in 0..3 {
    ///     interval.tick().await;
    /// }
    /// # });
    /// ```
    pub async fn tick(&mut self) -> Instant {
        let tick = self
            .resource
            .clone()
            .wait("Interval::tick", "poll_tick", || poll_fn(|cx| self.poll_tick(cx)));
        tick.await
    }

    /// Asks whether the next tick has come.
    ///
    /// `Pending`: the task will be woken when it has. Only the last waker given is kept.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use runtime::time::{Duration, Instant, interval_at};
    ///
    /// let start = Instant::now();
    /// let mut interval = interval_at(start, Duration::from_millis(1));
    /// assert_eq!(poll_fn(|cx| interval.poll_tick(cx)).await, start);
    /// # }
    /// ```
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(self.timer.poll(cx));
        let due = self.timer.deadline();
        let now = self.timer.now();
        let next = if now.saturating_duration_since(due) > TOLERANCE {
            self.missed_tick_behavior.next(due, now, self.period)
        } else {
            due.checked_add(self.period)
        };
        self.wait_for(next);
        Poll::Ready(due)
    }

    /// The next tick comes one period from now.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::time::{Duration, Instant, interval};
    ///
    /// # let rt = runtime::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # rt.block_on(async {
    /// let start = Instant::now();
    /// let mut interval = interval(Duration::from_millis(1));
    /// interval.reset();
    /// interval.tick().await;
    /// assert!(start.elapsed() >= Duration::from_millis(1));
    /// # });
    /// ```
    pub fn reset(&mut self) {
        self.restart_at(self.timer.now().checked_add(self.period));
    }

    /// The next tick comes at once.
    ///
    /// # Examples
    ///
    /// See [`reset_after`](Self::reset_after).
    pub fn reset_immediately(&mut self) {
        self.restart_at(Some(self.timer.now()));
    }

    /// The next tick comes after `after`, the others one period each after that.
    ///
    /// # Examples
    ///
    /// The clock of this example is paused, so that no time is lost:
    ///
    /// ```
    /// # #[runtime::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use runtime::time::{Duration, Instant, interval};
    ///
    /// let second = Duration::from_secs(1);
    /// let start = Instant::now();
    /// let mut interval = interval(second);
    /// interval.reset_after(5 * second);
    /// interval.tick().await;
    /// assert_eq!(start.elapsed(), 5 * second);
    /// interval.reset_at(start + 9 * second);
    /// interval.tick().await;
    /// assert_eq!(start.elapsed(), 9 * second);
    /// interval.reset_immediately();
    /// interval.tick().await;
    /// assert_eq!(start.elapsed(), 9 * second);
    /// # }
    /// ```
    pub fn reset_after(&mut self, after: Duration) {
        self.restart_at(self.timer.now().checked_add(after));
    }

    /// The next tick comes at `deadline`, the others one period each after that.
    ///
    /// # Examples
    ///
    /// See [`reset_after`](Self::reset_after).
    pub fn reset_at(&mut self, deadline: Instant) {
        self.restart_at(Some(deadline));
    }

    /// What is done about missed ticks.
    ///
    /// # Examples
    ///
    /// See [`Interval`].
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed_tick_behavior
    }

    /// Says what to do about missed ticks.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::time::{Duration, MissedTickBehavior, interval};
    ///
    /// # let rt = runtime::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # rt.block_on(async {
    /// let mut interval = interval(Duration::from_millis(1));
    /// interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    /// # });
    /// ```
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed_tick_behavior = behavior;
    }

    /// The time between two ticks.
    ///
    /// # Examples
    ///
    /// See [`Interval`].
    pub fn period(&self) -> Duration {
        self.period
    }

    fn wait_for(&mut self, next: Option<Instant>) {
        match next {
            Some(next) => self.timer.reset(next),
            None => self.timer.reset_to_never(),
        }
    }

    /// As [`wait_for`](Interval::wait_for), called when the user sets the next tick.
    fn restart_at(&mut self, next: Option<Instant>) {
        self.wait_for(next);
        self.timer.begin_again();
    }
}

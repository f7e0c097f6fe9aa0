//! Points in time, once or in a period.

use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_lite::Stream;
use runtime::runtime::Handle;
use runtime::task::coop::unconstrained;
use runtime::time::{self, Sleep};

/// Waits for a point in time: as a future, or, with a period, as a stream.
///
/// Both yield the point in time that was waited for. A timer is never early.
///
/// # Examples
///
/// ```
/// use async_io::Timer;
/// use futures_lite::StreamExt;
/// use std::time::Duration;
///
/// # async_io::block_on(async {
/// let first = Timer::after(Duration::from_millis(1)).await;
/// let mut ticks = Timer::interval(Duration::from_millis(1));
/// let second = ticks.next().await.unwrap();
/// assert!(ticks.next().await.unwrap() > second && second > first);
/// # });
/// ```
#[derive(Debug)]
pub struct Timer {
    /// When it fires next, if ever.
    when: Option<Instant>,
    period: Duration,
    /// Made when a poll has to wait. It keeps the waker when the timer is set anew.
    waits: Option<Waits>,
}

#[derive(Debug)]
struct Waits {
    sleep: Pin<Box<Sleep>>,
    /// Of the runtime whose timer it is.
    home: Handle,
}

impl Waits {
    fn until(when: Instant) -> Waits {
        process_runtime::within(|| Waits {
            sleep: Box::pin(time::sleep_until(when.into())),
            home: Handle::current(),
        })
    }
}

// A panic leaves the timer as it was.
impl UnwindSafe for Timer {}
impl RefUnwindSafe for Timer {}

impl Timer {
    /// A timer that never fires.
    pub fn never() -> Timer {
        Timer { when: None, period: Duration::MAX, waits: None }
    }

    /// Fires once, after `duration`; never, if that is beyond what an [`Instant`] can say.
    pub fn after(duration: Duration) -> Timer {
        Instant::now().checked_add(duration).map_or_else(Timer::never, Timer::at)
    }

    /// Fires once, at `instant`.
    pub fn at(instant: Instant) -> Timer {
        Timer::interval_at(instant, Duration::MAX)
    }

    /// Fires after each `period`.
    pub fn interval(period: Duration) -> Timer {
        let first = Instant::now().checked_add(period);
        first.map_or_else(Timer::never, |at| Timer::interval_at(at, period))
    }

    /// Fires at `start`, and after each `period` from there.
    pub fn interval_at(start: Instant, period: Duration) -> Timer {
        Timer { when: Some(start), period, waits: None }
    }

    /// Whether it will fire (again).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_io::Timer;
    /// use std::time::Duration;
    ///
    /// # async_io::block_on(async {
    /// assert!(!Timer::never().will_fire() && !Timer::after(Duration::MAX).will_fire());
    /// let mut timer = Timer::after(Duration::from_millis(1));
    /// assert!(timer.will_fire());
    /// (&mut timer).await;
    /// assert!(!timer.will_fire());
    /// # });
    /// ```
    pub fn will_fire(&self) -> bool {
        self.when.is_some()
    }

    /// Fires once, after `duration` from now. The task that waits is woken at the new time.
    pub fn set_after(&mut self, duration: Duration) {
        match Instant::now().checked_add(duration) {
            Some(instant) => self.set_at(instant),
            None => self.clear(),
        }
    }

    /// Fires at `instant`. The task that waits is woken at the new time.
    pub fn set_at(&mut self, instant: Instant) {
        self.move_to(Some(instant));
    }

    /// Fires after each `period` from now. The task that waits is woken at the new time.
    pub fn set_interval(&mut self, period: Duration) {
        match Instant::now().checked_add(period) {
            Some(instant) => self.set_interval_at(instant, period),
            None => self.clear(),
        }
    }

    /// Fires at `start`, and after each `period` from there. The task that waits is woken at the
    /// new time.
    pub fn set_interval_at(&mut self, start: Instant, period: Duration) {
        self.period = period;
        self.move_to(Some(start));
    }

    /// Does not fire before it is set anew.
    pub fn clear(&mut self) {
        self.move_to(None);
    }

    fn move_to(&mut self, when: Option<Instant>) {
        self.when = when;
        if let Some(waits) = &mut self.waits {
            let deadline = when.map_or_else(far_future, time::Instant::from_std);
            waits.sleep.as_mut().reset(deadline);
        }
    }

    /// Sets what comes after `when`, which has come.
    fn fired(&mut self, when: Instant) -> Poll<Option<Instant>> {
        self.when = when.checked_add(self.period);
        match (self.when, &mut self.waits) {
            // The next poll waits anew.
            (Some(next), Some(waits)) => waits.sleep.as_mut().reset(next.into()),
            _ => self.waits = None,
        }
        Poll::Ready(Some(when))
    }
}

/// What no program lives to see.
fn far_future() -> time::Instant {
    time::Instant::now() + Duration::from_secs(30 * 365 * 24 * 60 * 60)
}

impl Future for Timer {
    type Output = Instant;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        self.poll_next(cx).map(|when| when.expect("the stream has no end"))
    }
}

/// Has no end: after it has fired for the last time it is pending.
impl Stream for Timer {
    type Item = Instant;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        let this = self.get_mut();
        let Some(when) = this.when else { return Poll::Pending };
        if Instant::now() >= when {
            return this.fired(when);
        }
        // A runtime that was shut down fires nothing any more.
        let waits = match &mut this.waits {
            Some(waits) if !waits.home.is_shut_down() => waits,
            waits => waits.insert(Waits::until(when)),
        };
        // Without a budget: a foreign `block_on` inside a task would never get another one.
        match Pin::new(&mut unconstrained(waits.sleep.as_mut())).poll(cx) {
            Poll::Ready(()) => this.fired(when),
            Poll::Pending => Poll::Pending,
        }
    }
}

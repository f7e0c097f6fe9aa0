//! A point in time of the runtime's clock.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

use crate::engine::clock;
use crate::runtime::context;

/// A point in time that never goes back.
///
/// This is a [`std::time::Instant`] at the same cost, but [`Instant::now`] reads the runtime's
/// clock, which a test can stop and move: see [`pause`](super::pause).
///
/// # Examples
///
/// ```
/// use runtime::time::{Duration, Instant};
///
/// let start = Instant::now();
/// let deadline = start + Duration::from_secs(1);
/// assert!(deadline > start);
/// assert_eq!(deadline - start, Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(std::time::Instant);

impl Instant {
    /// The current time.
    ///
    /// Outside a runtime, and if no clock was paused, this is the machine's time.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::time::Instant;
    ///
    /// let now = Instant::now();
    /// assert!(Instant::now() >= now);
    /// ```
    #[must_use]
    #[inline]
    pub fn now() -> Instant {
        if clock::any_virtual() {
            return Instant::virtual_now();
        }
        Instant(std::time::Instant::now())
    }

    #[cold]
    fn virtual_now() -> Instant {
        match context::clock() {
            Some(clock) => Instant(clock.now_instant()),
            None => Instant(std::time::Instant::now()),
        }
    }

    /// The same point in time as the standard library's.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::time::Instant;
    ///
    /// let std = std::time::Instant::now();
    /// assert_eq!(Instant::from_std(std).into_std(), std);
    /// ```
    #[must_use]
    pub fn from_std(std: std::time::Instant) -> Instant {
        Instant(std)
    }

    /// The same point in time for the standard library.
    ///
    /// # Examples
    ///
    /// See [`from_std`](Self::from_std).
    #[must_use]
    pub fn into_std(self) -> std::time::Instant {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not after it.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::time::{Duration, Instant};
    ///
    /// let first = Instant::now();
    /// let second = first + Duration::from_secs(1);
    /// assert_eq!(second.duration_since(first), Duration::from_secs(1));
    /// assert_eq!(first.duration_since(second), Duration::ZERO);
    /// assert_eq!(first.saturating_duration_since(second), Duration::ZERO);
    /// assert_eq!(first.checked_duration_since(second), None);
    /// ```
    #[must_use]
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// How long after `earlier` this is; `None` when it is before it.
    ///
    /// # Examples
    ///
    /// See [`duration_since`](Self::duration_since).
    #[must_use]
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.0.checked_duration_since(earlier.0)
    }

    /// How long after `earlier` this is; zero when it is not after it.
    ///
    /// # Examples
    ///
    /// See [`duration_since`](Self::duration_since).
    #[must_use]
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// How long ago this was; zero when it is still to come.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::time::{Duration, Instant, sleep};
    ///
    /// let start = Instant::now();
    /// sleep(Duration::from_millis(2)).await;
    /// assert!(start.elapsed() >= Duration::from_millis(2));
    /// # }
    /// ```
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Instant::now().duration_since(*self)
    }

    /// This plus `duration`; `None` when that cannot be represented.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::time::{Duration, Instant};
    ///
    /// let now = Instant::now();
    /// let later = now.checked_add(Duration::from_secs(1)).unwrap();
    /// assert_eq!(later.checked_sub(Duration::from_secs(1)), Some(now));
    /// assert_eq!(now.checked_add(Duration::MAX), None);
    /// ```
    #[must_use]
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        self.0.checked_add(duration).map(Instant)
    }

    /// This less `duration`; `None` when that cannot be represented.
    ///
    /// # Examples
    ///
    /// See [`checked_add`](Self::checked_add).
    #[must_use]
    pub fn checked_sub(&self, duration: Duration) -> Option<Instant> {
        self.0.checked_sub(duration).map(Instant)
    }
}

impl From<std::time::Instant> for Instant {
    fn from(std: std::time::Instant) -> Instant {
        Instant(std)
    }
}

impl From<Instant> for std::time::Instant {
    fn from(instant: Instant) -> std::time::Instant {
        instant.0
    }
}

/// # Panics
///
/// When the result cannot be represented: see [`Instant::checked_add`].
impl Add<Duration> for Instant {
    type Output = Instant;

    #[track_caller]
    fn add(self, duration: Duration) -> Instant {
        Instant(self.0 + duration)
    }
}

impl AddAssign<Duration> for Instant {
    #[track_caller]
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

/// Zero when the result would be negative.
impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}

/// # Panics
///
/// When the result cannot be represented: see [`Instant::checked_sub`].
impl Sub<Duration> for Instant {
    type Output = Instant;

    #[track_caller]
    fn sub(self, duration: Duration) -> Instant {
        Instant(self.0 - duration)
    }
}

impl SubAssign<Duration> for Instant {
    #[track_caller]
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

//! What a host's clocks show: how they follow from virtual time.
//!
//! A host's monotonic clock begins with the world and goes at its own rate, which is right but for
//! a drift. Its time of day is the same clock plus a start, which is wrong by a skew. When a drift
//! is over the time of day is right again, as if it had been set; a monotonic clock is never set,
//! so it stays ahead or behind.

use super::Nanos;

/// The rate of a clock without drift.
const RIGHT: i128 = 1_000_000;
/// No clock goes slower than a tenth of its rate, or faster than ten times that.
const SLOWEST: i64 = -900_000;
const FASTEST: i64 = 9_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    /// By how many millionths it goes too fast.
    ppm: i64,
    /// Since when, in virtual time.
    since: Nanos,
    /// What the monotonic clock showed then.
    shown: Nanos,
    /// What of that comes from drifts that are over.
    ahead: i64,
    /// The time of day when a right clock shows 0, in ns since 1970.
    start: i64,
}

impl Clock {
    /// A right clock.
    pub(crate) fn new(start: i64) -> Clock {
        Clock { ppm: 0, since: 0, shown: 0, ahead: 0, start }
    }

    /// From `now` on it goes too fast by this, and its time of day has this start.
    #[must_use]
    pub(crate) fn set(mut self, now: Nanos, ppm: i64, start: i64) -> Clock {
        self.start = start;
        let ppm = ppm.clamp(SLOWEST, FASTEST);
        if ppm != self.ppm {
            let shown = self.elapsed(now);
            if ppm == 0 || self.ppm == 0 {
                self.ahead = shown.wrapping_sub(now) as i64;
            }
            (self.ppm, self.since, self.shown) = (ppm, now, shown);
        }
        self
    }

    /// What the monotonic clock shows.
    pub(crate) fn elapsed(&self, now: Nanos) -> Nanos {
        let passed = i128::from(now) - i128::from(self.since);
        let shown = i128::from(self.shown) + (passed * self.rate()).div_euclid(RIGHT);
        u64::try_from(shown.max(0)).unwrap_or(u64::MAX)
    }

    /// The first moment of virtual time at which it shows this or more, if it goes on so.
    pub(crate) fn when(&self, shown: Nanos) -> Nanos {
        let passed = i128::from(shown) - i128::from(self.shown);
        let when = i128::from(self.since) + -((-passed * RIGHT).div_euclid(self.rate()));
        u64::try_from(when.max(0)).unwrap_or(u64::MAX)
    }

    /// The moment at which so much has passed on it.
    pub(crate) fn after(&self, now: Nanos, length: Nanos) -> Nanos {
        self.when(self.elapsed(now).saturating_add(length))
    }

    /// The time of day, in ns since 1970.
    pub(crate) fn day(&self, now: Nanos) -> i64 {
        (self.start - self.ahead).saturating_add_unsigned(self.elapsed(now))
    }

    /// What the monotonic clock shows when the time of day is this; 0 if that is long ago.
    pub(crate) fn at_day(&self, day: Nanos) -> Nanos {
        let shown = i128::from(day) - i128::from(self.start - self.ahead);
        u64::try_from(shown.max(0)).unwrap_or(u64::MAX)
    }

    /// In millionths.
    pub(crate) fn rate(&self) -> i128 {
        RIGHT + i128::from(self.ppm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn without_drift_it_shows_virtual_time() {
        let clock = Clock::new(5);
        for now in [0, 1, 7 * SECOND, u64::MAX / 4] {
            assert_eq!((clock.elapsed(now), clock.when(now)), (now, now));
            assert_eq!(clock.after(now, 3), now + 3);
            assert_eq!((clock.day(now), clock.at_day(now + 5)), (now as i64 + 5, now));
        }
        assert_eq!(clock.set(SECOND, 0, 9).day(SECOND), SECOND as i64 + 9);
    }

    #[test]
    fn a_drift_adds_up_and_the_day_is_right_when_it_is_over() {
        let drifts = Clock::new(0).set(10 * SECOND, 100_000, 0);
        assert_eq!(drifts.elapsed(20 * SECOND), 21 * SECOND);
        assert_eq!(drifts.day(20 * SECOND), 21 * SECOND as i64);
        // Another fault does not end it.
        let skewed = drifts.set(15 * SECOND, 100_000, 7);
        assert_eq!(skewed.day(20 * SECOND), 21 * SECOND as i64 + 7);
        let over = drifts.set(20 * SECOND, 0, 0);
        assert_eq!(over.elapsed(30 * SECOND), 31 * SECOND);
        assert_eq!(over.day(30 * SECOND), 30 * SECOND as i64);
        let again = over.set(30 * SECOND, -500_000, 0);
        assert_eq!(again.day(32 * SECOND), 31 * SECOND as i64);
        assert_eq!(again.elapsed(32 * SECOND), 32 * SECOND);
    }

    #[test]
    fn nobody_who_waits_goes_on_too_early_by_its_own_clock() {
        for ppm in [-900_000, -333_333, -7, 1, 999, 123_456, 9_000_000] {
            let clock = Clock::new(0).set(123, ppm, 0);
            for shown in [123, 124, 1000, 999_999, SECOND + 1, 77 * SECOND + 13] {
                let when = clock.when(shown);
                assert!(clock.elapsed(when) >= shown, "{ppm} {shown}");
                assert!(when <= 123 || clock.elapsed(when - 1) < shown, "{ppm} {shown}");
            }
            // A deadline keeps its meaning when the rate changes.
            let deadline = clock.after(1000, 5 * SECOND);
            let wanted = clock.elapsed(1000) + 5 * SECOND;
            let other = clock.set(2 * SECOND, 50_000, 0);
            assert!(other.elapsed(other.when(clock.elapsed(deadline))) >= wanted);
        }
    }

    #[test]
    fn rates_have_limits_and_never_is_never() {
        let slow = Clock::new(0).set(0, -5_000_000, 0);
        assert_eq!(slow.elapsed(10 * SECOND), SECOND);
        assert_eq!(slow.when(u64::MAX), u64::MAX);
        assert_eq!(slow.at_day(0), 0);
    }
}

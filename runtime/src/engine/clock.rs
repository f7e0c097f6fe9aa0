//! The one place where the runtime reads a clock.
//!
//! # Problem
//!
//! Timers and `time::Instant::now` must agree on the time. Reading it must cost no more than the
//! operating system's clock. A test must be able to stop the clock, move it, and let it go on.
//!
//! # Shape
//!
//! A [`Clock`] counts nanoseconds since its origin in a `u64` (584 years). Each runtime has one;
//! two clocks share nothing.
//!
//! | mode    | `now()`                                   | left by               |
//! |---------|-------------------------------------------|-----------------------|
//! | real    | the machine's clock less the origin       | `pause`               |
//! | frozen  | the value it stopped at or was moved to   | `resume`              |
//! | resumed | that value and what has passed since then | `pause`               |
//!
//! # Invariants
//!
//! 1. `now()` never goes back for one thread: the machine's clock does not, `pause` stops at the
//!    current value, and only `advance` moves a frozen clock, forwards.
//! 2. A clock that was never paused takes no lock. `is_virtual` is the only field read on that
//!    path. It is Relaxed: it publishes nothing, since a thread that sees it set takes the lock,
//!    and a thread that does not see it yet reads a time that was right a moment ago.
//! 3. [`any_virtual`] may return true when no clock is virtual any longer. It does not return false
//!    on a thread for which a `pause` happened before.

use std::sync::atomic::{AtomicBool as StaticBool, Ordering};
use std::time::{Duration, Instant};

use super::messages;
use super::primitive::Mutex;
use super::primitive::atomic::AtomicBool;

/// A deadline that never comes.
pub(crate) const NEVER: u64 = u64::MAX;

/// Where a clock ends: it never reaches [`NEVER`].
pub(crate) const LAST: u64 = NEVER - 1;

/// The longest sleep: 30 years. `deadline()` also shows it for a deadline that is too far to show.
pub(crate) const FAR: Duration = Duration::from_secs(86_400 * 365 * 30);

/// Whether any clock of this process was ever paused. A hint that saves a look at the thread's
/// context; it carries no data, hence Relaxed (invariant 3).
static ANY_VIRTUAL: StaticBool = StaticBool::new(false);

/// Whether `time::Instant::now` must read the runtime's clock instead of the machine's.
#[inline]
pub(crate) fn any_virtual() -> bool {
    ANY_VIRTUAL.load(Ordering::Relaxed)
}

/// A source of time.
#[derive(Debug)]
pub(crate) struct Clock {
    origin: Instant,
    /// Whether the clock was ever paused. Only then `state` is read.
    is_virtual: AtomicBool,
    may_pause: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The time when the clock was last stopped or moved.
    base: u64,
    /// When the clock was resumed; `None` while it is frozen.
    running_since: Option<Instant>,
    /// The time that timers still use after [`Clock::move_ahead`].
    unsettled: Option<u64>,
    /// Whether the clock must stay frozen: [`Clock::keep_frozen`].
    is_kept: bool,
}

impl Clock {
    /// A clock whose origin is now. `may_pause` allows [`Clock::pause`]; a clock that starts paused
    /// may always be paused again.
    pub(crate) fn new(may_pause: bool, start_paused: bool) -> Clock {
        let origin = Instant::now();
        if start_paused {
            ANY_VIRTUAL.store(true, Ordering::Relaxed);
        }
        Clock {
            origin,
            is_virtual: AtomicBool::new(start_paused),
            may_pause: may_pause || start_paused,
            state: Mutex::new(State {
                base: 0,
                running_since: if start_paused { None } else { Some(origin) },
                unsettled: None,
                is_kept: false,
            }),
        }
    }

    /// Nanoseconds since the origin.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        if self.is_virtual.load(Ordering::Relaxed) {
            return self.virtual_now();
        }
        nanos(Instant::now().saturating_duration_since(self.origin))
    }

    /// The current time as a standard instant.
    #[inline]
    pub(crate) fn now_instant(&self) -> Instant {
        if self.is_virtual() {
            return self.instant(self.virtual_now());
        }
        Instant::now()
    }

    #[cold]
    fn virtual_now(&self) -> u64 {
        self.state.lock().now()
    }

    /// A standard instant as a time of this clock. Before the origin: zero. Beyond what a `u64` of
    /// nanoseconds holds: [`NEVER`].
    #[inline]
    pub(crate) fn at(&self, instant: Instant) -> u64 {
        nanos(instant.saturating_duration_since(self.origin))
    }

    /// A time of this clock as a standard instant.
    pub(crate) fn instant(&self, at: u64) -> Instant {
        self.origin.checked_add(Duration::from_nanos(at)).unwrap_or_else(|| self.far_future())
    }

    /// The instant shown for a deadline that cannot be shown.
    pub(crate) fn far_future(&self) -> Instant {
        self.instant(self.now().saturating_add(nanos(FAR)))
    }

    /// Whether the clock can be stopped at all.
    pub(crate) fn may_pause(&self) -> bool {
        self.may_pause
    }

    /// Stops the clock.
    ///
    /// # Errors
    ///
    /// The error text: the clock is frozen already, or its runtime has several workers.
    pub(crate) fn pause(&self) -> Result<(), &'static str> {
        if !self.may_pause {
            return Err(messages::PAUSE_NEEDS_ONE_THREAD);
        }
        let mut state = self.state.lock();
        if state.running_since.is_none() {
            return Err(messages::ALREADY_FROZEN);
        }
        state.base = state.now();
        state.running_since = None;
        self.is_virtual.store(true, Ordering::Relaxed);
        ANY_VIRTUAL.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Resumes a frozen clock.
    pub(crate) fn resume(&self) -> Result<(), &'static str> {
        let mut state = self.state.lock();
        if state.running_since.is_some() {
            return Err(messages::NOT_FROZEN);
        }
        if state.is_kept {
            return Err(messages::KEPT_FROZEN);
        }
        state.running_since = Some(Instant::now());
        state.unsettled = None;
        Ok(())
    }

    /// Forbids to resume the frozen clock.
    pub(crate) fn keep_frozen(&self) {
        self.state.lock().is_kept = true;
    }

    /// Whether the clock must stay frozen.
    pub(crate) fn is_kept_frozen(&self) -> bool {
        self.is_virtual() && self.state.lock().is_kept
    }

    /// Moves a frozen clock forwards by `by`.
    pub(crate) fn advance(&self, by: Duration) -> Result<(), &'static str> {
        let mut state = self.state.lock();
        state.move_by(by)?;
        state.unsettled = None;
        Ok(())
    }

    /// Moves a frozen clock forwards by `by`. Timers that begin to wait use the old time until
    /// [`Clock::settle`].
    pub(crate) fn move_ahead(&self, by: Duration) -> Result<(), &'static str> {
        let mut state = self.state.lock();
        let before = state.unsettled.unwrap_or(state.base);
        state.move_by(by)?;
        state.unsettled = Some(before);
        Ok(())
    }

    /// Makes timers use the current time again.
    pub(crate) fn settle(&self) {
        self.state.lock().unsettled = None;
    }

    /// The time for a timer that begins to wait: [`Clock::now`], except between
    /// [`Clock::move_ahead`] and [`Clock::settle`].
    #[inline]
    pub(crate) fn timers_now(&self) -> u64 {
        if self.is_virtual() {
            let state = self.state.lock();
            return state.unsettled.unwrap_or_else(|| state.now());
        }
        self.now()
    }

    /// Moves a frozen clock forwards to `at`. Does nothing if that has passed or the clock runs.
    /// The scheduler calls this when a timer at `at` is all that is left to wait for.
    pub(crate) fn advance_to(&self, at: u64) {
        let mut state = self.state.lock();
        if state.running_since.is_none() && at != NEVER {
            state.base = state.base.max(at).min(LAST);
            state.unsettled = None;
        }
    }

    /// Whether the clock was ever paused. A hint (invariant 2).
    #[inline]
    pub(crate) fn is_virtual(&self) -> bool {
        self.is_virtual.load(Ordering::Relaxed)
    }

    /// Whether the clock is frozen.
    pub(crate) fn is_paused(&self) -> bool {
        self.is_virtual.load(Ordering::Relaxed) && self.state.lock().running_since.is_none()
    }
}

impl State {
    fn move_by(&mut self, by: Duration) -> Result<(), &'static str> {
        if self.running_since.is_some() {
            return Err(messages::NOT_FROZEN);
        }
        let moved = self.base.checked_add(nanos(by)).filter(|&moved| moved <= LAST);
        self.base = moved.ok_or(messages::TOO_FAR)?;
        Ok(())
    }

    fn now(&self) -> u64 {
        match self.running_since {
            None => self.base,
            Some(since) => self.base.saturating_add(nanos(since.elapsed())).min(LAST),
        }
    }
}

/// The time of day, since 1970: for people who read what was recorded. Nothing waits for it.
pub(crate) fn time_of_day() -> Duration {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap_or_default()
}

/// A duration in nanoseconds; [`NEVER`] if it does not fit.
#[inline]
pub(crate) fn nanos(duration: Duration) -> u64 {
    duration
        .as_secs()
        .checked_mul(1_000_000_000)
        .and_then(|ns| ns.checked_add(u64::from(duration.subsec_nanos())))
        .unwrap_or(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_clock_follows_the_machine() {
        let clock = Clock::new(true, false);
        let before = clock.at(Instant::now());
        let now = clock.now();
        let after = clock.at(Instant::now());
        assert!(before <= now && now <= after);
        assert!(!clock.is_paused());
        let instant = clock.now_instant();
        assert!(clock.at(instant) >= now && instant <= Instant::now());
    }

    #[test]
    fn a_frozen_clock_moves_only_when_told() {
        let clock = Clock::new(true, false);
        clock.pause().unwrap();
        let stopped = clock.now();
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(clock.now(), stopped);
        clock.advance(Duration::from_nanos(7)).unwrap();
        assert_eq!(clock.now(), stopped + 7);
        clock.advance_to(stopped);
        assert_eq!(clock.now(), stopped + 7);
        clock.advance_to(stopped + 100);
        assert_eq!(clock.now(), stopped + 100);
        assert_eq!(clock.pause(), Err(messages::ALREADY_FROZEN));
        clock.resume().unwrap();
        assert!(clock.now() >= stopped + 100);
        assert_eq!(clock.resume(), Err(messages::NOT_FROZEN));
        assert_eq!(clock.advance(Duration::ZERO), Err(messages::NOT_FROZEN));
        clock.pause().unwrap();
        assert_eq!(clock.advance(Duration::MAX), Err(messages::TOO_FAR));
        assert!(any_virtual());
    }

    #[test]
    fn timers_hear_of_a_move_when_it_is_settled() {
        let clock = Clock::new(true, true);
        clock.move_ahead(Duration::from_nanos(5)).unwrap();
        clock.move_ahead(Duration::from_nanos(5)).unwrap();
        assert_eq!((clock.now(), clock.timers_now()), (10, 0));
        clock.settle();
        assert_eq!((clock.now(), clock.timers_now()), (10, 10));
        clock.move_ahead(Duration::from_nanos(5)).unwrap();
        clock.advance(Duration::from_nanos(5)).unwrap();
        assert_eq!((clock.now(), clock.timers_now()), (20, 20));
        clock.resume().unwrap();
        assert!(clock.timers_now() >= 20);
        assert_eq!(clock.move_ahead(Duration::ZERO), Err(messages::NOT_FROZEN));
    }

    #[test]
    fn a_clock_that_is_kept_frozen_is_only_moved() {
        let clock = Clock::new(true, true);
        assert!(!clock.is_kept_frozen());
        clock.keep_frozen();
        assert_eq!(clock.resume(), Err(messages::KEPT_FROZEN));
        clock.advance(Duration::from_nanos(3)).unwrap();
        assert!(clock.is_paused() && clock.is_kept_frozen());
        assert_eq!(clock.now(), 3);
    }

    #[test]
    fn a_resumed_clock_does_not_catch_up() {
        let clock = Clock::new(true, true);
        std::thread::sleep(Duration::from_millis(20));
        clock.resume().unwrap();
        assert!(clock.now() < 20_000_000, "the time while frozen does not count");
    }

    #[test]
    fn only_a_runtime_of_one_thread_may_pause_unless_it_started_so() {
        assert_eq!(Clock::new(false, false).pause(), Err(messages::PAUSE_NEEDS_ONE_THREAD));
        let clock = Clock::new(false, true);
        clock.resume().unwrap();
        clock.pause().unwrap();
    }

    #[test]
    fn every_duration_has_a_place() {
        assert_eq!(nanos(Duration::ZERO), 0);
        assert_eq!(nanos(Duration::MAX), NEVER);
        assert_eq!(nanos(Duration::from_nanos(u64::MAX)), u64::MAX);
        assert_eq!(nanos(Duration::from_nanos(u64::MAX) + Duration::from_nanos(1)), NEVER);
        let clock = Clock::new(true, true);
        let _ = clock.instant(NEVER);
        assert_eq!(clock.at(clock.instant(12_345)), 12_345);
    }
}

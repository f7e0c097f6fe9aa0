//! How long a worker's polls take, and when its next visit is.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// A worker's recent pace covers this time, up to twice of it. Other programs take the processor
/// for some ten milliseconds at a time; a pace that followed each of them would move tasks to and
/// fro.
pub(super) const RECENT: Duration = Duration::from_millis(250);

/// From this mean length of polls on, a task that the running one wakes is worth waking a sleeper
/// for, which costs some 2 to 4 microseconds. In the LIFO slot it would wait for as long as its
/// waker goes on. Decision 0032.
const LONG_NS: u64 = 50_000;
/// A longer poll counts as this long, so that one that was preempted does not decide by itself.
const LONGEST_NS: u64 = 4 * LONG_NS;

/// A worker's last visit and its next one.
pub(super) struct Visits {
    /// The tick of the next visit.
    pub(super) next: Cell<u32>,
    /// The time and the tick from which the pace is measured.
    since: Cell<Instant>,
    since_tick: Cell<u32>,
    /// How many nanoseconds a poll is expected to take until the next visit.
    pub(super) expected: Cell<u64>,
    /// Nanoseconds and polls of the last [`RECENT`].
    recent: Cell<(u64, u64)>,
    /// The mean of the last visits' paces, in nanoseconds.
    smoothed: Cell<u64>,
    /// No task from outside goes first before this instant.
    pub(super) first_from: Cell<Instant>,
    /// No marked task is run without a spare before this instant.
    pub(super) marked_from: Cell<Instant>,
}

impl Visits {
    pub(super) fn new() -> Visits {
        let now = Instant::now();
        Visits {
            next: Cell::new(0),
            since: Cell::new(now),
            since_tick: Cell::new(0),
            expected: Cell::new(0),
            recent: Cell::new((0, 0)),
            smoothed: Cell::new(0),
            first_from: Cell::new(now),
            marked_from: Cell::new(now),
        }
    }

    /// Ends a time in which nothing was polled.
    pub(super) fn awake(&self, now: Instant, tick: u32) {
        self.since.set(now);
        self.since_tick.set(tick);
    }

    /// The mean nanoseconds per poll: since the last visit, and in the last [`RECENT`].
    pub(super) fn pace(&self, now: Instant, tick: u32) -> (u64, u64) {
        let polls = u64::from(tick.wrapping_sub(self.since_tick.replace(tick)).max(1));
        let time = (now - self.since.replace(now)).as_nanos() as u64;
        let (mut times, mut all) = self.recent.get();
        times += time;
        all += polls;
        let pace = (time / polls, times / all);
        if times > RECENT.as_nanos() as u64 {
            (times, all) = (times / 2, all.div_ceil(2));
        }
        self.recent.set((times, all));
        let smoothed = self.smoothed.get();
        self.smoothed.set(smoothed - smoothed / 8 + pace.0.min(LONGEST_NS) / 8);
        pace
    }

    /// Whether polls have been long for several visits.
    pub(super) fn polls_are_long(&self) -> bool {
        self.smoothed.get() >= LONG_NS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The polls of so many visits, at so many nanoseconds each.
    fn visit(visits: &Visits, now: &mut Instant, tick: &mut u32, times: u32, polls: u32, ns: u64) {
        for _ in 0..times {
            *now += Duration::from_nanos(ns * u64::from(polls));
            *tick += polls;
            visits.pace(*now, *tick);
        }
    }

    #[test]
    fn polls_are_long_after_several_visits_and_not_after_one() {
        let visits = Visits::new();
        let (mut now, mut tick) = (Instant::now(), 0);
        visits.awake(now, tick);
        visit(&visits, &mut now, &mut tick, 100, 61, 3_000);
        // A worker that was preempted once, and a little later again.
        for _ in 0..2 {
            visit(&visits, &mut now, &mut tick, 1, 61, 200_000);
            assert!(!visits.polls_are_long());
            visit(&visits, &mut now, &mut tick, 15, 61, 3_000);
        }
        // A task that wakes another and computes: every other poll is long.
        for _ in 0..6 {
            visit(&visits, &mut now, &mut tick, 1, 1, 300_000);
            visit(&visits, &mut now, &mut tick, 1, 1, 500);
        }
        assert!(visits.polls_are_long());
        visit(&visits, &mut now, &mut tick, 20, 61, 3_000);
        assert!(!visits.polls_are_long());
    }

    #[test]
    fn polls_of_twenty_microseconds_are_not_long() {
        let visits = Visits::new();
        let (mut now, mut tick) = (Instant::now(), 0);
        visits.awake(now, tick);
        visit(&visits, &mut now, &mut tick, 1000, 10, 20_000);
        assert!(!visits.polls_are_long());
    }
}

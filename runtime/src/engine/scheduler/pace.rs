//! How long a worker's polls take, and when its next visit is.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// A worker's recent pace covers this time, up to twice of it. Other programs take the processor
/// for some ten milliseconds at a time; a pace that followed each of them would move tasks to and
/// fro.
pub(super) const RECENT: Duration = Duration::from_millis(250);

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
        pace
    }
}

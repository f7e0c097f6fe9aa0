//! How long a worker's polls take, and when its next visit is.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// A worker's recent pace covers this time, up to twice of it. Other programs take the processor
/// for some ten milliseconds at a time; a pace that followed each of them would move tasks to and
/// fro.
pub(super) const RECENT: Duration = Duration::from_millis(250);

/// A worker is said to stand still if it has ended no poll for at least this time, as seen by
/// another one at two visits. Short against the time for which the kernel runs another thread in
/// its place (some 3 milliseconds), and long against the poll of a server's request.
const STANDSTILL: Duration = Duration::from_micros(150);
/// What is remembered of a worker that had nothing in its queue: no count of polls.
const NOTHING_QUEUED: u64 = u64::MAX;
/// From this mean length of polls on, a task that the running one wakes is worth waking a sleeper
/// for, which costs some 2 to 4 microseconds. In the LIFO slot it would wait for as long as its
/// waker goes on. Decision 0029.
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
    /// When the counts were compared last.
    compared: Cell<Instant>,
    /// How many polls each slot had ended then.
    ended: RefCell<Vec<u64>>,
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
            compared: Cell::new(now),
            ended: RefCell::default(),
        }
    }

    /// Whether the counts of polls are old enough to be compared with.
    pub(super) fn may_compare(&self, now: Instant) -> bool {
        let is_old = now - self.compared.get() >= STANDSTILL;
        if is_old {
            self.compared.set(now);
        }
        is_old
    }

    /// Whether a worker with so many tasks in its queue has ended no poll since the counts were
    /// compared last. Remembers the count.
    pub(super) fn has_not_moved(&self, number: usize, ended: u64, queued: u64) -> bool {
        let now = if queued == 0 { NOTHING_QUEUED } else { ended };
        let mut all = self.ended.borrow_mut();
        if all.len() <= number {
            all.resize(number + 1, NOTHING_QUEUED);
        }
        std::mem::replace(&mut all[number], now) == now && queued > 0
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

    #[test]
    fn a_worker_stands_still_if_it_has_ended_no_poll_with_tasks_in_its_queue() {
        let visits = Visits::new();
        let looks = [
            // Nothing is known of it, or that its queue was empty.
            (5, 3, false),
            (5, 3, true),
            (6, 3, false),
            (6, 0, false),
            (6, 2, false),
            (6, 1, true),
        ];
        for (ended, queued, stands_still) in looks {
            assert_eq!(visits.has_not_moved(2, ended, queued), stands_still, "{ended}, {queued}");
        }
        // Of another one nothing is known.
        assert!(!visits.has_not_moved(0, 6, 1));
    }

    #[test]
    fn counts_are_compared_once_they_are_old() {
        let visits = Visits::new();
        let start = visits.compared.get();
        assert!(!visits.may_compare(start + STANDSTILL / 2));
        assert!(visits.may_compare(start + STANDSTILL));
        assert!(!visits.may_compare(start + STANDSTILL + STANDSTILL / 2));
    }
}

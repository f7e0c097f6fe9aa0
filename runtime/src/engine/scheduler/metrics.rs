//! Counters of one worker: written by its thread alone with plain stores, read by anybody.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::coop;
use crate::engine::insight::recorder::Ring;
use crate::engine::primitive::atomic::{AtomicU64, Ordering};
use crate::engine::primitive::ticks;

/// A number that one thread counts up and others read.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Called by the owner only. No pair: the number publishes nothing but itself.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// As [`add`](Counter::add), for a number that goes up and down.
    fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The weight of the newest poll in the moving average.
const NEWEST: f64 = 0.1;

/// After this many polls a worker that does not sleep counts its busy time. Reading the clock costs
/// about one poll.
pub(super) const NOTE_INTERVAL: u32 = 1024;

/// What a worker counts.
#[derive(Debug, Default)]
pub(crate) struct WorkerCounters {
    /// Its number.
    pub(crate) worker: u32,
    pub(crate) polls: Counter,
    /// Tasks gained by stealing.
    pub(crate) steals: Counter,
    /// Steals that gained at least one task.
    pub(crate) steal_operations: Counter,
    pub(crate) parks: Counter,
    /// Times the worker woke up again.
    pub(crate) unparks: Counter,
    /// Wake-ups that led to no work.
    pub(crate) noops: Counter,
    pub(crate) busy_ns: Counter,
    /// Polls that ran out of budget.
    pub(crate) forced_yields: Counter,
    /// The moving average of how long a poll takes.
    pub(crate) mean_poll_ns: Counter,
    /// Polls that are already counted in `mean_poll_ns`.
    polls_noted: Counter,
    /// Tasks pushed to the worker's own queue or LIFO slot.
    pub(crate) local_schedules: Counter,
    /// Polls that the monitor called stalled.
    pub(crate) stalls: Counter,
    /// A histogram of how long polls took; empty if it is off.
    pub(crate) poll_times: Box<[Counter]>,
    /// A histogram of how long tasks waited for their polls; empty if it is off.
    pub(crate) latencies: Box<[Counter]>,
    /// Its last events, if they are recorded.
    pub(crate) ring: Option<Arc<Ring>>,
    /// When the last poll ended, in ticks, if nothing but another poll comes after it; else 0.
    last_end: Counter,
}

impl WorkerCounters {
    /// With histograms of so many buckets: none is no histogram.
    pub(crate) fn new(worker: u32, poll_times: usize, latencies: usize) -> WorkerCounters {
        let room = |buckets| (0..buckets).map(|_| Counter::default()).collect();
        WorkerCounters {
            worker,
            poll_times: room(poll_times),
            latencies: room(latencies),
            ..WorkerCounters::default()
        }
    }

    pub(crate) fn busy(&self) -> Duration {
        Duration::from_nanos(self.busy_ns.get())
    }

    /// When the poll begins that comes now. One that follows another begins where that has ended:
    /// what lies between is some 20 ns, and reading the clock takes 10.
    #[inline]
    pub(super) fn poll_begins(&self) -> u64 {
        match self.last_end.get() {
            0 => ticks(),
            at => at,
        }
    }

    #[inline]
    pub(super) fn poll_ended(&self, at: u64) {
        self.last_end.set(at);
    }

    /// The worker does something else than polls.
    #[inline]
    pub(super) fn between_polls(&self) {
        self.last_end.set(0);
    }

    /// Adds the time for which the worker has been awake since the last call.
    pub(super) fn note(&self, busy: Duration) {
        let ns = u64::try_from(busy.as_nanos()).unwrap_or(u64::MAX);
        self.busy_ns.add(ns);
        self.forced_yields.add(coop::take_forced());
        let before = self.polls_noted.get();
        let polls = self.polls.get().wrapping_sub(before);
        if polls == 0 {
            return;
        }
        self.polls_noted.add(polls);
        let mean = ns as f64 / polls as f64;
        let kept = match before {
            0 => 0.0,
            _ => (1.0 - NEWEST).powf(polls as f64),
        };
        self.mean_poll_ns.set((self.mean_poll_ns.get() as f64 * kept + mean * (1.0 - kept)) as u64);
    }
}

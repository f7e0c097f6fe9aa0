//! Counters of one worker: written by its thread alone with plain stores, read by anybody.

use std::time::Duration;

use crate::engine::primitive::atomic::{AtomicU64, Ordering};

/// A number that one thread counts up and others read.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Called by the owner only. No pair: the number publishes nothing but itself.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a worker counts.
#[derive(Debug, Default)]
pub(crate) struct WorkerCounters {
    pub(crate) polls: Counter,
    /// Tasks gained by stealing.
    pub(crate) steals: Counter,
    /// Times it stole.
    pub(crate) steal_operations: Counter,
    pub(crate) parks: Counter,
    /// Times it woke up again.
    pub(crate) unparks: Counter,
    /// Wake-ups that led to no work.
    pub(crate) noops: Counter,
    pub(crate) busy_ns: Counter,
    /// Tasks pushed to its own queue or slot.
    pub(crate) local_schedules: Counter,
    /// Polls that used up their budget.
    pub(crate) used_up: Counter,
    /// Polls that the guardian called stalled.
    pub(crate) stalls: Counter,
    /// A histogram of how long polls took, if there is one.
    pub(crate) poll_times: Box<[Counter]>,
}

impl WorkerCounters {
    /// With room for a histogram of so many buckets.
    pub(crate) fn with_buckets(buckets: usize) -> WorkerCounters {
        let poll_times = (0..buckets).map(|_| Counter::default()).collect();
        WorkerCounters { poll_times, ..WorkerCounters::default() }
    }

    pub(crate) fn busy(&self) -> Duration {
        Duration::from_nanos(self.busy_ns.get())
    }
}

//! Counts the threads outside the pool that are in the middle of giving it a task.
//!
//! # Problem
//!
//! A task points to its pool without keeping it alive: a count shared by all tasks would be the
//! most contended word of the program. While a task is not complete the pool lives. But a thread
//! that wakes a task from outside still works on the pool after it has pushed the task: it looks
//! for a sleeper. By then the task may have been popped and cancelled, and the pool be about to
//! go. So such a thread counts itself in before the push and out after its last step, and a
//! shutdown waits until all are out.
//!
//! # Proof
//!
//! Let the shutdown see no task alive. A thread that pushed a task counted itself in before the
//! push; the shutdown (or a worker it joined) popped that task, so it happens after the count and
//! sees it, until the thread counts itself out with Release, which the shutdown's Acquire load
//! pairs with. No thread comes in later: that would need a task that is not complete.

use std::cell::Cell;

use crossbeam_utils::CachePadded;

use crate::engine::primitive::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::engine::primitive::thread::yield_now;

/// Publishes the thread's last use of the pool. Pairs with [`SEE`].
const LEAVE: Ordering = Ordering::Release;
/// The shutdown sees that use. Pairs with [`LEAVE`].
const SEE: Ordering = Ordering::Acquire;

const SHARDS: usize = 8;

thread_local! {
    static SHARD: Cell<Option<u8>> = const { Cell::new(None) };
}

/// The count, in shards, so that waking threads do not meet on one word.
#[derive(Debug, Default)]
pub(crate) struct InFlight([CachePadded<Shard>; SHARDS]);

#[derive(Debug, Default)]
struct Shard {
    inside: AtomicUsize,
    /// How many have ever come in: a metric.
    entered: AtomicU64,
}

/// A thread that is counted in.
#[derive(Debug)]
pub(crate) struct Inside<'a>(&'a AtomicUsize);

impl InFlight {
    pub(crate) fn enter(&self) -> Inside<'_> {
        let shard = SHARD
            .try_with(|cell| {
                cell.get().unwrap_or_else(|| {
                    let shard = crate::engine::rng::thread_below(SHARDS as u32) as u8;
                    cell.set(Some(shard));
                    shard
                })
            })
            .unwrap_or(0);
        let shard = &*self.0[usize::from(shard)];
        // No pair: the number publishes nothing but itself.
        shard.entered.fetch_add(1, Ordering::Relaxed);
        // Relaxed: the push that follows publishes it (see the proof).
        shard.inside.fetch_add(1, Ordering::Relaxed);
        Inside(&shard.inside)
    }

    /// How many have ever come in.
    pub(crate) fn entered(&self) -> u64 {
        self.0.iter().map(|shard| shard.entered.load(Ordering::Relaxed)).sum()
    }

    /// Waits until everybody is out.
    pub(crate) fn wait(&self) {
        for shard in &self.0 {
            while shard.inside.load(SEE) != 0 {
                yield_now();
            }
        }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, LEAVE);
    }
}

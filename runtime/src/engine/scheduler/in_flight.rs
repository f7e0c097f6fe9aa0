//! Counts the threads outside the pool that are currently giving it a task.
//!
//! # Problem
//!
//! A task points to its pool without keeping it alive: a count shared by all tasks would be the
//! most contended word of the program. The pool lives as long as any task is not complete. But a
//! thread that wakes a task from outside still uses the pool after it has pushed the task: it looks
//! for a sleeper. By then the task may have been popped and cancelled, and the pool may be about to
//! be freed. So such a thread counts itself in before the push and out after its last step, and a
//! shutdown waits until all are out.
//!
//! # Proof
//!
//! Let the shutdown see no task alive. A thread that pushed a task counted itself in before the
//! push. The shutdown (or a worker that it joined) popped that task after the push, so the shutdown
//! sees the count until the thread counts itself out. That is a Release, which pairs with the
//! shutdown's Acquire load. No thread comes in later: that would need a task that is not complete.

use std::cell::Cell;

use crossbeam_utils::CachePadded;

use crate::engine::primitive::atomic::{AtomicU64, Ordering};
use crate::engine::primitive::thread::yield_now;

/// Publishes the thread's last use of the pool. Pairs with [`SEE`].
const LEAVE: Ordering = Ordering::Release;
/// The shutdown sees that use. Pairs with [`LEAVE`].
const SEE: Ordering = Ordering::Acquire;

const SHARDS: usize = 8;

/// One thread that is inside now, in the low bits of a shard. There are fewer than 65,536.
const ONE: u64 = 1;
const INSIDE: u64 = 0xffff;
/// One thread that was ever inside, in the bits above.
const EVER: u64 = INSIDE + 1;

thread_local! {
    static SHARD: Cell<Option<u8>> = const { Cell::new(None) };
}

/// The count, in shards, so that waking threads do not contend on one word. The same words also
/// hold how many threads have ever come in.
#[derive(Debug, Default)]
pub(crate) struct InFlight([CachePadded<AtomicU64>; SHARDS]);

/// A thread that is counted in.
#[derive(Debug)]
pub(crate) struct Inside<'a>(&'a AtomicU64);

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
        let count = &*self.0[usize::from(shard)];
        // Relaxed: the push that follows publishes it (see the proof).
        count.fetch_add(EVER + ONE, Ordering::Relaxed);
        Inside(count)
    }

    /// Waits until everybody is out.
    pub(crate) fn wait(&self) {
        for count in &self.0 {
            while count.load(SEE) & INSIDE != 0 {
                yield_now();
            }
        }
    }

    /// How often a thread was counted in. No pair: the number publishes nothing but itself.
    pub(crate) fn ever(&self) -> u64 {
        self.0.iter().map(|count| count.load(Ordering::Relaxed) / EVER).sum()
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(ONE, LEAVE);
    }
}

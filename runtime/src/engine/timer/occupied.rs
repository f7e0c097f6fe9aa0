//! Which shards have a deadline.
//!
//! # Problem
//!
//! The thread that sleeps for all timers reads the earliest deadline before each sleep, and
//! collects what is due after it. It must not look at every shard for that: there is one for each
//! worker, even if most are idle. So each shard has a bit, and that thread looks only at shards
//! whose bit is set.
//!
//! # Invariants
//!
//! 1. Under a shard's lock its bit is set if and only if its `next` is not
//!    [`NEVER`](crate::engine::clock::NEVER). The bit is written with `next`, when that becomes
//!    `NEVER` or stops being it. The lock orders the writes of the bit. They are read-modify-writes
//!    because other bits of the word change meanwhile.
//! 2. A shard that already has a deadline pays nothing: further timers do not touch the bit.
//!
//! # Orderings
//!
//! Relaxed, like `next`, and for the same reasons (`shard.rs`): a thread that finds a bit looks at
//! the shard, and if something is due there it takes the lock. A thread that must see `next` sees
//! the bit as well, since both are stored before the same fence or wake: `timer/cover.rs`, and
//! invariant 4 of `shard.rs`. If it finds the bit clear nevertheless, another thread has fired that
//! timer since.
//!
//! # Rejected
//!
//! The earliest deadline of all in one word: every timer that is the earliest of its worker would
//! write it, and the thread that fires it would have to look at all shards for the next one. A bit
//! that is read when a timer is set: the shard already knows whether it has a deadline.

use crate::engine::primitive::Arc;
use crate::engine::primitive::atomic::{AtomicU64, Ordering};

/// See "Orderings".
const BIT: Ordering = Ordering::Relaxed;

const BITS: usize = u64::BITS as usize;

/// A bit for each shard.
#[derive(Debug)]
pub(super) struct Occupied {
    words: Box<[AtomicU64]>,
}

impl Occupied {
    /// All bits clear.
    pub(super) fn new(shards: usize) -> Arc<Occupied> {
        let words = (0..shards.div_ceil(BITS)).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Occupied { words })
    }

    /// The shards whose bit is set, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(word, bits)| {
            let mut left = bits.load(BIT);
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros() as usize;
                left &= left.checked_sub(1)?;
                Some(word * BITS + bit)
            })
        })
    }
}

/// One shard's bit.
#[derive(Debug)]
pub(crate) struct Mark {
    occupied: Arc<Occupied>,
    shard: usize,
}

impl Mark {
    pub(super) fn new(occupied: Arc<Occupied>, shard: usize) -> Mark {
        Mark { occupied, shard }
    }

    /// Sets or clears the bit, under the shard's lock (invariant 1).
    pub(super) fn set(&self, has_deadline: bool) {
        let word = &self.occupied.words[self.shard / BITS];
        let bit = 1 << (self.shard % BITS);
        if has_deadline {
            word.fetch_or(bit, BIT);
        } else {
            word.fetch_and(!bit, BIT);
        }
    }
}

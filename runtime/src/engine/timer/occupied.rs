//! Which shards have a deadline.
//!
//! # Problem
//!
//! Whoever sleeps for everybody's timers asks for the earliest deadline before it sleeps and for
//! what is due after it, at each sleep. It must not look at every shard for that: there is one for
//! each worker, however few of them work. So each shard has a bit, and who asks looks at the shards
//! whose bit is set.
//!
//! # Invariants
//!
//! 1. Under a shard's lock its bit is set if and only if its `next` is not
//!    [`NEVER`](crate::engine::clock::NEVER). The bit is written with `next`, where that becomes
//!    `NEVER` or ceases to be it. The lock orders what is done to the bit; that the others in its
//!    word change meanwhile is why the writes are read-modify-writes.
//! 2. A shard that has a deadline pays nothing: a timer that is set beside others, or moved, leaves
//!    the bit.
//!
//! # Orderings
//!
//! Relaxed, as those of `next`, and for the same reasons (`shard.rs`): who finds a bit looks at the
//! shard, and who finds something due there takes the lock. A thread for which `next` had to be
//! visible finds the bit as well, since both are stored in one place, before the fence or the wake
//! that makes them visible: `timer/cover.rs`, and invariant 4 of `shard.rs`. If it finds the bit
//! cleared all the same, then by one who has fired that timer since.
//!
//! # Rejected
//!
//! The earliest deadline of all in one word (every timer that is the earliest of its worker would
//! write it, and who fires it would have to look at all shards for the next). A bit that whoever
//! sets a timer reads (the shard knows already).

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

    /// Under the shard's lock (invariant 1).
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

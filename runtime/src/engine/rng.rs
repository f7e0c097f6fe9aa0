//! Random numbers for choices that must vary: where a thief begins, which branch of `select!` is
//! polled first. Not for secrets.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A generator of the xorshift family (Marsaglia, 2003, with a 64-bit state and a 32-bit output).
#[derive(Debug, Clone)]
pub(crate) struct FastRand(Cell<u64>);

impl FastRand {
    /// A generator with its sequence fixed by `seed`.
    pub(crate) fn from_seed(seed: u64) -> FastRand {
        // An all-zero state would stay zero for ever.
        FastRand(Cell::new(seed ^ 0x9E37_79B9_7F4A_7C15 | 1))
    }

    /// A generator seeded by the standard library's source of random keys.
    pub(crate) fn new() -> FastRand {
        FastRand::from_seed(RandomState::new().build_hasher().finish())
    }

    /// The next number.
    pub(crate) fn next_u32(&self) -> u32 {
        let mut x = self.0.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.0.set(x);
        (x >> 32) as u32
    }

    /// A number below `n`, which must not be zero.
    pub(crate) fn below(&self, n: u32) -> u32 {
        ((u64::from(self.next_u32()) * u64::from(n)) >> 32) as u32
    }
}

thread_local! {
    static THREAD: FastRand = FastRand::new();
}

/// Restarts this thread's generator with `seed`.
pub(crate) fn seed_thread(seed: u64) {
    drop(Seeded::new(&FastRand::from_seed(seed)).keep());
}

/// Restores the thread's generator when dropped.
#[derive(Debug)]
pub(crate) struct Seeded(Option<u64>);

impl Seeded {
    /// Seeds this thread's generator from `seeds`, until the guard is dropped.
    pub(crate) fn new(seeds: &FastRand) -> Seeded {
        let seed = u64::from(seeds.next_u32()) << 32 | u64::from(seeds.next_u32());
        let fresh = FastRand::from_seed(seed).0.get();
        Seeded(THREAD.try_with(|rng| rng.0.replace(fresh)).ok())
    }

    /// Keeps the new generator.
    fn keep(mut self) -> Seeded {
        self.0 = None;
        self
    }
}

impl Drop for Seeded {
    fn drop(&mut self) {
        if let Some(before) = self.0 {
            let _ = THREAD.try_with(|rng| rng.0.set(before));
        }
    }
}

/// A number below `n` from this thread's generator.
pub(crate) fn thread_below(n: u32) -> u32 {
    THREAD.try_with(|rng| rng.below(n)).unwrap_or(0)
}

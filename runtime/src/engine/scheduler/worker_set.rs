//! A set of slots, as a bitmap that any thread may change.
//!
//! It says on which slots there may be work, so that a search visits only those: with 512 workers
//! of which two are awake, it reads two slots and eight words.
//!
//! The words share their cache lines with nothing else: they are written whenever a worker sleeps
//! or wakes.
//!
//! All accesses are Relaxed: `sleep.rs`, which uses the set, argues what must be seen.

use crossbeam_utils::CachePadded;

use crate::engine::primitive::atomic::{AtomicU64, Ordering};

const BITS: usize = u64::BITS as usize;
/// Words that fill the unit of [`CachePadded`].
const WORDS: usize = 16;

/// A set of slots.
#[derive(Debug)]
pub(crate) struct WorkerSet {
    words: Box<[CachePadded<[AtomicU64; WORDS]>]>,
    /// How many of the words are used.
    used: usize,
}

impl WorkerSet {
    /// The empty set of `slots` slots.
    pub(crate) fn new(slots: usize) -> WorkerSet {
        let used = slots.div_ceil(BITS);
        let words = || CachePadded::new(std::array::from_fn(|_| AtomicU64::new(0)));
        WorkerSet { words: (0..used.div_ceil(WORDS)).map(|_| words()).collect(), used }
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        &self.words[index / WORDS][index % WORDS]
    }

    /// Adds a slot.
    pub(crate) fn insert(&self, slot: usize) {
        self.word(slot / BITS).fetch_or(1 << (slot % BITS), Ordering::Relaxed);
    }

    /// Takes a slot out.
    pub(crate) fn remove(&self, slot: usize) {
        self.word(slot / BITS).fetch_and(!(1 << (slot % BITS)), Ordering::Relaxed);
    }

    /// One more than the last slot in the set.
    pub(crate) fn bound(&self) -> u32 {
        let words = (0..self.used).rev();
        let mut last = words.map(|index| (index, self.word(index).load(Ordering::Relaxed)));
        let last = last.find(|&(_, word)| word != 0);
        last.map_or(0, |(index, word)| ((index + 1) * BITS) as u32 - word.leading_zeros())
    }

    /// The slots in the set, from `start` on and around the end. Each word is read once, when the
    /// walk reaches it; the first one twice, since its lower part comes last.
    pub(crate) fn from(&self, start: usize) -> impl Iterator<Item = usize> + Clone {
        let (first, bit) = (start / BITS % self.used, start % BITS);
        let words = self.used;
        (0..=words).flat_map(move |step| {
            let index = (first + step) % words;
            let mut word = self.word(index).load(Ordering::Relaxed);
            if step == 0 {
                word &= u64::MAX << bit;
            } else if step == words {
                word &= !(u64::MAX << bit);
            }
            Bits(word).map(move |bit| index * BITS + bit)
        })
    }
}

/// The numbers of the bits that are set.
#[derive(Clone)]
struct Bits(u64);

impl Iterator for Bits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let lowest = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(lowest)
    }
}

//! The entries of all objects that tasks have waited for: see `object.rs`.
//!
//! An entry is never freed, so it can be reached by its place at any moment. Entries are in chunks,
//! each with twice as many as the one before: a place is found without a lock, and growing moves
//! nothing.

use std::sync::OnceLock;

use super::location::AtomicLocation;
use crate::engine::primitive::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::engine::primitive::sizes::FIRST_CHUNK;
use crate::engine::primitive::{Mutex, const_fn};

/// The bits of a generation.
pub(super) const GENERATION: u32 = (1 << 23) - 1;

/// What is known of an object that somebody has waited for.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) generation: AtomicU32,
    pub(super) made_at: AtomicLocation,
    /// A task's id, or 0.
    pub(super) holder: AtomicU64,
}

/// So many chunks have more entries than a place can name.
const CHUNKS: usize = 32;

/// All entries of the process. Chunks are made as they are needed, and stay.
pub(super) struct Table {
    chunks: [OnceLock<Box<[Entry]>>; CHUNKS],
    places: Mutex<Places>,
}

/// Which entries are free.
struct Places {
    free: Vec<u32>,
    /// Places from this one on have never been used.
    unused: u32,
}

/// Which chunk a place is in, and where.
fn split(place: u32) -> (usize, usize) {
    let from_one = place as usize / FIRST_CHUNK + 1;
    let chunk = from_one.ilog2() as usize;
    (chunk, place as usize - FIRST_CHUNK * ((1 << chunk) - 1))
}

impl Table {
    const_fn! {
    pub(super) const fn new() -> Table {
        Table {
            chunks: [const { OnceLock::new() }; CHUNKS],
            places: Mutex::new(Places { free: Vec::new(), unused: 0 }),
        }
    }
    }

    /// Takes a free entry for an object that has none.
    pub(super) fn take(&self) -> u32 {
        let mut places = self.places.lock();
        places.free.pop().unwrap_or_else(|| {
            let place = places.unused;
            places.unused += 1;
            place
        })
    }

    /// Frees the entry of an object that is gone, or has got another entry.
    pub(super) fn give_back(&self, place: u32) {
        let entry = self.entry(place);
        let next = entry.generation.load(Ordering::Relaxed).wrapping_add(1) & GENERATION;
        // No pair: the words that the next owner writes publish it.
        entry.generation.store(next, Ordering::Relaxed);
        self.places.lock().free.push(place);
    }

    /// The entry at a place that has been taken.
    pub(super) fn entry(&self, place: u32) -> &Entry {
        let (chunk, at) = split(place);
        let entries = self.chunks[chunk].get_or_init(|| {
            let entry = |_| Entry {
                generation: AtomicU32::new(0),
                made_at: AtomicLocation::none(),
                holder: AtomicU64::new(0),
            };
            (0..FIRST_CHUNK << chunk).map(entry).collect()
        });
        &entries[at]
    }

    /// The entry at a place that may never have been taken.
    pub(super) fn find(&self, place: u32) -> Option<&Entry> {
        let (chunk, at) = split(place);
        self.chunks.get(chunk)?.get()?.get(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_in_one_chunk() {
        let mut expected = (0, 0);
        for place in 0..100_000 {
            assert_eq!(split(place), expected);
            expected.1 += 1;
            if expected.1 == FIRST_CHUNK << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
        assert!(split(u32::MAX).0 <= CHUNKS);
    }
}

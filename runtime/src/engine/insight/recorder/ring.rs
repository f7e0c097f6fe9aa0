//! The last events of one thread, as far as there is room: written by the thread, read by anybody.
//!
//! # Problem
//!
//! Every poll leaves an event, so writing one must cost a few plain stores. Somebody wants to read
//! the last seconds at any moment, also while the thread is stuck, and the thread cannot wait for
//! the reader. So entries are overwritten while they are read, and the reader must not take the
//! half of one event for the half of another.
//!
//! # The words
//!
//! `head` counts the events ever written; event `n` is in place `n % places`. Both words of a place
//! are written before `head` counts the event.
//!
//! # Invariants
//!
//! 1. There is one writer at a time, and writers come one after the other: the thread that has a
//!    worker's slot, or whoever has the lock of a shared ring.
//! 2. A reader that finds `head` at `end` and reads a word of place `p` reads what event `n` has
//!    written there, the last one below `end` with that place, or what a later one has: `head` is
//!    stored after the words of the events that it counts ([`SHOW`], [`LOOK`]).
//! 3. If it reads what event `n + places` or a later one has written, then it sees afterwards that
//!    `head` is at least `n + places`: a word is stored after the `head` that counts all events
//!    before ([`CHANGE`], [`READ`]).
//! 4. So what was read of event `n` is right if afterwards `head` is below `n + places`, and both
//!    words are of the same event. Else the event is dropped: it has been overwritten, or may have
//!    been.
//!
//! The words are atomics, so what is read and dropped was no data race. This is a sequence lock
//! whose number is shared by all places (Boehm, "Can seqlocks get along with programming language
//! memory models?", 2012).
//!
//! # Memory
//!
//! Places come in chunks, made when the head first gets there: a program with few events has few.
//! They stay.

use std::sync::OnceLock;

use crate::engine::primitive::atomic::{AtomicU64, Ordering};
use crate::engine::primitive::sizes::RING_CHUNK as CHUNK;

/// The count of events publishes their words. Pairs with [`LOOK`].
const SHOW: Ordering = Ordering::Release;
/// The reader sees the words of the events that are counted, or of later ones. Pairs with [`SHOW`].
const LOOK: Ordering = Ordering::Acquire;
/// The words of an event publish the count of those before it. Pairs with [`READ`].
const CHANGE: Ordering = Ordering::Release;
/// The reader that sees a word of a later event sees that those before it are counted. Pairs with
/// [`CHANGE`].
const READ: Ordering = Ordering::Acquire;

/// Bytes of an event.
pub(crate) const EVENT_BYTES: usize = 16;

/// The size of a chunk in bytes: the least that a ring can have.
const CHUNK_BYTES: usize = CHUNK * EVENT_BYTES;

type Place = [AtomicU64; 2];

/// A ring of events of two words.
#[derive(Debug)]
pub(crate) struct Ring {
    head: AtomicU64,
    /// Their number is a power of two.
    chunks: Box<[OnceLock<Box<[Place; CHUNK]>>]>,
}

/// What [`Ring::read_back`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// The events, the oldest first.
    pub(crate) events: Vec<[u64; 2]>,
    /// How many there were before these that are overwritten by now.
    pub(crate) overwritten: u64,
}

impl Ring {
    /// A ring with room for so many bytes of events, rounded up to a power of two.
    pub(crate) fn new(bytes: usize) -> Ring {
        let chunks = bytes.div_ceil(CHUNK_BYTES).max(1).next_power_of_two();
        Ring { head: AtomicU64::new(0), chunks: (0..chunks).map(|_| OnceLock::new()).collect() }
    }

    /// How many chunks there are, and how many have been made.
    #[cfg(test)]
    pub(in crate::engine::insight) fn chunks(&self) -> (usize, usize) {
        let made = self.chunks.iter().filter(|chunk| chunk.get().is_some());
        (self.chunks.len(), made.count())
    }

    fn places(&self) -> u64 {
        (self.chunks.len() * CHUNK) as u64
    }

    fn chunk(&self, event: u64) -> &OnceLock<Box<[Place; CHUNK]>> {
        &self.chunks[(event as usize / CHUNK) & (self.chunks.len() - 1)]
    }

    /// Writes an event. Called by the one writer (invariant 1).
    #[inline]
    pub(crate) fn push(&self, [first, second]: [u64; 2]) {
        // No pair: nobody else writes it.
        let event = self.head.load(Ordering::Relaxed);
        let chunk = match self.chunk(event).get() {
            Some(chunk) => chunk,
            None => self.make_chunk(event),
        };
        let [one, two] = &chunk[event as usize % CHUNK];
        one.store(first, CHANGE);
        two.store(second, CHANGE);
        self.head.store(event + 1, SHOW);
    }

    #[cold]
    fn make_chunk(&self, event: u64) -> &[Place; CHUNK] {
        self.chunk(event).get_or_init(|| {
            let places: Box<[Place]> = (0..CHUNK).map(|_| Default::default()).collect();
            places.try_into().expect("as many as a chunk has")
        })
    }

    /// Reads backwards from the newest event until `goes_on` returns false; that event is left out.
    /// `goes_on` may be shown an event that is half overwritten. Such an event is dropped later.
    pub(crate) fn read_back(&self, mut goes_on: impl FnMut([u64; 2]) -> bool) -> Contents {
        let end = self.head.load(LOOK);
        let oldest = end.saturating_sub(self.places());
        let mut events = Vec::new();
        let mut first = end;
        while first > oldest {
            // The chunk was made before its events were counted.
            let Some(chunk) = self.chunk(first - 1).get() else { break };
            let [one, two] = &chunk[(first - 1) as usize % CHUNK];
            let event = [one.load(READ), two.load(READ)];
            if !goes_on(event) {
                break;
            }
            events.push(event);
            first -= 1;
        }
        // No pair: the loads above with [`READ`] come before it (invariant 3).
        let now = self.head.load(Ordering::Relaxed);
        // Event `now` may be half written: it takes the place of the event `places` before it.
        let whole_from = (now + 1).saturating_sub(self.places());
        events.truncate(end.saturating_sub(whole_from.max(first)) as usize);
        events.reverse();
        Contents { events, overwritten: whole_from.max(oldest).min(end) }
    }
}

//! Whether a thread that has nothing to do looks again for a while before it sleeps.
//!
//! # Problem
//!
//! A thread that sleeps is woken some 5 microseconds after its event, or 20 to 50 if its processor
//! has gone idle and must be woken, too, as in a virtual machine. A thread that looks again and
//! again is there at once, and takes a processor from others as long as it looks.
//!
//! # Rule
//!
//! `Builder::idle_spin` sets the longest time of looking, by default none. A thread looks only if
//! half of its last eight idle spells were short: not longer than twice that time. (A spell that
//! was slept through is longer than the wait for its event, by what waking up takes.) So a thread
//! whose events are far apart sleeps at once, except that it would have to sleep through four short
//! spells to begin to look.
//!
//! Relaxed, no pair: the word is a hint, and a spell that two threads note at once may be lost.

use std::time::{Duration, Instant};

use crate::engine::primitive::atomic::{AtomicU8, Ordering};

/// How many of the last eight spells must have been short.
const ENOUGH: u32 = 4;

/// The last idle spells of a thread, or of threads that are alike.
#[derive(Debug)]
pub(crate) struct IdleSpin {
    limit: Duration,
    /// A bit for each of the last spells: whether it was short.
    spells: AtomicU8,
}

impl IdleSpin {
    /// Looks for at most `limit`; with zero never.
    pub(crate) fn new(limit: Duration) -> IdleSpin {
        IdleSpin { limit, spells: AtomicU8::new(0) }
    }

    /// Whether it ever looks again.
    pub(crate) fn is_on(&self) -> bool {
        !self.limit.is_zero()
    }

    /// Until when to look again, in a spell that begins now. `None` if it is to sleep at once.
    pub(crate) fn until(&self, now: impl FnOnce() -> Instant) -> Option<Instant> {
        let pays = self.is_on() && self.spells.load(Ordering::Relaxed).count_ones() >= ENOUGH;
        if pays { now().checked_add(self.limit) } else { None }
    }

    /// Notes how long an idle spell was.
    pub(crate) fn note(&self, spell: Duration) {
        if self.is_on() {
            let is_short = spell / 2 <= self.limit;
            let spells = self.spells.load(Ordering::Relaxed);
            self.spells.store(spells << 1 | u8::from(is_short), Ordering::Relaxed);
        }
    }
}

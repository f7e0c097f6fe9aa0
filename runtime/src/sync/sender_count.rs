//! How many senders and weak senders a channel has, and which sender is the last. A `watch` channel
//! has no weak ones.
//!
//! When the count of senders has reached zero it stays there: a weak sender may add to it only what
//! is not zero. The last sender sees what all senders did before they went, and so does who counts.

use crate::engine::primitive::atomic::{AtomicUsize, Ordering};

/// Publishes what a sender did before it went. Pairs with [`SEE_GONE`].
const GONE: Ordering = Ordering::AcqRel;
/// Sees what senders did before they went. Pairs with [`GONE`].
const SEE_GONE: Ordering = Ordering::Acquire;

#[derive(Debug)]
pub(super) struct SenderCount {
    strong: AtomicUsize,
    weak: AtomicUsize,
}

impl SenderCount {
    /// Of a channel with one sender.
    #[inline]
    pub(super) fn one() -> SenderCount {
        SenderCount { strong: AtomicUsize::new(1), weak: AtomicUsize::new(0) }
    }

    #[inline]
    pub(super) fn strong(&self) -> usize {
        self.strong.load(SEE_GONE)
    }

    #[inline]
    pub(super) fn weak(&self) -> usize {
        self.weak.load(Ordering::Relaxed)
    }

    /// One more sender, made of another, which keeps the count from zero.
    #[inline]
    pub(super) fn add(&self) {
        self.strong.fetch_add(1, Ordering::Relaxed);
    }

    /// One more sender, made of a weak one, unless the last has gone.
    #[must_use]
    #[inline]
    pub(super) fn try_add(&self) -> bool {
        let mut senders = self.strong.load(SEE_GONE);
        while senders != 0 {
            let more = senders + 1;
            match self.strong.compare_exchange_weak(senders, more, Ordering::Relaxed, SEE_GONE) {
                Ok(_) => return true,
                Err(now) => senders = now,
            }
        }
        false
    }

    /// A sender goes. Says whether it was the last.
    #[must_use]
    #[inline]
    pub(super) fn leave(&self) -> bool {
        self.strong.fetch_sub(1, GONE) == 1
    }

    #[inline]
    pub(super) fn add_weak(&self) {
        self.weak.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn leave_weak(&self) {
        self.weak.fetch_sub(1, Ordering::Relaxed);
    }
}

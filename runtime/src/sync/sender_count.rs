//! Counts the senders and weak senders of a channel, and finds the last sender. A `watch` channel
//! has no weak ones.
//!
//! Once the count of senders is zero it stays so: a weak sender may only add to a count above zero.
//! The last sender sees what all senders did before they were dropped, and so does a thread that
//! reads the count.

use crate::engine::primitive::atomic::{AtomicUsize, Ordering};

/// Publishes what a sender did before its drop. Pairs with [`SEE_GONE`].
const GONE: Ordering = Ordering::AcqRel;
/// Sees what senders did before their drop. Pairs with [`GONE`].
const SEE_GONE: Ordering = Ordering::Acquire;

#[derive(Debug)]
pub(super) struct SenderCount {
    strong: AtomicUsize,
    weak: AtomicUsize,
}

impl SenderCount {
    /// The count of a channel with one sender.
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

    /// Adds a sender, made from another one, which keeps the count above zero.
    #[inline]
    pub(super) fn add(&self) {
        self.strong.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds a sender, made from a weak one. Returns false if the last sender is gone.
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

    /// Removes a sender. Returns whether it was the last.
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

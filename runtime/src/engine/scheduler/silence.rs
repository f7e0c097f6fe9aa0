//! Whether a worker has announced that its current poll is not to be reported as a stall.

use crate::engine::primitive::atomic::{AtomicBool, Ordering};
use crate::engine::task::Watch;

/// The end of the announcement publishes the number of the poll that follows. Pairs with [`HEAR`].
const SPEAK: Ordering = Ordering::Release;
/// A reader that sees the end looks at the poll that follows, not at the announced one. Pairs with
/// [`SPEAK`].
const HEAR: Ordering = Ordering::Acquire;

/// The announcement. Only the worker changes it.
#[derive(Debug)]
pub(crate) struct Silence(AtomicBool);

impl Silence {
    /// Nothing is announced.
    pub(crate) fn new() -> Silence {
        Silence(AtomicBool::new(false))
    }

    /// Turns reports off. Returns whether they were off already.
    pub(crate) fn fall(&self) -> bool {
        self.0.swap(true, Ordering::Relaxed)
    }

    /// Turns reports on again. The rest of the poll counts as another poll.
    pub(crate) fn end(&self, watch: &Watch) {
        watch.renew();
        self.0.store(false, SPEAK);
    }

    /// Whether reports are off. To be read before the poll is looked at.
    pub(crate) fn lasts(&self) -> bool {
        self.0.load(HEAR)
    }
}

//! Whether a worker has said that what it does now is no stall to report.

use crate::engine::primitive::atomic::{AtomicBool, Ordering};
use crate::engine::task::Watch;

/// What was announced is over: publishes the number of the poll that follows. Pairs with [`HEAR`].
const SPEAK: Ordering = Ordering::Release;
/// Who hears that looks at the poll that follows, not at the one that was announced. Pairs with
/// [`SPEAK`].
const HEAR: Ordering = Ordering::Acquire;

/// The worker's word. It alone changes it.
#[derive(Debug)]
pub(crate) struct Silence(AtomicBool);

impl Silence {
    /// Nothing has been said.
    pub(crate) fn new() -> Silence {
        Silence(AtomicBool::new(false))
    }

    /// Nothing that goes on is a stall to report. Says whether it was so already.
    pub(crate) fn fall(&self) -> bool {
        self.0.swap(true, Ordering::Relaxed)
    }

    /// What follows counts as another poll, and is reported again.
    pub(crate) fn end(&self, watch: &Watch) {
        watch.renew();
        self.0.store(false, SPEAK);
    }

    /// Whether what goes on is not to be reported. Asked before the poll is looked at.
    pub(crate) fn lasts(&self) -> bool {
        self.0.load(HEAR)
    }
}

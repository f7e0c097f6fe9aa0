//! Wakers collected under a lock, to be called after it.
//!
//! A waker is user code: it may panic, block, or call the runtime. So no code calls one while it
//! holds a lock of the engine. It pushes wakers into a `WakeList` and calls [`WakeList::wake_all`]
//! after the lock.

use std::task::Waker;

use crate::engine::catch_panic::catch_panic;

/// Wakers to be called, in order. The first needs no allocation: most lists have one.
#[derive(Debug, Default)]
pub(crate) struct WakeList {
    first: Option<Waker>,
    rest: Vec<Waker>,
    /// How many wakers there were before those of timers.
    before_timers: Option<usize>,
}

impl WakeList {
    pub(crate) const fn new() -> WakeList {
        WakeList { first: None, rest: Vec::new(), before_timers: None }
    }

    /// Says that there are so many wakers before those of timers, which have been added. Nothing
    /// else is added until the list has been emptied.
    pub(crate) fn timers_from(&mut self, before: usize) {
        debug_assert!(before < self.len(), "a list without timers keeps no place for them");
        self.before_timers.get_or_insert(before);
    }

    pub(crate) fn push(&mut self, waker: Waker) {
        if self.first.is_none() && self.rest.is_empty() {
            self.first = Some(waker);
        } else {
            self.rest.push(waker);
        }
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.rest.is_empty()
    }

    /// Calls every waker, each once. A waker that panics does not keep the others from being
    /// called; its panic has been shown by the panic hook and goes no further.
    pub(crate) fn wake_all(&mut self) {
        for waker in self.drain() {
            catch_panic(|| waker.wake());
        }
    }

    /// Takes the wakers out without calling them.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Waker> + '_ {
        self.before_timers = None;
        self.first.take().into_iter().chain(self.rest.drain(..))
    }

    /// The same; calls `timers` before the first waker of a timer.
    pub(crate) fn drain_with(&mut self, mut timers: impl FnMut()) -> impl Iterator<Item = Waker> {
        let before_timers = self.before_timers;
        self.drain().enumerate().map(move |(nth, waker)| {
            if Some(nth) == before_timers {
                timers();
            }
            waker
        })
    }
}

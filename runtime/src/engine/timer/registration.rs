//! A timer as the future that waits for it sees it.
//!
//! # Problem
//!
//! A timer is created for nearly every request and dropped unfired. While it is pending, its task
//! is polled many times for other reasons. So creating, polling again and dropping must each be
//! very cheap, and still no wake may be lost.
//!
//! # States
//!
//! ```text
//!    new ──▶ IDLE ──poll, pending──▶ SET ──drop──▶ removed from the wheel
//!             ▲                       │
//!             ├───poll, ready─────────┤   (reset keeps it SET, at the new deadline)
//!             └───reset to the past───┘
//! ```
//!
//! | state | the wheel holds | a poll                                              |
//! |-------|-----------------|-----------------------------------------------------|
//! | IDLE  | nothing         | reads the clock, unless it was read just now; sets  |
//! |       |                 | the timer when it must wait                         |
//! | SET   | a waker         | same waker, not due, not moved by a reset: three    |
//! |       |                 | comparisons, no lock                                |
//!
//! # Invariants
//!
//! 1. Ready is returned only when the deadline has passed on the clock: either the clock was read
//!    here, or the shard's `elapsed`, which comes from the clock, is not before the deadline.
//! 2. SET and `elapsed < deadline`: the wheel holds a waker of this registration, or has just
//!    returned it to be called. Either way a wake is still to come (`shard.rs`, invariant 2).
//! 3. `waker` identifies the waker that the wheel holds by its two pointers, without owning it.
//!    While 2 holds, that waker is alive, so no other waker has the same data pointer by accident.
//! 4. A registration is SET in exactly one shard: `shard`. It changes only while IDLE.

use std::task::{Poll, RawWakerVTable, Waker};

use super::shard::{Refused, Shard};
use super::wheel::Key;
use crate::engine::clock::NEVER;
use crate::engine::messages;
use crate::engine::primitive::Arc;

/// Where a timer is to be set, as seen from the calling thread.
#[derive(Debug)]
pub(crate) enum Place {
    /// In the timer's own shard, which the calling thread owns.
    Own,
    /// In this shard, which the calling thread owns.
    Other(Arc<Shard>),
    /// In the timer's own shard, which the calling thread does not own.
    Foreign,
}

/// A deadline, and a place in a wheel while a task waits for it.
#[derive(Debug)]
pub(crate) struct Registration {
    shard: Arc<Shard>,
    deadline: u64,
    set: Option<Set>,
}

#[derive(Debug)]
struct Set {
    key: Key,
    waker: Name,
    /// The deadline was changed since the last poll, perhaps to one that has passed.
    moved: bool,
}

/// A waker's two pointers (invariant 3).
#[derive(Debug, PartialEq, Eq)]
struct Name(usize, usize);

impl Name {
    #[inline]
    fn of(waker: &Waker) -> Name {
        let vtable: *const RawWakerVTable = waker.vtable();
        Name(waker.data().addr(), vtable.addr())
    }
}

impl Registration {
    #[inline]
    pub(crate) fn new(shard: Arc<Shard>, deadline: u64) -> Registration {
        Registration { shard, deadline, set: None }
    }

    /// The shard that the timer is set in, or will be.
    #[inline]
    pub(crate) fn shard(&self) -> &Arc<Shard> {
        &self.shard
    }

    /// Whether the deadline has passed.
    pub(crate) fn is_elapsed(&self) -> bool {
        self.deadline != NEVER
            && (self.deadline <= self.shard.elapsed() || self.deadline <= self.shard.clock().now())
    }

    /// Whether the deadline has passed; if not, `waker` will be called when it has. `place` is
    /// called only when a timer has to be set. `ahead` says that the deadline was ahead a moment
    /// ago, so that the clock need not be read. If the deadline has passed nevertheless, the waker
    /// is called at the next turn.
    ///
    /// # Panics
    ///
    /// If the shard was closed, unless that [ends](Shard::end_timers_when_closed) the timer, and in
    /// a forked child.
    #[inline]
    pub(crate) fn poll(
        &mut self,
        waker: &Waker,
        ahead: bool,
        place: impl FnOnce(&Arc<Shard>) -> Place,
    ) -> Poll<()> {
        match &self.set {
            Some(set) if self.shard.elapsed() < self.deadline => {
                if set.waker == Name::of(waker) && !set.moved {
                    return Poll::Pending;
                }
                self.poll_changed(waker)
            }
            Some(_) => {
                self.unset();
                self.passed_while_set()
            }
            None => self.poll_idle(waker, ahead, place),
        }
    }

    fn poll_idle(
        &mut self,
        waker: &Waker,
        ahead: bool,
        place: impl FnOnce(&Arc<Shard>) -> Place,
    ) -> Poll<()> {
        if self.shard.elapsed() >= self.deadline {
            return self.passed();
        }
        if self.deadline == NEVER {
            return Poll::Pending;
        }
        let clock = self.shard.clock();
        if (!ahead || clock.is_virtual()) && clock.timers_now() >= self.deadline {
            return Poll::Ready(());
        }
        let owner = match place(&self.shard) {
            Place::Own => true,
            Place::Foreign => false,
            Place::Other(shard) => {
                // A closed shard is kept: its owner is shutting down.
                self.shard = shard;
                true
            }
        };
        self.assert_not_forked();
        // Cloning a waker is user code, so it is done outside the lock. The clone may have another
        // name: that of a poll that is looked at has.
        let own = waker.clone();
        let name = Name::of(&own);
        match self.shard.insert(self.deadline, own, owner) {
            Ok(key) => {
                self.set = Some(Set { key, waker: name, moved: false });
                Poll::Pending
            }
            Err(Refused(_)) => self.passed(),
        }
    }

    /// Polls when the deadline or the waker has changed since the last poll.
    #[cold]
    fn poll_changed(&mut self, waker: &Waker) -> Poll<()> {
        self.assert_not_forked();
        let Some(set) = &mut self.set else { return Poll::Pending };
        if std::mem::take(&mut set.moved) && self.shard.clock().timers_now() >= self.deadline {
            self.unset();
            return Poll::Ready(());
        }
        if set.waker == Name::of(waker) {
            return Poll::Pending;
        }
        self.change_waker(waker)
    }

    fn change_waker(&mut self, waker: &Waker) -> Poll<()> {
        let Some(set) = &mut self.set else { return Poll::Pending };
        let own = waker.clone();
        let name = Name::of(&own);
        let old = match self.shard.update_waker(set.key, own) {
            Ok(old) => old,
            Err(Refused(_)) => {
                // The timer has fired since `elapsed` was read.
                self.set = None;
                return self.passed_while_set();
            }
        };
        // Set before the old waker is dropped, which is user code and may panic.
        set.waker = name;
        drop(old);
        Poll::Pending
    }

    /// Panics in a forked child, where the lock may stay taken for ever and no timer fires.
    #[inline]
    fn assert_not_forked(&self) {
        assert!(!self.shard.is_in_parent(), "{}", messages::FORKED);
    }

    /// The deadline of a timer that was set has passed, according to the shard.
    fn passed_while_set(&self) -> Poll<()> {
        if self.shard.ends_timers_when_closed() { Poll::Ready(()) } else { self.passed() }
    }

    /// The deadline has passed, according to the shard.
    fn passed(&self) -> Poll<()> {
        assert!(self.shard.elapsed() != NEVER, "{}", messages::TIMER_SHUT_DOWN);
        Poll::Ready(())
    }

    /// Changes the deadline. A timer that is set stays set, and its waker is called at the new
    /// deadline. If the new deadline is known to have passed, the waker is called here; the clock
    /// is not read. `owner` is called only if the timer stays set.
    pub(crate) fn reset(&mut self, deadline: u64, owner: impl FnOnce(&Arc<Shard>) -> bool) {
        self.deadline = deadline;
        if self.set.is_some() {
            self.assert_not_forked();
        }
        if deadline == NEVER {
            self.unset();
        } else if self.set.is_some() && self.is_known_to_have_passed() {
            self.fire();
        }
        let Some(set) = &mut self.set else { return };
        set.moved = true;
        if !self.shard.reset(set.key, deadline, owner(&self.shard)) {
            // The timer has fired: its task was woken, will poll, and sets it again.
            self.set = None;
        }
    }

    /// Whether the deadline is known to have passed, without reading the machine's clock.
    #[inline]
    fn is_known_to_have_passed(&self) -> bool {
        let clock = self.shard.clock();
        self.deadline <= self.shard.elapsed()
            || (clock.is_virtual() && self.deadline <= clock.timers_now())
    }

    /// Takes the timer out of the wheel and calls its waker. If the timer is not there, another
    /// thread calls the waker.
    #[cold]
    fn fire(&mut self) {
        if let Some(waker) = self.set.take().and_then(|set| self.shard.remove(set.key)) {
            waker.wake(); // wake: reset to the past
        }
    }

    /// Takes the timer out of the wheel, if it is there.
    #[inline]
    fn unset(&mut self) {
        if let Some(set) = self.set.take() {
            if self.shard.is_in_parent() {
                return;
            }
            // The lock is released before the waker is dropped.
            drop(self.shard.remove(set.key));
        }
    }
}

impl Drop for Registration {
    #[inline]
    fn drop(&mut self) {
        self.unset();
    }
}

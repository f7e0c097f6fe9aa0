//! One sleeper's side of a timer.
//!
//! # Problem
//!
//! A timer is created for nearly every request and dropped unfired; while it is pending, its task
//! is polled for other reasons many times. So creating, polling again and dropping must each cost
//! next to nothing, and a wake must never be lost for it.
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
//! 1. Ready is returned only when the deadline has passed on the clock: it was read here, or the
//!    shard's `elapsed`, which was read from it, is not before the deadline.
//! 2. SET and `elapsed < deadline`: the wheel holds a waker of this registration, or has just given
//!    it out to be called. Either way a wake is still to come (`shard.rs`, invariant 2).
//! 3. `waker` names the waker that the wheel holds by its two pointers without owning it. While 2
//!    holds, that waker is alive, so no other can have the same data pointer by accident.
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
    /// In the shard it has: the calling thread owns that.
    Own,
    /// In this one, which the calling thread owns.
    Other(Arc<Shard>),
    /// In the shard it has, which the calling thread does not own.
    Foreign,
}

/// A deadline, and, while somebody waits for it, a place in a wheel.
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

    /// The shard it is set in, or will be.
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
    /// asked only when a timer has to be set. `ahead`: the deadline was ahead a moment ago, so that
    /// real time need not be asked; if it has passed all the same, the waker is called at the next
    /// turn.
    ///
    /// # Panics
    ///
    /// When the shard was closed, unless that [ends](Shard::end_timers_when_closed) the timer, and
    /// in a forked child.
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
                // A closed shard stays: its owner is on its way out.
                self.shard = shard;
                true
            }
        };
        let name = Name::of(waker);
        self.assert_not_forked();
        // A waker's clone is user code: not under the lock.
        match self.shard.insert(self.deadline, waker.clone(), owner) {
            Ok(key) => {
                self.set = Some(Set { key, waker: name, moved: false });
                Poll::Pending
            }
            Err(Refused(_)) => self.passed(),
        }
    }

    /// The deadline or the waker is another one than at the last poll.
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
        let old = match self.shard.update_waker(set.key, waker.clone()) {
            Ok(old) => old,
            Err(Refused(_)) => {
                // It fired since `elapsed` was looked at.
                self.set = None;
                return self.passed_while_set();
            }
        };
        // Before the old waker is dropped: that is user code and may panic.
        set.waker = Name::of(waker);
        drop(old);
        Poll::Pending
    }

    /// In a child of a fork the lock may be taken for ever, and no timer fires.
    #[inline]
    fn assert_not_forked(&self) {
        assert!(!self.shard.is_in_parent(), "{}", messages::FORKED);
    }

    /// The shard says that the time has come for a timer that was set.
    fn passed_while_set(&self) -> Poll<()> {
        if self.shard.ends_timers_when_closed() { Poll::Ready(()) } else { self.passed() }
    }

    /// The shard says that the time has come.
    fn passed(&self) -> Poll<()> {
        assert!(self.shard.elapsed() != NEVER, "{}", messages::TIMER_SHUT_DOWN);
        Poll::Ready(())
    }

    /// Changes the deadline. A timer that is set stays set, and its waker is called at the new
    /// deadline. If that is known to have passed, the waker is called here; real time is not asked.
    /// `owner` is asked only when the timer stays set.
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
            // It has fired: its task was woken and will poll, and set it again.
            self.set = None;
        }
    }

    /// Whether the deadline has passed as far as can be told without asking the machine's clock.
    #[inline]
    fn is_known_to_have_passed(&self) -> bool {
        let clock = self.shard.clock();
        self.deadline <= self.shard.elapsed()
            || (clock.is_virtual() && self.deadline <= clock.timers_now())
    }

    /// Takes the timer out of the wheel and calls its waker. If it is not there, somebody else
    /// does.
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
            // The lock is gone when the waker drops.
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

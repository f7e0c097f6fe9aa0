//! A timer wheel that threads share.
//!
//! # Problem
//!
//! Three kinds of threads use a shard. The owner (a worker) sets, cancels and fires timers all the
//! time. Another thread may drop a timer that it did not set, or fire the timers of a stuck owner.
//! A thread that is about to sleep reads how long it may. The owner must hardly ever wait, and a
//! thread that only reads must not lock.
//!
//! # Shape
//!
//! The wheel is behind a lock. Beside the lock lie three numbers that are written under it and read
//! without it:
//!
//! | field     | written by             | says                                                   |
//! |-----------|------------------------|--------------------------------------------------------|
//! | `next`    | insert, reset, advance | nothing is due before this time ([`NEVER`]: nothing is) |
//! | `last`    | the same               | see "Groups"                                           |
//! | `elapsed` | advance                | every timer up to this time has been or is being woken |
//!
//! # Groups
//!
//! Ten timers that fall due within fifty microseconds must not cost ten wake-ups. Those that fall
//! due within the *slack* after `next` are a group: whoever sleeps until `next` sleeps on until the
//! last of them is due, so none is early, and the first is late by the slack at most. A timer that
//! is alone has no group and is as exact as before. `last` says when the last one of the group is
//! due, beside `next`:
//!
//! - it is at least `next`, and at most by the slack later;
//! - it may be too early: if a timer becomes the first, the group is cut to what is known to be in
//!   its slack. Then there is one more wake-up;
//! - it may be too late after a cancel, once, as `next` may be too early.
//!
//! A thread that reads both without the lock may get them from different moments. It takes `last`
//! only if that is within the slack after the earliest deadline that it knows.
//!
//! # Invariants
//!
//! 1. Under the lock `next` is never later than the earliest deadline. Cancelling leaves it: it may
//!    be early once, never late.
//! 2. `elapsed` reaches a timer's deadline before the timer's waker is called. So a poll that a
//!    timer's wake caused sees `elapsed >= deadline`. For a poll that sees less, the wake is still
//!    to come.
//! 3. No waker is cloned, called or dropped under the lock. Wakers come in by value and leave by
//!    value.
//! 4. A thread that is not the owner and makes `next` earlier calls `wake`, with the new deadline,
//!    after it has stored `next` and released the lock. The owner needs no call: it reads `next`
//!    before it sleeps.
//! 5. When `next` becomes [`NEVER`], or stops being it, the shard's bit changes with it
//!    (`occupied.rs`).
//! 6. A closed shard has `elapsed == NEVER` and takes no timer.
//!
//! # Orderings
//!
//! All numbers are Relaxed. None publishes anything: a thread that finds something due takes
//! the lock, which orders the rest. It remains to show that no change is missed for good:
//!
//! - `elapsed` (invariant 2): the store comes before the call of the waker, and a wake happens
//!   before the poll that it causes, as `std::task::Waker` promises. A poll with another cause may
//!   read an older value. It returns `Pending`, and the wake that is still to come causes another.
//! - `next` (invariant 4): the store comes before `wake`, and what `wake` does (a parker's token,
//!   an eventfd) happens before the return of the sleep that it ends. A sleeper that read `next`
//!   too early finds the token and does not sleep.
//!
//! # Rejected
//!
//! One wheel for all: its lock would be the most contended of a server. A lock-free list of changes
//! for the owner to merge: two more atomics for each timer, and a timer dropped elsewhere becomes a
//! message that a thread must wait for. A wheel that only its owner may use: the timers of a stuck
//! owner would be stuck, too.

use std::task::Waker;

use super::occupied::Mark;
use super::wheel::{Key, Limit, Wheel};
use crate::engine::clock::{Clock, LAST, NEVER};
use crate::engine::primitive::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::engine::primitive::{Arc, Mutex};
use crate::engine::process_wide::fork::ForkGeneration;
use crate::engine::wake_list::WakeList;

/// For `next` and `elapsed`: no pair, see "Orderings". `ends_timers` has none either: it is set
/// before there are timers.
const NUMBER: Ordering = Ordering::Relaxed;

/// The most that one turn does under the lock: some tens of microseconds.
const TURN: Limit = Limit { fires: 256, moves: 1024 };

/// The timers of one worker, or of the threads outside.
// On cache lines of its own: writes to a neighbour must not slow down reads of `elapsed`.
#[repr(align(128))]
pub(crate) struct Shard {
    next: AtomicU64,
    last: AtomicU64,
    elapsed: AtomicU64,
    slack: u64,
    wheel: Mutex<Wheel>,
    clock: Arc<Clock>,
    wake: MadeEarlier,
    generation: ForkGeneration,
    /// Whether timers that are set when the shard is closed end then.
    ends_timers: AtomicBool,
    mark: Mark,
}

/// Called with the shard's new next deadline, when a thread that is not the owner has made it
/// earlier.
pub(crate) type MadeEarlier = Box<dyn Fn(u64) + Send + Sync>;

/// A shard did not take a timer. Returns the waker.
#[derive(Debug)]
pub(crate) struct Refused(
    #[allow(dead_code, reason = "it is there to be dropped by the caller, who holds no lock")]
    pub(crate) Waker,
);

impl Shard {
    /// An empty shard, whose timers may be late by `slack` nanoseconds. `wake` is called with no
    /// lock held. `mark` is the shard's place among others.
    pub(crate) fn new(clock: Arc<Clock>, slack: u64, wake: MadeEarlier, mark: Mark) -> Shard {
        Shard {
            next: AtomicU64::new(NEVER),
            last: AtomicU64::new(NEVER),
            slack,
            elapsed: AtomicU64::new(0),
            wheel: Mutex::new(Wheel::new()),
            clock,
            wake,
            generation: ForkGeneration::here(),
            ends_timers: AtomicBool::new(false),
            mark,
        }
    }

    /// Makes timers that are set when the shard is closed end then. Otherwise their next poll
    /// panics.
    pub(crate) fn end_timers_when_closed(&self) {
        self.ends_timers.store(true, NUMBER);
    }

    pub(crate) fn ends_timers_when_closed(&self) -> bool {
        self.ends_timers.load(NUMBER)
    }

    /// Whether this process is a child that was forked since. Another thread may have held the lock
    /// at that moment, and no thread turns the wheel.
    #[inline]
    pub(crate) fn is_in_parent(&self) -> bool {
        self.generation.is_in_parent()
    }

    /// The clock of the shard's times.
    #[inline]
    pub(crate) fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    /// The time before which nothing is due, in nanoseconds since the clock's origin; [`NEVER`] if
    /// there are no timers. After a cancel it may be too early, once.
    #[inline]
    pub(crate) fn next_deadline(&self) -> u64 {
        self.next.load(NUMBER)
    }

    /// When the last timer is due, up to `limit`, of those that are due together with the next one;
    /// at least [`next_deadline`](Shard::next_deadline). `limit` is before [`NEVER`].
    pub(crate) fn last_until(&self, limit: u64) -> u64 {
        let next = self.next_deadline();
        let last = self.last.load(NUMBER);
        if last <= limit { last.max(next) } else { next }
    }

    /// The exact earliest deadline, for a clock that jumps to it. Takes the lock.
    pub(crate) fn exact_next_deadline(&self) -> u64 {
        let mut wheel = self.wheel.lock();
        let exact = wheel.exact_next_deadline();
        self.set_next_and_last(&mut wheel, exact);
        exact
    }

    /// The latest time that [`Shard::advance`] was given; [`NEVER`] once closed.
    #[inline]
    pub(crate) fn elapsed(&self) -> u64 {
        self.elapsed.load(NUMBER)
    }

    /// Collects the wakers of the timers due at `now`, a bounded number. Returns whether more are
    /// due. Any thread may call this. The caller calls the wakers and holds no lock.
    pub(crate) fn advance(&self, now: u64, ready: &mut WakeList) -> bool {
        if now < self.next_deadline() {
            return false;
        }
        let mut wheel = self.wheel.lock();
        let more = wheel.advance(now.min(LAST), TURN, ready);
        // Invariant 2: stored before the caller calls any waker.
        self.elapsed.store(wheel.elapsed(), NUMBER);
        let next = wheel.next_deadline();
        self.set_next_and_last(&mut wheel, next);
        more
    }

    /// Sets a timer. `owner` says whether the calling thread owns the shard.
    ///
    /// # Errors
    ///
    /// If the deadline has passed as far as the shard knows, or the shard is closed.
    pub(crate) fn insert(&self, deadline: u64, waker: Waker, owner: bool) -> Result<Key, Refused> {
        let mut wheel = self.wheel.lock();
        if deadline <= wheel.elapsed() {
            drop(wheel);
            return Err(Refused(waker));
        }
        let key = wheel.insert(deadline, waker);
        let earlier = self.note(deadline);
        drop(wheel);
        self.tell(earlier && !owner, deadline); // wake: timer is set
        Ok(key)
    }

    /// Moves a timer to another deadline. If that has passed, its waker is called at the next turn.
    /// Returns whether the timer was still there.
    pub(crate) fn reset(&self, key: Key, deadline: u64, owner: bool) -> bool {
        let mut wheel = self.wheel.lock();
        let found = wheel.reschedule(key, deadline);
        let earlier = found && self.note(deadline);
        drop(wheel);
        self.tell(earlier && !owner, deadline); // wake: timer is moved
        found
    }

    /// Changes a timer's waker, and returns the one to drop.
    ///
    /// # Errors
    ///
    /// If the timer has fired.
    pub(crate) fn update_waker(&self, key: Key, waker: Waker) -> Result<Option<Waker>, Refused> {
        self.wheel.lock().update_waker(key, waker).map_err(Refused)
    }

    /// Cancels a timer, and returns the waker to drop; `None` if it has fired.
    pub(crate) fn remove(&self, key: Key) -> Option<Waker> {
        self.wheel.lock().remove(key)
    }

    /// Takes every waker out, to be called, and refuses timers from now on: a poll of one panics
    /// because the runtime is gone.
    pub(crate) fn close(&self, ready: &mut WakeList) {
        let mut wheel = self.wheel.lock();
        wheel.close(ready);
        self.elapsed.store(NEVER, NUMBER);
        self.last.store(NEVER, NUMBER);
        self.set_next(NEVER);
    }

    /// How many timers are set.
    pub(crate) fn len(&self) -> usize {
        self.wheel.lock().len()
    }

    /// How many timers were ever set.
    pub(crate) fn insertions(&self) -> u64 {
        self.wheel.lock().insertions()
    }

    /// Under the lock: keeps `next` true (invariant 1), and `last`. Returns whether `next` became
    /// earlier.
    #[inline]
    fn note(&self, deadline: u64) -> bool {
        let next = self.next.load(NUMBER);
        if deadline < next {
            // What is known of the former group and still belongs to it.
            let limit = self.end_of_slack(deadline);
            let last = [self.last.load(NUMBER), next].into_iter().find(|&last| last <= limit);
            self.last.store(last.unwrap_or(deadline), NUMBER);
            self.set_next(deadline);
            return true;
        }
        if deadline - next <= self.slack && deadline > self.last.load(NUMBER) {
            self.last.store(deadline, NUMBER);
        }
        false
    }

    /// Until when a timer may wait that is due at `deadline`. Never is too late for any.
    fn end_of_slack(&self, deadline: u64) -> u64 {
        deadline.saturating_add(self.slack).min(LAST)
    }

    /// Stores `next`, and `last` as the wheel has it.
    fn set_next_and_last(&self, wheel: &mut Wheel, next: u64) {
        let last = if self.slack == 0 || next == NEVER {
            next
        } else {
            wheel.last_until(self.end_of_slack(next))
        };
        self.last.store(last, NUMBER);
        self.set_next(next);
    }

    /// Stores `next` and the bit, under the lock (invariant 5).
    #[inline]
    fn set_next(&self, next: u64) {
        let before = self.next.load(NUMBER);
        self.next.store(next, NUMBER);
        if (before == NEVER) != (next == NEVER) {
            self.mark.set(next != NEVER);
        }
    }

    /// Calls `wake` if needed, after the lock is released (invariant 4).
    #[inline]
    fn tell(&self, needed: bool, deadline: u64) {
        if needed {
            (self.wake)(deadline); // wake: timer-made-earlier
        }
    }
}

impl std::fmt::Debug for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shard")
            .field("next", &self.next_deadline())
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}

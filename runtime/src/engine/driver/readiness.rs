//! The readiness of one source, and who waits for it.
//!
//! # Problem
//!
//! The system tells of readiness by edges: once, when it comes. A task that misses the edge waits
//! for ever. So the edge is kept as a level, in one word, until an operation has found that it is
//! over; and the two must not cross: an edge that arrives while a task is about to write "over"
//! must survive, and one that arrives while a task is about to wait must end the wait.
//!
//! # States
//!
//! ```text
//!   31            16 15     9   8    7  6 5              0
//!   +---------------+--------+-------+----+---------------+
//!   |     tick      |   -    | shut  |  - |  conditions   |
//!   +---------------+--------+-------+----+---------------+
//! ```
//!
//! The conditions are a [`Ready`]. `tick` counts the events, modulo 65536. `shut` is set once and
//! for all when the driver ends.
//!
//! ```text
//!              set (poll's holder): tick + 1
//!     not ready ------------------------------> ready
//!         ^                                       |
//!         '---------------------------------------'
//!           clear (a task whose operation would block): only if tick is still the one it saw
//! ```
//!
//! # Invariants
//!
//! 1. Only the poll's holder adds conditions, and each time it advances the tick.
//! 2. A task clears only with the tick that it read *before* its operation. An event between the
//!    operation and the clear has advanced the tick, so the clear does nothing: the event is kept.
//!    (65536 events in that gap would defeat it; each costs a turn of the poll.)
//! 3. Who is about to wait looks at the word under the lock and, if there is nothing, stores its
//!    waker under the same hold of it. Who sets changes the word and then takes the wakers under
//!    the lock. Whichever has the lock first, either the waiter sees the condition or the setter
//!    sees the waker. Who sees the condition leaves no waker.
//! 4. A waker leaves the place where it waits when it is collected; every wait that an event ends
//!    is ended by it. So a waiter that is dropped when it has been woken owes nobody a wake.
//! 5. Closed conditions stay when a task only says "over": they never end. They go when an
//!    operation of ours would have blocked, which proves them stale (a FIFO opened anew).
//! 6. No waker is cloned, dropped or called under the lock.
//!
//! # Orderings
//!
//! All accesses of the word are Relaxed. No pair: the word publishes nothing but itself, what an
//! operation then reads is the kernel's; invariant 2 holds by the order of modifications of one
//! atomic, and invariant 3 by the lock.
//!
//! # Rejected
//!
//! - Two slots without a lock, in the manner of an `AtomicWaker`: saves some 10 ns of a wait that
//!   costs a system call, and still needs the lock for the list.
//! - To skip the lock when nobody waits, by a bit in the word: an event nobody waits for is rare.
//! - To clear without a tick and try the operation once more: one more system call for every wait.

use std::task::{Poll, Waker};

use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicU32, Ordering};
use crate::engine::wake_list::WakeList;

use super::interest::Interest;
use super::ready::Ready;
use crate::engine::waiter_list::{Key, WaiterList};

const SHUT: u32 = 1 << 8;
const TICK_SHIFT: u32 = 16;

/// Which of the two single waiters: a source has one reader and one writer that poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Direction {
    /// What ends a wait in this direction.
    pub(crate) const fn mask(self) -> Ready {
        match self {
            Direction::Read => Ready::answering(Interest::READABLE),
            Direction::Write => Ready::answering(Interest::WRITABLE),
        }
    }
}

/// What a task saw, and when.
#[derive(Clone, Copy, Debug)]
#[must_use = "an event that is neither acted upon nor cleared makes the task spin"]
pub(crate) struct ReadyEvent {
    tick: u16,
    pub(crate) ready: Ready,
    pub(crate) shut: bool,
}

impl ReadyEvent {
    fn of(word: u32, mask: Ready) -> ReadyEvent {
        ReadyEvent {
            tick: (word >> TICK_SHIFT) as u16,
            ready: Ready::from_bits(word as u8) & mask,
            shut: word & SHUT != 0,
        }
    }

    /// The same moment, with other conditions.
    pub(crate) fn with_ready(self, ready: Ready) -> ReadyEvent {
        ReadyEvent { ready, ..self }
    }

    fn ends_wait(self) -> bool {
        self.shut || !self.ready.is_empty()
    }
}

/// One source's readiness.
#[derive(Debug)]
pub(crate) struct Readiness {
    word: AtomicU32,
    waiters: Mutex<Waiters>,
}

#[derive(Debug)]
struct Waiters {
    reader: Option<Waker>,
    writer: Option<Waker>,
    list: WaiterList<Ready>,
}

impl Waiters {
    fn slot(&mut self, direction: Direction) -> &mut Option<Waker> {
        match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        }
    }
}

impl Readiness {
    /// A source that is taken to be ready for `initially` until an operation says otherwise.
    pub(crate) fn new(initially: Ready) -> Readiness {
        Readiness {
            word: AtomicU32::new(u32::from(initially.bits())),
            waiters: Mutex::new(Waiters { reader: None, writer: None, list: WaiterList::new() }),
        }
    }

    /// What of `mask` the source is ready for now.
    #[inline]
    pub(crate) fn look(&self, mask: Ready) -> ReadyEvent {
        ReadyEvent::of(self.word.load(Ordering::Relaxed), mask)
    }

    /// An event came. Called by the poll's holder only (invariant 1).
    ///
    /// An error makes the source ready for both directions, as in select(2): only an operation can
    /// collect it.
    pub(crate) fn set(&self, mut ready: Ready, wakers: &mut WakeList) {
        if ready.is_error() {
            ready |= Ready::READABLE | Ready::WRITABLE;
        }
        self.advance(u32::from(ready.bits()));
        self.take_waiters(ready, wakers);
    }

    /// The driver ends: every wait ends, now and later.
    pub(crate) fn shut(&self, wakers: &mut WakeList) {
        self.advance(SHUT);
        self.take_waiters(Ready::ALL, wakers);
    }

    fn advance(&self, bits: u32) {
        let _ = self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            Some(word.wrapping_add(1 << TICK_SHIFT) | bits)
        });
    }

    fn take_waiters(&self, ready: Ready, wakers: &mut WakeList) {
        let mut waiters = self.waiters.lock();
        for direction in [Direction::Read, Direction::Write] {
            if ready.intersects(direction.mask()) {
                if let Some(waker) = waiters.slot(direction).take() {
                    wakers.push(waker); // wake: readiness direction
                }
            }
        }
        waiters.list.take(|mask| ready.intersects(*mask), wakers);
    }

    /// The conditions of `event` are over, unless an event has come since (invariant 2). Closed
    /// conditions stay (invariant 5).
    pub(crate) fn clear(&self, event: ReadyEvent) {
        self.clear_bits(event.tick, event.ready - Ready::CLOSED);
    }

    /// As [`clear`](Self::clear), by someone whose own operation has just proved that nothing of
    /// `event` is true any more, not even "closed" (invariant 5) or, for a reader, "urgent".
    pub(crate) fn clear_blocked(&self, event: ReadyEvent) {
        let mut over = event.ready;
        if over.intersects(Ready::READABLE) {
            over |= Ready::PRIORITY;
        }
        self.clear_bits(event.tick, over);
    }

    /// A read got less than it asked for, and more than nothing: nothing more is there. Unless
    /// urgent data is in the stream, at which a read stops short.
    pub(crate) fn clear_short_read(&self, event: ReadyEvent) {
        if !self.look(Ready::PRIORITY).ready.is_priority() {
            self.clear_bits(event.tick, Ready::READABLE);
        }
    }

    /// A write took less than it was given, and more than nothing: there is no more room.
    pub(crate) fn clear_short_write(&self, event: ReadyEvent) {
        self.clear_bits(event.tick, Ready::WRITABLE);
    }

    fn clear_bits(&self, tick: u16, ready: Ready) {
        let _ = self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            let unchanged = (word >> TICK_SHIFT) as u16 == tick;
            unchanged.then_some(word & !u32::from(ready.bits()))
        });
    }

    /// Waits as the one reader or the one writer: the last waker that comes here is the one that
    /// is called.
    pub(crate) fn poll(&self, direction: Direction, waker: &Waker) -> Poll<ReadyEvent> {
        let event = self.look(direction.mask());
        if event.ends_wait() {
            return Poll::Ready(event);
        }
        let new = waker.clone();
        // Dropped after the lock: what was there, or what is not needed.
        let _spare = {
            let mut waiters = self.waiters.lock();
            let event = self.look(direction.mask());
            if event.ends_wait() {
                return Poll::Ready(event);
            }
            waiters.slot(direction).replace(new)
        };
        Poll::Pending
    }

    /// The one reader or the one writer is gone. Whoever was the last to wait as such is woken, and
    /// not only forgotten: it may be somebody who comes back.
    pub(crate) fn end_turn(&self, direction: Direction) {
        let waker = self.waiters.lock().slot(direction).take();
        if let Some(waker) = waker {
            waker.wake(); // wake: readiness end of a turn
        }
    }

    /// Waits as one of many, for anything of `mask`. `key` is the waiter's own; it goes back to
    /// [`leave`](Self::leave) when the waiter gives up.
    pub(crate) fn poll_shared(
        &self,
        key: &mut Option<Key>,
        mask: Ready,
        waker: &Waker,
    ) -> Poll<ReadyEvent> {
        let event = self.look(mask);
        if event.ends_wait() {
            return Poll::Ready(event);
        }
        let new = waker.clone();
        let _old = {
            let mut waiters = self.waiters.lock();
            let event = self.look(mask);
            if event.ends_wait() {
                return Poll::Ready(event);
            }
            let (now, old) = waiters.list.put(*key, mask, new);
            *key = Some(now);
            old
        };
        Poll::Pending
    }

    /// Waits no longer under `key`.
    pub(crate) fn leave(&self, key: Key) {
        let _gone = { self.waiters.lock().list.remove(key) };
    }
}

//! The readiness of one source, and the tasks that wait for it.
//!
//! # Problem
//!
//! The system reports readiness by edges: once, when it begins. A task that misses the edge waits
//! for ever. So one word keeps the edge as a level until an operation finds that the readiness is
//! over. An edge that arrives while a task is about to clear the level must survive. An edge that
//! arrives while a task is about to wait must end the wait.
//!
//! # States
//!
//! ```text
//!   31            16 15     9   8    7  6 5              0
//!   +---------------+--------+-------+----+---------------+
//!   |     tick      |  off 9 | shut  |  - |  conditions   |
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
//! 3. A task that is about to wait reads the word under the lock and, if it is not ready, stores
//!    its waker before it releases the lock. The setter changes the word and then takes the wakers
//!    under the lock. Whichever takes the lock first, either the waiter sees the condition or the
//!    setter sees the waker. A task that sees the condition leaves no waker.
//! 4. A collected waker is removed from its place, and an event collects the wakers of all waits
//!    that it ends. So a waiter that is dropped after it was woken need not wake another.
//! 5. Closed conditions are not cleared by a plain clear, since they do not end. They are cleared
//!    when an operation of ours would have blocked, which proves them stale (a FIFO opened anew).
//! 6. No waker is cloned, dropped or called under the lock.
//!
//! # Switched off
//!
//! A task that reads without a pause gets edges that it does not wait for. If another thread sleeps
//! in the poll, each of them wakes it for nothing. So a source is switched off in the system
//! (`switch_linux.rs`) after [`AFTER`] events in a row for which nobody waited, and switched on
//! when it matters again. `OFF` in the word says that it is off.
//!
//! 7. The source is switched off only while nobody waits for it, it is ready for all that it was
//!    registered for but urgent data, and it is not detached.
//! 8. It is switched on by whoever clears a condition, and by whoever stores a waker. The system
//!    then tells at once what it has to tell. So a condition that is not set, of a source whose
//!    `OFF` is not set, has an edge to come, and nobody waits for a source that is off.
//! 9. `OFF` changes, and the source is switched, under the waiters' lock. So the last of two
//!    threads that switch it leaves it as `OFF` says. An owner detaches the source under the lock
//!    before it deregisters it, so nobody switches a descriptor that is closed or another source's.
//!
//! Errors and hang-ups are told of a source that is off, too.
//!
//! # Orderings
//!
//! All accesses of the word are Relaxed. No pair: the word publishes nothing but itself, and the
//! data that an operation then reads is the kernel's. Invariant 2 holds by the modification order
//! of one atomic, and invariant 3 by the lock.
//!
//! # Rejected
//!
//! - Two slots without a lock, like `AtomicWaker`: this saves some 10 ns of a wait that costs a
//!   system call, and the list still needs the lock.
//! - A bit in the word to skip the lock when nothing waits: an event without a waiter is rare.
//! - Clearing without a tick and trying the operation again: one more system call for every wait.

use std::task::{Poll, Waker};

use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicU32, Ordering};
use crate::engine::wake_list::WakeList;

use super::interest::Interest;
use super::ready::Ready;
use super::switch::{AFTER, Switch};
use crate::engine::waiter_list::{Key, WaiterList};

const SHUT: u32 = 1 << 8;
/// The source is switched off in the system.
const OFF: u32 = 1 << 9;
const TICK_SHIFT: u32 = 16;

/// Which of the two single waiters is meant: a source has one reader and one writer that poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Direction {
    /// The conditions that end a wait in this direction.
    pub(crate) const fn mask(self) -> Ready {
        match self {
            Direction::Read => Ready::answering(Interest::READABLE),
            Direction::Write => Ready::answering(Interest::WRITABLE),
        }
    }

    /// As [`mask`](Self::mask), with urgent data as something to read.
    pub(crate) fn mask_of_level(self) -> Ready {
        match self {
            Direction::Read => Direction::Read.mask() | Ready::PRIORITY,
            Direction::Write => Direction::Write.mask(),
        }
    }
}

/// The conditions that a task saw, and the tick at which it saw them.
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

    /// The same tick, with other conditions.
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
    /// Events in a row that nobody waited for.
    unheard: u8,
    switch: Option<Attached>,
}

/// How the source is switched off; without it, it never is.
#[derive(Debug)]
struct Attached {
    switch: Switch,
    /// What it must be ready for to be switched off.
    all: Ready,
}

impl Waiters {
    fn slot(&mut self, direction: Direction) -> &mut Option<Waker> {
        match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        }
    }

    fn is_anybody(&self) -> bool {
        self.reader.is_some() || self.writer.is_some() || self.list.len() > 0
    }
}

impl Readiness {
    /// A source that is taken to be ready for `initially` until an operation says otherwise.
    pub(crate) fn new(initially: Ready) -> Readiness {
        Readiness {
            word: AtomicU32::new(u32::from(initially.bits())),
            waiters: Mutex::new(Waiters {
                reader: None,
                writer: None,
                list: WaiterList::new(),
                unheard: 0,
                switch: None,
            }),
        }
    }

    /// The source has been registered for `interest`, and may be switched off from now on.
    pub(crate) fn attach(&self, interest: Interest, switch: Switch) {
        let all = Ready::answering(interest) & (Ready::READABLE | Ready::WRITABLE);
        self.waiters.lock().switch = Some(Attached { switch, all });
    }

    /// The source is about to be deregistered: it is not switched any more.
    pub(crate) fn detach(&self) {
        self.waiters.lock().switch = None;
    }

    /// Invariant 7. Called under the waiters' lock.
    #[cold]
    fn switch_off(&self, waiters: &mut Waiters) {
        waiters.unheard = 0;
        let Some(Attached { switch, all }) = &waiters.switch else { return };
        if self.look(*all | Ready::PRIORITY).ready == *all && switch.off() {
            self.word.fetch_or(OFF, Ordering::Relaxed);
        }
    }

    /// Invariant 8. Called under the waiters' lock.
    #[inline]
    fn switch_on(&self, waiters: &mut Waiters) {
        waiters.unheard = 0;
        if self.word.load(Ordering::Relaxed) & OFF != 0 {
            self.word.fetch_and(!OFF, Ordering::Relaxed);
            if let Some(attached) = &waiters.switch {
                attached.switch.on();
            }
        }
    }

    /// The conditions in `mask` for which the source is ready now.
    #[inline]
    pub(crate) fn look(&self, mask: Ready) -> ReadyEvent {
        ReadyEvent::of(self.word.load(Ordering::Relaxed), mask)
    }

    /// Records an event. Called by the poll's holder only (invariant 1).
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

    /// Ends every wait, now and later, since the driver shuts down.
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
        if !waiters.is_anybody() {
            waiters.unheard += 1;
            if waiters.unheard >= AFTER {
                self.switch_off(&mut waiters);
            }
            return;
        }
        waiters.unheard = 0;
        for direction in [Direction::Read, Direction::Write] {
            if ready.intersects(direction.mask()) {
                if let Some(waker) = waiters.slot(direction).take() {
                    wakers.push(waker); // wake: readiness direction
                }
            }
        }
        waiters.list.take(|mask| ready.intersects(*mask), wakers);
    }

    /// Clears the conditions of `event`, unless an event has come since (invariant 2). Closed
    /// conditions stay (invariant 5).
    pub(crate) fn clear(&self, event: ReadyEvent) {
        self.clear_bits(event.tick, event.ready - Ready::CLOSED);
    }

    /// As [`clear`](Self::clear), after an operation of our own that would have blocked. It also
    /// clears "closed" (invariant 5) and, for a reader, "urgent".
    pub(crate) fn clear_blocked(&self, event: ReadyEvent) {
        let mut over = event.ready;
        if over.intersects(Ready::READABLE) {
            over |= Ready::PRIORITY;
        }
        self.clear_bits(event.tick, over);
    }

    /// Clears after a short read, one that got some bytes but fewer than it asked for: the source
    /// is drained. Does not clear if urgent data is in the stream, since reads stop at its mark.
    pub(crate) fn clear_short_read(&self, event: ReadyEvent) {
        if !self.look(Ready::PRIORITY).ready.is_priority() {
            self.clear_bits(event.tick, Ready::READABLE);
        }
    }

    /// Clears after a short write, one that took some bytes but not all: the buffer is full.
    pub(crate) fn clear_short_write(&self, event: ReadyEvent) {
        self.clear_bits(event.tick, Ready::WRITABLE);
    }

    fn clear_bits(&self, tick: u16, ready: Ready) {
        let before = self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            let unchanged = (word >> TICK_SHIFT) as u16 == tick;
            unchanged.then_some(word & !u32::from(ready.bits()))
        });
        if before.is_ok_and(|word| word & OFF != 0) {
            self.is_over_while_off();
        }
    }

    /// Conditions were cleared of a source that was switched off.
    #[cold]
    fn is_over_while_off(&self) {
        self.switch_on(&mut self.waiters.lock());
    }

    /// Waits as the one reader or the one writer. Only the last waker that was passed is called.
    pub(crate) fn poll(&self, direction: Direction, waker: &Waker) -> Poll<ReadyEvent> {
        let event = self.look(direction.mask());
        if event.ends_wait() {
            return Poll::Ready(event);
        }
        let new = waker.clone();
        // The old waker, or the new one if it is not needed. Dropped after the lock.
        let _spare = {
            let mut waiters = self.waiters.lock();
            let event = self.look(direction.mask());
            if event.ends_wait() {
                return Poll::Ready(event);
            }
            self.switch_on(&mut waiters);
            waiters.slot(direction).replace(new)
        };
        Poll::Pending
    }

    /// The one reader or the one writer is gone. The last waker is called and not just dropped,
    /// since its task may wait again.
    pub(crate) fn end_turn(&self, direction: Direction) {
        let waker = self.waiters.lock().slot(direction).take();
        if let Some(waker) = waker {
            waker.wake(); // wake: readiness end of a turn
        }
    }

    /// Waits as one of many, for any condition in `mask`. `key` is the waiter's own; a waiter that
    /// gives up passes it to [`leave`](Self::leave).
    pub(crate) fn poll_shared(
        &self,
        key: &mut Option<Key>,
        mask: Ready,
        waker: &Waker,
    ) -> Poll<ReadyEvent> {
        match self.wait_shared(key, mask, waker) {
            Ok(event) => Poll::Ready(event),
            Err(_old) => Poll::Pending,
        }
    }

    /// As [`poll_shared`](Self::poll_shared), for a place that one task at a time has. Who takes it
    /// from another task wakes that task, which may still wait.
    pub(crate) fn poll_turn(
        &self,
        key: &mut Option<Key>,
        mask: Ready,
        waker: &Waker,
    ) -> Poll<ReadyEvent> {
        match self.wait_shared(key, mask, waker) {
            Ok(event) => Poll::Ready(event),
            Err(old) => {
                if let Some(old) = old.filter(|old| !old.will_wake(waker)) {
                    old.wake(); // wake: readiness turn taken over
                }
                Poll::Pending
            }
        }
    }

    /// The event that ends the wait, or the waker that was under `key` before.
    fn wait_shared(
        &self,
        key: &mut Option<Key>,
        mask: Ready,
        waker: &Waker,
    ) -> Result<ReadyEvent, Option<Waker>> {
        let event = self.look(mask);
        if event.ends_wait() {
            return Ok(event);
        }
        let new = waker.clone();
        let mut waiters = self.waiters.lock();
        let event = self.look(mask);
        if event.ends_wait() {
            drop(waiters);
            return Ok(event);
        }
        self.switch_on(&mut waiters);
        let (now, old) = waiters.list.put(*key, mask, new);
        *key = Some(now);
        Err(old)
    }

    /// Ends the wait under `key`.
    pub(crate) fn leave(&self, key: Key) {
        let _gone = { self.waiters.lock().list.remove(key) };
    }
}

//! An unbounded queue of many senders and one receiver, without locks: a list of blocks.
//!
//! # Structure
//!
//! Positions count up for ever. A block holds the values of one lap of positions, except the last
//! position of a lap, the *mark*, which means "the next block is being put in place".
//!
//! ```text
//!            head                                     tail
//!             v                                        v
//!   | x x 3 4 5 6 mark | 8 9 10 11 12 13 mark | 15 16  . . . . mark |   (LAP = 8 - 1 here)
//! ```
//!
//! The word `tail` is the next free position and the flag CLOSED. Each slot has a state:
//!
//! ```text
//!              push: swap                 pop
//!   EMPTY ----------------------> FULL ---------> (never used again)
//!     |  prepare_to_wait            ^
//!     +--------------> AWAITED -----+ push: swap, and tells that the receiver must be woken
//! ```
//!
//! # Invariants
//!
//! 1. The sender that moves `tail` from a position owns that slot until it makes it FULL. That is
//!    its last access to the block.
//! 2. The sender that takes the last slot of a block puts the next block in place, moves `tail`
//!    past the mark and links the block, all before it makes its own slot FULL. Meanwhile other
//!    senders wait for three stores, because the new block was made beforehand.
//! 3. `tail.block` is the block of `tail` when `tail` is not at a mark: it changes only while
//!    `tail` is at one. So a sender that reads the block between a load of `tail` and a
//!    compare-exchange from the same value has the right block.
//! 4. The receiver reads a slot after it saw it FULL, and frees a block after it has read all its
//!    slots. By 1 and 2 no sender accesses it any more.
//! 5. After CLOSED nothing is pushed; the flag stays through every later change of `tail`.
//!
//! # Orderings
//!
//! [`FILL`] pairs with [`DRAIN`]: the value and the link to the next block are written before the
//! slot is FULL. [`ENTER`] pairs with [`FOLLOW`]: the new block is ready, and in `tail.block`,
//! before `tail` leaves the mark. A sender that reads a later block than its `tail` needs no pair:
//! another sender has moved `tail` on from that value, so the compare-exchange fails. [`SHUT`]
//! pairs with [`FOLLOW`]: what happened before closing is visible to a thread that sees CLOSED. The
//! slot's state tells senders that the receiver waits; its waker is under a lock, and
//! `engine/waker_cell.rs` shows why that needs no fence here.
//!
//! # Rejected
//!
//! - A plain fetch-add of `tail`: senders need no retry, but any sender may be blocks behind or
//!   ahead of `tail.block`, and blocks may be freed only when no such sender is left. That takes
//!   more words and more read-modify-writes.
//! - A waker that every send reads: one more read-modify-write for each. The slot's state has to be
//!   written anyway.
#![allow(unsafe_code, reason = "slots and blocks change owners as invariants 1 to 4 say")]

use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr;

use crossbeam_utils::CachePadded;

use crate::engine::primitive::atomic::{AtomicPtr, AtomicU8, AtomicUsize, Ordering};
use crate::engine::primitive::sizes::LIST_LAP as LAP;
use crate::engine::primitive::{UnsafeCell, hint, thread};

/// Slots in a block.
const SLOTS: usize = LAP - 1;

const EMPTY: u8 = 0;
const AWAITED: u8 = 1;
const FULL: u8 = 2;

const CLOSED: usize = 1;
const ONE: usize = 2;

/// Publishes the value, and the next block's link. Pairs with [`DRAIN`].
const FILL: Ordering = Ordering::Release;
/// Sees the value and the link. Pairs with [`FILL`].
const DRAIN: Ordering = Ordering::Acquire;
/// Publishes a new block. Pairs with [`FOLLOW`].
const ENTER: Ordering = Ordering::Release;
/// Sees the block of a position, and what came before CLOSED. Pairs with [`ENTER`] and [`SHUT`].
const FOLLOW: Ordering = Ordering::Acquire;
/// Publishes what came before CLOSED. Pairs with [`FOLLOW`].
const SHUT: Ordering = Ordering::Release;

struct Slot<T> {
    value: UnsafeCell<MaybeUninit<T>>,
    state: AtomicU8,
}

struct Block<T> {
    slots: [Slot<T>; SLOTS],
    next: AtomicPtr<Block<T>>,
}

impl<T> Block<T> {
    fn new() -> Box<Block<T>> {
        let mut block = Box::<Block<T>>::new_uninit();
        let place = block.as_mut_ptr();
        for index in 0..SLOTS {
            // SAFETY: `place` is the box's own memory and `index` is within the array. Written in
            // place, field by field: neither a block nor a slot of large values need fit on the
            // stack.
            unsafe {
                let slot = &raw mut (*place).slots[index];
                UnsafeCell::<MaybeUninit<T>>::make_at(&mut *(&raw mut (*slot).value).cast());
                (&raw mut (*slot).state).write(AtomicU8::new(EMPTY));
            }
        }
        // SAFETY: as above; now every field is written.
        unsafe {
            (&raw mut (*place).next).write(AtomicPtr::new(ptr::null_mut()));
            block.assume_init()
        }
    }
}

/// The senders' end.
pub(super) struct List<T> {
    tail: CachePadded<Tail<T>>,
}

struct Tail<T> {
    /// The next free position, shifted left by one, and CLOSED.
    position: AtomicUsize,
    block: AtomicPtr<Block<T>>,
}

/// The receiver's end. Only the receiver and the channel's drop use it.
pub(super) struct Head<T> {
    position: usize,
    block: *mut Block<T>,
}

/// A slot that belongs to the caller (invariant 1). It must be filled at once: the receiver waits
/// for it, and all later values wait behind it.
///
/// It is taken before the value is touched, so that a large value is not moved from one function to
/// the next.
#[must_use = "a slot that is not filled stops the channel"]
pub(super) struct Claim<'a, T> {
    slot: &'a Slot<T>,
}

impl<T> Claim<'_, T> {
    /// Fills the slot. Returns whether the receiver waits for this value: the caller must wake it.
    #[inline]
    pub(super) fn fill(self, value: T) -> bool {
        let value = ManuallyDrop::new(value);
        self.slot.value.with_mut(|place| {
            // SAFETY: the slot is ours (invariant 1): nobody else touches the value before it is
            // FULL. What was the caller's value is the slot's from here on, and is not dropped
            // here.
            unsafe { place.cast::<T>().copy_from_nonoverlapping(&raw const *value, 1) };
        });
        self.slot.state.swap(FULL, FILL) == AWAITED
    }
}

/// How many values come before a position.
fn count(position: usize) -> usize {
    position / LAP * SLOTS + position % LAP
}

impl<T> List<T> {
    pub(super) fn new() -> (List<T>, Head<T>) {
        let block = Box::into_raw(Block::new());
        let tail = Tail { position: AtomicUsize::new(0), block: AtomicPtr::new(block) };
        (List { tail: CachePadded::new(tail) }, Head { position: 0, block })
    }

    /// Takes the slot at the end; `None` if the list is closed.
    #[inline]
    pub(super) fn claim(&self) -> Option<Claim<'_, T>> {
        let mut spare = None;
        let mut tail = self.tail.position.load(FOLLOW);
        let mut turns = 0;
        loop {
            if tail & CLOSED != 0 {
                return None;
            }
            let offset = (tail / ONE) % LAP;
            if offset == SLOTS {
                relax(&mut turns);
                tail = self.tail.position.load(FOLLOW);
                continue;
            }
            let last = offset + 1 == SLOTS;
            if last && spare.is_none() {
                spare = Some(Block::new());
            }
            // No pair: the load of `tail` orders it. If it is a later block, the compare-exchange
            // fails.
            let block = self.tail.block.load(Ordering::Relaxed);
            let next = tail + ONE;
            match self.tail.position.compare_exchange_weak(tail, next, Ordering::Relaxed, FOLLOW) {
                Ok(_) => {
                    if let Some(next) = spare.filter(|_| last) {
                        self.append(block, next);
                    }
                    // SAFETY: the slot is ours and its block stays until we have filled it
                    // (invariants 1, 3 and 4).
                    let slot = unsafe { &(*block).slots[offset] };
                    return Some(Claim { slot });
                }
                Err(now) => tail = now,
            }
        }
    }

    /// Puts the next block in place (invariant 2).
    #[cold]
    fn append(&self, block: *mut Block<T>, next: Box<Block<T>>) {
        let next = Box::into_raw(next);
        self.tail.block.store(next, Ordering::Relaxed);
        self.tail.position.fetch_add(ONE, ENTER);
        // SAFETY: the caller owns the last slot of `block` and has not filled it, so the block is
        // there (invariant 4). The link is published by filling the slot.
        unsafe { (*block).next.store(next, Ordering::Relaxed) };
    }

    /// Refuses every push from now on.
    pub(super) fn close(&self) {
        self.tail.position.fetch_or(CLOSED, SHUT);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.tail.position.load(FOLLOW) & CLOSED != 0
    }
}

/// Spins for another thread's few instructions, and yields if it was preempted there.
fn relax(turns: &mut u32) {
    *turns += 1;
    if *turns < 64 {
        hint::spin_loop();
    } else {
        thread::yield_now();
    }
}

impl<T> Head<T> {
    #[inline]
    fn slot(&self) -> &Slot<T> {
        // SAFETY: the head's block is freed by the head alone (invariant 4).
        unsafe { &(*self.block).slots[self.position % LAP] }
    }

    /// Whether the value at the head is there.
    #[inline]
    pub(super) fn is_ready(&self) -> bool {
        self.slot().state.load(DRAIN) == FULL
    }

    /// Moves the value at the head to `place`, without another copy, since it may be large.
    ///
    /// # Safety
    ///
    /// [`is_ready`](Head::is_ready) has returned true since the last take.
    #[inline]
    pub(super) unsafe fn take(&mut self, place: &mut MaybeUninit<T>) {
        self.slot().value.with(|value| {
            // SAFETY: the slot is FULL, so its sender is done with it (invariant 1); moving the
            // head on makes sure that the value is moved out once.
            unsafe { place.as_mut_ptr().copy_from_nonoverlapping((*value).as_ptr(), 1) };
        });
        self.advance();
    }

    #[inline]
    fn advance(&mut self) {
        self.position += 1;
        if self.position % LAP == SLOTS {
            self.next_block();
        }
    }

    /// Takes the value at the head, if it is there.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<T> {
        if !self.is_ready() {
            return None;
        }
        let mut place = MaybeUninit::uninit();
        // SAFETY: it is ready; `take` writes the place.
        unsafe {
            self.take(&mut place);
            Some(place.assume_init())
        }
    }

    /// Drops the value at the head in place, if it is there. Returns whether it was.
    pub(super) fn discard(&mut self) -> bool {
        if !self.is_ready() {
            return false;
        }
        let value = self.slot().value.with_mut(|value| value.cast::<T>());
        // Moves on, and frees the block, after the value's drop, also if that panics.
        struct Advance<'a, T>(&'a mut Head<T>);
        impl<T> Drop for Advance<'_, T> {
            fn drop(&mut self) {
                self.0.advance();
            }
        }
        let _advance = Advance(self);
        // SAFETY: the slot is FULL, so its sender is done with it (invariant 1); the head moves on,
        // so it is dropped once.
        unsafe { value.drop_in_place() };
        true
    }

    #[cold]
    fn next_block(&mut self) {
        // SAFETY: every slot was read, so nobody else touches the block (invariant 4) and its link
        // was written (invariant 2).
        let old = unsafe { Box::from_raw(self.block) };
        self.block = old.next.load(Ordering::Relaxed);
        self.position += 1;
    }

    /// Marks the slot at the head so that its sender wakes the receiver. Returns whether the slot
    /// is still empty.
    pub(super) fn prepare_to_wait(&mut self) -> bool {
        // No pair: a caller that finds the slot FULL reads it again.
        match self.slot().state.compare_exchange(
            EMPTY,
            AWAITED,
            Ordering::Relaxed,
            Ordering::Relaxed,
        ) {
            Ok(_) => true,
            Err(state) => state == AWAITED,
        }
    }

    /// Whether the list is closed and every value was taken.
    pub(super) fn is_finished(&self, list: &List<T>) -> bool {
        list.tail.position.load(FOLLOW) == self.position * ONE + CLOSED
    }

    /// Whether a sender has begun to push the next value.
    pub(super) fn is_behind(&self, list: &List<T>) -> bool {
        // No pair: the slot's state publishes the value.
        list.tail.position.load(Ordering::Relaxed) / ONE != self.position
    }

    /// Waits for a sender that has begun to push the next value.
    pub(super) fn wait_for_begun(&self) {
        let mut turns = 0;
        while !self.is_ready() {
            relax(&mut turns);
        }
    }

    /// How many values are in the list, including those that are being pushed.
    pub(super) fn len(&self, list: &List<T>) -> usize {
        // No pair: a number.
        count(list.tail.position.load(Ordering::Relaxed) / ONE) - count(self.position)
    }

    /// Drops what is left and frees the memory.
    ///
    /// # Safety
    ///
    /// There are no more pushes, and this head is not used again.
    pub(super) unsafe fn free(&mut self) {
        struct Rest<'a, T>(&'a mut Head<T>);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                // Goes on after a value whose drop panicked.
                while self.0.discard() {}
                // SAFETY: the caller's promise; the last block is linked to none.
                drop(unsafe { Box::from_raw(self.0.block) });
            }
        }
        let rest = Rest(self);
        while rest.0.discard() {}
    }
}

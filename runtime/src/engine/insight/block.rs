//! What an observed task leaves behind for a dump, in front of its header.
//!
//! # Problem
//!
//! A dump must say of each task what it waits for, since when, and how much it has run, at any
//! moment, without stopping a worker. So each poll leaves it in the task, by a few plain stores.
//!
//! # Who writes what
//!
//! | words | written by | read |
//! |---|---|---|
//! | `began`, `worker` | whoever polls, when a poll begins | each by itself |
//! | `busy`, `since`, `count`, `waits` | whoever polls, when a poll has ended, while `seq` is odd | as one, under `seq` |
//! | `woken_at`, `woken_by` | whoever makes the task's `Runnable` | each by itself |
//! | `born`, `future_size` | the spawn | |
//!
//! # Invariants
//!
//! 1. Polls exclude each other, so do those who make the `Runnable`: each word has one writer at a
//!    time, and its writers come one after the other by the task's state word.
//! 2. What is read under `seq` belongs to one poll if `seq` is even and reads the same before and
//!    after: a sequence lock with one writer (Boehm, "Can seqlocks get along with programming
//!    language memory models?", 2012). The words are atomics, so a reading that is thrown away was
//!    no data race.
//!
//! Only the first `count` waits are written and read: a poll that waits for nothing else writes no
//! word of them. What stands behind is of earlier polls.
//!
//! Whether a task runs, is queued or waits is told by its state word, not here.

use super::wait::Wait;
use super::wake_source::WakeSource;
use crate::engine::primitive::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::engine::primitive::sizes::{MOST_WAITS, TRIES};

/// The number of a poll publishes its words. Pairs with [`LOOK`].
const SHOW: Ordering = Ordering::Release;
/// The reader sees the words of the poll it saw, or later ones. Pairs with [`SHOW`].
const LOOK: Ordering = Ordering::Acquire;
/// The words of a poll publish that `seq` is odd. Pairs with [`READ`].
const CHANGE: Ordering = Ordering::Release;
/// The reader that sees a word of a later poll sees that `seq` has changed. Pairs with [`CHANGE`].
const READ: Ordering = Ordering::Acquire;

/// What a task leaves behind. 136 bytes.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Block {
    /// Twice the number of polls that have ended; odd while one ends.
    seq: AtomicU64,
    /// Ticks in polls.
    busy: AtomicU64,
    /// When the last poll ended.
    since: AtomicU64,
    /// When the last poll began.
    began: AtomicU64,
    /// Which worker polled last.
    worker: AtomicU32,
    /// How many waits the last poll has noted, with room or not.
    count: AtomicU32,
    woken_at: AtomicU64,
    woken_by: AtomicU64,
    born: u64,
    /// In bytes.
    future_size: usize,
    waits: [[AtomicU64; 2]; MOST_WAITS],
}

/// The contents of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) polls: u64,
    /// This and the other times are in ticks.
    pub(crate) busy: u64,
    pub(crate) since: u64,
    pub(crate) began: u64,
    pub(crate) woken_at: u64,
    pub(crate) born: u64,
    /// In bytes.
    pub(crate) future_size: usize,
    /// The number of the worker that polled last.
    pub(crate) worker: u32,
    /// Waits beyond those that are kept.
    pub(crate) more_waits: u32,
    pub(crate) woken_by: WakeSource,
    /// What the last poll was waiting for when it ended. All are `None` if polls follow each other
    /// too fast for a consistent reading.
    pub(crate) waits: [Option<Wait>; MOST_WAITS],
}

impl Block {
    /// The block of a task that is spawned at `now`, by `spawner`, with a future of that size.
    pub(crate) fn new(now: u64, spawner: WakeSource, future_size: usize) -> Block {
        let word = || AtomicU64::new(0);
        Block {
            seq: word(),
            busy: word(),
            since: word(),
            began: word(),
            worker: AtomicU32::new(0),
            count: AtomicU32::new(0),
            woken_at: AtomicU64::new(now),
            woken_by: AtomicU64::new(spawner.to_word()),
            born: now,
            future_size,
            waits: std::array::from_fn(|_| [word(), word()]),
        }
    }

    /// Notes that the task's `Runnable` has been made.
    #[inline]
    pub(crate) fn woken(&self, now: u64, by: WakeSource) {
        // No pair: each word by itself.
        self.woken_at.store(now, Ordering::Relaxed);
        self.woken_by.store(by.to_word(), Ordering::Relaxed);
    }

    /// Notes that the task's `Runnable` was made by the end of the poll that
    /// [`end_poll`](Block::end_poll) has just noted.
    #[inline]
    pub(crate) fn woken_in_poll(&self, by: WakeSource) {
        self.woken(self.since.load(Ordering::Relaxed), by);
    }

    /// Notes that a poll begins.
    #[inline]
    pub(crate) fn begin_poll(&self, now: u64, worker: u32) {
        // No pair, as above.
        self.worker.store(worker, Ordering::Relaxed);
        self.began.store(now, Ordering::Relaxed);
    }

    /// Notes the end of a poll that was pending and has noted so many waits; `wait` returns the one
    /// with a number below [`MOST_WAITS`]. Called before the task can be polled again.
    #[inline]
    pub(crate) fn end_poll(&self, now: u64, count: usize, wait: impl Fn(usize) -> Option<Wait>) {
        let began = self.began.load(Ordering::Relaxed);
        let seq = self.seq.load(Ordering::Relaxed);
        self.seq.store(seq + 1, Ordering::Relaxed);
        let busy = self.busy.load(Ordering::Relaxed) + now.saturating_sub(began);
        self.busy.store(busy, CHANGE);
        self.since.store(now, CHANGE);
        self.count.store(count as u32, CHANGE);
        for (place, [what, argument]) in self.waits.iter().enumerate().take(count) {
            let [first, second] = wait(place).map_or([0, 0], Wait::to_words);
            what.store(first, CHANGE);
            argument.store(second, CHANGE);
        }
        self.seq.store(seq + 2, SHOW);
    }

    /// Reads the block. Called while the task cannot be freed.
    pub(crate) fn read(&self) -> Reading {
        let mut reading = Reading {
            worker: self.worker.load(Ordering::Relaxed),
            began: self.began.load(Ordering::Relaxed),
            woken_at: self.woken_at.load(Ordering::Relaxed),
            woken_by: WakeSource::from_word(self.woken_by.load(Ordering::Relaxed)),
            born: self.born,
            future_size: self.future_size,
            ..Reading::default()
        };
        for _ in 0..TRIES {
            let before = self.seq.load(LOOK);
            reading.polls = before / 2;
            reading.busy = self.busy.load(READ);
            reading.since = self.since.load(READ);
            let count = self.count.load(READ) as usize;
            reading.more_waits = count.saturating_sub(MOST_WAITS) as u32;
            reading.waits = [None; MOST_WAITS];
            for (wait, [what, argument]) in reading.waits.iter_mut().zip(&self.waits).take(count) {
                *wait = Wait::from_words([what.load(READ), argument.load(READ)]);
            }
            // No pair: the loads above with [`READ`] come before it.
            if before % 2 == 0 && self.seq.load(Ordering::Relaxed) == before {
                return reading;
            }
        }
        reading.waits = [None; MOST_WAITS];
        reading
    }
}

//! What the poll that runs on this thread waits for, as its leaf futures note it.
//!
//! A leaf future that is about to return `Pending` notes what it waits for ([`note`]). When the
//! poll of the task has ended, the notes go into the task's block. On a thread that polls no
//! observed task, a leaf looks at one flag.
//!
//! # Rules
//!
//! 1. When a leaf goes on, the notes before it become old ([`went_on`]). In `select!`, the futures
//!    of the other branches may be dropped now. In `join!`, they may still wait. So an old note is
//!    kept, and shown as old.
//! 2. An old note that is made again is new.

use std::cell::Cell;

use super::Block;
use super::wait::Wait;
use crate::engine::primitive::sizes::MOST_WAITS;

/// What a poll waits for.
#[derive(Debug)]
struct Notes {
    waits: [Cell<Option<Wait>>; MOST_WAITS],
    /// How many were noted, kept or not.
    count: Cell<usize>,
    is_on: Cell<bool>,
}

thread_local! {
    static NOTES: Notes = const { Notes::new() };
}

/// Notes what the leaf that is being polled waits for. It is about to return `Pending`.
#[inline]
pub(crate) fn note(wait: impl FnOnce() -> Wait) {
    NOTES.with(|notes| {
        if notes.is_on.get() {
            notes.add(wait());
        }
    });
}

/// Whether a poll on this thread takes notes.
#[inline]
pub(crate) fn are_taken() -> bool {
    NOTES.with(|notes| notes.is_on.get())
}

/// Notes that a leaf goes on. If the poll takes notes, `also` is called.
#[inline]
pub(crate) fn went_on(also: impl FnOnce()) {
    NOTES.with(|notes| {
        if notes.is_on.get() {
            notes.age();
            also();
        }
    });
}

impl Notes {
    const fn new() -> Notes {
        Notes {
            waits: [const { Cell::new(None) }; MOST_WAITS],
            count: Cell::new(0),
            is_on: Cell::new(false),
        }
    }

    #[cold]
    fn add(&self, wait: Wait) {
        let kept = self.count.get().min(MOST_WAITS);
        for place in &self.waits[..kept] {
            if place.get().is_some_and(|noted| noted.is_same(wait)) {
                return place.set(Some(wait));
            }
        }
        if let Some(place) = self.waits.get(self.count.get()) {
            place.set(Some(wait));
        }
        self.count.set(self.count.get() + 1);
    }

    #[cold]
    fn age(&self) {
        let kept = self.count.get().min(MOST_WAITS);
        for place in &self.waits[..kept] {
            place.set(place.get().map(Wait::aged));
        }
    }
}

/// A poll of an observed task takes notes on this thread until this is dropped.
#[derive(Debug)]
pub(crate) struct NoteTaking {
    /// The notes of the outer poll, if a task polls others, as a local set does.
    outer: Option<([Option<Wait>; MOST_WAITS], usize)>,
}

impl NoteTaking {
    #[inline]
    pub(crate) fn begin() -> NoteTaking {
        NOTES.with(|notes| {
            let outer = notes.is_on.replace(true).then(|| notes.take_out());
            notes.count.set(0);
            NoteTaking { outer }
        })
    }

    /// Leaves in the block that the poll has ended, and what it has noted.
    #[inline]
    pub(crate) fn leave_in(&self, block: &Block, now: u64) {
        NOTES.with(|notes| {
            block.end_poll(now, notes.count.get(), |place| notes.waits[place].get());
        });
    }
}

impl Drop for NoteTaking {
    #[inline]
    fn drop(&mut self) {
        NOTES.with(|notes| match self.outer.take() {
            None => {
                notes.count.set(0);
                notes.is_on.set(false);
            }
            Some(outer) => notes.put_back(outer),
        });
    }
}

impl Notes {
    #[cold]
    fn take_out(&self) -> ([Option<Wait>; MOST_WAITS], usize) {
        (std::array::from_fn(|place| self.waits[place].get()), self.count.get())
    }

    #[cold]
    fn put_back(&self, (waits, count): ([Option<Wait>; MOST_WAITS], usize)) {
        for (place, wait) in self.waits.iter().zip(waits) {
            place.set(wait);
        }
        self.count.set(count);
    }
}

//! The identity of a lock or a channel for dumps: where it was made, and who holds it.
//!
//! # Problem
//!
//! A task that waits for a lock must say for which one, and a dump must say who holds it; but the
//! lock is the user's and may be freed at any moment, so a dump never follows a pointer to it. And
//! a program has many locks, of which few are ever waited for.
//!
//! # Shape
//!
//! Each object has one word beside the place where it was made. At the first wait that is noted for
//! it, the object gets an [`Entry`] in a table of the process that is never freed. The wait names
//! the entry, and so does the object's word from then on.
//!
//! ```text
//!   63    56   55      54              32 31               0
//!  +--------+-------+--------------------+------------------+
//!  | kind   | ENTRY | generation         | place            |
//!  +--------+-------+--------------------+------------------+
//!  | kind   | 0     | the task that holds it, or 0          |
//!  +--------+-------+---------------------------------------+
//! ```
//!
//! # Invariants
//!
//! 1. The holder is in the word until there is an entry, and in the entry from then on. Whoever
//!    makes the entry moves it with a compare-exchange on the very word that it has read: no holder
//!    that comes meanwhile is lost.
//! 2. An entry belongs to one object from its making until the object is dropped. Then its
//!    generation advances, before it can belong to another: a wait of an old generation names
//!    nothing. (A generation has 23 bits: an old wait would have to outlive 8 million owners.)
//! 3. What is read of an entry is of one owner if the generation reads the same before and after.
//!
//! The holder is a hint: it is noted by tasks that are observed, after they have taken the lock,
//! and crossed out before they give it back.

use std::fmt;
use std::panic::Location;

use super::ObjectReading;
use super::notes;
use super::object_static::table;
use super::object_table::GENERATION;
use super::wait::{Kind, Wait};
use crate::engine::primitive::atomic::{AtomicU64, Ordering};
use crate::engine::primitive::const_fn;
use crate::engine::task_id::{Id, current_id};

/// What an entry says is there for whoever sees its generation. Pairs with [`LOOK`].
const SHOW: Ordering = Ordering::Release;
/// See [`SHOW`].
const LOOK: Ordering = Ordering::Acquire;
/// A word of the next owner publishes that the generation has advanced. Pairs with [`READ`].
const CHANGE: Ordering = Ordering::Release;
/// See [`CHANGE`].
const READ: Ordering = Ordering::Acquire;

const KIND_SHIFT: u32 = 56;
const ENTRY: u64 = 1 << 55;
const GENERATION_SHIFT: u32 = 32;
const PAYLOAD: u64 = ENTRY - 1;

/// A lock or a channel, as a dump knows it.
pub(crate) struct Object {
    made_at: &'static Location<'static>,
    word: AtomicU64,
}

impl Object {
    const_fn! {
    /// An object that was made at `made_at`.
    pub(crate) const fn new(kind: Kind, made_at: &'static Location<'static>) -> Object {
        Object { made_at, word: AtomicU64::new((kind as u64) << KIND_SHIFT) }
    }
    }

    /// Notes that the poll on this thread waits for this object.
    #[inline]
    pub(crate) fn note(&self, more: usize) {
        notes::note(|| self.wait(more));
    }

    #[cold]
    pub(crate) fn wait(&self, more: usize) -> Wait {
        let word = self.entry();
        let kind = Kind::from_number((word >> KIND_SHIFT) as u8);
        Wait::new(kind.expect("written by `new`"), word & PAYLOAD)
            .with_more(u32::try_from(more).unwrap_or(u32::MAX))
    }

    /// Returns the word with an entry. Makes the entry if there is none.
    fn entry(&self) -> u64 {
        let mut word = self.word.load(LOOK);
        if word & ENTRY != 0 {
            return word;
        }
        let place = table().take();
        let entry = table().entry(place);
        let generation = entry.generation.load(Ordering::Relaxed);
        entry.made_at.store(Some(self.made_at), CHANGE);
        loop {
            entry.holder.store(word & PAYLOAD, CHANGE);
            let named = u64::from(generation) << GENERATION_SHIFT | u64::from(place);
            let with_entry = word & !PAYLOAD | ENTRY | named;
            match self.word.compare_exchange(word, with_entry, SHOW, LOOK) {
                Ok(_) => return with_entry,
                Err(now) if now & ENTRY != 0 => {
                    table().give_back(place);
                    return now;
                }
                Err(now) => word = now,
            }
        }
    }

    /// Notes that the task polled on this thread holds the object, if the poll takes notes.
    #[inline]
    pub(crate) fn taken(&self) {
        if notes::are_taken() {
            if let Some(id) = current_id() {
                self.set_holder(Some(id));
            }
        }
    }

    /// Notes that nobody holds the object. To be called before somebody else can hold it.
    #[inline]
    pub(crate) fn given_back(&self) {
        if self.word.load(Ordering::Relaxed) & !((!0) << KIND_SHIFT) != 0 {
            self.set_holder(None);
        }
    }

    #[cold]
    pub(crate) fn set_holder(&self, holder: Option<Id>) {
        let holder = holder.map_or(0, Id::as_u64);
        let mut word = self.word.load(LOOK);
        loop {
            if word & ENTRY != 0 {
                // No pair: the holder is only a number.
                table().entry(word as u32).holder.store(holder, Ordering::Relaxed);
                return;
            }
            let next = word & !PAYLOAD | holder & PAYLOAD;
            match self.word.compare_exchange_weak(word, next, Ordering::Relaxed, LOOK) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }
}

impl Drop for Object {
    #[inline]
    fn drop(&mut self) {
        // No pair: nobody else has the object any more.
        let word = self.word.load(Ordering::Relaxed);
        if word & ENTRY != 0 {
            table().give_back(word as u32);
        }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").field("made_at", &self.made_at).finish_non_exhaustive()
    }
}

/// The object that a wait is for, if it is still there. `argument` is the wait's.
pub(crate) fn read(argument: u64) -> Option<ObjectReading> {
    let generation = (argument >> GENERATION_SHIFT) as u32 & GENERATION;
    let entry = table().find(argument as u32)?;
    if entry.generation.load(LOOK) != generation {
        return None;
    }
    let made_at = entry.made_at.load(READ);
    let holder = entry.holder.load(READ);
    // No pair: the loads above with [`READ`] come before it.
    if entry.generation.load(Ordering::Relaxed) != generation {
        return None;
    }
    Some(ObjectReading { made_at: made_at?, holder: Id::from_u64(holder) })
}

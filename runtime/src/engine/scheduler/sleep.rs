//! Who sleeps, who searches, and whom to wake: the sleep protocol.
//!
//! # Problem
//!
//! A push must not be missed by workers that are about to sleep, and must not wake more of them
//! than it has work for. Waking costs a system call for the caller and tens of microseconds until
//! the sleeper runs; looking at one word costs nothing beside it.
//!
//! # The word
//!
//! ```text
//!   63            32 31             0
//!  ┌────────────────┬────────────────┐
//!  │    sleeping    │   searching    │
//!  └────────────────┴────────────────┘
//! ```
//!
//! A worker *searches* while it looks for work in other workers' queues. It *sleeps* from its
//! announcement to its withdrawal. `sleepers` lists those announced, most recent last. `awake` is
//! the set of slots on which there may be work: whoever looks at all queues looks at those of that
//! set.
//!
//! # Protocol
//!
//! | a thread that publishes work      | a worker that found none                           |
//! |-----------------------------------|----------------------------------------------------|
//! | push                              | announce: sleeping + 1                             |
//! | fence                             | fence                                              |
//! | searching = 0 and sleeping > 0?   | look at all queues again                           |
//! | then take one sleeper, count it   | something there? withdraw and search; else sleep   |
//! | as searching, unpark it           |                                                    |
//!
//! A slot is taken out of `awake` with the announcement, by its thread, whose queue is empty then;
//! it is put in again with the withdrawal, or before a thread comes to it.
//!
//! A searcher that stops, with work or without, takes itself off the count, fences, and if it was
//! the last looks at all queues again; if something is there and it is not going to take it, it
//! wakes one sleeper.
//!
//! # Proof that no task is forgotten
//!
//! Let P push a task, or several, to queues that others can steal from, and wake nobody. After its
//! fence it read either (a) searching > 0, or (b) sleeping = 0. The fences are SeqCst, hence in one
//! order.
//!
//! (a) Some worker S was searching. When S stops it decrements, fences, and, if the count is then
//! zero, looks. If P read a count that includes S, S's decrement comes after P's read in the word's
//! modification order, so P's fence precedes S's fence, and S's look sees the push. If S was not
//! the last to stop, another one was searching then, and the same holds for that one; the last
//! one looks.
//!
//! (b) Nobody slept. A worker that announces itself later in the word's order has its fence
//! after P's, and its look sees the push. A worker that does not announce itself is awake, and
//! looks before it sleeps.
//!
//! *The look leaves out no queue that has something.* Only its own thread pushes to a slot's queue,
//! and the slot was in the set before that, by this thread itself or by who started it. So whoever
//! sees the push sees the slot in the set, or taken out later: by its thread, when its queue was
//! empty. What had been pushed before was taken then, by itself or by a thief, who is awake and
//! searches.
//!
//! So some worker sees the task before it sleeps. A worker that has announced itself and is not
//! the last searcher may skip its look while another one searches: case (a) holds for that one.
//!
//! # How many are woken
//!
//! One wake per publication at the most, and none while anybody searches. A searcher that finds
//! work wakes the next only if it was the last and there is more. So n tasks wake at most min(n,
//! sleeping) workers, one after another.
//!
//! # Rejected
//!
//! - Waking on every push: half of the CPU went into futex calls.
//! - A bitmap of sleepers in place of the list: the list is touched only with a system call to
//!   follow or just made, so its lock costs nothing that can be measured.

use crossbeam_utils::CachePadded;

use super::worker_set::WorkerSet;
use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicU64, Ordering, fence};

/// Both sides of the protocol separate "publish" from "look" with this.
const BETWEEN: Ordering = Ordering::SeqCst;

const ONE_SEARCHING: u64 = 1;
const ONE_SLEEPING: u64 = 1 << 32;

/// The state of the protocol.
#[derive(Debug)]
pub(crate) struct Sleep {
    /// Read at each push and written at each sleep: on cache lines of its own, as all that others
    /// write often.
    counts: CachePadded<AtomicU64>,
    sleepers: CachePadded<Mutex<Vec<usize>>>,
    awake: WorkerSet,
    /// How many may search at a time.
    searchers: u64,
}

/// How a worker that had announced itself came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Withdrawn {
    /// By itself. It is not counted as searching.
    Alone,
    /// Somebody has taken it from the list to wake it, and has counted it as searching.
    Woken,
}

fn searching(counts: u64) -> u64 {
    counts & (ONE_SLEEPING - 1)
}

fn sleeping(counts: u64) -> u64 {
    counts / ONE_SLEEPING
}

impl Sleep {
    /// For `workers` workers, of which at most half search at a time, among `slots` slots.
    pub(crate) fn new(workers: usize, slots: usize) -> Sleep {
        Sleep {
            counts: CachePadded::new(AtomicU64::new(0)),
            sleepers: CachePadded::new(Mutex::new(Vec::with_capacity(workers))),
            awake: WorkerSet::new(slots),
            searchers: (workers as u64).div_ceil(2),
        }
    }

    /// Work has been published. Returns the sleeper to unpark for it, if one is needed.
    #[inline]
    #[must_use]
    pub(crate) fn published(&self) -> Option<usize> {
        fence(BETWEEN);
        let counts = self.counts.load(Ordering::Relaxed);
        if searching(counts) > 0 || sleeping(counts) == 0 {
            return None;
        }
        self.take_sleeper()
    }

    #[cold]
    fn take_sleeper(&self) -> Option<usize> {
        let mut sleepers = self.sleepers.lock();
        if searching(self.counts.load(Ordering::Relaxed)) > 0 {
            return None;
        }
        let slot = sleepers.pop()?;
        self.counts.fetch_add(ONE_SEARCHING.wrapping_sub(ONE_SLEEPING), Ordering::Relaxed);
        Some(slot)
    }

    /// A worker wants to search. False if enough do already.
    #[must_use]
    pub(crate) fn begin_search(&self) -> bool {
        if searching(self.counts.load(Ordering::Relaxed)) >= self.searchers {
            return false;
        }
        self.counts.fetch_add(ONE_SEARCHING, Ordering::Relaxed);
        true
    }

    /// A searcher stops. True if it was the last: then it must look at all queues again.
    #[must_use]
    pub(crate) fn end_search(&self) -> bool {
        let before = self.counts.fetch_sub(ONE_SEARCHING, Ordering::Relaxed);
        fence(BETWEEN);
        searching(before) == 1
    }

    /// A worker that does not search is about to sleep. True if it must look at all queues again
    /// first: nobody else does it.
    #[must_use]
    pub(crate) fn announce(&self, slot: usize) -> bool {
        let before = {
            let mut sleepers = self.sleepers.lock();
            sleepers.push(slot);
            self.awake.remove(slot);
            self.counts.fetch_add(ONE_SLEEPING, Ordering::Relaxed)
        };
        fence(BETWEEN);
        searching(before) == 0
    }

    /// A worker does not sleep, or not any more.
    pub(crate) fn withdraw(&self, slot: usize) -> Withdrawn {
        self.awake.insert(slot);
        let mut sleepers = self.sleepers.lock();
        match sleepers.iter().rposition(|&sleeper| sleeper == slot) {
            Some(place) => {
                sleepers.remove(place);
                self.counts.fetch_sub(ONE_SLEEPING, Ordering::Relaxed);
                Withdrawn::Alone
            }
            None => Withdrawn::Woken,
        }
    }

    /// The slots on which there may be work.
    pub(crate) fn awake(&self) -> &WorkerSet {
        &self.awake
    }

    /// How many sleep now.
    pub(crate) fn sleeping(&self) -> usize {
        sleeping(self.counts.load(Ordering::Relaxed)) as usize
    }

    /// How many have announced themselves. What they did before is seen by the caller: the list's
    /// lock.
    pub(crate) fn listed(&self) -> usize {
        self.sleepers.lock().len()
    }

    /// Somebody who sleeps now, to be unparked for another reason than work: it stays in the list.
    pub(crate) fn any_sleeper(&self, except: impl Fn(usize) -> bool) -> Option<usize> {
        self.sleepers.lock().iter().rev().copied().find(|&slot| !except(slot))
    }
}

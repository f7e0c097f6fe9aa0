//! Who sleeps, who searches, and whom to wake: the sleep protocol.
//!
//! # Problem
//!
//! Workers that are about to sleep must not miss a push, and a push must not wake more workers than
//! it has work for. Waking costs the caller a system call, and the sleeper runs tens of
//! microseconds later. Reading one word is cheap beside that.
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
//! announcement to its withdrawal. `sleepers` lists the announced workers, whom to wake first last.
//! `awake` is the set of slots on which there may be work: a look at all queues visits the slots in
//! it.
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
//! A thread takes its slot out of `awake` with its announcement, when its queue is empty. The slot
//! is put in again with the withdrawal, or before a new thread comes to it.
//!
//! A searcher that stops, with work or without, takes itself off the count and fences. If it was
//! the last, it looks at all queues again. If it finds work that it is not going to take, it wakes
//! one sleeper.
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
//! *The look visits every queue that is not empty.* Only a slot's own thread pushes to its queue.
//! That thread, or the one that started it, put the slot into the set before. So a thread that sees
//! the push sees the slot in the set, or taken out later: by its own thread, when its queue was
//! empty. By then the pushed task had been taken, by that thread or by a thief, which is awake and
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
//! # Who is woken
//!
//! The one that fell asleep last: its cache is warm. But not the one in the driver, if another one
//! sleeps: it is listed first ([`Place`]). To wake it costs a write and a return to the driver in
//! place of a futex call, some 2 microseconds more, and nobody waits for events until it is back. A
//! worker that is woken for a task again and again from outside must not be that one by chance, for
//! then it stays so. The order of the list is a preference: the proof does not use it.
//!
//! # Rejected
//!
//! - Waking on every push: half of the CPU went into futex calls.
//! - A bitmap of sleepers in place of the list: the list is used only next to a system call, so its
//!   lock has no measurable cost.

use crossbeam_utils::CachePadded;

use super::worker_set::WorkerSet;
use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicU64, Ordering, fence};

/// The fence between "publish" and "look", on both sides of the protocol.
const BETWEEN: Ordering = Ordering::SeqCst;

const ONE_SEARCHING: u64 = 1;
const ONE_SLEEPING: u64 = 1 << 32;

/// The state of the protocol.
#[derive(Debug)]
pub(crate) struct Sleep {
    /// Read at each push and written at each sleep, hence on cache lines of its own.
    counts: CachePadded<AtomicU64>,
    sleepers: CachePadded<Mutex<Vec<usize>>>,
    awake: WorkerSet,
    /// How many may search at a time.
    searchers: u64,
}

/// Where a worker that is about to sleep is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is woken before all others.
    Next,
    /// It is woken after all others: it will wait in the driver.
    Last,
}

/// How a worker that had announced itself came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Withdrawn {
    /// The worker came back by itself. It is not counted as searching.
    Alone,
    /// Another thread took the worker from the list to wake it, and counted it as searching.
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

    /// Counts a worker as searching. Returns false if enough workers search already.
    #[must_use]
    pub(crate) fn begin_search(&self) -> bool {
        if searching(self.counts.load(Ordering::Relaxed)) >= self.searchers {
            return false;
        }
        self.counts.fetch_add(ONE_SEARCHING, Ordering::Relaxed);
        true
    }

    /// Takes a searcher off the count. Returns true if it was the last: then it must look at all
    /// queues again.
    #[must_use]
    pub(crate) fn end_search(&self) -> bool {
        let before = self.counts.fetch_sub(ONE_SEARCHING, Ordering::Relaxed);
        fence(BETWEEN);
        searching(before) == 1
    }

    /// Announces that a worker, which does not search, is about to sleep. Returns true if it must
    /// first look at all queues again, since nobody else does.
    #[must_use]
    pub(crate) fn announce(&self, slot: usize, place: Place) -> bool {
        let before = {
            let mut sleepers = self.sleepers.lock();
            match place {
                Place::Next => sleepers.push(slot),
                Place::Last => sleepers.insert(0, slot),
            }
            self.awake.remove(slot);
            self.counts.fetch_add(ONE_SLEEPING, Ordering::Relaxed)
        };
        fence(BETWEEN);
        searching(before) == 0
    }

    /// Withdraws a worker's announcement.
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

    /// The number of workers that sleep now.
    pub(crate) fn sleeping(&self) -> usize {
        sleeping(self.counts.load(Ordering::Relaxed)) as usize
    }

    /// The number of listed workers. Through the list's lock the caller sees what they did before.
    pub(crate) fn listed(&self) -> usize {
        self.sleepers.lock().len()
    }

    /// A worker that sleeps now, to be unparked for another reason than work. It stays in the list.
    pub(crate) fn any_sleeper(&self, except: impl Fn(usize) -> bool) -> Option<usize> {
        self.sleepers.lock().iter().rev().copied().find(|&slot| !except(slot))
    }
}

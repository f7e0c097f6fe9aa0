//! The table of all slots: those of workers, then of spares, then of stand-ins.
//!
//! The workers' slots are made with the pool. The others are made when first taken, since there may
//! be as many as the blocking pool may have threads. A slot never moves and outlives the threads
//! that hold it.

use std::sync::{Arc, OnceLock};

use crossbeam_utils::CachePadded;

use super::observe::Observe;
use super::worker_shared::WorkerShared;

/// A slot on cache lines of its own. Its thread keeps a reference, and does not need the table.
pub(super) type WorkerRef = Arc<CachePadded<WorkerShared>>;

/// All slots of a pool.
pub(super) struct WorkerTable {
    workers: Box<[WorkerRef]>,
    extra: Box<[OnceLock<WorkerRef>]>,
}

impl WorkerTable {
    pub(super) fn new(workers: usize, extra: usize, observe: &Observe) -> WorkerTable {
        WorkerTable {
            workers: (0..workers).map(|slot| make(slot, observe)).collect(),
            extra: (0..extra).map(|_| OnceLock::new()).collect(),
        }
    }

    /// The slot, if a thread has ever held it.
    #[inline]
    pub(super) fn get(&self, slot: usize) -> Option<&WorkerShared> {
        match self.workers.get(slot) {
            Some(worker) => Some(worker),
            None => self.extra.get(slot - self.workers.len())?.get().map(|slot| &***slot),
        }
    }

    /// The slot, for the thread that is to hold it.
    pub(super) fn take(&self, slot: usize, observe: &Observe) -> WorkerRef {
        match self.workers.get(slot) {
            Some(worker) => Arc::clone(worker),
            None => {
                let extra = &self.extra[slot - self.workers.len()];
                Arc::clone(extra.get_or_init(|| make(slot, observe)))
            }
        }
    }

    /// The slots that a thread has ever held, with their numbers.
    pub(super) fn used(&self) -> impl Iterator<Item = (usize, &WorkerShared)> {
        let workers = self.workers.iter().map(|slot| &***slot).enumerate();
        let first = self.workers.len();
        let extra = self.extra.iter().enumerate();
        let extra = extra.filter_map(move |(i, slot)| Some((first + i, &***slot.get()?)));
        workers.chain(extra)
    }
}

fn make(slot: usize, observe: &Observe) -> WorkerRef {
    Arc::new(CachePadded::new(WorkerShared::new(slot, observe)))
}

#[cfg(test)]
mod tests {
    use super::super::worker_set::WorkerSet;

    const BITS: usize = 64;

    #[test]
    fn a_walk_meets_each_slot_once_wherever_it_begins() {
        let set = WorkerSet::new(130);
        let inside = [0, 1, 63, 64, 70, 127, 128, 129];
        inside.iter().for_each(|&slot| set.insert(slot));
        set.insert(5);
        set.remove(5);
        assert_eq!(set.from(0).collect::<Vec<_>>(), inside);
        assert_eq!((set.bound(), WorkerSet::new(200).bound()), (130, 0));
        for start in 0..200 {
            let mut met: Vec<_> = set.from(start).collect();
            let begin = start / BITS % 3 * BITS + start % BITS;
            assert!(met.is_sorted_by_key(|&slot| (slot < begin, slot)), "{start}: {met:?}");
            met.sort_unstable();
            assert_eq!(met, inside, "{start}");
        }
    }
}

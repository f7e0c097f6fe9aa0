//! The table of all seats: first those of the workers, then the spares', then the stand-ins'.
//!
//! The workers' are made with the pool, the others when somebody sits down there for the first time: there may be as
//! many as the blocking pool may have threads. A seat is never moved and outlives the threads that sit on it.

use std::sync::{Arc, OnceLock};

use crossbeam_utils::CachePadded;

use super::observe::Observe;
use super::seat::Seat;

/// A seat on cache lines of its own. Its thread keeps it, and finds it without the table.
pub(super) type OwnSeat = Arc<CachePadded<Seat>>;

/// All seats of a pool.
pub(super) struct Seats {
    workers: Box<[OwnSeat]>,
    extra: Box<[OnceLock<OwnSeat>]>,
}

impl Seats {
    pub(super) fn new(workers: usize, extra: usize, observe: &Observe) -> Seats {
        Seats {
            workers: (0..workers).map(|_| make(observe)).collect(),
            extra: (0..extra).map(|_| OnceLock::new()).collect(),
        }
    }

    /// The seat, if anybody has ever sat there.
    #[inline]
    pub(super) fn get(&self, seat: usize) -> Option<&Seat> {
        match self.workers.get(seat) {
            Some(worker) => Some(worker),
            None => self.extra.get(seat - self.workers.len())?.get().map(|seat| &***seat),
        }
    }

    /// The seat, for the thread that is to sit there.
    pub(super) fn take(&self, seat: usize, observe: &Observe) -> OwnSeat {
        match self.workers.get(seat) {
            Some(worker) => Arc::clone(worker),
            None => {
                let extra = &self.extra[seat - self.workers.len()];
                Arc::clone(extra.get_or_init(|| make(observe)))
            }
        }
    }

    /// The seats that somebody has ever sat on, with their numbers.
    pub(super) fn used(&self) -> impl Iterator<Item = (usize, &Seat)> {
        let workers = self.workers.iter().map(|seat| &***seat).enumerate();
        let first = self.workers.len();
        let extra = self.extra.iter().enumerate();
        let extra = extra.filter_map(move |(i, seat)| Some((first + i, &***seat.get()?)));
        workers.chain(extra)
    }
}

fn make(observe: &Observe) -> OwnSeat {
    Arc::new(CachePadded::new(Seat::new(observe)))
}

#[cfg(test)]
mod tests {
    use super::super::seat_set::SeatSet;

    const BITS: usize = 64;

    #[test]
    fn a_walk_meets_each_seat_once_wherever_it_begins() {
        let set = SeatSet::new(130);
        let inside = [0, 1, 63, 64, 70, 127, 128, 129];
        inside.iter().for_each(|&seat| set.insert(seat));
        set.insert(5);
        set.remove(5);
        assert_eq!(set.from(0).collect::<Vec<_>>(), inside);
        assert_eq!((set.bound(), SeatSet::new(200).bound()), (130, 0));
        for start in 0..200 {
            let mut met: Vec<_> = set.from(start).collect();
            let begin = start / BITS % 3 * BITS + start % BITS;
            assert!(met.is_sorted_by_key(|&seat| (seat < begin, seat)), "{start}: {met:?}");
            met.sort_unstable();
            assert_eq!(met, inside, "{start}");
        }
    }
}

//! Models of `scheduler/sleep.rs`. The queue is a bare counter without an ordering of its own: what
//! a worker sees of it, it sees by the protocol.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use crate::engine::primitive::Parker;
use crate::engine::scheduler::sleep::{Sleep, Withdrawn};

struct Pool {
    sleep: Sleep,
    queued: AtomicUsize,
    parkers: Vec<Parker>,
    woken: AtomicUsize,
}

impl Pool {
    fn new(workers: usize) -> Arc<Pool> {
        Arc::new(Pool {
            sleep: Sleep::new(workers, workers),
            queued: AtomicUsize::new(0),
            parkers: (0..workers).map(|_| Parker::new()).collect(),
            woken: AtomicUsize::new(0),
        })
    }

    fn push(&self) {
        self.queued.fetch_add(1, Ordering::Relaxed);
        self.published();
    }

    fn published(&self) {
        if let Some(slot) = self.sleep.published() {
            self.woken.fetch_add(1, Ordering::Relaxed);
            self.parkers[slot].unpark(); // wake: sleeper
        }
    }

    fn has_work(&self) -> bool {
        self.queued.load(Ordering::Relaxed) > 0
    }

    fn take(&self) -> bool {
        let take = |queued: usize| queued.checked_sub(1);
        self.has_work()
            && self.queued.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn search_and_stop(&self) -> bool {
        let found = self.take();
        let last = self.sleep.end_search();
        if last && found && self.has_work() {
            self.published();
        }
        found
    }

    /// What `Worker` does until it has found one task.
    fn find_one(&self, slot: usize) {
        loop {
            if self.sleep.begin_search() && self.search_and_stop() {
                return;
            }
            let must_look = self.sleep.announce(slot);
            if !(must_look && self.has_work()) {
                self.parkers[slot].park();
            }
            match self.sleep.withdraw(slot) {
                Withdrawn::Alone => {}
                Withdrawn::Woken => {
                    if self.search_and_stop() {
                        return;
                    }
                }
            }
        }
    }
}

/// A push that a worker on its way to sleep does not see, and that wakes nobody.
#[test]
fn no_task_is_forgotten() {
    loom::model(|| {
        let pool = Pool::new(1);
        let other = pool.clone();
        let worker = thread::spawn(move || other.find_one(0));
        pool.push();
        worker.join().unwrap();
    });
}

/// Two pushes, the second while the first one's sleeper searches: it must not be left alone with a
/// second sleeper.
#[test]
fn a_push_during_a_search_is_found() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let pool = Pool::new(2);
        let workers: Vec<_> = (0..2)
            .map(|slot| {
                let pool = pool.clone();
                thread::spawn(move || pool.find_one(slot))
            })
            .collect();
        pool.push();
        pool.push();
        for worker in workers {
            worker.join().unwrap();
        }
        // A wake of n tasks wakes at most n sleepers, and at most one each.
        assert!(pool.woken.load(Ordering::Relaxed) <= 4);
    });
}

/// Several tasks that are pushed first and published once: the one who is woken for them must see
/// to it that a second sleeper gets its share.
#[test]
fn a_batch_published_once_is_not_forgotten() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let pool = Pool::new(2);
        let workers: Vec<_> = (0..2)
            .map(|slot| {
                let pool = pool.clone();
                thread::spawn(move || pool.find_one(slot))
            })
            .collect();
        pool.queued.fetch_add(1, Ordering::Relaxed);
        pool.queued.fetch_add(1, Ordering::Relaxed);
        pool.published();
        for worker in workers {
            worker.join().unwrap();
        }
        // One by the batch, one by each searcher that leaves something behind.
        assert!(pool.woken.load(Ordering::Relaxed) <= 3);
    });
}

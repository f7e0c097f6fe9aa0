//! Models of `scheduler/sleep.rs`, with the steps of a worker (`scheduler/idle.rs`).

use std::cell::Cell;
use std::task::Waker;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::worker::{Tasks, Worker};
use crate::engine::primitive::Parker;
use crate::engine::scheduler::idle::{Idle, Sleeper as _, work_published};
use crate::engine::scheduler::sleep::Sleep;
use crate::engine::wake_list::WakeList;

struct Pool {
    sleep: Sleep,
    tasks: Tasks,
    parkers: Vec<Parker>,
    woken: AtomicUsize,
}

impl Pool {
    fn new(workers: usize) -> Arc<Pool> {
        Arc::new(Pool {
            sleep: Sleep::new(workers, workers),
            tasks: Tasks::default(),
            parkers: (0..workers).map(|_| Parker::new()).collect(),
            woken: AtomicUsize::new(0),
        })
    }

    fn push(&self) {
        self.tasks.add();
        self.published();
    }

    fn published(&self) {
        work_published(&self.sleep, None, |slot| self.unpark(slot));
    }

    fn unpark(&self, slot: usize) {
        self.woken.fetch_add(1, Ordering::Relaxed);
        self.parkers[slot].unpark();
    }

    /// Runs until the worker has found a task, or has slept and finds `events` ready. Returns
    /// whether it was a task.
    fn work(&self, slot: usize, events: impl Fn() -> WakeList) -> bool {
        let has_events = Cell::new(false);
        let sleep = || {
            self.parkers[slot].park();
            events()
        };
        let worker = Worker {
            slot,
            protocol: &self.sleep,
            activity: None,
            tasks: Some(&self.tasks),
            is_closed: &|| false,
            unpark: &|slot| self.unpark(slot),
            monitor: None,
            sleep: &sleep,
            after_sleep: &|ready| has_events.set(!ready.is_empty()),
        };
        while !has_events.get() {
            if let Idle::Run(()) = worker.idle() {
                return true;
            }
        }
        false
    }

    fn find_one(&self, slot: usize) {
        assert!(self.work(slot, WakeList::new));
    }
}

/// A push that wakes nobody, and that a worker on its way to sleep does not see.
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

/// Two pushes, the second while the worker woken for the first one searches: that worker must not
/// be left alone while a second one sleeps.
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

/// Several tasks that are pushed first and published once: the worker that is woken for them must
/// make sure that a second sleeper gets its share.
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
        pool.tasks.add();
        pool.tasks.add();
        pool.published();
        for worker in workers {
            worker.join().unwrap();
        }
        // One wake by the batch, one by each searcher that leaves something behind.
        assert!(pool.woken.load(Ordering::Relaxed) <= 3);
    });
}

/// A worker that is woken for a task, finds an event besides, and stays with what the event has
/// made ready: the task waits, though another worker sleeps.
#[test]
fn who_wakes_up_with_other_work_has_somebody_else_woken() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let pool = Pool::new(2);
        let (of_busy, of_other) = (pool.clone(), pool.clone());
        let busy = thread::spawn(move || {
            let event = || {
                let mut ready = WakeList::new();
                ready.push(Waker::noop().clone());
                ready
            };
            if of_busy.work(0, event) {
                // The task spawns another one, and does not return.
                of_busy.push();
            }
        });
        let other = thread::spawn(move || of_other.find_one(1));
        pool.push();
        other.join().unwrap();
        // An event that makes no task ready.
        pool.parkers[0].unpark();
        busy.join().unwrap();
    });
}

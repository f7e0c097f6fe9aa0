//! Models of `engine/activity.rs`, and of what it counts: `scheduler/idle.rs`, `park_on.rs`.
//!
//! A guard counts a thread that pushes a task, or works (`Pool::inject`, `Worker::run`). Only that
//! is written again here: both are tied to the queues, as `worker.rs` says.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use loom::thread;

use super::worker::{Tasks, Worker};
use crate::engine::activity::Activity;
use crate::engine::clock::NEVER;
use crate::engine::park_on::run_counted;
use crate::engine::primitive::Parker;
use crate::engine::scheduler::idle::{Idle, Sleeper as _, work_published};
use crate::engine::scheduler::sleep::Sleep;
use crate::engine::wake_list::WakeList;

/// A runtime whose deadline is a bare number without an ordering of its own.
struct Runtime {
    activity: std::sync::Arc<Activity>,
    poll: std::sync::Arc<Parker>,
    deadline: AtomicU64,
}

impl Runtime {
    fn new(deadline: u64) -> Runtime {
        let poll = std::sync::Arc::new(Parker::new());
        let wakes = poll.clone();
        let wake = move || {
            wakes.unpark();
        };
        let activity = std::sync::Arc::new(Activity::new(Box::new(wake)));
        Runtime { activity, poll, deadline: AtomicU64::new(deadline) }
    }

    /// What the poll's holder does while it is not counted. Returns true, counted, when it may
    /// jump, and false, counted, when it has slept.
    fn rest(&self) -> bool {
        self.activity.watch();
        let claimed = self.deadline.load(Ordering::Relaxed) != NEVER && self.activity.claim();
        if !claimed {
            self.poll.park();
            self.activity.begin();
        }
        self.activity.unwatch();
        claimed
    }

    /// Rests until it may jump, and returns the target of the jump.
    fn jump(&self) -> u64 {
        while !self.rest() {
            self.activity.end();
        }
        self.deadline.load(Ordering::Relaxed)
    }
}

/// A timer that is set by the last activity, to which nobody jumps: everybody sleeps for ever.
#[test]
fn the_last_activity_starts_the_jump() {
    loom::model(|| {
        let runtime = Arc::new(Runtime::new(NEVER));
        runtime.activity.begin();
        let other = runtime.clone();
        let last = thread::spawn(move || {
            other.deadline.store(10, Ordering::Relaxed);
            other.activity.end();
        });
        assert_eq!(runtime.jump(), 10);
        last.join().unwrap();
    });
}

/// A jump over an earlier timer, which an activity has set before it ended.
#[test]
fn a_jump_goes_to_the_earliest() {
    loom::model(|| {
        let runtime = Arc::new(Runtime::new(20));
        runtime.activity.begin();
        let other = runtime.clone();
        let last = thread::spawn(move || {
            other.deadline.store(10, Ordering::Relaxed);
            other.activity.end();
        });
        assert_eq!(runtime.jump(), 10);
        last.join().unwrap();
    });
}

/// Workers, tasks, and time. The first worker has the poll.
struct Pool {
    runtime: Runtime,
    sleep: Sleep,
    tasks: Tasks,
    ran: AtomicUsize,
    /// The token of the second worker.
    parker: Parker,
    stop: AtomicBool,
}

impl Pool {
    fn new(workers: usize) -> Arc<Pool> {
        Arc::new(Pool {
            runtime: Runtime::new(10),
            sleep: Sleep::new(workers, workers),
            tasks: Tasks::default(),
            ran: AtomicUsize::new(0),
            parker: Parker::new(),
            stop: AtomicBool::new(false),
        })
    }

    fn activity(&self) -> &Activity {
        &self.runtime.activity
    }

    fn unpark(&self, slot: usize) {
        if slot == 0 {
            self.runtime.poll.unpark()
        } else {
            self.parker.unpark()
        };
    }

    fn push(&self) {
        let _active = self.activity().enter();
        self.tasks.add();
        work_published(&self.sleep, Some(self.activity()), |slot| self.unpark(slot));
    }

    /// The worker sleeps, uncounted. Returns whether time may jump.
    fn rest(&self, slot: usize) -> bool {
        self.activity().end();
        if slot != 0 {
            self.parker.park();
            self.activity().begin();
            return false;
        }
        let claimed = self.runtime.rest();
        if claimed {
            // No task is queued, and none is in anybody's hands.
            assert_eq!(self.ran.load(Ordering::Relaxed), 1, "a task waited");
        }
        claimed
    }

    /// Runs until time jumps, or the worker is told to stop. The caller has counted it.
    fn work(&self, slot: usize) {
        let claimed = Cell::new(false);
        let sleep = || {
            claimed.set(self.rest(slot));
            WakeList::new()
        };
        let worker = Worker {
            slot,
            protocol: &self.sleep,
            activity: Some(self.activity()),
            tasks: Some(&self.tasks),
            is_closed: &|| false,
            unpark: &|slot| self.unpark(slot),
            monitor: None,
            sleep: &sleep,
            after_sleep: &drop,
        };
        while !claimed.get() && !self.stop.load(Ordering::Relaxed) {
            if self.tasks.take() || matches!(worker.idle(), Idle::Run(())) {
                self.ran.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.activity().end();
    }
}

/// A jump while a task is on its way from a thread outside to the worker.
#[test]
fn time_stands_while_a_task_is_handed_over() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let pool = Pool::new(1);
        pool.activity().begin();
        pool.activity().begin();
        let other = pool.clone();
        let root = thread::spawn(move || {
            other.push();
            other.activity().end();
        });
        pool.work(0);
        root.join().unwrap();
    });
}

/// The same with a second worker, which may be the one that runs the task.
#[test]
fn time_stands_whoever_runs_the_task() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let pool = Pool::new(2);
        for _ in 0..3 {
            pool.activity().begin();
        }
        let (of_root, of_second) = (pool.clone(), pool.clone());
        let root = thread::spawn(move || {
            of_root.push();
            of_root.activity().end();
        });
        let second = thread::spawn(move || of_second.work(1));
        pool.work(0);
        pool.stop.store(true, Ordering::Relaxed);
        pool.parker.unpark();
        root.join().unwrap();
        second.join().unwrap();
    });
}

/// A jump between the wake of a root future and its poll; a root future that is never polled, or
/// polled without what came before the wake.
#[test]
fn time_stands_while_a_root_is_woken() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let runtime = Arc::new(Runtime::new(10));
        let (ready, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        // The tasks are the root and a task that makes it ready.
        runtime.activity.begin();
        runtime.activity.begin();
        let root = {
            let (runtime, done) = (runtime.clone(), done.clone());
            thread::spawn(move || {
                let mut task = None;
                let future = poll_fn(|cx| {
                    if task.is_none() {
                        let (runtime, ready) = (runtime.clone(), ready.clone());
                        let waker = cx.waker().clone();
                        task = Some(thread::spawn(move || {
                            ready.store(true, Ordering::Relaxed);
                            waker.wake();
                            runtime.activity.end();
                        }));
                    }
                    match ready.load(Ordering::Relaxed) {
                        true => Poll::Ready(()),
                        false => Poll::Pending,
                    }
                });
                run_counted(future, &runtime.activity);
                done.store(true, Ordering::Relaxed);
                runtime.activity.end();
                task.unwrap().join().unwrap();
            })
        };
        runtime.jump();
        assert!(done.load(Ordering::Relaxed), "the root future was to be polled");
        root.join().unwrap();
    });
}

//! Models of `runtime/drivers.rs` with the threads that sleep there (`scheduler/spares.rs`) and a
//! stand-in for the system's poll: workers that sleep in the poll or beside it, the monitor, and a
//! thread that waits for others by hand.
//!
//! `monitor_rounds.rs` says what the monitor does at a look. It needs the whole pool, with its
//! queues and the clock, so it cannot be here. These models write again in which order it calls
//! what they check.

use std::task::{Wake, Waker};
use std::time::Duration;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

use super::worker::Worker;
use crate::engine::clock::Clock;
use crate::engine::driver::IoDriver;
use crate::engine::primitive::Parker;
use crate::engine::scheduler::Park as _;
use crate::engine::scheduler::idle::Sleeper as _;
use crate::engine::scheduler::monitor_park::MonitorPark;
use crate::engine::scheduler::park::unpark;
use crate::engine::scheduler::spares::{Call, Spares};
use crate::engine::task::Absence;
use crate::engine::wake_list::WakeList;
use crate::runtime::drivers::Drivers;

/// Timers that are due together share a wake-up.
const SLACK: Duration = Duration::from_nanos(2);

struct Pool {
    spares: Spares,
    park: MonitorPark,
    parkers: Vec<Parker>,
    io: Arc<IoDriver>,
    events: Drivers,
    clock: Arc<Clock>,
    /// The parkers of workers whose first task does not return.
    stuck: Vec<Parker>,
    seen: AtomicUsize,
    /// How many events and timers there are to be seen.
    expected: usize,
    /// How often a worker looks again before it sleeps. Not part of the model.
    looks: std::sync::atomic::AtomicUsize,
    over: AtomicBool,
}

/// A task that waits for an event or a timer. As long as that was not the last one, it makes the
/// next event happen and does not return.
struct Task(std::sync::Weak<Pool>);

impl Wake for Task {
    fn wake(self: std::sync::Arc<Self>) {
        let pool = self.0.upgrade().unwrap();
        pool.saw_one(|| pool.task());
    }
}

impl Pool {
    fn new(workers: usize, clock: Clock, expected: usize) -> std::sync::Arc<Pool> {
        Pool::with_spares(workers, 0, clock, expected)
    }

    fn with_spares(
        workers: usize,
        most_spares: usize,
        clock: Clock,
        expected: usize,
    ) -> std::sync::Arc<Pool> {
        let clock = Arc::new(clock);
        let io = IoDriver::new(clock.clone());
        let spares = Spares::new(workers, most_spares, 0);
        (0..workers).for_each(|slot| spares.take_worker(slot));
        std::sync::Arc::new(Pool {
            spares,
            park: MonitorPark::new(),
            parkers: (0..workers + most_spares).map(|_| Parker::new()).collect(),
            events: Drivers::of_workers(io.clone(), clock.clone(), workers, SLACK),
            io,
            clock,
            stuck: (0..workers).map(|_| Parker::new()).collect(),
            seen: AtomicUsize::new(0),
            expected,
            looks: std::sync::atomic::AtomicUsize::new(0),
            over: AtomicBool::new(false),
        })
    }

    fn task(self: &std::sync::Arc<Pool>) -> Waker {
        std::sync::Arc::new(Task(std::sync::Arc::downgrade(self))).into()
    }

    fn saw_one(&self, next: impl FnOnce() -> Waker) {
        if self.seen.fetch_add(1, Ordering::Relaxed) + 1 < self.expected {
            self.io.send(next());
        } else {
            self.end();
        }
    }

    fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
        (0..self.parkers.len()).for_each(|slot| self.unpark(slot));
        for stuck in &self.stuck {
            let _ = stuck.unpark();
        }
        self.park.end();
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn unpark(&self, slot: usize) {
        unpark(&self.parkers[slot], &self.events);
    }

    /// A worker without work until all is over. What it wakes is done only then.
    fn work(&self, slot: usize) {
        while !self.is_over() {
            self.sleep(slot, &|| self.is_over(), &|mut ready| {
                if !ready.is_empty() {
                    ready.wake_all();
                    self.stuck[slot].park();
                }
            });
        }
    }

    /// A worker without work until all is over, which does at once what it wakes.
    fn work_on(&self, slot: usize) {
        while !self.is_over() {
            self.sleep(slot, &|| self.is_over(), &|mut ready| ready.wake_all());
        }
    }

    /// A worker that goes to sleep, once.
    fn sleep(&self, slot: usize, is_closed: &dyn Fn() -> bool, after_sleep: &dyn Fn(WakeList)) {
        let sleep = || {
            let mut ready = WakeList::new();
            let parker = &self.parkers[slot];
            let mut looks = 0..self.looks.load(Ordering::Relaxed);
            if !looks.is_empty() {
                self.events.look_again(parker, &mut || looks.next().is_some(), &mut ready);
            }
            if ready.is_empty() {
                self.events.sleep(slot, parker, None, &mut ready);
            }
            ready
        };
        let worker = Worker {
            slot,
            protocol: &self.spares.sleep,
            activity: None,
            tasks: None,
            is_closed,
            unpark: &|slot| self.unpark(slot),
            monitor: Some((&self.spares, &self.park)),
            sleep: &sleep,
            after_sleep,
        };
        let _idle = worker.sleep_unless_needed();
    }

    /// The monitor. Its lingering is over, so it sleeps for good whenever it owes nothing. After
    /// some looks the model ends: as long as the monitor looks, nothing is lost.
    fn guard(&self) {
        let (mut ready, mut looks_before) = (WakeList::new(), 0);
        for _ in 0..LOOKS {
            let sleeping = self.spares.sleep.sleeping();
            if sleeping > 0 {
                let has_holder = || self.events.has_holder();
                self.spares.look_after_sleepers(has_holder, |slot| self.unpark(slot));
            }
            self.park.sleep_unless(|| {
                self.is_over() || !self.spares.is_quiet(|| self.events.has_holder())
            });
            if self.is_over() {
                return;
            }
            let looked = self.events.looks() != looks_before;
            looks_before = self.events.looks();
            if sleeping == 0 && !looked && self.events.stand_in(Duration::ZERO, &mut ready) {
                ready.wake_all();
            }
            thread::yield_now();
        }
        self.end();
    }
}

/// The state of the monitor in one run of a model.
const LOOKS: usize = 2;

fn spawn(
    pool: &std::sync::Arc<Pool>,
    body: impl FnOnce(&Pool) + Send + 'static,
) -> thread::JoinHandle<()> {
    let pool = pool.clone();
    thread::spawn(move || body(&pool))
}

fn check(bound: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(bound);
    builder.max_branches = 10_000;
    builder.check(model);
}

/// A token, an event or a wake of the poll that a worker takes away when it looks again, and then
/// sleeps through.
#[test]
fn who_looks_again_before_it_sleeps_misses_nothing() {
    check(2, || {
        let pool = Pool::new(1, Clock::real(), 2);
        pool.looks.store(1, Ordering::Relaxed);
        let worker = spawn(&pool, |pool| pool.work_on(0));
        pool.io.send(pool.task());
        worker.join().unwrap();
    });
    check(2, || {
        let pool = Pool::new(1, Clock::real(), 1);
        pool.looks.store(1, Ordering::Relaxed);
        let worker = spawn(&pool, |pool| pool.work_on(0));
        let outside = pool.events.shards().outside();
        let _key = outside.insert(10, pool.task(), false).unwrap();
        worker.join().unwrap();
    });
    check(2, || {
        let pool = Pool::new(1, Clock::real(), 1);
        pool.looks.store(1, Ordering::Relaxed);
        let worker = spawn(&pool, |pool| pool.work_on(0));
        pool.end();
        worker.join().unwrap();
    });
}

/// An event that nobody sees: it comes when the poll's holder has left for good, while the other
/// worker has parked beside the poll.
#[test]
fn an_event_is_seen_when_the_holder_does_not_come_back() {
    check(1, || {
        let pool = Pool::new(2, Clock::real(), 2);
        pool.io.send(pool.task());
        let workers = [0, 1].map(|slot| spawn(&pool, move |pool| pool.work(slot)));
        let monitor = spawn(&pool, Pool::guard);
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        monitor.join().unwrap();
    });
}

/// An event that comes when the poll's holder was a spare that has retired, while the worker has
/// parked beside the poll and the monitor goes to sleep for good on an outdated view of the poll.
#[test]
fn an_event_is_seen_when_the_holder_has_retired() {
    check(1, || {
        let pool = Pool::with_spares(1, 1, Clock::real(), 1);
        pool.spares.missing(Absence::Stalled);
        assert_eq!(pool.spares.call(|_| unreachable!()), Call::Start(1));
        pool.spares.returned(Absence::Stalled);
        let spare = {
            let pool = pool.clone();
            thread::spawn(move || {
                pool.sleep(1, &|| false, &drop);
                if pool.spares.dismiss(1) {
                    pool.spares.vacate(1);
                }
                if !pool.is_over() {
                    pool.io.send(pool.task());
                }
            })
        };
        let monitor = spawn(&pool, Pool::guard);
        pool.work(0);
        spare.join().unwrap();
        monitor.join().unwrap();
    });
}

/// The same when there is no other worker: the monitor looks itself.
#[test]
fn an_event_is_seen_when_all_are_stuck() {
    check(2, || {
        let pool = Pool::new(1, Clock::real(), 2);
        pool.io.send(pool.task());
        let worker = spawn(&pool, |pool| pool.work(0));
        let monitor = spawn(&pool, Pool::guard);
        worker.join().unwrap();
        monitor.join().unwrap();
    });
}

/// A timer that a thread outside sets, earlier than what the poll's holder sleeps for.
#[test]
fn a_timer_from_outside_is_seen() {
    check(2, || {
        let pool = Pool::new(1, Clock::real(), 1);
        let worker = spawn(&pool, |pool| pool.work(0));
        let monitor = spawn(&pool, Pool::guard);
        let outside = pool.events.shards().outside();
        let _key = outside.insert(10, pool.task(), false).unwrap();
        worker.join().unwrap();
        monitor.join().unwrap();
        let fired = pool.seen.load(Ordering::Relaxed) == 1;
        assert!(!fired || pool.clock.now() >= 10, "it fired before its time");
    });
}

/// A worker of a runtime whose time is paused. It is counted except while it sleeps.
fn work_in_paused_time(pool: &Pool) {
    let activity = pool.events.counts_all().unwrap();
    activity.begin();
    pool.work(0);
    activity.end();
}

/// Paused time that jumps over the earliest timer, which is in another shard than the next one, or
/// that stands for ever; a jump while a thread that sets timers is still active.
#[test]
fn paused_time_goes_to_the_earliest_of_all_shards() {
    check(3, || {
        let pool = Pool::new(1, Clock::at_zero(), 1);
        let activity = pool.events.counts_all().unwrap();
        activity.begin();
        let worker = spawn(&pool, work_in_paused_time);
        let shards = pool.events.shards();
        let _last = shards.of_worker(0).unwrap().insert(30, pool.task(), false).unwrap();
        let _first = shards.outside().insert(10, pool.task(), false).unwrap();
        activity.end();
        worker.join().unwrap();
        assert_eq!(pool.clock.now(), 10);
    });
}

/// Time that is moved by hand while another thread looks at the shards. The thread that moved it
/// must be able to say that all due timers have been woken. In the other order a look holds one of
/// the wakers.
#[test]
fn who_moves_the_time_has_woken_all_that_is_due() {
    check(3, || {
        let pool = Pool::new(1, Clock::at_zero(), 3);
        let shards = pool.events.shards();
        for shard in shards.all() {
            let _key = shard.insert(10, pool.task(), true).unwrap();
        }
        let look = spawn(&pool, |pool| {
            let mut ready = WakeList::new();
            pool.events.shards().look(pool.events.shards().all(), &mut ready);
            ready.wake_all();
        });
        let mut ready = WakeList::new();
        shards.move_by(Duration::from_nanos(10), &mut ready).unwrap();
        ready.wake_all();
        assert_eq!(pool.seen.load(Ordering::Relaxed), 2, "one of them is still on its way");
        look.join().unwrap();
    });
}

/// A runtime whose one thread is moved by hand.
struct ByHand {
    io: Arc<IoDriver>,
    drivers: Drivers,
    parker: Parker,
    done: AtomicUsize,
}

impl ByHand {
    /// Runs with a job that is pending, and with what another thread does meanwhile.
    fn beside(other: fn(&ByHand)) -> (Arc<ByHand>, thread::JoinHandle<()>) {
        let clock = Arc::new(Clock::real());
        let io = IoDriver::new(clock.clone());
        let drivers = Drivers::of_one_thread(io.clone(), clock, SLACK);
        drivers.counts_jobs().unwrap().begin();
        let done = AtomicUsize::new(0);
        let this = Arc::new(ByHand { io, drivers, parker: Parker::new(), done });
        let theirs = this.clone();
        (this, thread::spawn(move || other(&theirs)))
    }

    fn do_one(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// Returns whether an event was there.
    fn wait(&self, jobs_only: bool) -> bool {
        let mut ready = WakeList::new();
        self.drivers.wait_for_others(&self.parker, jobs_only, &mut ready);
        !ready.is_empty()
    }
}

/// A wake from another thread that comes when the thread that waits by hand is on its way into the
/// poll, or just out of it.
#[test]
fn who_waits_by_hand_hears_other_threads() {
    check(3, || {
        let (by_hand, other) = ByHand::beside(|by_hand| {
            for _ in 0..2 {
                by_hand.do_one();
                unpark(&by_hand.parker, &by_hand.drivers);
            }
        });
        while by_hand.done() < 2 {
            by_hand.wait(false);
        }
        other.join().unwrap();
    });
}

/// An event that nobody sees, though the only thread waits for it.
#[test]
fn who_waits_by_hand_sees_events() {
    for jobs_only in [false, true] {
        check(3, move || {
            let (by_hand, other) = ByHand::beside(|by_hand| by_hand.io.send(Waker::noop().clone()));
            assert!(by_hand.wait(jobs_only));
            other.join().unwrap();
        });
    }
}

/// The end of the last job, while a thread waits for jobs only and has just seen one: nobody hears
/// of the end, or it is heard without what the job did.
#[test]
fn who_waits_by_hand_hears_the_last_job_end() {
    check(3, || {
        let (by_hand, other) = ByHand::beside(|by_hand| {
            by_hand.do_one();
            by_hand.drivers.counts_jobs().unwrap().end();
        });
        by_hand.wait(true);
        assert_eq!(by_hand.done(), 1, "its end is seen, and what it did is not");
        // No job is left to wait for.
        by_hand.wait(true);
        other.join().unwrap();
    });
}

//! Models of `scheduler/spares.rs`: spares that are called, retire and are called back; the
//! monitor, which looks after sleeping workers, and sleeps itself.
//!
//! `Worker::work` says when a spare retires, and `monitor_rounds.rs` what the monitor does at a
//! look. Both need the whole pool, with its queues and the clock, so they cannot be here. These
//! models write again in which order they call what the models check.

use std::time::Duration;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::worker::Worker;
use crate::engine::primitive::Parker;
use crate::engine::scheduler::idle::Sleeper as _;
use crate::engine::scheduler::monitor_park::MonitorPark;
use crate::engine::scheduler::sleep::Place;
use crate::engine::scheduler::spares::{Call, Spares};
use crate::engine::task::Absence;
use crate::engine::wake_list::WakeList;

const STALLED: Absence = Absence::Stalled;
const IN_PLACE: Absence = Absence::InPlace;

/// One worker and some spares. The worker, on slot 0, is stalled from the beginning or becomes so.
struct Pool {
    spares: Spares,
    park: MonitorPark,
    parkers: Vec<Parker>,
    /// The holder of a slot writes this, so two holders at a time are found.
    slots: Vec<UnsafeCell<u8>>,
    over: AtomicBool,
}

// SAFETY: whether the accesses to a slot overlap is what the models check.
unsafe impl Sync for Pool {}

const WORKER: usize = 0;
/// The number of the first spare's slot.
const SPARE: usize = 1;

impl Pool {
    fn new(most_spares: usize) -> Arc<Pool> {
        let spares = Spares::new(1, most_spares, 0);
        spares.take_worker(WORKER);
        Arc::new(Pool {
            spares,
            park: MonitorPark::new(),
            parkers: (0..=most_spares).map(|_| Parker::new()).collect(),
            slots: (0..=most_spares).map(|_| UnsafeCell::new(0)).collect(),
            over: AtomicBool::new(false),
        })
    }

    /// A pool whose worker has stalled and recovered, and the spare that was called meanwhile.
    fn with_a_spare_too_many(most_spares: usize) -> Arc<Pool> {
        let pool = Pool::new(most_spares);
        pool.spares.missing(STALLED);
        assert_eq!(pool.call(), Call::Start(SPARE));
        pool.spares.returned(STALLED);
        pool
    }

    /// A pool whose worker is in `block_in_place`, and the stand-in that was asked for. Its slot is
    /// number 1, too.
    fn with_a_stand_in_coming() -> Arc<Pool> {
        let spares = Spares::new(1, 0, 1);
        spares.take_worker(WORKER);
        spares.missing(IN_PLACE);
        assert!(spares.ask_for_stand_in());
        Arc::new(Pool {
            spares,
            park: MonitorPark::new(),
            parkers: (0..2).map(|_| Parker::new()).collect(),
            slots: (0..2).map(|_| UnsafeCell::new(0)).collect(),
            over: AtomicBool::new(false),
        })
    }

    /// How many slots are stalled, and how many spares serve.
    fn stalls(&self) -> (usize, usize) {
        (self.spares.count_missing(STALLED), self.spares.count_serving(STALLED))
    }

    /// How many slots are in place, and how many stand-ins serve.
    fn in_place(&self) -> (usize, usize) {
        (self.spares.count_missing(IN_PLACE), self.spares.count_serving(IN_PLACE))
    }

    /// A job of the blocking pool: it serves until there is one stand-in too many.
    fn stand_in(&self, mut serve: impl FnMut()) {
        let Some(slot) = self.spares.arrive() else { return };
        self.work_on(slot);
        while !self.spares.dismiss(slot) {
            serve();
        }
        self.spares.vacate(slot);
    }

    fn unpark(&self, slot: usize) {
        let _ = self.parkers[slot].unpark();
    }

    fn call(&self) -> Call {
        self.spares.call(|slot| self.unpark(slot))
    }

    /// Calls until the outcome is known, as the monitor does from look to look.
    fn call_until_answered(&self) -> Call {
        loop {
            match self.call() {
                Call::NotYet => thread::yield_now(),
                answer => return answer,
            }
        }
    }

    fn work_on(&self, slot: usize) {
        // SAFETY: whoever has taken the slot has it alone.
        self.slots[slot].with_mut(|slot| unsafe { *slot += 1 });
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
        (0..self.parkers.len()).for_each(|slot| self.unpark(slot));
        self.park.end();
    }

    /// A worker without work that goes to sleep once.
    fn sleep(&self, slot: usize) {
        let sleep = || {
            self.parkers[slot].park();
            WakeList::new()
        };
        let worker = Worker {
            slot,
            protocol: &self.spares.sleep,
            activity: None,
            tasks: None,
            is_closed: &|| self.is_over(),
            unpark: &|slot| self.unpark(slot),
            monitor: Some((&self.spares, &self.park)),
            sleep: &sleep,
            after_sleep: &drop,
        };
        let _idle = worker.sleep_unless_needed();
    }

    /// The monitor, in a pool whose poll is always held.
    fn guard(&self) {
        while !self.is_over() {
            self.spares.look_after_sleepers(|| true, |slot| self.unpark(slot));
            self.park.sleep_unless(|| !self.spares.is_quiet(|| true) || self.is_over());
            thread::yield_now();
        }
    }
}

/// The spare of [`Pool::with_a_spare_too_many`] retires, unless it is needed by then. `wait` waits
/// for its token and returns whether it goes on waiting. Returns whether the spare serves again;
/// otherwise it has gone.
fn retire(pool: &Pool, wait: impl FnMut() -> bool) -> bool {
    pool.work_on(SPARE);
    if pool.spares.dismiss(SPARE) && !pool.spares.rest(SPARE, || false, wait) {
        pool.spares.vacate(SPARE);
        return false;
    }
    pool.work_on(SPARE);
    true
}

fn check(bound: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(bound);
    builder.check(model);
}

/// A stall that calls nobody because a spare is just retiring; a spare that is called back and
/// sleeps on.
#[test]
fn a_stall_against_a_spare_that_retires() {
    loom::model(|| {
        let pool = Pool::with_a_spare_too_many(1);
        let spare = {
            let pool = pool.clone();
            thread::spawn(move || {
                retire(&pool, || {
                    pool.parkers[SPARE].park();
                    true
                })
            })
        };
        pool.spares.missing(STALLED);
        let answer = pool.call_until_answered();
        assert!(matches!(answer, Call::NotNeeded | Call::Back), "{answer:?}");
        assert!(spare.join().unwrap(), "the stalled slot has no spare");
        assert_eq!(pool.stalls(), (1, 1));
    });
}

/// A call of a spare that gives up waiting at that moment: no thread comes to the slot, or two
/// come.
#[test]
fn a_call_against_a_spare_that_gives_up() {
    loom::model(|| {
        let pool = Pool::with_a_spare_too_many(1);
        let spare = {
            let pool = pool.clone();
            thread::spawn(move || {
                let mut waits = 2;
                retire(&pool, || {
                    waits -= 1;
                    waits > 0 && !pool.parkers[SPARE].park_timeout(Duration::ZERO)
                })
            })
        };
        pool.spares.missing(STALLED);
        let answer = pool.call_until_answered();
        if let Call::Start(slot) = answer {
            // The new thread.
            pool.work_on(slot);
        }
        assert_ne!(spare.join().unwrap(), answer == Call::Start(SPARE), "{answer:?}");
        assert_eq!(pool.stalls(), (1, 1));
    });
}

/// Two calls at the same time that get the same slot, or one spare for two stalls, or one spare
/// more than is allowed.
#[test]
fn two_calls_get_two_spares() {
    check(2, || {
        let pool = Pool::with_a_spare_too_many(2);
        assert!(pool.spares.dismiss(SPARE));
        pool.work_on(SPARE);
        let spare = {
            let pool = pool.clone();
            thread::spawn(move || {
                let wait = || {
                    pool.parkers[SPARE].park();
                    true
                };
                assert!(pool.spares.rest(SPARE, || false, wait));
                pool.work_on(SPARE);
            })
        };
        let call = |pool: &Pool| {
            pool.spares.missing(STALLED);
            let answer = pool.call_until_answered();
            if let Call::Start(slot) = answer {
                pool.work_on(slot);
            }
            answer
        };
        let other = {
            let pool = pool.clone();
            thread::spawn(move || call(&pool))
        };
        let mut answers = vec![call(&pool), other.join().unwrap()];
        // A spare that is not yet at rest when it is called cannot be called back.
        if !answers.contains(&Call::Back) {
            assert!(answers.contains(&Call::Start(SPARE + 1)), "{answers:?}");
            assert!(answers.contains(&Call::NotNeeded), "{answers:?}");
            pool.end_of_rest(&mut answers);
        }
        spare.join().unwrap();
        assert_eq!(pool.stalls(), (2, 2));
        pool.spares.missing(STALLED);
        assert_eq!(pool.call(), Call::Limit);
    });
}

impl Pool {
    /// As the monitor does.
    fn end_of_rest(&self, answers: &mut Vec<Call>) {
        answers.push(self.call_until_answered());
        assert!(answers.contains(&Call::Back), "{answers:?}");
    }
}

/// A thread that cannot be started: its place, and its part of the count, are lost.
#[test]
fn a_spare_that_never_comes_is_counted_off() {
    loom::model(|| {
        let pool = Pool::new(1);
        pool.spares.missing(STALLED);
        assert_eq!(pool.call(), Call::Start(SPARE));
        let other = {
            let pool = pool.clone();
            thread::spawn(move || pool.spares.never_came(SPARE))
        };
        pool.spares.missing(STALLED);
        // In both cases: the failure is known already, or not yet.
        let answer = pool.call();
        assert!(matches!(answer, Call::Limit | Call::NotYet | Call::Start(SPARE)), "{answer:?}");
        other.join().unwrap();
        let expected = usize::from(answer == Call::Start(SPARE));
        assert_eq!(pool.stalls().1, expected);
        if expected == 0 {
            assert_eq!(pool.call(), Call::Start(SPARE));
        }
    });
}

/// A spare that sleeps on when the slot that it stood in for has recovered, with a monitor that has
/// gone to sleep for good on what it saw before.
#[test]
fn a_spare_too_many_goes_home() {
    check(2, || {
        let pool = Pool::new(1);
        pool.spares.missing(STALLED);
        assert_eq!(pool.call(), Call::Start(SPARE));
        let spare = {
            let pool = pool.clone();
            thread::spawn(move || {
                while !pool.spares.dismiss(SPARE) {
                    pool.sleep(SPARE);
                }
                pool.spares.vacate(SPARE);
                pool.end();
            })
        };
        let monitor = {
            let pool = pool.clone();
            thread::spawn(move || pool.guard())
        };
        pool.spares.returned(STALLED);
        while !pool.is_over() {
            pool.sleep(WORKER);
        }
        spare.join().unwrap();
        monitor.join().unwrap();
        assert_eq!(pool.stalls(), (0, 0));
    });
}

/// A worker that sleeps on beside a poll that nobody holds.
#[test]
fn who_sleeps_beside_the_poll_is_woken_to_take_it() {
    loom::model(|| {
        let pool = Pool::new(0);
        let worker = {
            let pool = pool.clone();
            thread::spawn(move || pool.sleep(WORKER))
        };
        while pool.spares.sleep.sleeping() == 0 {
            thread::yield_now();
        }
        pool.spares.look_after_sleepers(|| false, |slot| pool.unpark(slot));
        worker.join().unwrap();
    });
}

/// A worker that nobody watches: it withdraws, with or without having slept, while the monitor goes
/// to sleep for good.
#[test]
fn who_withdraws_is_watched() {
    loom::model(|| {
        let pool = Pool::new(0);
        let monitor = {
            let pool = pool.clone();
            thread::spawn(move || {
                // The monitor ends when it has seen the worker awake, or has been woken by it.
                pool.park.sleep_unless(|| !pool.spares.is_quiet(|| true));
            })
        };
        let _must_look = pool.spares.sleep.announce(WORKER, Place::Next);
        let _withdrawn = pool.spares.withdraw(WORKER, &pool.park);
        monitor.join().unwrap();
    });
}

/// A monitor that finds all workers asleep, and does not see what one of them did before.
#[test]
fn who_sleeps_has_shown_what_it_did() {
    loom::model(|| {
        let pool = Pool::new(1);
        let monitor = {
            let pool = pool.clone();
            thread::spawn(move || pool.spares.is_quiet(|| true))
        };
        // In its poll the worker announces that it blocks, and a spare comes for it.
        pool.spares.missing(STALLED);
        let call = pool.call();
        pool.spares.returned(STALLED);
        let _must_look = pool.spares.sleep.announce(WORKER, Place::Next);
        assert_eq!(call, Call::Start(SPARE));
        assert!(!monitor.join().unwrap(), "the spare is to be sent home");
    });
}

/// Work that a new spare leaves on its slot and that nobody is woken for: a worker that goes to
/// sleep looks at too few slots to see it.
#[test]
fn work_on_a_slot_that_has_just_been_taken_is_seen() {
    check(3, || {
        let pool = Pool::new(1);
        let queue = Arc::new(AtomicBool::new(false));
        pool.spares.missing(STALLED);
        let (spare, pushed) = (pool.clone(), queue.clone());
        let spare = thread::spawn(move || {
            let Call::Start(slot) = spare.call() else { panic!("nobody else has called") };
            assert_eq!(slot, SPARE);
            pushed.store(true, Ordering::Relaxed);
            spare.spares.sleep.published()
        });
        let must_look = pool.spares.sleep.announce(WORKER, Place::Next);
        let seen = must_look
            && pool.spares.sleep.awake().from(0).any(|slot| slot == SPARE)
            && queue.load(Ordering::Relaxed);
        let woken = spare.join().unwrap();
        assert!(seen || woken == Some(WORKER), "it would sleep beside the work");
    });
}

/// A spare that is called back from its rest, and that threads looking for work leave out.
#[test]
fn a_spare_that_is_called_back_is_looked_at() {
    loom::model(|| {
        let pool = Pool::with_a_spare_too_many(1);
        let spare = {
            let pool = pool.clone();
            thread::spawn(move || {
                retire(&pool, || {
                    pool.parkers[SPARE].park();
                    true
                })
            })
        };
        pool.spares.missing(STALLED);
        let _answer = pool.call_until_answered();
        assert!(spare.join().unwrap());
        assert!(
            pool.spares.sleep.awake().from(0).any(|slot| slot == SPARE),
            "nobody sees its work"
        );
    });
}

/// A stand-in that comes when the worker it was asked for has just returned, and stays for ever; or
/// one that goes although another worker has gone into its place.
#[test]
fn a_stand_in_that_comes_serves_if_it_is_needed() {
    loom::model(|| {
        let pool = Pool::with_a_stand_in_coming();
        let stand_in = {
            let pool = pool.clone();
            thread::spawn(move || pool.stand_in(thread::yield_now))
        };
        pool.spares.returned(IN_PLACE);
        stand_in.join().unwrap();
        assert_eq!(pool.in_place(), (0, 0));
        pool.spares.missing(IN_PLACE);
        assert!(pool.spares.ask_for_stand_in(), "nobody is coming any more");
    });
}

/// A slot in place that asks for nobody because a stand-in is just retiring, or that has no
/// stand-in though one was asked for.
#[test]
fn a_slot_in_place_against_a_stand_in_that_retires() {
    loom::model(|| {
        let pool = Pool::with_a_stand_in_coming();
        let slot = pool.spares.arrive().unwrap();
        pool.spares.returned(IN_PLACE);
        let stand_in = {
            let pool = pool.clone();
            thread::spawn(move || {
                pool.work_on(slot);
                let retires = pool.spares.dismiss(slot);
                if retires {
                    pool.spares.vacate(slot);
                }
                retires
            })
        };
        pool.spares.missing(IN_PLACE);
        // As the monitor does, from look to look.
        let asked = pool.spares.ask_for_stand_in();
        let retired = stand_in.join().unwrap();
        if retired && !asked {
            assert!(pool.spares.ask_for_stand_in(), "the slot has no stand-in");
        }
        if retired {
            let slot = pool.spares.arrive().unwrap();
            pool.work_on(slot);
        }
        assert_eq!(pool.in_place(), (1, 1));
    });
}

/// Two stand-ins where one is needed: both see that there is one too many, and go.
#[test]
fn one_too_many_goes_and_no_more() {
    loom::model(|| {
        let spares = Arc::new(Spares::new(1, 0, 2));
        spares.take_worker(WORKER);
        spares.missing(IN_PLACE);
        spares.missing(IN_PLACE);
        assert!(spares.ask_for_stand_in());
        assert!(spares.ask_for_stand_in());
        let first = spares.arrive().unwrap();
        spares.returned(IN_PLACE);
        let second = {
            let spares = spares.clone();
            thread::spawn(move || spares.arrive().is_some())
        };
        assert!(!spares.dismiss(first), "it is the only one that serves");
        assert!(!second.join().unwrap());
        assert_eq!(spares.count_serving(IN_PLACE), 1);
        assert_eq!(spares.count_wanted(IN_PLACE), 0);
    });
}

/// A stand-in that the blocking pool cannot send, and that counts as coming for ever.
#[test]
fn a_stand_in_that_does_not_come_is_asked_for_again() {
    loom::model(|| {
        let pool = Pool::with_a_stand_in_coming();
        let other = {
            let pool = pool.clone();
            thread::spawn(move || pool.spares.not_coming())
        };
        let early = pool.spares.ask_for_stand_in();
        other.join().unwrap();
        assert!(early != pool.spares.ask_for_stand_in());
    });
}

/// A monitor that sleeps for good beside a sleeping stand-in that is one too many, since the worker
/// that was in place has returned.
#[test]
fn a_stand_in_too_many_goes_home() {
    check(2, || {
        let pool = Pool::with_a_stand_in_coming();
        let stand_in = {
            let pool = pool.clone();
            thread::spawn(move || {
                pool.stand_in(|| pool.sleep(SPARE));
                pool.end();
            })
        };
        let monitor = {
            let pool = pool.clone();
            thread::spawn(move || pool.guard())
        };
        pool.spares.returned(IN_PLACE);
        while !pool.is_over() {
            pool.sleep(WORKER);
        }
        stand_in.join().unwrap();
        monitor.join().unwrap();
        assert_eq!(pool.in_place(), (0, 0));
    });
}

/// Work that a worker leaves on its slot after it has slept, while another worker looks at the
/// slots without that one.
#[test]
fn work_on_a_slot_that_has_just_woken_up_is_seen() {
    check(3, || {
        let spares = Arc::new(Spares::new(2, 0, 0));
        spares.take_worker(0);
        spares.take_worker(1);
        let queue = Arc::new(AtomicBool::new(false));
        let _must_look = spares.sleep.announce(1, Place::Next);
        let (other, pushed) = (spares.clone(), queue.clone());
        let other = thread::spawn(move || {
            let _withdrawn = other.sleep.withdraw(1);
            pushed.store(true, Ordering::Relaxed);
            other.sleep.published()
        });
        let must_look = spares.sleep.announce(0, Place::Next);
        let looked_at = spares.sleep.awake().from(0).any(|slot| slot == 1);
        let seen = must_look && looked_at && queue.load(Ordering::Relaxed);
        let woken = other.join().unwrap();
        assert!(seen || woken == Some(0), "it would sleep beside the work");
    });
}

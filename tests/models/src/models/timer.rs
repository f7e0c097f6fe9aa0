//! Models of `engine/timer/shard.rs` and `engine/timer/registration.rs`.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};

use loom::future::block_on;
use loom::thread;

use crate::engine::clock::{Clock, NEVER};
use crate::engine::primitive::{Arc, Parker};
use crate::engine::timer::{Place, Registration, Shard, Shards};
use crate::engine::wake_list::WakeList;

fn shard(wake: impl Fn() + Send + Sync + 'static) -> Arc<Shard> {
    let (clock, wake) = (Arc::new(Clock::at_zero()), std::sync::Arc::new(wake));
    let make = |mark| {
        let wake = wake.clone();
        Shard::new(clock.clone(), 0, Box::new(move |_| wake()), mark)
    };
    Shards::new(clock.clone(), 0, make).outside().clone()
}

/// Moves the shard and its clock to `now`, and calls the wakers that are then due.
fn turn(shard: &Shard, now: u64) {
    shard.clock().set(now);
    let mut ready = WakeList::new();
    shard.advance(now, &mut ready);
    ready.wake_all();
}

fn poll(registration: &mut Registration, waker: &Waker) -> Poll<()> {
    registration.poll(waker, false, |_| Place::Own)
}

/// A waker that counts its calls. The count is not part of the model.
#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn new() -> (std::sync::Arc<Count>, Waker) {
        let count = std::sync::Arc::new(Count::default());
        (count.clone(), Waker::from(count))
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Count {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A poll that takes the short way ("the shard has not come that far, and it has my waker") when
/// the waker has been called already: the task would wait for ever.
#[test]
fn a_fired_timer_is_seen() {
    loom::model(|| {
        let shard = shard(|| ());
        let mut registration = Registration::new(shard.clone(), 10);
        let mut firing = None;
        block_on(poll_fn(|cx| {
            let outcome = poll(&mut registration, cx.waker());
            if firing.is_none() {
                let shard = shard.clone();
                firing = Some(thread::spawn(move || turn(&shard, 10)));
                // Another event of the task: it polls while the timer fires.
                cx.waker().wake_by_ref();
            }
            outcome
        }));
        firing.unwrap().join().unwrap();
        assert_eq!(shard.len(), 0);
    });
}

/// A task that moved and left a new waker, but is called only by its old one.
#[test]
fn a_changed_waker_is_called() {
    loom::model(|| {
        let shard = shard(|| ());
        let mut registration = Registration::new(shard.clone(), 10);
        let (_, old) = Count::new();
        assert!(poll(&mut registration, &old).is_pending());
        let firing = {
            let shard = shard.clone();
            thread::spawn(move || turn(&shard, 10))
        };
        block_on(poll_fn(|cx| poll(&mut registration, cx.waker())));
        firing.join().unwrap();
        assert_eq!(shard.len(), 0);
    });
}

/// A cancelled timer whose waker is lost in the wheel, freed twice or called twice; or that cancels
/// another timer, which got its place.
#[test]
fn cancel_against_fire() {
    loom::model(|| {
        let shard = shard(|| ());
        let (cancelled, waker) = Count::new();
        let (kept, other) = Count::new();
        let mut first = Registration::new(shard.clone(), 10);
        assert!(poll(&mut first, &waker).is_pending());
        let firing = {
            let shard = shard.clone();
            thread::spawn(move || {
                turn(&shard, 10);
                // The second timer may get the first one's place.
                let mut second = Registration::new(shard.clone(), 20);
                assert!(poll(&mut second, &other).is_pending());
                second
            })
        };
        drop(first);
        let mut second = firing.join().unwrap();
        drop(waker);
        assert!(cancelled.get() <= 1);
        assert_eq!(std::sync::Arc::strong_count(&cancelled), 1);
        assert_eq!(shard.len(), 1);
        turn(&shard, 20);
        assert_eq!(kept.get(), 1);
        assert_eq!(shard.len(), 0);
        // The entry of a timer that does not fire leaves with the timer.
        second.reset(30, |_| true);
        assert!(poll(&mut second, Waker::noop()).is_pending());
        assert_eq!(shard.len(), 1);
        drop(second);
        assert_eq!(shard.len(), 0);
    });
}

/// A timer that is moved on while it fires, and is then in no wheel though its task waits.
#[test]
fn reset_against_fire() {
    loom::model(|| {
        let shard = shard(|| ());
        let (count, waker) = Count::new();
        let mut registration = Registration::new(shard.clone(), 10);
        assert!(poll(&mut registration, &waker).is_pending());
        let firing = {
            let shard = shard.clone();
            thread::spawn(move || turn(&shard, 10))
        };
        registration.reset(20, |_| true);
        assert!(poll(&mut registration, &waker).is_pending());
        firing.join().unwrap();
        let before = count.get();
        turn(&shard, 20);
        assert_eq!(count.get(), before + 1);
        assert!(poll(&mut registration, &waker).is_ready());
        assert_eq!(shard.len(), 0);
    });
}

/// A timer that is moved to the past while it fires: one of the two calls its waker, and only one.
#[test]
fn reset_to_the_past_against_fire() {
    loom::model(|| {
        let shard = shard(|| ());
        let (count, waker) = Count::new();
        let mut registration = Registration::new(shard.clone(), 10);
        assert!(poll(&mut registration, &waker).is_pending());
        shard.clock().set(5);
        let firing = {
            let shard = shard.clone();
            thread::spawn(move || turn(&shard, 10))
        };
        registration.reset(5, |_| true);
        firing.join().unwrap();
        assert_eq!(count.get(), 1);
        assert!(poll(&mut registration, &waker).is_ready());
        assert_eq!(shard.len(), 0);
    });
}

/// A waiter that nobody wakes, because the timer's thread looked at the next deadline before there
/// was one, and sleeps for good.
#[test]
fn an_earlier_deadline_from_outside_wakes_the_owner() {
    loom::model(|| {
        let parker = Arc::new(Parker::new());
        let shard = {
            let parker = parker.clone();
            shard(move || {
                let _ = parker.unpark();
            })
        };
        let owner = {
            let shard = shard.clone();
            thread::spawn(move || {
                loop {
                    match shard.next_deadline() {
                        NEVER => parker.park(),
                        // In a model, sleeping until then ends at once.
                        next => break turn(&shard, next),
                    }
                }
            })
        };
        let mut registration = Registration::new(shard, 10);
        block_on(poll_fn(|cx| registration.poll(cx.waker(), false, |_| Place::Foreign)));
        owner.join().unwrap();
    });
}

/// As above, for a timer that is there already and is made earlier.
#[test]
fn a_reset_to_earlier_from_outside_wakes_the_owner() {
    loom::model(|| {
        let parker = Arc::new(Parker::new());
        let shard = {
            let parker = parker.clone();
            shard(move || {
                let _ = parker.unpark();
            })
        };
        let (count, waker) = Count::new();
        let mut registration = Registration::new(shard.clone(), 1_000_000);
        assert!(poll(&mut registration, &waker).is_pending());
        let owner = {
            let shard = shard.clone();
            thread::spawn(move || {
                loop {
                    match shard.next_deadline() {
                        1_000_000 => parker.park(),
                        next => break turn(&shard, next),
                    }
                }
            })
        };
        registration.reset(10, |_| false);
        owner.join().unwrap();
        assert_eq!(count.get(), 1);
    });
}

/// A timer that is fired both by its owner and by a thread in the owner's place, or by neither.
#[test]
fn two_turns_fire_once() {
    loom::model(|| {
        let shard = shard(|| ());
        let (count, waker) = Count::new();
        let mut registration = Registration::new(shard.clone(), 10);
        assert!(poll(&mut registration, &waker).is_pending());
        let other = {
            let shard = shard.clone();
            thread::spawn(move || turn(&shard, 12))
        };
        turn(&shard, 11);
        other.join().unwrap();
        assert_eq!(count.get(), 1);
        // Nobody is told of a deadline that has passed.
        assert_eq!(shard.next_deadline(), NEVER);
        assert!(poll(&mut registration, &waker).is_ready());
    });
}

//! Models of `timer/cover.rs`, and of `timer/occupied.rs`, which the thread that sleeps for all goes by.

use std::task::Waker;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use crate::engine::clock::Clock;
use crate::engine::timer::{Cover, Shard, Shards};
use crate::engine::wake_list::WakeList;

const DEADLINE: u64 = 10;

/// Until when the thread that sleeps for all has slept before.
const EARLIER: u64 = 5;

/// A thread that has slept for all and is about to again, and beside it one that sets a deadline and
/// then asks: it may see the sleep that is over.
/// Returns until when the first one sleeps, and what the second one was told.
fn sleeper_against_setter(ask: impl Fn(&Cover) -> bool) -> (u64, bool) {
    let cover = Arc::new(Cover::new());
    let deadline = Arc::new(AtomicU64::new(u64::MAX));
    let (cover2, deadline2) = (cover.clone(), deadline.clone());
    assert_eq!(cover.publish(|| EARLIER), EARLIER);
    let sleeper = thread::spawn(move || {
        cover2.retract();
        cover2.publish(|| deadline2.load(Ordering::Relaxed))
    });
    deadline.store(DEADLINE, Ordering::Relaxed);
    let told = ask(&cover);
    (sleeper.join().unwrap(), told)
}

/// A worker that trusts the sleeper with a deadline that the sleeper does not know.
#[test]
fn who_trusts_the_sleeper_is_woken_in_time() {
    loom::model(|| {
        let (until, left_out) = sleeper_against_setter(|cover| cover.leaves_out(DEADLINE));
        assert!(until <= DEADLINE || left_out, "nobody wakes up at {DEADLINE}");
    });
}

/// A thread from outside that does not wake the sleeper, which sleeps past the deadline.
#[test]
fn a_sleeper_is_told_of_an_earlier_deadline() {
    loom::model(|| {
        let (until, anybody) = sleeper_against_setter(Cover::is_anybody);
        assert!(until <= DEADLINE || anybody, "nobody wakes up at {DEADLINE}");
    });
}

/// The shards of two workers and of those outside, none of which wakes anybody.
fn shards() -> Arc<Shards> {
    let clock = Arc::new(Clock::real());
    let shard = |mark| Shard::new(clock.clone(), Box::new(|| ()), mark);
    Arc::new(Shards::new(clock.clone(), 2, shard))
}

/// The first timer of a shard, which the thread that sleeps for all passes over, since the shard had none.
#[test]
fn the_first_timer_of_a_shard_is_seen_or_left_out() {
    loom::model(|| {
        let (cover, shards) = (Arc::new(Cover::new()), shards());
        let (cover2, shards2) = (cover.clone(), shards.clone());
        assert_eq!(cover.publish(|| EARLIER), EARLIER);
        let sleeper = thread::spawn(move || {
            cover2.retract();
            cover2.publish(|| shards2.earliest())
        });
        let own = shards.of_worker(0).unwrap();
        let _key = own.insert(DEADLINE, Waker::noop().clone(), true).unwrap();
        let left_out = cover.leaves_out(DEADLINE);
        let until = sleeper.join().unwrap();
        assert!(until <= DEADLINE || left_out, "nobody wakes up at {DEADLINE}");
    });
}

/// A timer that is set while another thread fires the last one of the same shard, or of its neighbour, and then
/// belongs to a shard that nobody looks at.
#[test]
fn a_timer_that_is_set_while_others_fire_is_found() {
    for same in [true, false] {
        loom::model(move || {
            let shards = shards();
            let own = shards.of_worker(0).unwrap();
            let other = if same { own } else { shards.of_worker(1).unwrap() };
            let _fired = own.insert(EARLIER, Waker::noop().clone(), true).unwrap();
            let shards2 = shards.clone();
            let holder = thread::spawn(move || {
                shards2.clock().set(EARLIER);
                let mut ready = WakeList::new();
                shards2.look(shards2.with_deadline(), &mut ready);
                assert_eq!(ready.drain().count(), 1);
            });
            let _key = other.insert(DEADLINE, Waker::noop().clone(), true).unwrap();
            holder.join().unwrap();
            assert_eq!(shards.earliest(), DEADLINE, "nobody looks there");
        });
    }
}

/// A timer that is set beside another one, whose setter has not yet said that the shard has a deadline.
#[test]
fn a_timer_that_is_set_beside_another_is_found_at_once() {
    loom::model(|| {
        let shards = shards();
        let shards2 = shards.clone();
        let other = thread::spawn(move || {
            let _key = shards2.outside().insert(DEADLINE, Waker::noop().clone(), false).unwrap();
        });
        let _key = shards.outside().insert(EARLIER, Waker::noop().clone(), false).unwrap();
        assert_eq!(shards.earliest(), EARLIER, "nobody looks there");
        other.join().unwrap();
    });
}

//! Models of `timer/cover.rs`, and of `timer/occupied.rs`, which the thread that sleeps for all
//! shards uses.

use std::task::Waker;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use crate::engine::clock::{Clock, NEVER};
use crate::engine::timer::{Cover, Shard, Shards};
use crate::engine::wake_list::WakeList;

const DEADLINE: u64 = 10;

/// The wake-up time of an earlier sleep of the thread that sleeps for all.
const EARLIER: u64 = 5;

/// How late a timer may be.
const SLACK: u64 = 3;

/// Until when a thread sleeps at the most that serves this deadline.
fn late(earliest: u64) -> u64 {
    earliest.saturating_add(SLACK)
}

/// A thread that has slept for all and is about to again, and beside it one that sets a deadline
/// and then asks: it may see the sleep that is over. Returns until when the first one sleeps, and
/// what the second one was told.
fn sleeper_against_setter(ask: impl Fn(&Cover) -> bool) -> (u64, bool) {
    let cover = Arc::new(Cover::new(SLACK));
    let deadline = Arc::new(AtomicU64::new(u64::MAX));
    let (cover2, deadline2) = (cover.clone(), deadline.clone());
    assert_eq!(cover.publish(|| EARLIER, late), EARLIER + SLACK);
    let sleeper = thread::spawn(move || {
        cover2.retract();
        cover2.publish(|| deadline2.load(Ordering::Relaxed), late)
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
        assert!(until <= late(DEADLINE) || left_out, "nobody wakes up at {DEADLINE}");
    });
}

/// A thread from outside that does not wake the sleeper, which sleeps past the deadline.
#[test]
fn a_sleeper_is_told_of_an_earlier_deadline() {
    loom::model(|| {
        let told = |cover: &Cover| cover.is_too_long_for(DEADLINE);
        let (until, told) = sleeper_against_setter(told);
        assert!(until <= late(DEADLINE) || told, "nobody wakes up at {DEADLINE}");
    });
}

/// As above where time is paused, and the sleeper does not sleep for what it has published.
#[test]
fn a_sleeper_is_told_of_each_earlier_deadline_while_time_is_paused() {
    loom::model(|| {
        let (until, anybody) = sleeper_against_setter(Cover::is_anybody);
        assert!(until <= late(DEADLINE) || anybody, "nobody wakes up at {DEADLINE}");
    });
}

/// Two timers, of which the sleeper knows one: the other one, a little earlier, is fired too late,
/// or costs a wake-up of its own although it is within the slack.
#[test]
fn a_timer_within_the_slack_shares_the_wake_up() {
    loom::model(|| {
        let (cover, shards) = (Arc::new(Cover::new(SLACK)), shards(2));
        let (cover2, shards2) = (cover.clone(), shards.clone());
        let first = shards.of_worker(1).unwrap();
        let _first = first.insert(DEADLINE, Waker::noop().clone(), true).unwrap();
        let sleeper = thread::spawn(move || {
            cover2.publish(|| shards2.earliest(), |earliest| shards2.last_with(earliest, SLACK))
        });
        let own = shards.of_worker(0).unwrap();
        let _second = own.insert(DEADLINE - 2, Waker::noop().clone(), true).unwrap();
        let left_out = cover.leaves_out(DEADLINE - 2);
        let until = sleeper.join().unwrap();
        assert!(until <= late(DEADLINE - 2) || left_out, "nobody wakes up in time");
        // Whichever was first, the timers do not need two sleeps.
        assert_eq!(until, DEADLINE);
    });
}

/// The shards of so many workers and the one for other threads; none wakes anybody.
fn shards(workers: usize) -> Arc<Shards> {
    let clock = Arc::new(Clock::real());
    let shard = |mark| Shard::new(clock.clone(), SLACK, Box::new(|_| ()), mark);
    Arc::new(Shards::new(clock.clone(), workers, shard))
}

/// One thread: a look at all that goes to shards without a deadline, or leaves one out.
#[test]
fn a_look_at_all_goes_to_those_that_have_a_deadline() {
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 10_000; // it looks at many
    builder.check(|| {
        let shards = shards(130);
        let looked_at = || shards.with_deadline().count();
        let set = |worker, deadline| {
            let shard = shards.of_worker(worker).unwrap();
            shard.insert(deadline, Waker::noop().clone(), true).unwrap()
        };
        assert_eq!((looked_at(), shards.earliest()), (0, NEVER));
        let marked = [0, 5, 63, 64, 127, 128, 129];
        let keys = marked.map(|worker| set(worker, DEADLINE + worker as u64));
        let _first = set(5, EARLIER);
        let found: Vec<_> = shards.with_deadline().map(|shard| shard.next_deadline()).collect();
        assert_eq!(found, [10, EARLIER, 73, 74, 137, 138, 139]);
        assert_eq!(shards.earliest(), EARLIER);

        // What is due leaves, and a shard that has another deadline stays.
        let mut ready = WakeList::new();
        shards.clock().set(DEADLINE);
        shards.look(shards.with_deadline(), &mut ready);
        assert_eq!((ready.drain().count(), looked_at(), shards.earliest()), (2, 6, 15));

        // A cancelled timer is forgotten at the next look.
        let last = shards.of_worker(129).unwrap();
        assert!(last.remove(keys[6]).is_some());
        assert_eq!(last.exact_next_deadline(), NEVER);
        assert_eq!(looked_at(), 5);

        shards.all().iter().for_each(|shard| shard.close(&mut ready));
        assert_eq!((ready.drain().count(), looked_at()), (5, 0));
    });
}

/// The first timer of a shard, which the thread that sleeps for all passes over, since the shard
/// had none.
#[test]
fn the_first_timer_of_a_shard_is_seen_or_left_out() {
    loom::model(|| {
        let (cover, shards) = (Arc::new(Cover::new(SLACK)), shards(2));
        let (cover2, shards2) = (cover.clone(), shards.clone());
        assert_eq!(cover.publish(|| EARLIER, late), EARLIER + SLACK);
        let sleeper = thread::spawn(move || {
            cover2.retract();
            cover2.publish(|| shards2.earliest(), |earliest| shards2.last_with(earliest, SLACK))
        });
        let own = shards.of_worker(0).unwrap();
        let _key = own.insert(DEADLINE, Waker::noop().clone(), true).unwrap();
        let left_out = cover.leaves_out(DEADLINE);
        let until = sleeper.join().unwrap();
        assert!(until <= DEADLINE || left_out, "nobody wakes up at {DEADLINE}");
    });
}

/// A timer that is set while another thread fires the last one of the same shard, or of its
/// neighbour, and then belongs to a shard that nobody looks at.
#[test]
fn a_timer_that_is_set_while_others_fire_is_found() {
    for same in [true, false] {
        loom::model(move || {
            let shards = shards(2);
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

/// A timer that is set beside another one, whose setter has not yet said that the shard has a
/// deadline.
#[test]
fn a_timer_that_is_set_beside_another_is_found_at_once() {
    loom::model(|| {
        let shards = shards(2);
        let shards2 = shards.clone();
        let other = thread::spawn(move || {
            let _key = shards2.outside().insert(DEADLINE, Waker::noop().clone(), false).unwrap();
        });
        let _key = shards.outside().insert(EARLIER, Waker::noop().clone(), false).unwrap();
        assert_eq!(shards.earliest(), EARLIER, "nobody looks there");
        other.join().unwrap();
    });
}

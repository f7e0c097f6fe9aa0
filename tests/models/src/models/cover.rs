//! Models of `timer/cover.rs`.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use crate::engine::timer::Cover;

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

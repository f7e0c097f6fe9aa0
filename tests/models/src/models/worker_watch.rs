//! Models of `task/watch.rs`.

use std::panic::Location;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use crate::engine::task::{Absence, Mark, Watch};

/// A report that blames one task for another's poll.
#[test]
fn a_poll_is_never_given_another_ones_name() {
    loom::model(|| {
        let watch = Arc::new(Watch::new());
        let owner = watch.clone();
        let places = [Location::caller(), Location::caller()];
        let thread = thread::spawn(move || {
            for (id, place) in [11, 22].into_iter().zip(places) {
                owner.begin(id, Some(place));
                let _ = owner.end();
            }
        });
        let monitor = thread::spawn(move || {
            // Until a poll is seen, but no longer than both take.
            for _ in 0..2 {
                if let Some(seen) = watch.look() {
                    if let Some(whose) = watch.whose(seen) {
                        let (id, place) =
                            if seen.seq == 1 { (11, places[0]) } else { (22, places[1]) };
                        assert_eq!((whose.id, whose.location), (id, Some(place)));
                    }
                    return;
                }
            }
        });
        monitor.join().unwrap();
        thread.join().unwrap();
    });
}

/// A poll that counts as another one after a long wait, and is seen without its name.
#[test]
fn a_renewed_poll_keeps_its_name() {
    loom::model(|| {
        let watch = Arc::new(Watch::new());
        let owner = watch.clone();
        let monitor = thread::spawn(move || {
            if let Some(whose) = watch.look().and_then(|seen| watch.whose(seen)) {
                assert_eq!(whose.id, 11);
            }
        });
        owner.begin(11, None);
        owner.renew();
        monitor.join().unwrap();
    });
}

/// A slot that counts as stalled for ever, or is counted off twice.
#[test]
fn a_verdict_is_taken_back_once() {
    loom::model(|| {
        let watch = Arc::new(Watch::new());
        let stalled = Arc::new(AtomicUsize::new(0));
        let (owner, count) = (watch.clone(), stalled.clone());
        let thread = thread::spawn(move || {
            owner.begin(1, None);
            if owner.end() == Some(Absence::Stalled) {
                count.fetch_sub(1, Ordering::Relaxed);
            }
        });
        if let Some(seen) = watch.look() {
            // Counted before the verdict can be seen and taken back.
            stalled.fetch_add(1, Ordering::Relaxed);
            if !watch.condemn(seen, Mark::Computes) {
                stalled.fetch_sub(1, Ordering::Relaxed);
            }
        }
        if watch.pardon() {
            stalled.fetch_sub(1, Ordering::Relaxed);
        }
        thread.join().unwrap();
        // The monitor's next look.
        if watch.pardon() {
            stalled.fetch_sub(1, Ordering::Relaxed);
        }
        assert_eq!(stalled.load(Ordering::Relaxed), 0);
    });
}

/// A slot that goes into `block_in_place` in a poll that is just found stalled, and counts as both,
/// or as neither.
#[test]
fn what_is_announced_takes_the_place_of_a_verdict() {
    loom::model(|| {
        let watch = Arc::new(Watch::new());
        let (stalled, in_place) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (owner, stalls, places) = (watch.clone(), stalled.clone(), in_place.clone());
        let thread = thread::spawn(move || {
            owner.begin(1, None);
            let before = owner.announce();
            places.fetch_add(1, Ordering::Relaxed);
            if before == Some(Absence::Stalled) {
                stalls.fetch_sub(1, Ordering::Relaxed);
            }
            assert_eq!(owner.take_verdict(), Some(Absence::InPlace));
            places.fetch_sub(1, Ordering::Relaxed);
            if owner.end() == Some(Absence::Stalled) {
                stalls.fetch_sub(1, Ordering::Relaxed);
            }
        });
        if let Some(seen) = watch.look() {
            stalled.fetch_add(1, Ordering::Relaxed);
            if !watch.condemn(seen, Mark::Computes) {
                stalled.fetch_sub(1, Ordering::Relaxed);
            }
        }
        thread.join().unwrap();
        if watch.pardon() {
            stalled.fetch_sub(1, Ordering::Relaxed);
        }
        assert_eq!(stalled.load(Ordering::Relaxed), 0);
        assert_eq!(in_place.load(Ordering::Relaxed), 0);
    });
}

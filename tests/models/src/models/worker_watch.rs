//! Models of `task/watch.rs`, and of the accounts that its verdicts are counted in
//! (`scheduler/spares.rs`).

use std::panic::Location;

use loom::sync::Arc;
use loom::thread;

use crate::engine::scheduler::spares::Spares;
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
            // Loops until a poll is seen, but no longer than both polls take.
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

/// A poll that is taken for another one after a long wait, and is seen without its name.
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

/// A slot and the accounts that it is counted in.
struct Slot {
    watch: Watch,
    spares: Spares,
}

impl Slot {
    fn new() -> Arc<Slot> {
        Arc::new(Slot { watch: Watch::new(), spares: Spares::new(1, 1, 1) })
    }

    /// Does what `Worker` does after a poll.
    fn end(&self) {
        if let Some(absence) = self.watch.end() {
            self.spares.returned(absence);
        }
    }

    fn condemn(&self) {
        if let Some(seen) = self.watch.look() {
            let _condemned = self.spares.condemn(&self.watch, seen, Mark::Computes);
        }
    }

    fn missing(&self, absence: Absence) -> usize {
        self.spares.count_missing(absence)
    }
}

/// A slot that counts as stalled for ever, or is counted off twice.
#[test]
fn a_verdict_is_taken_back_once() {
    loom::model(|| {
        let slot = Slot::new();
        let owner = slot.clone();
        let thread = thread::spawn(move || {
            owner.watch.begin(1, None);
            owner.end();
        });
        slot.condemn();
        slot.spares.pardon(&slot.watch);
        thread.join().unwrap();
        // The monitor's next look.
        slot.spares.pardon(&slot.watch);
        assert_eq!(slot.missing(Absence::Stalled), 0);
    });
}

/// A slot that goes into `block_in_place` in a poll that is just found stalled, and counts as both,
/// or as neither.
#[test]
fn what_is_announced_takes_the_place_of_a_verdict() {
    loom::model(|| {
        let slot = Slot::new();
        let owner = slot.clone();
        let thread = thread::spawn(move || {
            owner.watch.begin(1, None);
            assert!(owner.spares.announce(&owner.watch));
            assert_eq!(owner.missing(Absence::InPlace), 1);
            assert_eq!(owner.watch.take_verdict(), Some(Absence::InPlace));
            owner.spares.returned(Absence::InPlace);
            owner.end();
        });
        slot.condemn();
        thread.join().unwrap();
        slot.spares.pardon(&slot.watch);
        assert_eq!(slot.missing(Absence::Stalled), 0);
        assert_eq!(slot.missing(Absence::InPlace), 0);
    });
}

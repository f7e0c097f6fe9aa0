//! Models of `engine/insight/recorder/ring.rs`.

use loom::sync::Arc;
use loom::thread;

use crate::engine::insight::recorder::{Contents, EVENT_BYTES, Ring};

/// The words of event `n`.
fn event(n: u64) -> [u64; 2] {
    [n, n + 100]
}

/// Checks that each event is the one that its place in the order says, with both of its words.
fn check(Contents { events, overwritten }: &Contents) {
    for (read, n) in events.iter().zip(*overwritten..) {
        assert_eq!(*read, event(n));
    }
}

/// Would find a reader that takes the half of an event for that of another one, takes an event for
/// the one that has overwritten it, or counts on one that it does not see yet.
#[test]
fn what_is_overwritten_while_it_is_read_is_left_out() {
    loom::model(|| {
        // Two places: a chunk has one.
        let ring = Arc::new(Ring::new(2 * EVENT_BYTES));
        ring.push(event(0));
        ring.push(event(1));
        let reader = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || check(&ring.read_back(|_| true)))
        };
        ring.push(event(2));
        ring.push(event(3));
        reader.join().unwrap();
        let after = ring.read_back(|_| true);
        check(&after);
        assert_eq!((after.overwritten, after.events.len()), (3, 1));
    });
}

/// Would find an event that is counted before all of it is there.
#[test]
fn what_is_counted_is_there() {
    loom::model(|| {
        let ring = Arc::new(Ring::new(4 * EVENT_BYTES));
        // All places have been written.
        (0..4).for_each(|n| ring.push(event(n)));
        let reader = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || check(&ring.read_back(|_| true)))
        };
        ring.push(event(4));
        reader.join().unwrap();
    });
}

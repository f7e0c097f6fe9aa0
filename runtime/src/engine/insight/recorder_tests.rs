//! Tests of `recorder/ring.rs`. Not in that file: the models compile it.

use super::recorder::{Contents, EVENT_BYTES, Ring};
use crate::engine::primitive::atomic::Ordering;
use crate::engine::primitive::sizes::RING_CHUNK as CHUNK;

const CHUNK_BYTES: usize = CHUNK * EVENT_BYTES;

#[test]
fn the_last_events_are_kept_in_order() {
    let ring = Ring::new(1);
    let places = CHUNK as u64;
    assert_eq!(ring.read_back(|_| true), Contents::default());
    for n in 0..3 * places + 5 {
        ring.push([n, !n]);
        let Contents { events, overwritten } = ring.read_back(|_| true);
        // The place of the oldest may be that of an event that is being written.
        let expected: Vec<_> = ((n + 2).saturating_sub(places)..=n).map(|n| [n, !n]).collect();
        assert_eq!(events, expected);
        assert_eq!(overwritten, (n + 2).saturating_sub(places));
    }
}

#[test]
fn a_reader_can_stop_at_the_events_that_it_wants() {
    let ring = Ring::new(4 * CHUNK_BYTES);
    for n in 0..5 * CHUNK as u64 {
        ring.push([n, 0]);
    }
    let last = 5 * CHUNK as u64 - 1;
    let Contents { events, .. } = ring.read_back(|[n, _]| n + 3 > last);
    assert_eq!(events, [[last - 2, 0], [last - 1, 0], [last, 0]]);
    assert_eq!(ring.chunks(), (4, 4));
}

#[test]
fn memory_is_taken_as_it_is_needed() {
    let ring = Ring::new(4 << 20);
    let (chunks, made) = ring.chunks();
    assert_eq!((chunks * CHUNK_BYTES, made), (4 << 20, 0));
    ring.push([1, 1]);
    assert_eq!(ring.chunks(), (chunks, 1));
}

#[test]
fn no_event_is_torn_while_the_writer_goes_round_and_round() {
    let ring = Ring::new(CHUNK_BYTES);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                ring.push([n, !n]);
                n += 1;
            }
        });
        let mut seen = 0;
        let mut last = 0;
        while seen < 200_000 || last < 100 * CHUNK as u64 {
            let Contents { events, .. } = ring.read_back(|_| true);
            seen += events.len() + 1;
            for pair in events.windows(2) {
                assert_eq!(pair[0][0] + 1, pair[1][0]);
            }
            for [one, two] in events {
                assert_eq!(one, !two);
                last = one;
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

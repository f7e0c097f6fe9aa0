//! Tests of `idle_spin.rs`, apart from it, since the models compile that file with other atomics.

use std::time::{Duration, Instant};

use super::idle_spin::IdleSpin;

const LIMIT: Duration = Duration::from_micros(20);

fn looks(spin: &IdleSpin) -> bool {
    spin.until(Instant::now).is_some()
}

#[test]
fn it_looks_while_half_of_the_spells_are_short() {
    let spin = IdleSpin::new(LIMIT);
    assert!(!looks(&spin));
    for _ in 0..4 {
        assert!(!looks(&spin));
        spin.note(2 * LIMIT);
    }
    assert!(looks(&spin));
    for _ in 0..4 {
        spin.note(2 * LIMIT + Duration::from_nanos(2));
        assert!(looks(&spin));
    }
    spin.note(Duration::from_secs(1));
    assert!(!looks(&spin));
}

#[test]
fn it_looks_for_the_limit() {
    let spin = IdleSpin::new(LIMIT);
    (0..8).for_each(|_| spin.note(Duration::ZERO));
    let now = Instant::now();
    assert_eq!(spin.until(|| now), Some(now + LIMIT));
}

#[test]
fn with_a_limit_of_zero_it_never_looks_and_reads_no_clock() {
    let spin = IdleSpin::new(Duration::ZERO);
    (0..8).for_each(|_| spin.note(Duration::ZERO));
    assert_eq!(spin.until(|| unreachable!("nobody looks")), None);
}

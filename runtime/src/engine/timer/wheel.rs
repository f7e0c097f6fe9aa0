//! A hierarchical timing wheel: says which timers are due, and when to look again.
//!
//! # Problem
//!
//! A server sets a timer for nearly every request, and hardly any fires. So setting and cancelling
//! must cost only a few memory accesses, however many timers there are; firing may cost more. A
//! heap pays a logarithm for each; a wheel (Varghese and Lauck, 1987) does not.
//!
//! The wheel is pure: it has no lock, no clock and no thread, and it calls no waker. Time comes in
//! as an argument, wakers go out in a list. `shard.rs` shares it between threads.
//!
//! # Shape
//!
//! Time is a `u64` of nanoseconds. A *tick* is 2^10 of them. Nine levels of 64 slots each cover the
//! whole range (10 + 9 * 6 = 64 bits): a slot of level 0 is one tick wide, a slot of level `l` is
//! as wide as the whole level below.
//!
//! ```text
//!            bits of a deadline, in ticks            cursor = 5:2:61
//!   level 2   [ 6 bits ] ------------------+
//!   level 1        [ 6 bits ] ---------+   |     a deadline is filed at the highest level
//!   level 0             [ 6 bits ] -+  |   |     whose digit differs from the cursor's
//!                                   |  |   |
//!    0 .. 61 .. 63  <---------------+  |   |     5:2:63 -> level 0, slot 63
//!    0 .. 2 ..  63  <------------------+   |     5:4:07 -> level 1, slot 4
//!    0 .. 5 ..  63  <----------------------+     9:0:00 -> level 2, slot 9
//! ```
//!
//! The *cursor* is the tick up to which time has passed. When it enters a slot of a higher level,
//! the slot's entries are filed again, lower (a *cascade*). Each level has a bitmap of its occupied
//! slots, so finding the next one is one instruction for each level. Empty ticks are not visited,
//! so a jump of a year costs the same as a jump of a tick.
//!
//! # Invariants
//!
//! 1. An entry is filed where [`Wheel::place`] says for the present cursor. The cursor moves only
//!    to the start of the earliest occupied slot, or to the given time if that is earlier. Neither
//!    changes the highest digit in which a remaining entry differs from the cursor.
//! 2. So on every level all occupied slots lie ahead of the cursor's digit (on level 0: at it or
//!    ahead), and every entry of a level is due before every entry of the levels above. The
//!    earliest slot is the lowest bit of the lowest level that is not empty.
//! 3. The one exception is a cascade that ran out of its budget: its slot has the cursor's own
//!    digit. `unfinished` holds the slot, and the next turn continues there first.
//! 4. A waker leaves only when its exact deadline has been reached: `deadline <= elapsed`. The slot
//!    of the cursor is searched, not emptied.
//! 5. A slot's `min` is never later than any deadline in it. Cancelling does not raise it; the next
//!    search of the slot does. So [`Wheel::next_deadline`] is exact except for cancelled timers,
//!    for which it may be early, once; it is never late.
//! 6. Entries leave in the order of their ticks, and those of one tick in the order in which they
//!    came: a list is appended to at its tail and read from its head, in a cascade too.
//! 7. A key's stamp belongs to one insertion. A key whose entry has left finds nothing, even if
//!    another entry has its place.
//!
//! # Why a tick of a microsecond
//!
//! Entries keep their exact deadline, so the tick does not round. It only decides how many entries
//! share a slot of level 0. The slot of the cursor is searched at each turn, and turns are at least
//! a system call apart. With a tick of 2^16 ns a slot of a thousand timers was searched some sixty
//! times; with 2^10 ns it is searched once or twice, for one more level that costs nothing.

use std::task::Waker;

use super::entries::{Entries, NIL};
use crate::engine::wake_list::WakeList;

pub(crate) use super::entries::Key;

const TICK_BITS: u32 = 10;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const LEVELS: usize = 9;
const _: () = assert!(TICK_BITS + LEVELS as u32 * SLOT_BITS == u64::BITS);

/// How many timers are looked at to find out which of them are due together: as many as a few cache
/// misses each are cheaper than a wake-up.
const GROUP: usize = 32;

/// How much one turn may do, so that a burst of timers does not hold up the thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// Wakers collected.
    pub(crate) fires: usize,
    /// Entries filed again.
    pub(crate) moves: usize,
}

/// The wheel.
#[derive(Debug)]
pub(crate) struct Wheel {
    slots: Box<[Slot; LEVELS * SLOTS]>,
    /// For each level, a bit for each slot that has entries.
    occupied: [u64; LEVELS],
    /// The cursor, in ticks; see the top of the file.
    cursor: u64,
    /// In nanoseconds: the latest time that `advance` was given. At or ahead of the cursor.
    elapsed: u64,
    /// The slot of a cascade that is not done (invariant 3).
    unfinished: Option<u16>,
    entries: Entries,
    insertions: u64,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    head: u32,
    tail: u32,
    min: u64,
}

const EMPTY: Slot = Slot { head: NIL, tail: NIL, min: u64::MAX };

impl Wheel {
    pub(crate) fn new() -> Wheel {
        Wheel {
            slots: Box::new([EMPTY; LEVELS * SLOTS]),
            occupied: [0; LEVELS],
            cursor: 0,
            elapsed: 0,
            unfinished: None,
            entries: Entries::default(),
            insertions: 0,
        }
    }

    /// The latest time that [`Wheel::advance`] was given.
    pub(crate) fn elapsed(&self) -> u64 {
        self.elapsed
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many entries were ever inserted.
    pub(crate) fn insertions(&self) -> u64 {
        self.insertions
    }

    /// Inserts `waker` for `deadline`. If that has passed, it is due at the next turn.
    pub(crate) fn insert(&mut self, deadline: u64, waker: Waker) -> Key {
        self.insertions += 1;
        let stamp = self.insertions as u32;
        let index = self.entries.take();
        let entry = self.entries.at(index);
        entry.deadline = deadline;
        entry.waker = Some(waker);
        entry.stamp = stamp;
        self.link(index, deadline);
        Key { index, stamp }
    }

    /// Removes an entry; `None` if it has left already.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Waker> {
        self.entries.find(key)?;
        self.unlink(key.index);
        self.entries.put_back(key.index)
    }

    /// Changes an entry's waker and returns the old one. Returns the new one if the entry has left
    /// already.
    pub(crate) fn update_waker(&mut self, key: Key, waker: Waker) -> Result<Option<Waker>, Waker> {
        match self.entries.find(key) {
            Some(entry) => Ok(entry.waker.replace(waker)),
            None => Err(waker),
        }
    }

    /// Changes an entry's deadline. Returns whether the entry was still there.
    pub(crate) fn reschedule(&mut self, key: Key, deadline: u64) -> bool {
        let Some(entry) = self.entries.find(key) else { return false };
        entry.deadline = deadline;
        self.unlink(key.index);
        self.link(key.index, deadline);
        true
    }

    /// Collects the wakers of what is due at `now`, within `limit`. Returns whether more is due.
    /// Time does not go backwards: an earlier `now` than before counts as the former one.
    pub(crate) fn advance(&mut self, now: u64, limit: Limit, out: &mut WakeList) -> bool {
        let now = now.max(self.elapsed);
        self.elapsed = now;
        let mut left = limit;
        while let Some(place) = self.earliest() {
            let start = self.start(place);
            if start > now >> TICK_BITS {
                break;
            }
            // Invariant 1: to the start of the earliest slot.
            self.cursor = self.cursor.max(start);
            let done = if usize::from(place) < SLOTS {
                self.fire(place, now, &mut left, out)
            } else {
                self.cascade(place, now, &mut left, out)
            };
            if !done {
                return true;
            }
            if self.slots[usize::from(place)].head != NIL {
                // The slot of the present tick, whose rest is not due yet.
                break;
            }
        }
        self.cursor = now >> TICK_BITS;
        false
    }

    /// When to call [`Wheel::advance`] next: never later than the earliest deadline, earlier only
    /// after cancels (invariant 5) or when the last turn ran into its limit. `u64::MAX`: not before
    /// something is inserted.
    pub(crate) fn next_deadline(&self) -> u64 {
        if self.unfinished.is_some() {
            return self.elapsed;
        }
        self.earliest().map_or(u64::MAX, |place| self.slots[usize::from(place)].min)
    }

    /// The exact earliest deadline. It searches a slot, so it is for a clock that jumps, not for
    /// each turn.
    pub(crate) fn exact_next_deadline(&mut self) -> u64 {
        if self.unfinished.is_some() {
            return self.elapsed;
        }
        let Some(place) = self.earliest() else { return u64::MAX };
        let mut min = u64::MAX;
        let mut index = self.slots[usize::from(place)].head;
        while index != NIL {
            let entry = self.entries.at(index);
            min = min.min(entry.deadline);
            index = entry.next;
        }
        self.slots[usize::from(place)].min = min;
        min
    }

    /// The latest deadline up to `limit`, as far as the first [`GROUP`] timers tell; at least
    /// [`Wheel::next_deadline`], if that is within. After cancels, too, there may be none at that
    /// time.
    pub(crate) fn last_until(&mut self, limit: u64) -> u64 {
        let mut last = self.next_deadline();
        if self.unfinished.is_some() || last >= limit {
            return last;
        }
        let mut left = GROUP;
        // Invariant 2: by levels, and by slots within a level, later and later.
        for level in 0..LEVELS {
            let mut slots = self.occupied[level];
            while slots != 0 {
                let place = level * SLOTS + slots.trailing_zeros() as usize;
                slots &= slots - 1;
                if self.slots[place].min > limit {
                    return last;
                }
                let mut index = self.slots[place].head;
                while index != NIL {
                    if left == 0 {
                        return last;
                    }
                    left -= 1;
                    let entry = self.entries.at(index);
                    if entry.deadline <= limit {
                        last = last.max(entry.deadline);
                    }
                    index = entry.next;
                }
            }
        }
        last
    }

    /// Takes every waker out, due or not. Nothing is ever due after that: every deadline counts as
    /// passed.
    pub(crate) fn close(&mut self, out: &mut WakeList) {
        let places = 0..(LEVELS * SLOTS) as u16;
        for place in places {
            while let Some(waker) = self.pop(place) {
                out.push(waker);
            }
        }
        self.elapsed = u64::MAX;
    }

    /// The slot for a deadline (invariant 1). A deadline that has passed belongs to the cursor's
    /// own tick.
    #[inline]
    fn place(&self, deadline: u64) -> u16 {
        let tick = (deadline >> TICK_BITS).max(self.cursor);
        let level = ((tick ^ self.cursor) | 1).ilog2() / SLOT_BITS;
        let slot = (tick >> (level * SLOT_BITS)) as u16 & (SLOTS as u16 - 1);
        ((level as u16) << SLOT_BITS) | slot
    }

    /// The first tick of a slot ahead of the cursor.
    fn start(&self, place: u16) -> u64 {
        let shift = u32::from(place >> SLOT_BITS) * SLOT_BITS;
        let above = shift + SLOT_BITS;
        let slot = u64::from(place) & (SLOTS as u64 - 1);
        ((self.cursor >> above) << above) | (slot << shift)
    }

    /// The slot to look at next (invariants 2 and 3).
    fn earliest(&self) -> Option<u16> {
        if self.unfinished.is_some() {
            return self.unfinished;
        }
        let level = self.occupied.iter().position(|&slots| slots != 0)?;
        Some(((level as u16) << SLOT_BITS) | self.occupied[level].trailing_zeros() as u16)
    }

    /// Collects what is due in a slot of level 0. Returns whether it reached the end of the slot:
    /// then what is left in the slot is not due.
    fn fire(&mut self, place: u16, now: u64, left: &mut Limit, out: &mut WakeList) -> bool {
        let mut min = u64::MAX;
        let mut index = self.slots[usize::from(place)].head;
        while index != NIL {
            let entry = self.entries.at(index);
            let (deadline, next) = (entry.deadline, entry.next);
            if deadline <= now {
                if left.fires == 0 {
                    return false;
                }
                left.fires -= 1;
                self.unlink(index);
                if let Some(waker) = self.entries.put_back(index) {
                    out.push(waker);
                }
            } else {
                min = min.min(deadline);
            }
            index = next;
        }
        self.slots[usize::from(place)].min = min;
        true
    }

    /// Moves the entries of a slot that the cursor has entered to lower levels. Returns whether it
    /// reached the end of the slot.
    ///
    /// Entries of its first tick that are due are collected at once: nothing in the wheel is
    /// earlier, so the order stays, and a burst of equal deadlines is not moved down all levels.
    fn cascade(&mut self, place: u16, now: u64, left: &mut Limit, out: &mut WakeList) -> bool {
        let first = self.slots[usize::from(place)].min >> TICK_BITS;
        loop {
            let index = self.slots[usize::from(place)].head;
            if index == NIL {
                return true;
            }
            if left.fires == 0 || left.moves == 0 {
                self.unfinished = Some(place);
                return false;
            }
            let deadline = self.entries.at(index).deadline;
            self.unlink(index);
            if deadline <= now && deadline >> TICK_BITS == first {
                left.fires -= 1;
                if let Some(waker) = self.entries.put_back(index) {
                    out.push(waker);
                }
            } else {
                left.moves -= 1;
                self.link(index, deadline);
            }
        }
    }

    /// Takes the first entry of a slot.
    fn pop(&mut self, place: u16) -> Option<Waker> {
        let index = self.slots[usize::from(place)].head;
        if index == NIL {
            return None;
        }
        self.unlink(index);
        self.entries.put_back(index)
    }

    /// Appends an entry to the list where its deadline belongs.
    #[inline]
    fn link(&mut self, index: u32, deadline: u64) {
        let place = self.place(deadline);
        let slot = &mut self.slots[usize::from(place)];
        let tail = slot.tail;
        slot.tail = index;
        slot.min = slot.min.min(deadline);
        if tail == NIL {
            slot.head = index;
            self.occupied[usize::from(place >> SLOT_BITS)] |= 1 << (place & (SLOTS as u16 - 1));
        } else {
            self.entries.at(tail).next = index;
        }
        let entry = self.entries.at(index);
        entry.prev = tail;
        entry.next = NIL;
        entry.place = place;
    }

    /// Takes an entry out of its list.
    #[inline]
    fn unlink(&mut self, index: u32) {
        let entry = self.entries.at(index);
        let (prev, next, place) = (entry.prev, entry.next, entry.place);
        let slot = &mut self.slots[usize::from(place)];
        if prev == NIL {
            slot.head = next;
        } else {
            self.entries.at(prev).next = next;
        }
        if next == NIL {
            slot.tail = prev;
        } else {
            self.entries.at(next).prev = prev;
        }
        if slot.head == NIL {
            *slot = EMPTY;
            self.occupied[usize::from(place >> SLOT_BITS)] &= !(1 << (place & (SLOTS as u16 - 1)));
            if self.unfinished == Some(place) {
                self.unfinished = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::task::Wake;

    use super::*;
    use crate::engine::rng::FastRand;

    const ALL: Limit = Limit { fires: usize::MAX, moves: usize::MAX };

    /// A waker that stores its name in `last` when it is called.
    struct Named {
        name: u64,
        last: Arc<AtomicU64>,
    }

    impl Wake for Named {
        fn wake(self: Arc<Self>) {
            self.last.store(self.name, Ordering::Relaxed);
        }
    }

    struct Names(Arc<AtomicU64>);

    impl Names {
        fn new() -> Names {
            Names(Arc::new(AtomicU64::new(u64::MAX)))
        }

        fn waker(&self, name: u64) -> Waker {
            Waker::from(Arc::new(Named { name, last: Arc::clone(&self.0) }))
        }

        fn of(&self, waker: Waker) -> u64 {
            waker.wake();
            self.0.load(Ordering::Relaxed)
        }

        fn all(&self, list: &mut WakeList) -> Vec<u64> {
            list.drain().map(|waker| self.of(waker)).collect()
        }
    }

    fn noop() -> Waker {
        Waker::noop().clone()
    }

    fn advance(wheel: &mut Wheel, names: &Names, now: u64) -> Vec<u64> {
        let mut out = WakeList::new();
        assert!(!wheel.advance(now, ALL, &mut out));
        names.all(&mut out)
    }

    /// Asserts the invariants that can be seen in the data.
    fn check(wheel: &mut Wheel) {
        let mut seen = 0;
        for place in 0..(LEVELS * SLOTS) as u16 {
            let slot = wheel.slots[usize::from(place)];
            let bit = wheel.occupied[usize::from(place >> SLOT_BITS)] >> (place & 63) & 1;
            assert_eq!(bit == 1, slot.head != NIL);
            let (mut index, mut prev) = (slot.head, NIL);
            while index != NIL {
                let unfinished = wheel.unfinished == Some(place);
                let entry = wheel.entries.at(index);
                let (deadline, at, before, next) =
                    (entry.deadline, entry.place, entry.prev, entry.next);
                assert_eq!(at, place);
                assert_eq!(before, prev);
                assert!(slot.min <= deadline);
                assert!(unfinished || wheel.place(deadline) == place);
                seen += 1;
                prev = index;
                index = next;
            }
            assert_eq!(slot.tail, prev);
        }
        assert_eq!(seen, wheel.len());
    }

    #[test]
    fn fires_at_the_exact_nanosecond() {
        let names = Names::new();
        let mut wheel = Wheel::new();
        for (name, deadline) in [5u64, 1_000, 1_023, 1_024, 70_000, 1 << 40].into_iter().enumerate()
        {
            wheel.insert(deadline, names.waker(name as u64));
            assert_eq!(wheel.exact_next_deadline().min(5), 5);
        }
        for (name, deadline) in [5u64, 1_000, 1_023, 1_024, 70_000, 1 << 40].into_iter().enumerate()
        {
            assert_eq!(wheel.next_deadline(), deadline);
            assert_eq!(advance(&mut wheel, &names, deadline - 1), []);
            assert_eq!(advance(&mut wheel, &names, deadline), [name as u64]);
            check(&mut wheel);
        }
        assert_eq!(wheel.next_deadline(), u64::MAX);
    }

    #[test]
    fn what_has_passed_is_due_at_the_next_turn() {
        let names = Names::new();
        let mut wheel = Wheel::new();
        assert_eq!(advance(&mut wheel, &names, 1 << 30), []);
        wheel.insert(3, names.waker(1));
        wheel.insert(1 << 30, names.waker(2));
        assert_eq!(wheel.next_deadline(), 3);
        assert_eq!(advance(&mut wheel, &names, 0), [1, 2]);
    }

    #[test]
    fn the_same_deadline_fires_in_order_of_insertion() {
        let names = Names::new();
        let mut wheel = Wheel::new();
        let deadline = 123_456_789_123;
        for name in 0..100 {
            wheel.insert(deadline, names.waker(name));
            if name % 10 == 0 {
                assert_eq!(advance(&mut wheel, &names, deadline / 101 * name), []);
            }
        }
        assert_eq!(advance(&mut wheel, &names, deadline), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn one_jump_fires_in_order_of_deadlines() {
        let names = Names::new();
        let mut wheel = Wheel::new();
        let rng = FastRand::from_seed(3);
        let mut deadlines: Vec<u64> = (0..1000).map(|i| (i + 1) << 12).collect();
        for i in (1..deadlines.len()).rev() {
            deadlines.swap(i, rng.below(i as u32 + 1) as usize);
        }
        for &deadline in &deadlines {
            wheel.insert(deadline, names.waker(deadline));
        }
        deadlines.sort_unstable();
        assert_eq!(advance(&mut wheel, &names, 1 << 50), deadlines);
    }

    #[test]
    fn a_stale_key_finds_nothing() {
        let names = Names::new();
        let mut wheel = Wheel::new();
        let fired = wheel.insert(10, names.waker(1));
        assert_eq!(advance(&mut wheel, &names, 10), [1]);
        let other = wheel.insert(20, names.waker(2));
        assert_eq!(other.index, fired.index, "the place is used again");
        assert!(wheel.remove(fired).is_none());
        assert!(wheel.update_waker(fired, noop()).is_err());
        assert!(!wheel.reschedule(fired, 30));
        assert_eq!(names.of(wheel.remove(other).unwrap()), 2);
        assert!(wheel.remove(other).is_none());
        assert_eq!(wheel.len(), 0);
    }

    #[test]
    fn a_turn_keeps_its_limit_and_the_next_goes_on() {
        let names = Names::new();
        let mut wheel = Wheel::new();
        let limit = Limit { fires: 7, moves: 5 };
        let mut expected = Vec::new();
        for name in 0..200u64 {
            let deadline = (1 << 35) + (name << 15);
            wheel.insert(deadline, names.waker(name));
            expected.push(name);
        }
        let now = (1 << 35) + (100 << 15);
        let mut fired = Vec::new();
        let mut turns = 0;
        loop {
            let mut out = WakeList::new();
            let more = wheel.advance(now, limit, &mut out);
            assert!(out.len() <= 7);
            fired.extend(names.all(&mut out));
            check(&mut wheel);
            assert!(!more || wheel.next_deadline() <= now);
            // An insertion in between is filed correctly.
            if turns == 3 {
                wheel.insert(now + 1, names.waker(1_000));
                check(&mut wheel);
            }
            turns += 1;
            if !more {
                break;
            }
        }
        assert!(turns > 20);
        assert_eq!(fired, expected[..=100]);
        assert_eq!(wheel.next_deadline(), now + 1);
    }

    #[test]
    fn timers_that_are_due_together_are_found_on_every_level() {
        for start in [100u64, 70_000, 5 << 20, 1 << 40] {
            let mut wheel = Wheel::new();
            let deadlines = [start, start + 3, start + 40_000, start + 50_000, start + 50_001];
            let keys = deadlines.map(|deadline| wheel.insert(deadline, noop()));
            assert_eq!(wheel.last_until(start + 50_000), start + 50_000);
            assert_eq!(wheel.last_until(start + 49_999), start + 40_000);
            assert_eq!(wheel.last_until(start), start);
            assert_eq!(wheel.last_until(start - 1), start);
            assert_eq!(wheel.last_until(u64::MAX), start + 50_001);
            assert!(wheel.remove(keys[3]).is_some());
            assert_eq!(wheel.last_until(start + 50_000), start + 40_000);
        }
        assert_eq!(Wheel::new().last_until(5), u64::MAX);
    }

    #[test]
    fn a_search_for_timers_that_are_due_together_is_short() {
        let mut wheel = Wheel::new();
        for i in 0..10_000u64 {
            wheel.insert(1_000_000 + i, noop());
        }
        assert_eq!(wheel.last_until(u64::MAX), 1_000_000 + GROUP as u64 - 1);
    }

    #[test]
    fn a_jump_over_the_whole_range_costs_no_ticks() {
        let names = Names::new();
        let mut wheel = Wheel::new();
        wheel.insert(u64::MAX - 5, names.waker(1));
        wheel.insert(1, names.waker(0));
        assert_eq!(advance(&mut wheel, &names, u64::MAX - 6), [0]);
        assert_eq!(wheel.next_deadline(), u64::MAX - 5);
        assert_eq!(advance(&mut wheel, &names, u64::MAX - 5), [1]);
    }

    #[test]
    fn memory_is_given_back_and_does_not_grow_with_repetition() {
        let mut wheel = Wheel::new();
        let mut peak = 0;
        for round in 0..4 {
            let keys: Vec<Key> = (0..100_000u64).map(|i| wheel.insert(i << 20, noop())).collect();
            if round == 0 {
                peak = wheel.entries.chunks();
            }
            assert_eq!(wheel.entries.chunks(), peak);
            for key in keys {
                assert!(wheel.remove(key).is_some());
            }
            assert_eq!(wheel.len(), 0);
            assert!(wheel.entries.chunks() <= 1);
        }
    }

    #[test]
    fn a_closed_wheel_gives_every_waker_out() {
        let names = Names::new();
        let mut wheel = Wheel::new();
        let key = wheel.insert(10, names.waker(1));
        wheel.insert(u64::MAX - 1, names.waker(2));
        let mut out = WakeList::new();
        wheel.close(&mut out);
        assert_eq!(names.all(&mut out), [1, 2]);
        assert_eq!(wheel.len(), 0);
        assert_eq!(wheel.elapsed(), u64::MAX);
        assert!(wheel.remove(key).is_none());
    }

    /// Random operations on the wheel and on a sorted map, which must agree after each.
    #[test]
    fn agrees_with_a_sorted_map() {
        for seed in 0..60 {
            agrees(seed, ALL);
            agrees(seed, Limit { fires: 3, moves: 2 });
        }
    }

    fn agrees(seed: u64, limit: Limit) {
        let rng = FastRand::from_seed(seed + 1);
        let wide = || u64::from(rng.next_u32()) << 32 | u64::from(rng.next_u32());
        // A distance of any magnitude, so that every level is used.
        let distance = || wide() >> rng.below(64);
        let names = Names::new();
        let mut wheel = Wheel::new();
        let mut model: BTreeMap<(u64, u64), Key> = BTreeMap::new();
        let mut deadlines: Vec<(u64, u64)> = Vec::new();
        let (mut now, mut name) = (0u64, 0u64);

        for _ in 0..800 {
            match rng.below(10) {
                0..4 => {
                    let deadline = match rng.below(4) {
                        0 if !deadlines.is_empty() => {
                            deadlines[rng.below(deadlines.len() as u32) as usize].0
                        }
                        _ => now.saturating_add(distance()).min(u64::MAX - 1),
                    };
                    name += 1;
                    let key = wheel.insert(deadline, names.waker(name));
                    model.insert((deadline, name), key);
                    deadlines.push((deadline, name));
                }
                4..6 if !deadlines.is_empty() => {
                    let at = deadlines.swap_remove(rng.below(deadlines.len() as u32) as usize);
                    let removed = wheel.remove(model.remove(&at).unwrap()).unwrap();
                    assert_eq!(names.of(removed), at.1);
                }
                6 if !deadlines.is_empty() => {
                    let which = rng.below(deadlines.len() as u32) as usize;
                    let key = model.remove(&deadlines[which]).unwrap();
                    let deadline = now.saturating_add(distance()).min(u64::MAX - 1);
                    deadlines[which].0 = deadline;
                    assert!(wheel.reschedule(key, deadline));
                    model.insert(deadlines[which], key);
                }
                7 if !deadlines.is_empty() => {
                    let at = deadlines[rng.below(deadlines.len() as u32) as usize];
                    let old = wheel.update_waker(model[&at], names.waker(at.1)).unwrap().unwrap();
                    assert_eq!(names.of(old), at.1);
                }
                _ => {
                    // Advance to the next deadline, to just before it, or anywhere.
                    let next = model.first_key_value().map_or(now, |((deadline, _), _)| *deadline);
                    now = match rng.below(5) {
                        0 | 1 => now.max(next),
                        2 => now.max(next.saturating_sub(1)),
                        3 => now.saturating_add(distance() >> 20).min(u64::MAX - 1),
                        _ => now.saturating_add(u64::from(rng.below(3000))).min(u64::MAX - 1),
                    };
                    let mut fired = Vec::new();
                    loop {
                        let mut out = WakeList::new();
                        let more = wheel.advance(now, limit, &mut out);
                        assert!(out.len() <= limit.fires);
                        let batch = names.all(&mut out);
                        assert!(!more || wheel.next_deadline() <= now);
                        fired.extend(batch);
                        check(&mut wheel);
                        if !more {
                            break;
                        }
                    }
                    let rest = model.split_off(&(now + 1, 0));
                    let mut due: Vec<(u64, u64)> = model.keys().copied().collect();
                    model = rest;
                    deadlines.retain(|&(deadline, _)| deadline > now);
                    // Nothing here is inserted late, so all of it leaves in the order of ticks.
                    let ticks: Vec<u64> = fired
                        .iter()
                        .map(|name| due.iter().find(|(_, n)| n == name).unwrap().0 >> TICK_BITS)
                        .collect();
                    assert!(ticks.is_sorted());
                    due.sort_unstable_by_key(|&(_, name)| name);
                    fired.sort_unstable();
                    assert_eq!(fired, due.iter().map(|&(_, name)| name).collect::<Vec<_>>());
                }
            }
            check(&mut wheel);
            assert_eq!(wheel.len(), model.len());
            let truth = model.first_key_value().map_or(u64::MAX, |((deadline, _), _)| *deadline);
            assert!(wheel.next_deadline() <= truth);
            if rng.below(4) == 0 && truth > now {
                assert_eq!(wheel.exact_next_deadline(), truth);
                assert_eq!(wheel.next_deadline(), truth);
                let bound = truth.saturating_add(distance());
                let within = model.range(..=(bound, u64::MAX));
                let latest = within.clone().next_back().map_or(u64::MAX, |(at, _)| at.0);
                let last = wheel.last_until(bound);
                if within.count() <= GROUP && model.len() <= GROUP {
                    assert_eq!(last, latest);
                } else {
                    assert!(truth <= last && last <= latest);
                }
            }
        }
    }
}

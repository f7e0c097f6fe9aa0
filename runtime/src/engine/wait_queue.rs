//! A first-in first-out list of waiters, which any waiter may leave from the middle.
//!
//! # Problem
//!
//! A lock, a semaphore and a notification keep their waiters in order. A waiter whose future is
//! dropped must leave at once, wherever it is. A `VecDeque` cannot do that in constant time.
//!
//! # Structure
//!
//! Entries live in one vector and are chained by index. A thread that serves the queue either takes
//! the first entry out, which makes its key void, or unlinks an entry and leaves a result in it,
//! which the waiter reads before it removes the entry.
//!
//! ```text
//!   push_back            pop_front, pop_back          remove
//!   ---------->  linked  -------------------->  apart  -------->  (free)
//!                   \______________ take_front, remove ____________/
//! ```
//!
//! 1. A [`Key`] belongs to one waiter, and only that waiter uses it. Entries are numbered as they
//!    come, and a key has the number: a key whose entry was taken out finds nothing, even if
//!    another entry has its place.
//! 2. The structure has no lock of its own: its user keeps it in one.
//! 3. When the last entry leaves and the vector has grown large, its memory is freed.
//!
//! # Rejected
//!
//! Nodes inside the waiting futures cost no allocation, but need pinned futures and unsafe code at
//! each step. Here a waiter costs an allocation only when the queue grows beyond its largest size.

/// No entry.
const NONE: u32 = u32::MAX;
/// A vector of at most this many entries is kept when it is empty.
const KEEP: usize = 32;

/// Identifies one waiter's entry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Key {
    index: u32,
    number: Number,
}

impl Key {
    /// The waiter's number: it orders waiters by their arrival.
    #[inline]
    pub(crate) fn number(&self) -> Number {
        self.number
    }
}

/// Counts arrivals. It may wrap where a word has 32 bits.
pub(crate) type Number = usize;

#[derive(Debug)]
struct Entry<T> {
    /// The entry towards the front; meaningful while linked.
    previous: u32,
    /// The entry towards the back while linked; the next free entry while free.
    next: u32,
    linked: bool,
    number: Number,
    value: Option<T>,
}

/// The list of waiters.
#[derive(Debug)]
pub(crate) struct WaitQueue<T> {
    entries: Vec<Entry<T>>,
    front: u32,
    back: u32,
    free: u32,
    used: u32,
    /// The number of the last arrival; the first is 1.
    number: Number,
}

impl<T> WaitQueue<T> {
    pub(crate) const fn new() -> WaitQueue<T> {
        WaitQueue { entries: Vec::new(), front: NONE, back: NONE, free: NONE, used: 0, number: 0 }
    }

    /// Whether the line is empty. Entries that were unlinked do not count.
    pub(crate) fn is_empty(&self) -> bool {
        self.front == NONE
    }

    /// Whether exactly one waiter is in line.
    pub(crate) fn is_single(&self) -> bool {
        self.front != NONE && self.front == self.back
    }

    /// Puts `value` at the end of the line.
    pub(crate) fn push_back(&mut self, value: T) -> Key {
        let number = self.number.wrapping_add(1);
        self.number = number;
        let (previous, next) = (self.back, NONE);
        let entry = Entry { previous, next, linked: true, number, value: Some(value) };
        let index = if self.free == NONE {
            let index = u32::try_from(self.entries.len()).ok().filter(|index| *index != NONE);
            let index = index.expect("four thousand million waiters in one queue");
            self.entries.push(entry);
            index
        } else {
            let index = self.free;
            let place = &mut self.entries[index as usize];
            self.free = place.next;
            *place = entry;
            index
        };
        match self.back {
            NONE => self.front = index,
            back => self.entries[back as usize].next = index,
        }
        self.back = index;
        self.used += 1;
        Key { index, number }
    }

    /// The value of a waiter, linked or not; `None` if it was taken out.
    pub(crate) fn get_mut(&mut self, key: &Key) -> Option<&mut T> {
        let entry = self.entries.get_mut(key.index as usize)?;
        if entry.number == key.number { entry.value.as_mut() } else { None }
    }

    /// The first in line.
    pub(crate) fn front(&self) -> Option<&T> {
        self.entries.get(self.front as usize)?.value.as_ref()
    }

    /// Takes the first waiter out with its entry, which makes its key void.
    pub(crate) fn take_front(&mut self) -> Option<(Number, T)> {
        let index = self.front;
        self.unlink(index)?;
        let number = self.entries[index as usize].number;
        Some((number, self.free(index)?))
    }

    /// Unlinks the first; its entry stays until its owner removes it.
    pub(crate) fn pop_front(&mut self) -> Option<&mut T> {
        self.unlink(self.front)
    }

    /// Unlinks the last; its entry stays until its owner removes it.
    pub(crate) fn pop_back(&mut self) -> Option<&mut T> {
        self.unlink(self.back)
    }

    /// Removes a waiter's entry, wherever it is; `None` if it was taken out.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get_mut(&key)?;
        if self.entries[key.index as usize].linked {
            self.unlink(key.index);
        }
        self.free(key.index)
    }

    /// Frees an entry that is not linked.
    fn free(&mut self, index: u32) -> Option<T> {
        let entry = &mut self.entries[index as usize];
        let value = entry.value.take();
        entry.next = self.free;
        self.free = index;
        self.used -= 1;
        if self.used == 0 && self.entries.len() > KEEP {
            // Every value is gone, so no user value is dropped here.
            *self = WaitQueue { number: self.number, ..WaitQueue::new() };
        }
        value
    }

    fn unlink(&mut self, index: u32) -> Option<&mut T> {
        let entry = self.entries.get_mut(index as usize)?;
        debug_assert!(entry.linked);
        entry.linked = false;
        let (previous, next) = (entry.previous, entry.next);
        match previous {
            NONE => self.front = next,
            previous => self.entries[previous as usize].next = next,
        }
        match next {
            NONE => self.back = previous,
            next => self.entries[next as usize].previous = previous,
        }
        self.entries[index as usize].value.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(queue: &mut WaitQueue<u32>) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop_front().map(|value| *value)).collect()
    }

    #[test]
    fn serves_in_order_and_lets_anybody_leave() {
        for leaving in 0..4_usize {
            let mut queue = WaitQueue::new();
            let mut keys: Vec<_> = (0..4).map(|value| queue.push_back(value)).collect();
            assert_eq!(queue.remove(keys.remove(leaving)), Some(leaving as u32));
            keys.push(queue.push_back(9));
            let expected: Vec<u32> = (0..4).filter(|n| *n != leaving as u32).chain([9]).collect();
            assert_eq!(drain(&mut queue), expected);
            assert!(queue.is_empty());
            let words: Vec<_> = keys.into_iter().filter_map(|key| queue.remove(key)).collect();
            assert_eq!(words, expected);
        }
    }

    #[test]
    fn an_unlinked_entry_keeps_its_word_until_it_is_removed() {
        let mut queue = WaitQueue::new();
        let (first, last) = (queue.push_back(1), queue.push_back(2));
        *queue.pop_back().unwrap() = 20;
        assert!(queue.is_single());
        *queue.pop_front().unwrap() = 10;
        assert!(queue.is_empty() && queue.pop_back().is_none());
        let other = queue.push_back(3);
        assert_eq!((queue.remove(first), queue.remove(last)), (Some(10), Some(20)));
        assert_eq!(queue.front(), Some(&3));
        assert_eq!(queue.remove(other), Some(3));
    }

    #[test]
    fn a_key_finds_nothing_once_its_entry_was_taken_out() {
        let mut queue = WaitQueue::new();
        let keys: Vec<_> = (0..KEEP + 1).map(|value| queue.push_back(value)).collect();
        for (value, key) in keys.iter().enumerate() {
            assert_eq!(queue.take_front(), Some((key.number(), value)));
            assert_eq!(queue.get_mut(key), None);
        }
        assert_eq!(queue.take_front(), None);
        // New entries have the places, and the numbers go on.
        let next: Vec<_> = (0..KEEP + 1).map(|value| queue.push_back(value)).collect();
        assert!(next.iter().all(|new| keys.iter().all(|old| old.number() < new.number())));
        for key in keys {
            assert_eq!(queue.get_mut(&key), None);
            assert_eq!(queue.remove(key), None);
        }
        assert_eq!(queue.take_front().map(|(_, value)| value), Some(0));
    }

    #[test]
    fn gives_memory_back_after_a_crowd() {
        let mut queue = WaitQueue::new();
        let keys: Vec<_> = (0..1000).map(|value| queue.push_back(value)).collect();
        keys.into_iter().for_each(|key| assert!(queue.remove(key).unwrap() < 1000));
        assert_eq!(queue.entries.capacity(), 0);
    }
}

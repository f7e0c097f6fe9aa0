//! A first-in first-out list of those who wait, from whose middle anybody may leave.
//!
//! # Problem
//!
//! A lock, a semaphore and a notification keep their waiters in order; a waiter whose future is
//! dropped must leave from wherever it stands, at once. A `VecDeque` cannot do that in constant
//! time.
//!
//! # Structure
//!
//! Entries live in one vector and are chained by index. An entry outlives its place in the chain:
//! the one who serves the queue unlinks it and leaves word in it, the waiter reads the word and
//! removes it.
//!
//! ```text
//!   push_back            unlink, pop_front, pop_back          remove
//!   ---------->  linked  -------------------------->  apart  -------->  (free)
//!                   \___________________ remove ____________________/
//! ```
//!
//! 1. A [`Key`] belongs to one waiter, is used by it alone and dies with `remove`; so an index is
//!    never reused under a living key.
//! 2. The structure has no lock of its own: its user keeps it in one.
//! 3. When the last entry goes and the vector has grown large, its memory is given back.
//!
//! # Ways rejected
//!
//! Nodes inside the waiting futures cost no allocation, but need pinned futures and unsafe code at
//! each step. Here a waiter costs an allocation only when the queue grows beyond what it ever was.

/// No entry.
const NONE: u32 = u32::MAX;
/// A vector of at most so many entries is kept when it is empty.
const KEEP: usize = 32;

/// Names one waiter's entry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Key(u32);

#[derive(Debug)]
struct Entry<T> {
    /// Towards the front; meaningful while linked.
    previous: u32,
    /// Towards the back while linked; the next free entry while free.
    next: u32,
    linked: bool,
    value: Option<T>,
}

/// The list.
#[derive(Debug)]
pub(crate) struct WaitQueue<T> {
    entries: Vec<Entry<T>>,
    front: u32,
    back: u32,
    free: u32,
    used: u32,
}

impl<T> WaitQueue<T> {
    pub(crate) const fn new() -> WaitQueue<T> {
        WaitQueue { entries: Vec::new(), front: NONE, back: NONE, free: NONE, used: 0 }
    }

    /// Whether nobody stands in line. Entries that were unlinked do not count.
    pub(crate) fn is_empty(&self) -> bool {
        self.front == NONE
    }

    /// Whether exactly one stands in line.
    pub(crate) fn is_single(&self) -> bool {
        self.front != NONE && self.front == self.back
    }

    /// Puts `value` at the end of the line.
    pub(crate) fn push_back(&mut self, value: T) -> Key {
        let entry = Entry { previous: self.back, next: NONE, linked: true, value: Some(value) };
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
        Key(index)
    }

    /// The value of a waiter, linked or not.
    pub(crate) fn get_mut(&mut self, key: &Key) -> &mut T {
        self.entries[key.0 as usize].value.as_mut().expect("a key outlived its entry")
    }

    /// The first in line.
    pub(crate) fn front(&self) -> Option<&T> {
        self.entries.get(self.front as usize)?.value.as_ref()
    }

    /// Takes the first out of the line; its entry stays until its owner removes it.
    pub(crate) fn pop_front(&mut self) -> Option<&mut T> {
        self.unlink(self.front)
    }

    /// Takes the last out of the line; its entry stays until its owner removes it.
    pub(crate) fn pop_back(&mut self) -> Option<&mut T> {
        self.unlink(self.back)
    }

    /// Removes a waiter's entry, wherever it stands.
    pub(crate) fn remove(&mut self, key: Key) -> T {
        if self.entries[key.0 as usize].linked {
            self.unlink(key.0);
        }
        let entry = &mut self.entries[key.0 as usize];
        let value = entry.value.take().expect("a key outlived its entry");
        entry.next = self.free;
        self.free = key.0;
        self.used -= 1;
        if self.used == 0 && self.entries.len() > KEEP {
            // Every value is gone, so nothing of the user's is dropped here.
            *self = WaitQueue::new();
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
            assert_eq!(queue.remove(keys.remove(leaving)), leaving as u32);
            keys.push(queue.push_back(9));
            let expected: Vec<u32> = (0..4).filter(|n| *n != leaving as u32).chain([9]).collect();
            assert_eq!(drain(&mut queue), expected);
            assert!(queue.is_empty());
            let words: Vec<u32> = keys.into_iter().map(|key| queue.remove(key)).collect();
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
        assert_eq!((queue.remove(first), queue.remove(last)), (10, 20));
        assert_eq!(queue.front(), Some(&3));
        assert_eq!(queue.remove(other), 3);
    }

    #[test]
    fn gives_memory_back_after_a_crowd() {
        let mut queue = WaitQueue::new();
        let keys: Vec<_> = (0..1000).map(|value| queue.push_back(value)).collect();
        keys.into_iter().for_each(|key| assert!(queue.remove(key) < 1000));
        assert_eq!(queue.entries.capacity(), 0);
    }
}

//! A list of wakers, each under a key, with what it waits for.
//!
//! Plain data, to be kept behind a lock. Insertion and removal take constant time. No waker is
//! cloned, dropped or called in here: wakers that leave the list go to the caller, which drops or
//! calls them after the lock.

use std::task::Waker;

pub(crate) use crate::engine::slab::Key;
use crate::engine::slab::Slab;
use crate::engine::wake_list::WakeList;

#[derive(Debug)]
struct Entry<T> {
    awaits: T,
    waker: Waker,
}

/// The list. `T` says what an entry waits for.
#[derive(Debug)]
pub(crate) struct WaiterList<T> {
    entries: Slab<Entry<T>>,
}

impl<T> WaiterList<T> {
    pub(crate) const fn new() -> WaiterList<T> {
        WaiterList { entries: Slab::new() }
    }

    /// Puts `waker` under `key` if that entry is still here, else under a new key. Returns the key
    /// and the waker that was replaced.
    pub(crate) fn put(
        &mut self,
        key: Option<Key>,
        awaits: T,
        waker: Waker,
    ) -> (Key, Option<Waker>) {
        if let Some(key) = key {
            if let Some(entry) = self.entries.get_mut(key) {
                entry.awaits = awaits;
                return (key, Some(std::mem::replace(&mut entry.waker, waker)));
            }
        }
        (self.entries.insert_with(|_| Entry { awaits, waker }).0, None)
    }

    /// Whether the entry of `key` is still here, with a waker that wakes the same task.
    pub(crate) fn has(&mut self, key: Option<Key>, waker: &Waker) -> bool {
        let entry = key.and_then(|key| self.entries.get_mut(key));
        entry.is_some_and(|entry| entry.waker.will_wake(waker))
    }

    /// The number of waiters.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Takes the entry of `key` out, if it is still here.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Waker> {
        self.entries.remove(key).map(|entry| entry.waker)
    }

    /// Moves every waker for whose wait `ends` returns true into `wakers`.
    pub(crate) fn take(&mut self, ends: impl Fn(&T) -> bool, wakers: &mut WakeList) {
        self.entries.take(
            |entry| ends(&entry.awaits),
            |entry| {
                wakers.push(entry.waker); // wake: waiter list
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(list: &mut WaiterList<u8>) -> usize {
        let mut wakers = WakeList::new();
        list.take(|_| true, &mut wakers);
        wakers.drain().count()
    }

    #[test]
    fn an_old_key_does_not_replace_the_next_tenant() {
        let mut list = WaiterList::new();
        let (old, _) = list.put(None, 0, Waker::noop().clone());
        assert_eq!(take_all(&mut list), 1);
        let (new, _) = list.put(None, 0, Waker::noop().clone());
        assert!(list.remove(old).is_none());
        // The old waiter gets a place of its own.
        let (again, replaced) = list.put(Some(old), 0, Waker::noop().clone());
        assert!(again != new && replaced.is_none());
        assert_eq!(take_all(&mut list), 2);
    }
}

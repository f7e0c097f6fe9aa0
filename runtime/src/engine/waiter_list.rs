//! Any number of wakers, each under a key, with what it waits for.
//!
//! Plain data, to be kept behind a lock. Insertion and removal cost the same however many wait. No
//! waker is cloned, dropped or called in here: what leaves the list is handed to the caller, who
//! disposes of it when the lock is gone.

use std::task::Waker;

use crate::engine::wake_list::WakeList;

/// Names one entry. An entry that has left the list is never named by an old key again: places are
/// used anew, serial numbers are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    place: usize,
    serial: u64,
}

#[derive(Debug)]
struct Entry<T> {
    serial: u64,
    awaits: T,
    waker: Waker,
}

/// The list. `T` says what an entry waits for.
#[derive(Debug)]
pub(crate) struct WaiterList<T> {
    places: Vec<Option<Entry<T>>>,
    vacant: Vec<usize>,
    next_serial: u64,
}

impl<T> WaiterList<T> {
    pub(crate) const fn new() -> WaiterList<T> {
        WaiterList { places: Vec::new(), vacant: Vec::new(), next_serial: 0 }
    }

    /// Puts `waker` under `key` if that entry is still here, else under a new key. Gives back the
    /// key and the waker that was replaced.
    pub(crate) fn put(
        &mut self,
        key: Option<Key>,
        awaits: T,
        waker: Waker,
    ) -> (Key, Option<Waker>) {
        if let Some(key) = key {
            if let Some(Some(entry)) = self.places.get_mut(key.place) {
                if entry.serial == key.serial {
                    entry.awaits = awaits;
                    return (key, Some(std::mem::replace(&mut entry.waker, waker)));
                }
            }
        }
        let serial = self.next_serial;
        self.next_serial += 1;
        let entry = Some(Entry { serial, awaits, waker });
        let place = match self.vacant.pop() {
            Some(place) => {
                self.places[place] = entry;
                place
            }
            None => {
                self.places.push(entry);
                self.places.len() - 1
            }
        };
        (Key { place, serial }, None)
    }

    /// Takes the entry of `key` out, if it is still here.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Waker> {
        let place = self.places.get_mut(key.place)?;
        let entry = place.take_if(|entry| entry.serial == key.serial)?;
        self.vacate(key.place);
        Some(entry.waker)
    }

    /// Moves every waker whose wait `ends` into `wakers`.
    pub(crate) fn take(&mut self, ends: impl Fn(&T) -> bool, wakers: &mut WakeList) {
        for place in 0..self.places.len() {
            // The list is cut to nothing when the last entry leaves it.
            let Some(slot) = self.places.get_mut(place) else { break };
            if let Some(entry) = slot.take_if(|entry| ends(&entry.awaits)) {
                wakers.push(entry.waker); // wake: waiter list
                self.vacate(place);
            }
        }
    }

    fn vacate(&mut self, place: usize) {
        self.vacant.push(place);
        if self.vacant.len() == self.places.len() {
            self.places.clear();
            self.vacant.clear();
        }
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
    fn an_old_key_does_not_remove_the_next_tenant() {
        let mut list = WaiterList::new();
        let (old, _) = list.put(None, 0, Waker::noop().clone());
        assert_eq!(take_all(&mut list), 1);
        let (new, _) = list.put(None, 0, Waker::noop().clone());
        assert!(list.remove(old).is_none());
        // Nor does it replace it: the old waiter gets a place of its own.
        let (again, replaced) = list.put(Some(old), 0, Waker::noop().clone());
        assert!(again != new && replaced.is_none());
        assert_eq!(take_all(&mut list), 2);
    }

    #[test]
    fn only_those_whose_wait_ends_are_taken() {
        let mut list = WaiterList::new();
        let keys: Vec<_> = (0..10).map(|i| list.put(None, i, Waker::noop().clone()).0).collect();
        let mut wakers = WakeList::new();
        list.take(|i| i % 2 == 0, &mut wakers);
        assert_eq!(wakers.drain().count(), 5);
        assert_eq!(keys.iter().filter(|key| list.remove(**key).is_some()).count(), 5);
        assert!(list.places.is_empty() && list.vacant.is_empty());
    }
}

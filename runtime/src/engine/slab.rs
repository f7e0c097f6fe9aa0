//! A generational slab: values under keys, inserted, found and removed in constant time.
//!
//! # Shape
//!
//! Entries are in pages, so that growing moves nothing once the first page is full. A key is a
//! place and a generation. The generation advances when the place is vacated, so an old key never
//! finds the next value there. Memory is freed when the last value has left; entries that are made
//! afterwards begin at the highest generation so far.
//!
//! # Rejected
//!
//! A crate: `slab` has no generations. `slotmap` never frees memory, moves all values when it grows
//! (under the driver's lock), and its keys do not fit into a token on 32-bit targets.

/// Entries of a page.
const PAGE: usize = 256;
/// Room for at most this many entries is kept when the last value has left.
const KEEP: usize = 32;

/// Bits of a raw key for the place; the others are for the generation.
const PLACE_BITS: u32 = if usize::BITS == 64 { 32 } else { 20 };

/// Identifies one value. An old key never finds another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    place: usize,
    generation: u64,
}

impl Key {
    /// The key in one word, with the lower 32 bits of the generation (12 where pointers have 32
    /// bits).
    pub(crate) fn to_raw(self) -> usize {
        (self.generation as usize) << PLACE_BITS | self.place
    }
}

#[derive(Debug)]
struct Entry<T> {
    generation: u64,
    value: Option<T>,
}

/// The values.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    pages: Vec<Vec<Entry<T>>>,
    entries: usize,
    vacant: Vec<usize>,
    /// The highest generation of any key.
    highest: u64,
    /// The generation of new entries.
    first: u64,
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab::new()
    }
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Slab<T> {
        Slab { pages: Vec::new(), entries: 0, vacant: Vec::new(), highest: 0, first: 0 }
    }

    /// Inserts a value.
    pub(crate) fn insert(&mut self, value: T) -> Key {
        self.insert_with(|_| value).0
    }

    /// Inserts the value that `make` makes from its key.
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(Key) -> T) -> (Key, &mut T) {
        let place = self.vacant.pop().unwrap_or_else(|| self.add_entry());
        let entry = &mut self.pages[place / PAGE][place % PAGE];
        let key = Key { place, generation: entry.generation };
        (key, entry.value.insert(make(key)))
    }

    fn add_entry(&mut self) -> usize {
        if self.entries % PAGE == 0 {
            // The first page grows as needed, since most slabs have few values.
            let room = if self.entries == 0 { 0 } else { PAGE };
            self.pages.push(Vec::with_capacity(room));
        }
        let last = self.pages.len() - 1;
        self.pages[last].push(Entry { generation: self.first, value: None });
        self.entries += 1;
        self.entries - 1
    }

    /// The value of `key`, if it is still here.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let entry = self.pages.get_mut(key.place / PAGE)?.get_mut(key.place % PAGE)?;
        if entry.generation == key.generation { entry.value.as_mut() } else { None }
    }

    /// The value of a key of which only [`Key::to_raw`] is known, if it is still here.
    #[inline]
    pub(crate) fn get_raw(&self, raw: usize) -> Option<&T> {
        let place = raw & ((1 << PLACE_BITS) - 1);
        let entry = self.pages.get(place / PAGE)?.get(place % PAGE)?;
        let key = Key { place, generation: entry.generation };
        if key.to_raw() == raw { entry.value.as_ref() } else { None }
    }

    /// Takes the value of `key` out, if it is still here.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get_mut(key)?;
        self.vacate(key.place)
    }

    /// Takes out every value for which `goes` returns true.
    pub(crate) fn take(&mut self, goes: impl Fn(&T) -> bool, mut taken: impl FnMut(T)) {
        for place in 0..self.entries {
            // All entries go when the last value leaves.
            let entry = self.pages.get(place / PAGE).and_then(|page| page.get(place % PAGE));
            let Some(entry) = entry else { break };
            if entry.value.as_ref().is_some_and(&goes) {
                self.vacate(place).map(&mut taken);
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flatten().filter_map(|entry| entry.value.as_ref())
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.pages.iter_mut().flatten().filter_map(|entry| entry.value.as_mut())
    }

    pub(crate) fn len(&self) -> usize {
        self.entries - self.vacant.len()
    }

    fn vacate(&mut self, place: usize) -> Option<T> {
        let entry = &mut self.pages[place / PAGE][place % PAGE];
        let value = entry.value.take();
        entry.generation += 1;
        self.highest = self.highest.max(entry.generation);
        self.vacant.push(place);
        if self.len() == 0 && self.entries > KEEP {
            *self = Slab { highest: self.highest, first: self.highest, ..Slab::new() };
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_key_does_not_name_the_next_tenant() {
        let mut slab = Slab::new();
        let old = slab.insert(1);
        assert_eq!(slab.remove(old), Some(1));
        let new = slab.insert(2);
        assert!(slab.get_mut(old).is_none() && slab.remove(old).is_none());
        assert_eq!((slab.get_raw(old.to_raw()), slab.get_raw(new.to_raw())), (None, Some(&2)));
        assert_eq!(slab.remove(new), Some(2));
    }

    #[test]
    fn a_key_from_before_the_memory_was_given_back_names_nobody() {
        let mut slab = Slab::new();
        let old: Vec<_> = (0..2 * PAGE).map(|i| slab.insert(i)).collect();
        assert!(old.iter().all(|key| slab.remove(*key).is_some()));
        assert!(slab.pages.is_empty());
        let new: Vec<_> = (0..2 * PAGE).map(|i| slab.insert(i)).collect();
        assert!(old.iter().all(|key| slab.get_mut(*key).is_none()));
        assert!(new.iter().enumerate().all(|(i, key)| slab.get_raw(key.to_raw()) == Some(&i)));
    }

    #[test]
    fn only_those_that_go_are_taken() {
        let mut slab = Slab::new();
        let keys: Vec<_> = (0..1000).map(|i| slab.insert(i)).collect();
        let mut taken = Vec::new();
        slab.take(|i| i % 2 == 0, |i| taken.push(i));
        assert_eq!((taken.len(), slab.len()), (500, 500));
        assert_eq!(keys.iter().filter(|key| slab.remove(**key).is_some()).count(), 500);
        assert!(slab.pages.is_empty());
    }

    #[test]
    fn growing_moves_nothing_behind_the_first_page() {
        let mut slab = Slab::new();
        for i in 0..=PAGE {
            let _ = slab.insert(i);
        }
        let first: *const usize = slab.iter().last().unwrap();
        for i in 0..PAGE - 1 {
            let _ = slab.insert(i);
        }
        assert_eq!(slab.iter().nth(PAGE).map(std::ptr::from_ref), Some(first));
    }
}

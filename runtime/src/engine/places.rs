//! Values under keys: put, found and removed at the same cost however many there are.

/// A list of at most so many places is kept when the last value has left it.
const KEEP: usize = 32;

/// Names one value. A value that has left is never named by an old key again: places are used anew,
/// serial numbers are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    place: usize,
    serial: u64,
}

/// The values.
#[derive(Debug)]
pub(crate) struct Places<T> {
    places: Vec<Option<(u64, T)>>,
    vacant: Vec<usize>,
    next_serial: u64,
}

impl<T> Places<T> {
    pub(crate) const fn new() -> Places<T> {
        Places { places: Vec::new(), vacant: Vec::new(), next_serial: 0 }
    }

    /// Puts in what `make` makes of its key.
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(Key) -> T) -> (Key, &mut T) {
        let place = self.vacant.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        let key = Key { place, serial: self.next_serial };
        self.next_serial += 1;
        let (_, value) = self.places[place].insert((key.serial, make(key)));
        (key, value)
    }

    /// The value of `key`, if it is still here.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let (serial, value) = self.places.get_mut(key.place)?.as_mut()?;
        (*serial == key.serial).then_some(value)
    }

    /// Takes the value of `key` out, if it is still here.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let place = self.places.get_mut(key.place)?;
        let (_, value) = place.take_if(|(serial, _)| *serial == key.serial)?;
        self.vacate(key.place);
        Some(value)
    }

    /// Takes every value out for which `goes` says so.
    pub(crate) fn take(&mut self, goes: impl Fn(&T) -> bool, mut taken: impl FnMut(T)) {
        for place in 0..self.places.len() {
            // All places go when the last value leaves.
            let Some(slot) = self.places.get_mut(place) else { break };
            if let Some((_, value)) = slot.take_if(|(_, value)| goes(value)) {
                taken(value);
                self.vacate(place);
            }
        }
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().flatten().map(|(_, value)| value)
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.vacant.len()
    }

    fn vacate(&mut self, place: usize) {
        self.vacant.push(place);
        if self.len() == 0 && self.places.len() > KEEP {
            // The memory of a crowd is given back.
            self.places = Vec::new();
            self.vacant = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_key_does_not_name_the_next_tenant() {
        let mut places = Places::new();
        let old = places.insert_with(|_| 1).0;
        assert_eq!(places.remove(old), Some(1));
        let new = places.insert_with(|_| 2).0;
        assert!(places.get_mut(old).is_none() && places.remove(old).is_none());
        assert_eq!(places.remove(new), Some(2));
    }

    #[test]
    fn only_those_that_go_are_taken() {
        let mut places = Places::new();
        let keys: Vec<_> = (0..100).map(|i| places.insert_with(|_| i).0).collect();
        let mut taken = Vec::new();
        places.take(|i| i % 2 == 0, |i| taken.push(i));
        assert_eq!((taken.len(), places.len()), (50, 50));
        assert_eq!(keys.iter().filter(|key| places.remove(**key).is_some()).count(), 50);
        assert_eq!(places.places.capacity(), 0);
    }
}

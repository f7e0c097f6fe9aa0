//! The wheel's entries.
//!
//! Entries live in chunks that never move. New entries go to the lowest chunk with room, so that
//! the upper chunks become empty and are freed one by one. One empty chunk is kept.

use std::task::Waker;

const CHUNK_BITS: u32 = 10;
const CHUNK: usize = 1 << CHUNK_BITS;

/// No entry.
pub(super) const NIL: u32 = u32::MAX;
/// The `place` of an entry that is not in the wheel.
const FREE: u16 = u16::MAX;

/// Identifies one insertion (`wheel.rs`, invariant 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(super) index: u32,
    pub(super) stamp: u32,
}

/// An entry of the wheel, or a free one.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) deadline: u64,
    pub(super) waker: Option<Waker>,
    pub(super) prev: u32,
    /// The next entry in its slot's list, or in its chunk's free list.
    pub(super) next: u32,
    pub(super) stamp: u32,
    /// `level * SLOTS + slot`, or [`FREE`].
    pub(super) place: u16,
}

/// Entries in chunks that never move.
#[derive(Debug, Default)]
pub(super) struct Entries {
    chunks: Vec<Chunk>,
    /// A bit for each chunk that has room.
    room: Vec<u64>,
    /// No word of `room` before this one has a bit.
    first_room: usize,
    len: usize,
}

#[derive(Debug)]
struct Chunk {
    entries: Box<[Entry; CHUNK]>,
    /// The first entry of the free list, counted from the chunk's start.
    free: u32,
    live: u32,
}

impl Chunk {
    fn new() -> Chunk {
        let entries: Vec<Entry> = (1..=CHUNK as u32)
            .map(|next| Entry {
                deadline: 0,
                waker: None,
                prev: NIL,
                next: if next == CHUNK as u32 { NIL } else { next },
                stamp: 0,
                place: FREE,
            })
            .collect();
        let Ok(entries) = entries.into_boxed_slice().try_into() else {
            unreachable!("as many entries as asked for")
        };
        Chunk { entries, free: 0, live: 0 }
    }
}

impl Entries {
    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many chunks there are.
    #[cfg(test)]
    pub(super) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// The entry at an index that the wheel's lists hold.
    #[inline]
    pub(super) fn at(&mut self, index: u32) -> &mut Entry {
        let chunk = &mut self.chunks[(index >> CHUNK_BITS) as usize];
        &mut chunk.entries[index as usize & (CHUNK - 1)]
    }

    /// The entry that a key names, if it is still there (`wheel.rs`, invariant 7).
    #[inline]
    pub(super) fn find(&mut self, key: Key) -> Option<&mut Entry> {
        let chunk = self.chunks.get_mut((key.index >> CHUNK_BITS) as usize)?;
        let entry = &mut chunk.entries[key.index as usize & (CHUNK - 1)];
        (entry.place != FREE && entry.stamp == key.stamp).then_some(entry)
    }

    /// Takes a free entry of the lowest chunk that has one.
    #[inline]
    pub(super) fn take(&mut self) -> u32 {
        while let Some(&word) = self.room.get(self.first_room) {
            if word != 0 {
                let number = self.first_room * 64 + word.trailing_zeros() as usize;
                return self.take_from(number);
            }
            self.first_room += 1;
        }
        self.grow();
        self.take()
    }

    #[inline]
    fn take_from(&mut self, number: usize) -> u32 {
        let chunk = &mut self.chunks[number];
        let inside = chunk.free;
        chunk.free = chunk.entries[inside as usize].next;
        chunk.live += 1;
        self.len += 1;
        if chunk.free == NIL {
            self.room[number / 64] &= !(1 << (number % 64));
        }
        (number as u32) << CHUNK_BITS | inside
    }

    /// Frees the entry and returns its waker.
    #[inline]
    pub(super) fn put_back(&mut self, index: u32) -> Option<Waker> {
        let number = (index >> CHUNK_BITS) as usize;
        let chunk = &mut self.chunks[number];
        let entry = &mut chunk.entries[index as usize & (CHUNK - 1)];
        entry.place = FREE;
        entry.next = chunk.free;
        let waker = entry.waker.take();
        chunk.free = index & (CHUNK as u32 - 1);
        chunk.live -= 1;
        self.len -= 1;
        self.room[number / 64] |= 1 << (number % 64);
        self.first_room = self.first_room.min(number / 64);
        if chunk.live == 0 {
            self.shrink();
        }
        waker
    }

    #[cold]
    fn grow(&mut self) {
        let number = self.chunks.len();
        assert!(number < (NIL >> CHUNK_BITS) as usize, "four thousand million timers");
        self.chunks.push(Chunk::new());
        if number / 64 == self.room.len() {
            self.room.push(0);
        }
        self.room[number / 64] |= 1 << (number % 64);
        self.first_room = number / 64;
    }

    /// Frees the last chunks while they are empty, except one.
    #[cold]
    fn shrink(&mut self) {
        while let [.., before, last] = &self.chunks[..] {
            if before.live != 0 || last.live != 0 {
                return;
            }
            self.chunks.pop();
            let number = self.chunks.len();
            self.room[number / 64] &= !(1 << (number % 64));
        }
    }
}

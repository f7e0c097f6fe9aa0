//! The bytes of a file: those that a program sees, and those that a loss of power leaves.
//!
//! # Problem
//!
//! A write is in the kernel's memory when the call returns, and on the disk after a sync. What a
//! loss of power leaves of the writes in between is some of them, in no order, each whole or in
//! part.
//!
//! # Shape
//!
//! `live` is what programs see, `synced` what is surely on the disk, and `pending` what has changed
//! since, in order. A sync applies `pending` to `synced`. A loss of power applies a part of it, and
//! makes that what programs see.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};

use crate::os::Stream;

/// What a disk writes as one: a torn write ends at a border of this.
const SECTOR: usize = 512;

/// With more changes than this, or more bytes in them, the older half goes to the disk: a kernel's
/// memory is not without limit either.
const MOST_PENDING: usize = 4096;
const MOST_PENDING_BYTES: usize = 64 << 20;

enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Resize(usize),
}

#[derive(Default)]
pub(super) struct Content {
    live: Vec<u8>,
    synced: Vec<u8>,
    pending: VecDeque<Change>,
    pending_bytes: usize,
}

fn write(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if file.len() < at + bytes.len() {
        file.resize(at + bytes.len(), 0);
    }
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

fn apply(file: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { at, bytes } => write(file, *at, bytes),
        Change::Resize(len) => file.resize(*len, 0),
    }
}

impl Content {
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.live
    }

    /// Fills the buffers from this place on; says how much there was.
    pub(super) fn read(&self, at: usize, bufs: &mut [IoSliceMut<'_>]) -> usize {
        crate::os::bytes::copy_out(self.live.get(at..).unwrap_or_default(), bufs)
    }

    /// Writes the first `count` bytes of the buffers.
    pub(super) fn write(&mut self, at: usize, bufs: &[IoSlice<'_>], count: usize) {
        let bytes = crate::os::bytes::gather(bufs, count);
        write(&mut self.live, at, &bytes);
        self.pending_bytes += bytes.len();
        self.note(Change::Write { at, bytes });
    }

    pub(super) fn resize(&mut self, len: usize) {
        if len != self.live.len() {
            self.live.resize(len, 0);
            self.note(Change::Resize(len));
        }
    }

    fn note(&mut self, change: Change) {
        self.pending.push_back(change);
        if self.pending.len() > MOST_PENDING || self.pending_bytes > MOST_PENDING_BYTES {
            for _ in 0..self.pending.len().div_ceil(2) {
                self.apply_first();
            }
        }
    }

    fn apply_first(&mut self) {
        let Some(change) = self.pending.pop_front() else { return };
        if let Change::Write { bytes, .. } = &change {
            self.pending_bytes -= bytes.len();
        }
        apply(&mut self.synced, &change);
    }

    /// All of it is on the disk.
    pub(super) fn sync(&mut self) {
        while !self.pending.is_empty() {
            self.apply_first();
        }
    }

    /// A sync has failed: some of it is on the disk, and the kernel forgets that the rest is not. A
    /// later sync finds nothing to do.
    pub(super) fn fail_to_sync(&mut self, stream: &mut Stream) {
        self.keep_some(stream, 50);
    }

    /// The power goes. Each change has been written with this probability, in percent, and a write
    /// that was not may have been in part.
    pub(super) fn lose_power(&mut self, stream: &mut Stream, percent: u64) {
        self.keep_some(stream, percent);
        self.live.clone_from(&self.synced);
    }

    /// No program will see it again, unless the power goes before the disk knows that.
    pub(super) fn forget(&mut self) {
        self.live = Vec::new();
    }

    fn keep_some(&mut self, stream: &mut Stream, percent: u64) {
        self.pending_bytes = 0;
        for change in std::mem::take(&mut self.pending) {
            if stream.below(100) < percent {
                apply(&mut self.synced, &change);
                continue;
            }
            let Change::Write { at, bytes } = change else { continue };
            if percent == 0 || bytes.len() <= SECTOR || stream.below(2) == 0 {
                continue;
            }
            // Its sectors go one by one; the file's length may be there before them.
            let mut from = 0;
            while from < bytes.len() {
                let to = (from + SECTOR - (at + from) % SECTOR).min(bytes.len());
                if stream.below(2) == 0 {
                    write(&mut self.synced, at + from, &bytes[from..to]);
                }
                from = to;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(content: &mut Content, at: usize, bytes: &[u8]) {
        content.write(at, &[IoSlice::new(bytes)], bytes.len());
    }

    #[test]
    fn what_was_synced_survives_a_loss_of_power_and_the_rest_may_not() {
        let (mut kept, mut lost, mut reordered) = (0, 0, 0);
        for seed in 0..200 {
            let mut stream = Stream::new(seed);
            let mut content = Content::default();
            put(&mut content, 0, b"one ");
            content.sync();
            put(&mut content, 4, b"two ");
            put(&mut content, 8, b"three");
            content.lose_power(&mut stream, 50);
            match content.bytes() {
                b"one two three" => kept += 1,
                b"one " => lost += 1,
                b"one \0\0\0\0three" => reordered += 1,
                b"one two " => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(kept > 20 && lost > 20 && reordered > 20, "{kept} {lost} {reordered}");
    }

    #[test]
    fn a_long_write_may_be_torn_at_a_border_of_sectors() {
        let mut torn = 0;
        for seed in 0..200 {
            let mut content = Content::default();
            put(&mut content, 100, &[7; 2000]);
            content.lose_power(&mut Stream::new(seed), 50);
            let mut changes = content.bytes().windows(2).enumerate();
            let borders_only =
                changes.all(|(at, two)| two[0] == two[1] || (at + 1) % SECTOR == 0 || at == 99);
            assert!(borders_only);
            torn +=
                usize::from(content.bytes().iter().filter(|&&byte| byte == 7).count() % 2000 > 0);
        }
        assert!(torn > 20, "{torn}");
    }

    #[test]
    fn after_a_sync_that_failed_the_next_one_saves_nothing() {
        let mut stream = Stream::new(1);
        let mut lost = 0;
        for _ in 0..100 {
            let mut content = Content::default();
            put(&mut content, 0, b"x");
            content.fail_to_sync(&mut stream);
            content.sync();
            assert_eq!(content.bytes(), b"x");
            content.lose_power(&mut stream, 100);
            lost += usize::from(content.len() == 0);
        }
        assert!((20..80).contains(&lost), "{lost}");
    }

    #[test]
    fn what_is_not_synced_for_long_is_written_back() {
        let mut content = Content::default();
        for at in 0..3 * MOST_PENDING {
            put(&mut content, at, b"x");
        }
        assert!(content.pending.len() <= MOST_PENDING);
        content.lose_power(&mut Stream::new(1), 0);
        assert!(content.len() > MOST_PENDING);
    }
}

//! Bytes on their way between buffers.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};

pub(super) fn total(bufs: &[IoSlice<'_>]) -> usize {
    bufs.iter().map(|buf| buf.len()).sum()
}

pub(super) fn room(bufs: &[IoSliceMut<'_>]) -> usize {
    bufs.iter().map(|buf| buf.len()).sum()
}

/// The first `most` bytes of the buffers.
pub(super) fn gather(bufs: &[IoSlice<'_>], most: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(most.min(total(bufs)));
    for buf in bufs {
        let left = most - bytes.len();
        bytes.extend_from_slice(&buf[..buf.len().min(left)]);
    }
    bytes
}

/// `len` bytes of the buffers from `from` on.
pub(super) fn gather_from(bufs: &[IoSlice<'_>], from: usize, len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len);
    let mut skip = from;
    for buf in bufs {
        let start = skip.min(buf.len());
        skip -= start;
        let left = len - bytes.len();
        bytes.extend_from_slice(&buf[start..buf.len().min(start + left)]);
    }
    bytes
}

/// Fills the buffers from the start, skipping `skip` bytes of them; says how much fitted.
pub(super) fn copy_out_from(source: &[u8], bufs: &mut [IoSliceMut<'_>], skip: usize) -> usize {
    let mut done = 0;
    let mut skip = skip;
    for buf in bufs {
        let start = skip.min(buf.len());
        skip -= start;
        let count = (buf.len() - start).min(source.len() - done);
        buf[start..start + count].copy_from_slice(&source[done..done + count]);
        done += count;
    }
    done
}

/// Fills the buffers from the start; says how much fitted.
pub(super) fn copy_out(source: &[u8], bufs: &mut [IoSliceMut<'_>]) -> usize {
    copy_out_from(source, bufs, 0)
}

/// Bytes that come in at the end and go out at the start.
#[derive(Default)]
pub(super) struct Ring(VecDeque<u8>);

impl Ring {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }

    /// The bytes of the buffers from `from` on, `len` of them.
    pub(super) fn push_from(&mut self, bufs: &[IoSlice<'_>], from: usize, len: usize) {
        let mut skip = from;
        let mut left = len;
        for buf in bufs {
            let start = skip.min(buf.len());
            skip -= start;
            let count = (buf.len() - start).min(left);
            left -= count;
            self.0.extend(&buf[start..start + count]);
        }
    }

    pub(super) fn drop_front(&mut self, count: usize) {
        self.0.drain(..count);
    }

    /// `len` bytes from `from` on.
    pub(super) fn copy(&self, from: usize, len: usize) -> Vec<u8> {
        let (first, second) = self.0.as_slices();
        let mut bytes = Vec::with_capacity(len);
        if from < first.len() {
            bytes.extend_from_slice(&first[from..first.len().min(from + len)]);
        }
        let left = len - bytes.len();
        if left > 0 {
            let start = (from + bytes.len()) - first.len();
            bytes.extend_from_slice(&second[start..start + left]);
        }
        bytes
    }

    /// Copies from the start into the buffers, without taking away; says how much.
    pub(super) fn peek(&self, bufs: &mut [IoSliceMut<'_>]) -> usize {
        let (first, second) = self.0.as_slices();
        let done = copy_out(first, bufs);
        if done < first.len() { done } else { done + copy_out_from(second, bufs, done) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_gives_back_what_was_pushed_wherever_its_seam_is() {
        let mut ring = Ring::default();
        let mut next_in = 0u8;
        let mut next_out = 0u8;
        for step in 0..200usize {
            let chunk: Vec<u8> = (0..step % 13)
                .map(|_| {
                    next_in = next_in.wrapping_add(1);
                    next_in
                })
                .collect();
            let (a, b) = chunk.split_at(chunk.len() / 3);
            ring.push_from(&[IoSlice::new(a), IoSlice::new(b)], 0, chunk.len());
            let mut one = vec![0; step % 5];
            let mut two = vec![0; step % 7];
            let count = ring.peek(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)]);
            one.extend(two);
            assert_eq!(count, one.len().min(ring.len()));
            assert_eq!(ring.copy(0, count), one[..count]);
            for &byte in &one[..count] {
                next_out = next_out.wrapping_add(1);
                assert_eq!(byte, next_out);
            }
            if ring.len() > count + 2 {
                assert_eq!(ring.copy(count + 1, 1)[0], next_out.wrapping_add(2));
            }
            ring.drop_front(count);
        }
    }

    #[test]
    fn buffers_are_gathered_and_filled_in_order() {
        let bufs = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
        assert_eq!(gather(&bufs, 4), b"abcd");
        assert_eq!(gather(&bufs, 99), b"abcde");
        assert_eq!(gather_from(&bufs, 1, 3), b"bcd");
        let (mut a, mut b) = ([0; 2], [0; 2]);
        let mut into = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        assert_eq!(copy_out(b"xyz", &mut into), 3);
        assert_eq!((a, b), (*b"xy", *b"z\0"));
    }
}

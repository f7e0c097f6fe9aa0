//! What two runs have in common: 128 bits over all that happened, in order.
//!
//! What goes in are virtual times, ordinals, operations, lengths and contents. What differs between
//! processes (addresses, the kernel's ids, real descriptors) never does.

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Virtual time in ns.
    pub(crate) at: u64,
    /// The ordinal of the thread.
    pub(crate) thread: u32,
    /// What it is.
    pub(crate) op: Op,
    /// A number that says more: an ordinal, a descriptor, a length, a result.
    pub(crate) a: u64,
    /// The same.
    pub(crate) b: u64,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Op {
    /// Thread `a` gets the baton.
    Run = 1,
    /// Virtual time jumps to `a`.
    Jump,
    /// Thread `a` begins, on host `b`.
    Begin,
    /// The thread ends.
    End,
    /// It waits; `a` says for what, `b` until when.
    Wait,
    /// It has waited; `a` says why it goes on.
    Waited,
    /// It woke `a` threads.
    Wake,
    /// It was given `a` random bytes.
    Entropy,
    /// A point where another thread could run.
    Point,
    /// A call: `a` is which one and its descriptor, `b` its result.
    Call,
    /// Bytes were sent or received: `a` their number, `b` a hash of them.
    Bytes,
    /// A fault was applied: the one with number `a`.
    Fault,
}

const SEED: [u64; 2] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344];
const FACTORS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f];

/// The hash of a run so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hash([u64; 2]);

impl Hash {
    pub(crate) fn new() -> Hash {
        Hash(SEED)
    }

    pub(crate) fn add(&mut self, event: &Event) {
        let head = u64::from(event.thread) << 8 | event.op as u64;
        for word in [event.at, head, event.a, event.b] {
            self.0[0] = (self.0[0] ^ word).wrapping_mul(FACTORS[0]).rotate_left(29);
            self.0[1] = (self.0[1].rotate_left(17) ^ word).wrapping_mul(FACTORS[1]);
        }
    }

    pub(crate) fn value(self) -> u128 {
        u128::from(self.0[0]) << 64 | u128::from(self.0[1])
    }
}

/// A hash of some bytes.
pub(crate) fn of_bytes(bytes: &[u8]) -> u64 {
    let mut hash = SEED[0] ^ bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        hash = (hash ^ word).wrapping_mul(FACTORS[0]).rotate_left(31);
    }
    for &byte in chunks.remainder() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(FACTORS[1]).rotate_left(31);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_an_event_counts() {
        let one = Event { at: 1, thread: 2, op: Op::Run, a: 3, b: 4 };
        let others = [
            one,
            Event { at: 2, ..one },
            Event { thread: 3, ..one },
            Event { op: Op::Jump, ..one },
            Event { a: 4, ..one },
            Event { b: 5, ..one },
        ];
        let hashes: std::collections::BTreeSet<u128> = others
            .iter()
            .map(|event| {
                let mut hash = Hash::new();
                hash.add(event);
                hash.value()
            })
            .collect();
        assert_eq!(hashes.len(), others.len());
        assert_ne!(of_bytes(b"ab"), of_bytes(b"ba"));
    }
}

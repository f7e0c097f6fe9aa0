//! Streams of random numbers, each with a name, so that no two parts of a run share one.
//!
//! A stream is a seed and a position in it. `sub` and `sub_number` derive a stream from the seed
//! alone, never from the position, so a part that draws more or fewer numbers than before moves
//! nothing in another part: this is what lets the shrinking take one fault out and keep the rest
//! of the run as it was.
//!
//! The generator is SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators,
//! 2014): 64 bits of state, each output a mix of a counter, good enough for choices and far
//! from good enough for secrets.

/// A seeded generator with named streams below it.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    /// What derived streams are made from.
    seed: u64,
    state: u64,
}

/// The fraction of the golden ratio: the step of SplitMix64's counter.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finalizer of SplitMix64: every bit of the input moves every bit of the output.
const fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

impl Stream {
    pub(crate) fn new(seed: u64) -> Stream {
        let seed = mix(seed.wrapping_add(STEP));
        Stream { seed, state: seed }
    }

    /// The stream of that name; it depends on the seed and the name alone.
    pub(crate) fn sub(&self, name: &str) -> Stream {
        let mut seed = self.seed;
        for byte in name.bytes() {
            seed = mix(seed ^ u64::from(byte)).wrapping_add(STEP);
        }
        Stream::new(seed)
    }

    /// The stream of that number; it depends on the seed and the number alone.
    pub(crate) fn sub_number(&self, number: u64) -> Stream {
        Stream::new(mix(self.seed.rotate_left(17)) ^ mix(number.wrapping_add(STEP)))
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }

    /// A number below `end`; 0 if `end` is 0. The bias is below 2^-32 for every `end` used here.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(end)) >> 64) as u64
    }

    /// A number of `low..=high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        if high <= low {
            return low;
        }
        match (high - low).checked_add(1) {
            Some(width) => low + self.below(width),
            None => self.next_u64(),
        }
    }

    /// A number of `0.0..1.0`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with that probability. Draws nothing where the answer is certain.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        if probability <= 0.0 {
            false
        } else if probability >= 1.0 {
            true
        } else {
            self.unit() < probability
        }
    }

    #[cfg(test)]
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_gives_others() {
        let draw = |seed| {
            let mut stream = Stream::new(seed);
            (0..8).map(|_| stream.next_u64()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn a_derived_stream_does_not_depend_on_how_much_was_drawn_before() {
        let fresh = Stream::new(3);
        let mut used = Stream::new(3);
        used.next_u64();
        used.sub("a").next_u64();
        assert_eq!(fresh.sub("a").next_u64(), used.sub("a").next_u64());
        assert_eq!(fresh.sub_number(5).next_u64(), used.sub_number(5).next_u64());
        assert_ne!(fresh.sub("a").next_u64(), fresh.sub("b").next_u64());
        assert_ne!(fresh.sub("ab").next_u64(), fresh.sub("ba").next_u64());
        assert_ne!(fresh.sub_number(0).next_u64(), fresh.clone().next_u64());
    }

    #[test]
    fn bounds_hold_and_every_value_is_reached() {
        let mut stream = Stream::new(1);
        let mut seen = [false; 5];
        for _ in 0..1000 {
            seen[stream.below(5) as usize] = true;
            assert!((3..=9).contains(&stream.between(3, 9)));
            assert!((0.0..1.0).contains(&stream.unit()));
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(stream.below(0), 0);
        assert_eq!(stream.between(4, 4), 4);
    }

    #[test]
    fn what_is_certain_draws_nothing() {
        let mut stream = Stream::new(1);
        let before = stream.state;
        assert!(!stream.chance(0.0));
        assert!(stream.chance(1.0));
        assert_eq!(stream.state, before);
        let hits = (0..10_000).filter(|_| stream.chance(0.25)).count();
        assert!((2200..2800).contains(&hits), "{hits} of 10,000");
    }
}

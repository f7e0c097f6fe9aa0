//! The seed of random choices.

use crate::engine::rng::FastRand;

/// Fixes a runtime's random choices. See [`Builder::rng_seed`](crate::Builder::rng_seed).
///
/// # Examples
///
/// ```
/// use runtime::runtime::RngSeed;
///
/// let runtime = runtime::Builder::new_current_thread()
///     .rng_seed(RngSeed::from_bytes(b"the same each time"))
///     .build()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RngSeed(u64);

impl RngSeed {
    /// A seed made of bytes.
    ///
    /// # Examples
    ///
    /// See [`RngSeed`].
    pub fn from_bytes(bytes: &[u8]) -> RngSeed {
        // FNV-1a: the same in every version of this crate.
        let mix = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        RngSeed(bytes.iter().fold(0xCBF2_9CE4_8422_2325, mix))
    }

    pub(super) fn as_u64(self) -> u64 {
        self.0
    }

    pub(super) fn generator(self) -> FastRand {
        FastRand::from_seed(self.0)
    }
}

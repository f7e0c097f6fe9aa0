//! For compat/tokio: the histogram of poll times, described with tokio's older names.

use std::time::Duration;

use super::super::histogram::HistogramConfiguration;

/// How the buckets of the histogram of poll times grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(hidden)]
pub enum HistogramScale {
    /// All have the same width.
    Linear,
    /// Each is twice as wide as the one before.
    Log,
}

/// A histogram's settings by these names.
#[derive(Clone, Copy, Debug)]
pub(in crate::runtime) struct OlderHistogram {
    pub(in crate::runtime) scale: HistogramScale,
    pub(in crate::runtime) resolution: Duration,
    pub(in crate::runtime) buckets: usize,
}

impl Default for OlderHistogram {
    fn default() -> OlderHistogram {
        let resolution = Duration::from_micros(100);
        OlderHistogram { scale: HistogramScale::Linear, resolution, buckets: 10 }
    }
}

impl OlderHistogram {
    #[track_caller]
    pub(in crate::runtime) fn configuration(self) -> HistogramConfiguration {
        match self.scale {
            HistogramScale::Linear => HistogramConfiguration::linear(self.resolution, self.buckets),
            HistogramScale::Log => HistogramConfiguration::doubling(self.resolution, self.buckets),
        }
    }
}

//! For compat/tokio: names that tokio has replaced and still has, for what has another name here.

use std::ops::Range;
use std::time::Duration;

use super::histogram::HistogramConfiguration;
use super::{Builder, RuntimeMetrics};

/// How the buckets of the histogram of poll times grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(hidden)]
pub enum HistogramScale {
    /// Not at all.
    Linear,
    /// Each is twice as wide as the one before.
    Log,
}

/// A histogram as it is described by these names.
#[derive(Clone, Copy, Debug)]
pub(super) struct OlderHistogram {
    scale: HistogramScale,
    resolution: Duration,
    buckets: usize,
}

impl Default for OlderHistogram {
    fn default() -> OlderHistogram {
        let resolution = Duration::from_micros(100);
        OlderHistogram { scale: HistogramScale::Linear, resolution, buckets: 10 }
    }
}

impl OlderHistogram {
    #[track_caller]
    fn configuration(self) -> HistogramConfiguration {
        match self.scale {
            HistogramScale::Linear => HistogramConfiguration::linear(self.resolution, self.buckets),
            HistogramScale::Log => HistogramConfiguration::doubling(self.resolution, self.buckets),
        }
    }
}

#[doc(hidden)]
impl Builder {
    #[deprecated(note = "`enable_metrics_poll_time_histogram` is its name")]
    pub fn enable_metrics_poll_count_histogram(&mut self) -> &mut Builder {
        self.enable_metrics_poll_time_histogram()
    }

    #[deprecated(note = "use `metrics_poll_time_histogram_configuration`")]
    pub fn metrics_poll_count_histogram_scale(&mut self, scale: HistogramScale) -> &mut Builder {
        self.set_older(|histogram| histogram.scale = scale)
    }

    /// The width of the first bucket.
    ///
    /// # Panics
    ///
    /// If it is zero, or longer than a second.
    #[track_caller]
    #[deprecated(note = "use `metrics_poll_time_histogram_configuration`")]
    pub fn metrics_poll_count_histogram_resolution(
        &mut self,
        resolution: Duration,
    ) -> &mut Builder {
        assert!(!resolution.is_zero(), "a bucket of a histogram must have a width");
        assert!(resolution <= Duration::from_secs(1), "a bucket's width is at most a second");
        self.set_older(|histogram| histogram.resolution = resolution)
    }

    /// # Panics
    ///
    /// If there are none.
    #[track_caller]
    #[deprecated(note = "use `metrics_poll_time_histogram_configuration`")]
    pub fn metrics_poll_count_histogram_buckets(&mut self, buckets: usize) -> &mut Builder {
        self.set_older(|histogram| histogram.buckets = buckets)
    }

    /// These names describe one histogram together; the last description, by these or by the newer name, is
    /// the one that counts.
    #[track_caller]
    fn set_older(&mut self, set: impl FnOnce(&mut OlderHistogram)) -> &mut Builder {
        set(&mut self.older_histogram);
        let configuration = self.older_histogram.configuration();
        self.metrics_poll_time_histogram_configuration(configuration)
    }
}

#[doc(hidden)]
impl RuntimeMetrics {
    #[deprecated(note = "`num_alive_tasks` is its name")]
    pub fn active_tasks_count(&self) -> usize {
        self.num_alive_tasks()
    }

    #[deprecated(note = "`global_queue_depth` is its name")]
    pub fn injection_queue_depth(&self) -> usize {
        self.global_queue_depth()
    }

    #[deprecated(note = "`poll_time_histogram_enabled` is its name")]
    pub fn poll_count_histogram_enabled(&self) -> bool {
        self.poll_time_histogram_enabled()
    }

    #[deprecated(note = "`poll_time_histogram_num_buckets` is its name")]
    pub fn poll_count_histogram_num_buckets(&self) -> usize {
        self.poll_time_histogram_num_buckets()
    }

    /// # Panics
    ///
    /// If there is no such bucket.
    #[track_caller]
    #[deprecated(note = "`poll_time_histogram_bucket_range` is its name")]
    pub fn poll_count_histogram_bucket_range(&self, bucket: usize) -> Range<Duration> {
        self.poll_time_histogram_bucket_range(bucket)
    }

    /// # Panics
    ///
    /// If polls are measured and there is no such bucket; if there is no such worker.
    #[track_caller]
    #[deprecated(note = "`poll_time_histogram_bucket_count` is its name")]
    pub fn poll_count_histogram_bucket_count(&self, worker: usize, bucket: usize) -> u64 {
        self.poll_time_histogram_bucket_count(worker, bucket)
    }
}

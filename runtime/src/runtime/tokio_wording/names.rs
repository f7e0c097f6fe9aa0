//! For compat/tokio: tokio's deprecated names, for items that have another name here.

use std::ops::Range;
use std::time::Duration;

use super::super::builder::older_histogram::{HistogramScale, OlderHistogram};
use super::super::{Builder, RuntimeMetrics};

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

    /// These names together describe one histogram. The last setting, by these or by the newer
    /// name, wins.
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

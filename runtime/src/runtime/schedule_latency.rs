//! How long tasks wait for their polls: from the spawn, the wake, or the end of the poll during
//! which the wake came, until a worker polls the task.
//!
//! It needs a word in every task, so it is a feature. A runtime whose builder did not ask for it
//! reads no clock for it.

use std::ops::Range;
use std::time::Duration;

use super::histogram::HistogramConfiguration;
use super::{Builder, RuntimeMetrics};

impl Builder {
    /// Measures how long each task waits for each of its polls. Poll hooks can read it:
    /// [`TaskMeta::schedule_latency`](crate::runtime::TaskMeta::schedule_latency).
    ///
    /// It reads the clock when a task becomes ready and when it is polled, and is off by default.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_current_thread()
    ///     .track_task_schedule_latency()
    ///     .on_before_task_poll(|task| assert!(task.schedule_latency().is_some()))
    ///     .build()?;
    /// runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn track_task_schedule_latency(&mut self) -> &mut Builder {
        self.measures_latencies = true;
        self
    }

    /// Counts how long tasks wait for their polls, in a histogram:
    /// [`RuntimeMetrics::schedule_latency_histogram_bucket_count`]. It includes
    /// [`track_task_schedule_latency`](Builder::track_task_schedule_latency).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use runtime::runtime::HistogramConfiguration;
    ///
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .worker_threads(1)
    ///     .enable_metrics_schedule_latency_histogram()
    ///     .metrics_schedule_latency_histogram_configuration(HistogramConfiguration::linear(
    ///         Duration::from_micros(50),
    ///         20,
    ///     ))
    ///     .build()?;
    /// assert!(runtime.metrics().schedule_latency_histogram_enabled());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn enable_metrics_schedule_latency_histogram(&mut self) -> &mut Builder {
        self.counts_latencies = true;
        self.track_task_schedule_latency()
    }

    /// The buckets of that histogram. The default is ten buckets of 100 µs. Without
    /// [`enable_metrics_schedule_latency_histogram`](Builder::enable_metrics_schedule_latency_histogram)
    /// it stays empty.
    ///
    /// # Examples
    ///
    /// See [`Builder::enable_metrics_schedule_latency_histogram`].
    pub fn metrics_schedule_latency_histogram_configuration(
        &mut self,
        configuration: HistogramConfiguration,
    ) -> &mut Builder {
        self.latencies = configuration;
        self
    }
}

impl RuntimeMetrics {
    fn latencies(&self) -> &[u64] {
        &self.handle.observe().latencies
    }

    #[track_caller]
    fn assert_latency_bucket(&self, bucket: usize) {
        let buckets = self.latencies().len();
        assert!(bucket < buckets, "there is no bucket {bucket}: the histogram has {buckets}");
    }

    /// Whether there is a histogram of how long tasks wait for their polls: see
    /// [`Builder::enable_metrics_schedule_latency_histogram`].
    ///
    /// # Examples
    ///
    /// See [`Builder::enable_metrics_schedule_latency_histogram`].
    pub fn schedule_latency_histogram_enabled(&self) -> bool {
        !self.latencies().is_empty()
    }

    /// The buckets of the histogram of how long tasks wait for their polls; 0 if there is none.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics::schedule_latency_histogram_bucket_count`].
    pub fn schedule_latency_histogram_num_buckets(&self) -> usize {
        self.latencies().len()
    }

    /// The times that a bucket of the histogram stands for. The last one ends at `u64::MAX`
    /// nanoseconds.
    ///
    /// # Panics
    ///
    /// If there is no such bucket.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics::schedule_latency_histogram_bucket_count`].
    #[track_caller]
    pub fn schedule_latency_histogram_bucket_range(&self, bucket: usize) -> Range<Duration> {
        self.assert_latency_bucket(bucket);
        let starts = self.latencies();
        let end = starts.get(bucket + 1).copied().unwrap_or(u64::MAX);
        Duration::from_nanos(starts[bucket])..Duration::from_nanos(end)
    }

    /// Polls of the worker for which a task waited a time in the bucket's range; 0 without a
    /// histogram.
    ///
    /// # Panics
    ///
    /// If there is one and it has no such bucket; if there is no such worker.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .worker_threads(1)
    ///     .enable_metrics_schedule_latency_histogram()
    ///     .build()?;
    /// let metrics = runtime.metrics();
    /// for bucket in 0..metrics.schedule_latency_histogram_num_buckets() {
    ///     let polls = metrics.schedule_latency_histogram_bucket_count(0, bucket);
    ///     println!("{:?}: {polls}", metrics.schedule_latency_histogram_bucket_range(bucket));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn schedule_latency_histogram_bucket_count(&self, worker: usize, bucket: usize) -> u64 {
        if self.schedule_latency_histogram_enabled() {
            self.assert_latency_bucket(bucket);
        }
        self.worker(worker, |counters, _| {
            counters.latencies.get(bucket).map_or(0, |count| count.get())
        })
    }
}

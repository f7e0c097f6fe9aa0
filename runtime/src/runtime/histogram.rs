//! How a histogram divides time: where its buckets begin.
//!
//! A histogram is just the list of the beginnings of its buckets. Linear and logarithmic ones
//! differ only in how the list is made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The finest precision of a logarithmic histogram: 2^-10.
const MAX_PRECISION: u32 = 10;

/// How the histogram of poll times divides time.
///
/// See
/// [`Builder::metrics_poll_time_histogram_configuration`](crate::Builder::metrics_poll_time_histogram_configuration).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use runtime::runtime::{HistogramConfiguration, LogHistogram};
///
/// let linear = HistogramConfiguration::linear(Duration::from_micros(50), 20);
/// let log = HistogramConfiguration::log(LogHistogram::builder().max_error(0.1));
/// # let _ = (linear, log);
/// ```
#[derive(Clone, Debug)]
pub struct HistogramConfiguration {
    starts: Arc<[u64]>,
}

impl HistogramConfiguration {
    /// Buckets of one width. The last one has no end.
    ///
    /// # Panics
    ///
    /// If the width is zero, or `num_buckets` is.
    ///
    /// # Examples
    ///
    /// See [`HistogramConfiguration`].
    #[track_caller]
    pub fn linear(bucket_width: Duration, num_buckets: usize) -> HistogramConfiguration {
        assert!(!bucket_width.is_zero(), "a bucket of a histogram must have a width");
        assert!(num_buckets > 0, "a histogram must have a bucket");
        let width = ns(bucket_width);
        let starts = (0..num_buckets as u64).map(|bucket| bucket.saturating_mul(width)).collect();
        HistogramConfiguration { starts }
    }

    /// Buckets whose width grows with the time that they stand for, so that the relative error is
    /// bounded.
    ///
    /// # Examples
    ///
    /// See [`HistogramConfiguration`].
    pub fn log(configuration: impl Into<LogHistogram>) -> HistogramConfiguration {
        HistogramConfiguration { starts: configuration.into().starts().into() }
    }

    /// Buckets of which each is twice as wide as the one before. The width of the first is the
    /// given one, rounded up to a power of two of nanoseconds.
    #[cfg(feature = "tokio-wording")]
    #[track_caller]
    pub(super) fn doubling(first_width: Duration, num_buckets: usize) -> HistogramConfiguration {
        assert!(num_buckets > 0, "a histogram must have a bucket");
        let first = ns(first_width).checked_next_power_of_two().unwrap_or(1 << 63);
        let widths = std::iter::successors(Some(first), |width| Some(width.saturating_mul(2)));
        let starts = std::iter::once(0).chain(widths).take(num_buckets).collect();
        HistogramConfiguration { starts }
    }

    /// Where the buckets begin, in nanoseconds.
    pub(super) fn starts(&self) -> &Arc<[u64]> {
        &self.starts
    }
}

impl Default for HistogramConfiguration {
    /// Ten buckets of 100 µs.
    fn default() -> HistogramConfiguration {
        HistogramConfiguration::linear(Duration::from_micros(100), 10)
    }
}

/// A logarithmic division of time. See [`LogHistogramBuilder`].
///
/// # Examples
///
/// See [`HistogramConfiguration`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogHistogram {
    /// Buckets double in width every 2^p buckets.
    p: u32,
    min: u64,
    max: u64,
}

impl LogHistogram {
    /// A builder, to choose the settings.
    ///
    /// # Examples
    ///
    /// See [`HistogramConfiguration`].
    pub fn builder() -> LogHistogramBuilder {
        LogHistogramBuilder::default()
    }

    /// Where the last bucket begins, in nanoseconds. Longer times are all in that bucket.
    ///
    /// # Examples
    ///
    /// See [`LogHistogramBuilder`].
    pub fn max_value(&self) -> u64 {
        self.starts().last().copied().unwrap_or(0)
    }

    fn starts(&self) -> Vec<u64> {
        let mut start = bucket_start(self.min, self.p);
        let mut starts = if start == 0 { vec![0] } else { vec![0, start] };
        while start < self.max {
            let next = start.saturating_add(bucket_width(start, self.p));
            starts.push(next);
            start = next;
        }
        starts
    }
}

impl Default for LogHistogram {
    fn default() -> LogHistogram {
        LogHistogramBuilder::default().build()
    }
}

/// The width of the bucket that `value` is in: 2^-p of the power of two below it.
fn bucket_width(value: u64, p: u32) -> u64 {
    1 << value.max(1).ilog2().saturating_sub(p)
}

fn bucket_start(value: u64, p: u32) -> u64 {
    value - value % bucket_width(value, p)
}

/// Builds a [`LogHistogram`].
///
/// The default is a shortest time of 100 ns, a longest of 60 s and an error of at most 25 %.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use runtime::runtime::{HistogramConfiguration, LogHistogram};
///
/// let fine = LogHistogram::builder()
///     .min_value(Duration::from_micros(1))
///     .max_value(Duration::from_secs(1))
///     .precision_exact(3)
///     .build();
/// assert!(fine.max_value() > 0);
/// let configuration = HistogramConfiguration::log(fine);
/// # let _ = configuration;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LogHistogramBuilder {
    min: Duration,
    max: Duration,
    p: u32,
}

impl Default for LogHistogramBuilder {
    fn default() -> LogHistogramBuilder {
        LogHistogramBuilder { min: Duration::from_nanos(100), max: Duration::from_secs(60), p: 2 }
    }
}

impl LogHistogramBuilder {
    /// The largest relative error. Values below 2^-10 count as 2^-10.
    ///
    /// # Panics
    ///
    /// If it is not between 0 and 1.
    ///
    /// # Examples
    ///
    /// See [`max_buckets`](Self::max_buckets).
    #[track_caller]
    pub fn max_error(mut self, max_error: f64) -> LogHistogramBuilder {
        assert!(max_error > 0.0 && max_error < 1.0, "max_error must be between 0 and 1");
        self.p = (2..MAX_PRECISION)
            .find(|&p| 0.5_f64.powi(p as i32) <= max_error)
            .unwrap_or(MAX_PRECISION);
        self
    }

    /// The precision: the relative error is 2^-p.
    ///
    /// # Panics
    ///
    /// If `p` is above 10.
    ///
    /// # Examples
    ///
    /// See [`LogHistogramBuilder`].
    #[track_caller]
    pub fn precision_exact(mut self, p: u32) -> LogHistogramBuilder {
        assert!(p <= MAX_PRECISION, "precision must be at most {MAX_PRECISION}");
        self.p = p;
        self
    }

    /// The shortest time that is told apart from shorter ones.
    ///
    /// # Examples
    ///
    /// See [`LogHistogramBuilder`].
    pub fn min_value(mut self, duration: Duration) -> LogHistogramBuilder {
        self.min = duration;
        self
    }

    /// The longest time that is told apart from longer ones.
    ///
    /// # Panics
    ///
    /// If it is zero.
    ///
    /// # Examples
    ///
    /// See [`LogHistogramBuilder`].
    #[track_caller]
    pub fn max_value(mut self, duration: Duration) -> LogHistogramBuilder {
        assert!(!duration.is_zero(), "max_value must be greater than 0");
        self.max = duration;
        self
    }

    /// Builds the histogram, with at most `max_buckets` buckets.
    ///
    /// # Errors
    ///
    /// If it would have more buckets.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::runtime::{InvalidHistogramConfiguration, LogHistogram};
    ///
    /// let error = LogHistogram::builder().max_error(0.001).max_buckets(100).unwrap_err();
    /// let InvalidHistogramConfiguration::TooManyBuckets { required_bucket_count } = error else {
    ///     unreachable!()
    /// };
    /// assert!(required_bucket_count > 100);
    /// ```
    pub fn max_buckets(
        &mut self,
        max_buckets: usize,
    ) -> Result<LogHistogram, InvalidHistogramConfiguration> {
        let histogram = self.build();
        let required_bucket_count = histogram.starts().len();
        if required_bucket_count > max_buckets {
            return Err(InvalidHistogramConfiguration::TooManyBuckets { required_bucket_count });
        }
        Ok(histogram)
    }

    /// Builds the histogram.
    ///
    /// # Examples
    ///
    /// See [`LogHistogramBuilder`].
    pub fn build(&self) -> LogHistogram {
        let max = ns(self.max);
        LogHistogram { p: self.p, min: ns(self.min).min(max), max }
    }
}

impl From<LogHistogramBuilder> for LogHistogram {
    fn from(builder: LogHistogramBuilder) -> LogHistogram {
        builder.build()
    }
}

/// Why there is no such histogram.
///
/// # Examples
///
/// See [`LogHistogramBuilder::max_buckets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidHistogramConfiguration {
    /// It would have more buckets than allowed.
    TooManyBuckets {
        /// The buckets that it would have.
        required_bucket_count: usize,
    },
}

impl fmt::Display for InvalidHistogramConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidHistogramConfiguration::TooManyBuckets { required_bucket_count } => {
                write!(
                    f,
                    "the histogram would have {required_bucket_count} buckets: raise its error or its shortest time"
                )
            }
        }
    }
}

impl std::error::Error for InvalidHistogramConfiguration {}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

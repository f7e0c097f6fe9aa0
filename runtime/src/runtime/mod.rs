//! The runtime: its builder, its handle, and the one place where schedulers, driver, timers and
//! blocking pool meet.
//!
//! Most programs need nothing of this: `#[runtime::main]` builds a runtime with every default. Use
//! [`Builder`] to choose the flavour, the number of workers and the rest, and
//! [`Runtime::block_on`] to run a future on it.
//!
//! ```
//! let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
//! let sum = runtime.block_on(async {
//!     let a = runtime::spawn(async { 1 });
//!     let b = runtime::spawn(async { 2 });
//!     a.await.unwrap() + b.await.unwrap()
//! });
//! assert_eq!(sum, 3);
//! # Ok::<(), std::io::Error>(())
//! ```

mod blocking;
mod builder;
pub(crate) mod context;
mod drivers;
mod foreign_wakes;
mod handle;
mod histogram;
mod id;
mod job;
mod local_runtime;
mod metrics;
pub(crate) mod panics;
mod pinned;
mod rng_seed;
#[allow(clippy::module_inception, reason = "the type that the folder is about")]
mod runtime;
#[cfg(feature = "schedule-latency")]
mod schedule_latency;
mod scheduler;
mod serial_thread;
mod shutdown;
mod spawn_pinned;
mod stall;
mod starter;
pub(crate) mod this_thread;
mod thread_plan;
#[cfg(feature = "tokio-wording")]
mod tokio_wording;

pub use builder::Builder;
#[cfg(feature = "tokio-wording")]
#[doc(hidden)]
pub use builder::older_histogram::HistogramScale;
pub use context::{EnterGuard, TryCurrentError};
pub use handle::Handle;
pub use histogram::{
    HistogramConfiguration, InvalidHistogramConfiguration, LogHistogram, LogHistogramBuilder,
};
pub use id::RuntimeId as Id;
pub use local_runtime::{LocalOptions, LocalRuntime};
pub use metrics::RuntimeMetrics;
pub use panics::{PanicReport, UnhandledPanic};
pub use rng_seed::RngSeed;
pub use runtime::{Runtime, is_rt_shutdown_err};
pub use scheduler::RuntimeFlavor;
pub use shutdown::{ShutdownReport, Unfinished};
pub use stall::{SpareShortage, StallReport};

pub use crate::engine::scheduler::TaskMeta;

/// The number of the worker that this code runs on, as [`RuntimeMetrics`] counts them; 0 on the
/// thread that runs a `current_thread` runtime. `None` everywhere else, and in the future of a
/// multi-thread `block_on`.
///
/// # Examples
///
/// ```
/// let runtime = runtime::Builder::new_multi_thread().worker_threads(2).build()?;
/// let index = runtime.block_on(runtime.spawn(async { runtime::runtime::worker_index() })).unwrap();
/// assert!(index.is_some_and(|index| index < 2));
/// assert_eq!(runtime::runtime::worker_index(), None);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn worker_index() -> Option<usize> {
    crate::engine::scheduler::worker_index()
}

//! Time: sleeping, limits on how long something may take, and ticks.
//!
//! - [`sleep`] and [`sleep_until`] wait.
//! - [`timeout`] and [`timeout_at`] give a future a limit and drop it when that is reached.
//! - [`interval`] and [`interval_at`] tick.
//! - [`Instant`] is a point in time, of the runtime's clock, which tests can [`pause`] and
//!   [`advance`].
//!
//! Timers are exact: nothing is rounded to milliseconds. They never fire early; how late they are
//! depends on the machine and on what else it has to do. A [`Duration`] of any length works: one
//! of more than 30 years ends after 30 years.
//!
//! Everything here must be *created* in the context of a runtime (inside `block_on`, a spawned
//! task, or under the guard of `Handle::enter`), except [`Instant`].
//!
//! # Examples
//!
//! ```
//! use runtime::time::{Duration, Instant, sleep, timeout};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let rt = runtime::runtime::Builder::new_current_thread().enable_all().build()?;
//! # rt.block_on(async {
//! let start = Instant::now();
//! sleep(Duration::from_millis(5)).await;
//! assert!(start.elapsed() >= Duration::from_millis(5));
//!
//! let slow = sleep(Duration::from_secs(60));
//! assert!(timeout(Duration::from_millis(5), slow).await.is_err());
//! # });
//! # Ok(())
//! # }
//! ```

pub mod error;

mod clock;
mod instant;
mod interval;
mod sleep;
mod timeout;

pub use clock::{advance, pause, resume};
pub use instant::Instant;
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
#[doc(no_inline)]
pub use std::time::Duration;
pub use timeout::{Timeout, timeout, timeout_at};

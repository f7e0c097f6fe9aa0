//! Time: sleeps, timeouts and periodic ticks.
//!
//! | you want | use |
//! |---|---|
//! | to wait for a while, or until a point in time | [`sleep`], [`sleep_until`] |
//! | to limit how long something may take | [`timeout`], [`timeout_at`] |
//! | to do something again and again | [`interval`], [`interval_at`] |
//! | to measure | [`Instant`] |
//! | to test all that without waiting | [`pause`], [`advance`] |
//!
//! Timers are exact: nothing is rounded to milliseconds. They never fire early; how late they are
//! depends on the machine and its load. A [`Duration`] of any length works: one of more than 30
//! years ends after 30 years.
//!
//! Everything here must be *created* in the context of a runtime (inside `block_on`, a spawned
//! task, or under the guard of `Handle::enter`), except [`Instant`].
//!
//! # Examples
//!
//! ```
//! use runtime::time::{Duration, Instant, sleep, timeout};
//!
//! # #[runtime::main]
//! # async fn main() {
//! let start = Instant::now();
//! sleep(Duration::from_millis(5)).await;
//! assert!(start.elapsed() >= Duration::from_millis(5));
//!
//! let slow = sleep(Duration::from_secs(60));
//! assert!(timeout(Duration::from_millis(5), slow).await.is_err());
//! # }
//! ```
//!
//! # Limits
//!
//! [`timeout`] drops the future when the time is over. What that means is up to the future: see
//! [cancel safety](crate::select#cancel-safety). To keep it, pass a reference:
//!
//! ```
//! use runtime::time::{Duration, sleep, timeout};
//!
//! # #[runtime::main]
//! # async fn main() {
//! let mut download = Box::pin(async {
//!     sleep(Duration::from_millis(20)).await;
//!     "content"
//! });
//! let content = match timeout(Duration::from_millis(1), &mut download).await {
//!     Ok(content) => content,
//!     Err(_elapsed) => {
//!         println!("this takes a while ..");
//!         download.await
//!     }
//! };
//! assert_eq!(content, "content");
//! # }
//! ```
//!
//! # Ticks, and missed ticks
//!
//! An [`Interval`] keeps its period however long the work between two ticks takes. A `sleep` in a
//! loop does not: the time of the work is added to it. If the work takes longer than the period,
//! ticks are missed, and [`MissedTickBehavior`] says what happens then:
//!
//! | | the ticks that were missed | use it for |
//! |---|---|---|
//! | [`Burst`](MissedTickBehavior::Burst), the default | come at once, one after the other | work that must be done that often |
//! | [`Delay`](MissedTickBehavior::Delay) | are dropped; the next comes a period after the late one | work that must not come too close together |
//! | [`Skip`](MissedTickBehavior::Skip) | are dropped; the next comes at its regular time | work that belongs to points in time |
//!
//! ```
//! use runtime::time::{Duration, MissedTickBehavior, interval};
//!
//! # #[runtime::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let mut ticks = interval(Duration::from_secs(1));
//! ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
//! for _ in 0..3 {
//!     ticks.tick().await; // the first comes at once
//!     println!("once a second");
//! }
//! # }
//! ```
//!
//! # Tests without waiting
//!
//! With the clock paused, a sleep of an hour is over as soon as there is nothing else to do. The
//! tested code need not change, as long as it uses [`Instant`] and the functions of this module.
//!
//! ```
//! use runtime::time::{Duration, Instant, sleep};
//!
//! #[runtime::test(start_paused = true)]
//! async fn an_hour_passes_at_once() {
//!     let start = Instant::now();
//!     sleep(Duration::from_secs(3600)).await;
//!     assert_eq!(start.elapsed(), Duration::from_secs(3600));
//! }
//! ```
//!
//! A test that moves the time itself, step by step, uses a
//! [`TestExecutor`](crate::testing::TestExecutor).

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

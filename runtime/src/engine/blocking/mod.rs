//! The blocking pool: threads for work that waits, or computes for long.
//!
//! It knows neither the runtime nor its tasks: it runs [`Job`]s on threads that a caller-supplied
//! function starts. It has two halves:
//!
//! - [`queue`](self::queue): decides which thread starts, sleeps, runs a job and leaves. It is a
//!   lock around plain data, with the proof that no job is lost. The models compile this file.
//! - [`pool`](self::pool): the operating system's threads, the hooks, catching of panics and the
//!   wait at shutdown.

mod job;
mod pool;
mod queue;

pub(crate) use job::{Job, Note};
pub(crate) use pool::{Config, Pool, Rejected, Remaining};

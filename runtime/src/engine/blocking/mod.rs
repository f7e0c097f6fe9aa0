//! The blocking pool: threads for work that waits, or computes for long.
//!
//! It knows neither the runtime nor its tasks: it runs [`Job`]s on threads that a function given by
//! the caller starts. The two halves:
//!
//! - [`queue`](self::queue): who waits, who looks, who runs and who leaves. A lock around plain
//!   data; the proof that no job is lost stands there. The models compile this file.
//! - [`pool`](self::pool): the operating system's threads, the hooks, containment of panics and the
//!   wait at shutdown.

mod job;
mod pool;
mod queue;

pub(crate) use job::{Job, Note};
pub(crate) use pool::{Config, Pool, Rejected, Remaining};

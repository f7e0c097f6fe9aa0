//! Schedulers: which thread runs which task, and when a thread sleeps.
//!
//! [`Pool`] is a set of workers that steal from each other, watched by a guardian;
//! [`CurrentThread`] runs everything on the thread that blocks on it. Both see the outside world
//! through the trait [`Driver`] and start no thread themselves: the room above hands in how.

mod closing;
mod crew;
mod current_thread;
mod driver;
mod guardian;
mod hand_over;
mod here;
mod in_flight;
mod local;
mod metrics;
mod nap;
mod observe;
mod pinned;
mod pool;
mod queue;
mod seat;
mod sleep;
mod slot;
mod worker;

pub(crate) use current_thread::{CurrentThread, CurrentThreadConfig, StartWatch};
pub(crate) use driver::Driver;
pub(crate) use guardian::{Guardian, Stall, StallSink};
pub(crate) use here::{block_in_place, worker_index};
pub(crate) use local::LocalTasks;
pub(crate) use metrics::WorkerCounters;
pub use observe::TaskMeta;
pub(crate) use observe::{Observe, TaskHook, terminated};
pub(crate) use pinned::{PinnedHome, PinnedThread};
pub(crate) use pool::{Hook, Pool, PoolConfig, Shortage};
pub(crate) use worker::NewWorker;

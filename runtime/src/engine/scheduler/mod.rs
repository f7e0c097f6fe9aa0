//! Schedulers: which thread runs which task, and when a thread sleeps.
//!
//! [`Pool`] is a set of workers that steal from each other, watched by a monitor; [`CurrentThread`]
//! runs everything on the thread that blocks on it. Both see the outside world through the trait
//! [`Park`]. They start no thread themselves: `runtime/` passes in a function that does.

mod announce;
mod background;
mod background_thread;
mod behind;
mod closing;
mod core_handoff;
mod current_thread;
mod fan_in;
mod foreign_wakers;
mod held_up;
mod here;
mod idle;
mod in_flight;
mod lifo_slot;
mod local;
mod marked;
mod metrics;
mod monitor;
mod monitor_park;
mod monitor_rounds;
mod monitor_start;
mod observe;
mod pace;
mod park;
mod pinned;
mod poll_age;
mod pool;
mod queue;
mod silence;
mod sleep;
mod spares;
mod tasks;
mod visit;
mod watched_thread;
mod worker;
mod worker_set;
mod worker_shared;
mod worker_table;

pub(crate) use background_thread::BackgroundThread;
pub(crate) use current_thread::{CurrentThread, CurrentThreadConfig, StartWatch, Steps};
pub(crate) use here::{block_in_place, worker_index};
pub(crate) use local::{LocalList, LocalTasks, Poller};
pub(crate) use metrics::WorkerCounters;
pub(crate) use monitor::{Monitor, Stall, StallSink};
pub(crate) use monitor_rounds::watch_pool;
pub(crate) use monitor_start::{MonitorStart, StartMonitor};
pub use observe::TaskMeta;
pub(crate) use observe::{Hook, NO_WORKER, Observe, TaskHook, terminated};
pub(crate) use park::Park;
pub(crate) use pinned::{PinnedHome, PinnedThread};
pub(crate) use pool::{Asked, NAP, Pool, PoolConfig, StandIn};
pub(crate) use spares::Shortage;
pub(crate) use tasks::Tasks;
pub(crate) use worker::NewWorker;

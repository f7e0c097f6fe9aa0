//! Schedulers: which thread runs which task, and when a thread sleeps.
//!
//! [`Pool`] is a set of workers that steal from each other, watched by a guardian;
//! [`CurrentThread`] runs everything on the thread that blocks on it. Both see the outside world
//! through the trait [`Driver`] and start no thread themselves: the room above hands in how.

mod closing;
mod current_thread;
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

pub(crate) use current_thread::{CurrentThread, CurrentThreadConfig};
pub(crate) use guardian::{Guardian, Stall, StallSink};
pub(crate) use here::{block_in_place, worker_index};
pub(crate) use local::LocalTasks;
pub(crate) use metrics::WorkerCounters;
pub use observe::TaskMeta;
pub(crate) use observe::{Observe, TaskHook, terminated};
pub(crate) use pinned::{PinnedHome, PinnedThread};
pub(crate) use pool::{Hook, Pool, PoolConfig};
pub(crate) use worker::NewWorker;

use std::time::Duration;

use crate::engine::primitive::Parker;
use crate::engine::wake_list::WakeList;

/// What a scheduler needs from I/O and timers. Wakers are collected, never called in here.
pub(crate) trait Driver: Send + Sync + 'static {
    /// Looks without waiting at the timers of `seat` and, if nobody else has the poll, at I/O.
    fn look(&self, seat: usize, ready: &mut WakeList);

    /// Sleeps until there is something to wake, or `parker` is given its token. Sleeps in the poll
    /// if nobody else has it, else on the parker. May return early. A worker that is counted as active
    /// is so before and after, and in between while it does not sleep.
    fn sleep(&self, seat: usize, parker: &Parker, ready: &mut WakeList);

    /// Waits in the poll for at most `limit`, for whoever should have had it, and looks at all
    /// timers. Returns false, without waiting, if somebody else has the poll.
    fn stand_in(&self, limit: Duration, ready: &mut WakeList) -> bool;

    /// Looks at timers that have been due for longer than `by`: whoever should have looked at them
    /// does not.
    fn advance_overdue(&self, by: Duration, ready: &mut WakeList);

    /// Whether somebody has the poll at this moment.
    fn has_holder(&self) -> bool;

    /// How often somebody has looked at the poll so far.
    fn looks(&self) -> u64;

    /// Wakes whoever sleeps in the poll.
    fn wake(&self);

    /// How long until the next timer is due, as far as known; zero if one is due already.
    fn next_timer(&self) -> Option<Duration>;
}

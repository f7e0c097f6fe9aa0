//! The scheduler of a runtime, of either flavour.

use std::future::Future;
use std::sync::Arc;
use std::thread::ThreadId;

use crate::engine::scheduler::{CurrentThread, Monitor, Pool, Tasks, WorkerCounters};
use crate::engine::task::scope::Membership;
use crate::engine::task::{Identity, JoinHandle, Runnable};

/// Which scheduler a runtime has.
///
/// # Examples
///
/// See [`Handle::current`](super::Handle::current).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeFlavor {
    /// Everything runs on the thread that calls `block_on`.
    CurrentThread,
    /// Tasks run on several workers, which steal from each other.
    MultiThread,
}

/// The flavours.
pub(super) enum Scheduler {
    MultiThread(Arc<Pool>),
    CurrentThread(Arc<CurrentThread>),
}

/// Makes the same call on either scheduler.
macro_rules! either {
    ($scheduler:expr, $it:ident => $call:expr) => {
        match $scheduler {
            Scheduler::MultiThread($it) => $call,
            Scheduler::CurrentThread($it) => $call,
        }
    };
}

impl Scheduler {
    pub(super) fn pool(&self) -> Option<&Arc<Pool>> {
        match self {
            Scheduler::MultiThread(pool) => Some(pool),
            Scheduler::CurrentThread(_) => None,
        }
    }

    pub(super) fn current_thread(&self) -> Option<&Arc<CurrentThread>> {
        match self {
            Scheduler::MultiThread(_) => None,
            Scheduler::CurrentThread(shared) => Some(shared),
        }
    }

    pub(super) fn flavor(&self) -> RuntimeFlavor {
        match self {
            Scheduler::MultiThread(_) => RuntimeFlavor::MultiThread,
            Scheduler::CurrentThread(_) => RuntimeFlavor::CurrentThread,
        }
    }

    /// Spawns a task.
    #[inline]
    pub(super) fn spawn<F>(&self, future: F, identity: Identity<'_>) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        either!(self, it => it.spawn(future, identity))
    }

    /// Makes a task that becomes runnable with the others of the batch.
    pub(super) fn spawn_into<F>(
        &self,
        batch: &mut Vec<Runnable>,
        future: F,
        identity: Identity<'_>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        either!(self, it => it.spawn_into(batch, future, identity))
    }

    /// Queues tasks that have become runnable.
    pub(super) fn schedule_all(&self, batch: &mut Vec<Runnable>) {
        either!(self, it => it.schedule_all(batch));
    }

    /// Spawns a task into a scope.
    #[inline]
    pub(super) fn spawn_in<F>(
        &self,
        membership: Membership,
        future: F,
        identity: Identity<'_>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        either!(self, it => it.spawn_in(membership, future, identity))
    }

    pub(super) fn tasks(&self) -> &Tasks {
        either!(self, it => it.tasks())
    }

    pub(super) fn monitor(&self) -> &Monitor {
        either!(self, it => it.monitor())
    }

    /// Times that a task was made runnable by a thread that is no worker.
    pub(super) fn remote_schedules(&self) -> u64 {
        either!(self, it => it.remote_schedules())
    }

    /// Tasks in the queue that all workers share.
    pub(super) fn injected(&self) -> usize {
        either!(self, it => it.injected())
    }

    /// Whether the shutdown has begun.
    pub(super) fn is_closed(&self) -> bool {
        either!(self, it => it.is_closed())
    }

    /// Refuses new tasks from here on. The threads that run tasks drop those that exist.
    pub(super) fn stop(&self) {
        match self {
            Scheduler::MultiThread(pool) => pool.close(),
            Scheduler::CurrentThread(shared) => shared.stop(),
        }
    }

    /// Workers, spares, stand-ins and threads for background tasks, as reports number them.
    pub(super) fn threads_in_reports(&self) -> usize {
        self.pool().map_or(1, |pool| pool.all_slots() + pool.most_background_threads())
    }

    /// Background tasks that wait for a poll, and threads for them.
    pub(super) fn background_counts(&self) -> (usize, usize) {
        either!(self, it => it.background_counts())
    }

    /// A worker's counters, and the number of tasks in its queue. `None` if there is no such
    /// worker.
    pub(super) fn worker<R>(
        &self,
        worker: usize,
        f: impl FnOnce(&WorkerCounters, usize) -> R,
    ) -> Option<R> {
        match self {
            Scheduler::MultiThread(pool) => {
                pool.any_slot(worker).map(|slot| f(slot.counters(), slot.queue_len()))
            }
            Scheduler::CurrentThread(shared) => {
                (worker == 0).then(|| f(shared.counters(), shared.queue_len()))
            }
        }
    }

    /// The thread of an existing worker.
    pub(super) fn thread_of(&self, worker: usize) -> Option<ThreadId> {
        match self {
            Scheduler::MultiThread(pool) => pool.any_slot(worker)?.thread_id(),
            Scheduler::CurrentThread(shared) => shared.thread_id(),
        }
    }

    /// Polls of workers that ran out of budget.
    /// The kernel's number of a worker's thread, while it has one.
    pub(super) fn os_thread_of(&self, worker: usize) -> Option<u32> {
        let tid = match self {
            Scheduler::MultiThread(pool) => pool.any_slot(worker)?.tid(),
            Scheduler::CurrentThread(shared) => shared.tid(),
        };
        (tid != 0).then_some(tid)
    }

    pub(super) fn forced_yields(&self) -> u64 {
        match self {
            Scheduler::MultiThread(pool) => {
                let of_slots = pool.slots().map(|slot| slot.counters().forced_yields.get());
                of_slots.sum::<u64>() + pool.background_forced_yields()
            }
            Scheduler::CurrentThread(shared) => shared.counters().forced_yields.get(),
        }
    }
}

//! Threads for futures that are not `Send`, beside a runtime of any flavour.
//!
//! # Problem
//!
//! A future that is not `Send` can be made on the thread where it will live, by a closure that is
//! `Send`. The thread needs a queue of tasks, wakers that may go anywhere, and a monitor that
//! notices when it hangs. The runtime drives its I/O and timers, and their wakers unpark the
//! thread.
//!
//! # Parts
//!
//! [`PinnedThread`] is what all threads see: they spawn to it. [`PinnedHome`] is the right to be
//! its thread; there is one. The tasks are in a [`LocalQueue`]: a pinned thread is like a thread
//! that blocks on a `LocalSet`.
//!
//! # Invariants
//!
//! 1. Whoever has the [`PinnedHome`] is the thread of the queue (`local.rs`, invariant 4). A home
//!    that is dropped without having been run closes the queue.
//! 2. `stop` is set before the home's waker is called. The home registers its waker and then reads
//!    `stop`, so it cannot sleep through a stop.

use std::future::{Future, poll_fn};
use std::task::Poll;

use super::local::{LocalHome, LocalQueue, LocalTasks, Poller};
use super::metrics::Counter;
use super::monitor::Monitor;
use super::observe::Observe;
use super::watched_thread::WatchedThread;
use crate::engine::activity::Activity;
use crate::engine::insight::recorder::{Kind, Owner, record_here};
use crate::engine::primitive::Arc;
use crate::engine::primitive::atomic::{AtomicBool, Ordering};
use crate::engine::task::scope::Membership;
use crate::engine::task::{Identity, JoinHandle, Owned, PanicSink};
use crate::engine::{coop, park_on};

/// A pinned thread, as the threads that spawn to it see it.
pub(crate) struct PinnedThread {
    queue: Arc<LocalQueue>,
    bound: std::sync::Arc<WatchedThread>,
    stop: AtomicBool,
    /// Polls that ran out of budget.
    forced_yields: Counter,
    number: usize,
}

/// The right to be the thread.
pub(crate) struct PinnedHome {
    thread: Arc<PinnedThread>,
    home: Option<LocalHome>,
}

impl PinnedThread {
    /// `number` is what reports call the thread.
    pub(crate) fn new(
        panics: std::sync::Arc<dyn PanicSink>,
        observe: Observe,
        number: usize,
    ) -> (Arc<PinnedThread>, PinnedHome) {
        let (queue, home) = LocalHome::new(panics, observe);
        let thread = Arc::new(PinnedThread {
            queue,
            number,
            bound: std::sync::Arc::new(WatchedThread::new(number)),
            stop: AtomicBool::new(false),
            forced_yields: Counter::default(),
        });
        (Arc::clone(&thread), PinnedHome { thread, home: Some(home) })
    }

    /// Spawns the future that `make` makes. `make` is called on the pinned thread.
    pub(crate) fn spawn<M, F>(
        &self,
        membership: Option<Membership>,
        make: M,
        identity: Identity<'_>,
    ) -> JoinHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.queue.spawn_made_there(membership, make, identity)
    }

    /// Tells the thread to refuse new tasks, drop those it has and leave. Does not wait for it.
    pub(crate) fn close(&self) {
        self.queue.refuse();
        // No pair: the lock of the queue is between this and the look at it (invariant 2).
        self.stop.store(true, Ordering::Relaxed);
        self.queue.wake();
    }

    /// Tasks that were spawned and have not completed.
    pub(crate) fn alive_tasks(&self) -> usize {
        self.tasks().about_alive()
    }

    /// Tasks ever spawned.
    pub(crate) fn spawned_tasks(&self) -> u64 {
        self.tasks().spawned()
    }

    /// The list of all tasks.
    pub(crate) fn tasks(&self) -> &Owned {
        self.queue.tasks()
    }

    /// Polls that ran out of budget.
    pub(crate) fn forced_yields(&self) -> u64 {
        self.forced_yields.get()
    }

    /// The thread as the monitor sees it.
    pub(crate) fn bound(&self) -> &std::sync::Arc<WatchedThread> {
        &self.bound
    }
}

impl PinnedHome {
    /// Runs the thread's tasks until [`PinnedThread::close`]. `settle` is called once, with the
    /// access that tasks on this thread have to it, and what it returns is dropped at the end. If
    /// there is an `activity` the thread is counted in it already.
    pub(crate) fn run<G>(
        mut self,
        monitor: &Monitor,
        activity: Option<&Arc<Activity>>,
        settle: impl FnOnce(LocalTasks) -> G,
    ) {
        let Some(home) = self.home.take() else { return };
        let tasks = Settled(home.settle());
        let _settled = settle(tasks.0.share());
        let thread = &self.thread;
        let observe = thread.queue.observe();
        let ring = observe.ring(Owner::Pinned(thread.number as u32));
        let _recorded = observe.record_on_this_thread(ring.as_ref());
        thread.bound.set_tid();
        let mut poller = Poller::default();
        let until_stopped = poll_fn(|cx| {
            drop(tasks.0.register(&mut poller, cx.waker()));
            if thread.stop.load(Ordering::Relaxed) {
                return Poll::Ready(());
            }
            thread.bound.set_awake(true);
            record_here(Kind::Unpark);
            monitor.awake();
            tasks.0.turn(&poller, Some(thread.bound.watch()), cx.waker());
            thread.forced_yields.add(coop::take_forced());
            record_here(Kind::Park);
            thread.bound.set_awake(false);
            Poll::Pending
        });
        match activity {
            None => park_on::run(until_stopped),
            Some(activity) => park_on::run_counted(until_stopped, activity),
        }
        // Before the result of `settle` is dropped: destructors may spawn.
        thread.bound.set_awake(true);
        monitor.awake();
        tasks.0.close(Some(thread.bound.watch()));
        thread.bound.set_awake(false);
        monitor.wake();
    }
}

impl Drop for PinnedHome {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            drop(Settled(home.settle()));
        }
    }
}

/// Drops the tasks at the end.
struct Settled(LocalTasks);

impl Drop for Settled {
    fn drop(&mut self) {
        self.0.close(None);
    }
}

//! The queues of marked tasks that are ready. A marked task has stalled a worker before.
//!
//! # Problem
//!
//! A worker that polls a marked task announces beforehand that it will stall, so that a spare
//! serves meanwhile: other tasks need not wait for the detection again. But this gives the task a
//! thread beside those of the others. If marked tasks ran whenever a spare is available, 200 equal
//! tasks of 10 ms would run on 66 threads at once, and 8 tasks of 20 ms would take four fifths of
//! two processors from 200 of 1 ms. If they ran last, a task marked by chance would starve. The
//! mark must keep others from waiting for the task, and change nothing else.
//!
//! # Rules
//!
//! 1. A marked task waits as long as it would without the mark: until a visit by a worker whose own
//!    queue takes, at its pace, as long as the task has waited. A worker that has nothing else to
//!    do takes it at once.
//! 2. Of the tasks that *compute* no more are polled at a time than there are workers. As many
//!    threads serve ordinary tasks, so marked ones get half of the processors when both want more.
//! 3. Tasks that *block* need no processor. They are polled as long as there are spares, and beyond
//!    that by rule 4.
//! 4. Without a free spare, the poll costs the other tasks a worker. Then a worker gives marked
//!    tasks at most half of its time: as much as it gave other tasks since the last marked one.
//! 5. Each kind is first come, first served.
//! 6. A worker that has other tasks in its queue does not poll a marked one: it would leave them
//!    behind. It counts the coming poll as a stall, *gives* the task away and calls a spare, which
//!    polls that task and nothing else.
//!
//! A task computes or blocks according to what its last long poll did for longer.
//!
//! # Who looks, and when
//!
//! Workers look at each visit, and when they have nothing else. [`is_ready`](MarkedTasks::is_ready)
//! counts as work for a worker about to sleep. A task that waits because of rule 2 does not count;
//! a worker that ends a poll of such a task looks for the next one before it sleeps.
//!
//! # Rejected
//!
//! - A queue that is looked at last, except at every second visit of the injector (the first
//!   version): equal tasks of 1 ms were marked by chance and then waited for up to 8.8 s.
//! - Marked tasks in the ordinary queues: a spare in a long poll has other tasks in its queue. When
//!   these are stolen they go to the back of another queue, and lose all order.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::engine::task::{Mark, Runnable};

/// Marked tasks that are ready to be polled.
#[derive(Debug)]
pub(super) struct MarkedTasks {
    queues: Mutex<Queues>,
    /// Whether a task can be taken. Written under the lock, a hint outside of it. A change to true
    /// is followed by a publication, as a push is.
    ready: AtomicBool,
    /// Tasks that were given away (rule 6).
    given: Mutex<VecDeque<Taken>>,
    /// The length of `given`: a hint, as `ready`.
    given_count: AtomicUsize,
    /// How many tasks wait. For metrics, and to look without the lock.
    waiting: AtomicUsize,
    /// The most that compute at a time (rule 2).
    limit: usize,
}

#[derive(Debug, Default)]
struct Queues {
    blocking: VecDeque<Waiting>,
    computing: VecDeque<Waiting>,
    /// Tasks that compute and are being polled.
    running: usize,
}

#[derive(Debug)]
struct Waiting {
    task: Runnable,
    since: Instant,
}

/// A marked task to be polled.
#[derive(Debug)]
#[must_use = "it has to be polled, and then to be counted off"]
pub(super) struct Taken {
    pub(super) task: Runnable,
    mark: Mark,
}

/// What a visiting worker offers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    pub(super) now: Instant,
    /// How long a task would wait in the worker's own queue (rule 1).
    pub(super) wait: Duration,
    /// Whether the worker may poll a marked task now: rules 3 and 4.
    pub(super) may_run: bool,
}

impl MarkedTasks {
    /// At most `limit` tasks that compute are polled at a time.
    pub(super) fn new(limit: usize) -> MarkedTasks {
        let queues = Mutex::new(Queues::default());
        let (ready, waiting) = (AtomicBool::new(false), AtomicUsize::new(0));
        let (given, given_count) = (Mutex::default(), AtomicUsize::new(0));
        MarkedTasks { queues, ready, given, given_count, waiting, limit }
    }

    /// Gives a task away (rule 6). The poll has been counted as a stall; the thread that takes the
    /// task counts it off. The caller then calls a spare, or publishes.
    pub(super) fn give(&self, taken: Taken) {
        let mut given = self.given.lock();
        given.push_back(taken);
        self.given_count.store(given.len(), Ordering::Relaxed);
    }

    /// Takes the task that was given away first.
    pub(super) fn take_given(&self) -> Option<Taken> {
        if !self.has_given() {
            return None;
        }
        let mut given = self.given.lock();
        let first = given.pop_front();
        self.given_count.store(given.len(), Ordering::Relaxed);
        first
    }

    /// Whether a task was given away and nobody has taken it yet.
    #[inline]
    pub(super) fn has_given(&self) -> bool {
        self.given_count.load(Ordering::Relaxed) > 0
    }

    /// Adds a task. The caller then publishes.
    pub(super) fn push(&self, task: Runnable) {
        let waiting = Waiting { since: Instant::now(), task };
        let mut queues = self.queues.lock();
        match waiting.task.mark() {
            Some(Mark::Computes) => queues.computing.push_back(waiting),
            _ => queues.blocking.push_back(waiting),
        }
        self.show(&queues);
    }

    /// Takes the task that has waited longest of those that may be polled now.
    pub(super) fn take(&self, offer: Offer) -> Option<Taken> {
        if !self.is_ready() || !offer.may_run {
            return None;
        }
        let mut queues = self.queues.lock();
        let waits = |queue: &VecDeque<Waiting>| queue.front().map(|waiting| waiting.since);
        let computing = waits(&queues.computing).filter(|_| queues.running < self.limit);
        let blocking = waits(&queues.blocking);
        let since = computing.into_iter().chain(blocking).min()?;
        if offer.now.saturating_duration_since(since) < offer.wait {
            return None;
        }
        let (mark, queue) = match computing {
            Some(other) if other == since => {
                queues.running += 1;
                (Mark::Computes, &mut queues.computing)
            }
            _ => (Mark::Blocks, &mut queues.blocking),
        };
        let task = queue.pop_front()?.task;
        self.show(&queues);
        Some(Taken { task, mark })
    }

    /// Records that the poll of a taken task has ended.
    pub(super) fn ended(&self, mark: Mark) {
        if mark == Mark::Computes {
            let mut queues = self.queues.lock();
            queues.running -= 1;
            self.show(&queues);
        }
    }

    /// Takes any task, for a shutdown.
    pub(super) fn pop(&self) -> Option<Runnable> {
        if let Some(taken) = self.take_given() {
            return Some(taken.task);
        }
        let mut queues = self.queues.lock();
        let first = queues.blocking.pop_front();
        let first = first.or_else(|| queues.computing.pop_front());
        self.show(&queues);
        first.map(|waiting| waiting.task)
    }

    /// Whether there is a task that an idle worker could take.
    #[inline]
    pub(super) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.load(Ordering::Relaxed) + self.given_count.load(Ordering::Relaxed)
    }

    fn show(&self, queues: &Queues) {
        let computing = !queues.computing.is_empty() && queues.running < self.limit;
        self.ready.store(computing || !queues.blocking.is_empty(), Ordering::Relaxed);
        let waiting = queues.blocking.len() + queues.computing.len();
        self.waiting.store(waiting, Ordering::Relaxed);
    }
}

impl Taken {
    /// The task's mark, for [`MarkedTasks::ended`].
    pub(super) fn mark(&self) -> Mark {
        self.mark
    }
}

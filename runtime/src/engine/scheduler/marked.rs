//! Marked tasks that are ready: those of which a poll has stalled its worker before.
//!
//! # Problem
//!
//! Who polls a marked task announces beforehand that it will stall, so that a spare serves
//! meanwhile: the others do not pay the detection again. But that gives the task a thread beside
//! those of the others. If marked tasks had their turn whenever a spare is to be had, 200 equal
//! tasks of 10 ms would run on 66 threads at once, and 8 tasks of 20 ms would take four fifths of
//! two processors from 200 of 1 ms. If they came last, one that was marked by chance would starve.
//! The mark must keep others from waiting for the task, and change nothing else.
//!
//! # Rules
//!
//! 1. A marked task waits as long as it would without the mark: until a worker comes by whose own
//!    queue, at its pace, takes as long as the task has waited. A worker that has nothing else to
//!    do takes it at once.
//! 2. Of those that *compute* no more are polled at a time than there are workers. With the threads
//!    that serve the others beside them, they get half of the processors when they want more.
//! 3. Those that *block* need no processor. They are polled as long as there are spares, and beyond
//!    that by rule 4.
//! 4. When no spare is to be had, the poll costs the others a worker. Then a worker gives marked
//!    tasks at most half of its time: as much as it gave the others since the last one.
//! 5. First come, first served, within each kind.
//! 6. A worker that has others in its queue does not poll it: it would leave them behind. It counts
//!    the poll as a stall, as it is about to be one, *gives* the task away and calls a spare, which
//!    polls it and nothing else.
//!
//! Whether a task computes or blocks is what its last long poll did for longer.
//!
//! # Who looks, and when
//!
//! Workers at each visit, and when they have nothing else. [`is_ready`](MarkedTasks::is_ready)
//! counts as work for those about to sleep. A task that waits because of rule 2 does not; whoever
//! ends a poll of one looks for the next before it sleeps.
//!
//! # Rejected
//!
//! - A queue that is looked at last, but for every second visit of the injector (the first
//!   version): equal tasks of 1 ms were marked by chance and then waited for up to 8.8 s.
//! - Marked tasks in the queues of all others: a spare that is in a poll of one for long has others
//!   in its queue, and what is taken from there comes to the back of another one, in no order at
//!   all.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::engine::task::{Mark, Runnable};

/// The tasks.
#[derive(Debug)]
pub(super) struct MarkedTasks {
    queues: Mutex<Queues>,
    /// Some can be taken: written under the lock, a hint outside of it. What makes it true is
    /// published as a push.
    ready: AtomicBool,
    /// Tasks that were given away (rule 6).
    given: Mutex<VecDeque<Taken>>,
    /// How many of those there are: a hint, as `ready`.
    given_count: AtomicUsize,
    /// How many wait. For metrics, and to keep the lock out of the way.
    waiting: AtomicUsize,
    /// Rule 2.
    limit: usize,
}

#[derive(Debug, Default)]
struct Queues {
    blocking: VecDeque<Waiting>,
    computing: VecDeque<Waiting>,
    /// Those that compute and are being polled.
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

/// What the worker that comes by can give.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    pub(super) now: Instant,
    /// How long a task would wait in its own queue (rule 1).
    pub(super) wait: Duration,
    /// Whether it may poll one now: rules 3 and 4.
    pub(super) may_run: bool,
}

impl MarkedTasks {
    /// At most `limit` that compute are polled at a time.
    pub(super) fn new(limit: usize) -> MarkedTasks {
        let queues = Mutex::new(Queues::default());
        let (ready, waiting) = (AtomicBool::new(false), AtomicUsize::new(0));
        let (given, given_count) = (Mutex::default(), AtomicUsize::new(0));
        MarkedTasks { queues, ready, given, given_count, waiting, limit }
    }

    /// Rule 6. The poll has been counted as a stall; whoever takes the task counts it off. To be
    /// followed by a call of a spare, or a publication.
    pub(super) fn give(&self, taken: Taken) {
        let mut given = self.given.lock();
        given.push_back(taken);
        self.given_count.store(given.len(), Ordering::Relaxed);
    }

    /// Takes what was given away first.
    pub(super) fn take_given(&self) -> Option<Taken> {
        if !self.has_given() {
            return None;
        }
        let mut given = self.given.lock();
        let first = given.pop_front();
        self.given_count.store(given.len(), Ordering::Relaxed);
        first
    }

    /// Whether one has been given away that nobody polls yet.
    #[inline]
    pub(super) fn has_given(&self) -> bool {
        self.given_count.load(Ordering::Relaxed) > 0
    }

    /// To be followed by a publication.
    pub(super) fn push(&self, task: Runnable) {
        let waiting = Waiting { since: Instant::now(), task };
        let mut queues = self.queues.lock();
        match waiting.task.mark() {
            Some(Mark::Computes) => queues.computing.push_back(waiting),
            _ => queues.blocking.push_back(waiting),
        }
        self.show(&queues);
    }

    /// The task that has waited longest of those that may be polled now.
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

    /// The poll of a task that was taken has ended.
    pub(super) fn ended(&self, mark: Mark) {
        if mark == Mark::Computes {
            let mut queues = self.queues.lock();
            queues.running -= 1;
            self.show(&queues);
        }
    }

    /// Takes any, for a shutdown.
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

    /// Whether there is one that a worker with nothing else to do could take.
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
    /// For [`MarkedTasks::ended`].
    pub(super) fn mark(&self) -> Mark {
        self.mark
    }
}

//! Background tasks where all tasks share one thread: a second queue, behind the ordinary one.
//!
//! A task of it is polled when no ordinary task is ready. *The floor*: where there is always one, a
//! background task is polled now and then, so that background tasks have about a hundredth of the
//! time: after a poll that took `d` the next one waits for 100 times `d`, and at least for
//! [`LEAST`].

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::engine::task::Runnable;

/// The least time between two polls that come before ordinary tasks.
const LEAST: Duration = Duration::from_millis(10);
/// What the ordinary tasks get of the time, in parts of a background task's poll.
const SHARE: u32 = 100;

/// Background tasks that are ready.
#[derive(Debug, Default)]
pub(super) struct Behind {
    queue: VecDeque<Runnable>,
    /// No task goes before ordinary ones until then. None: not before the next look.
    floor: Option<Instant>,
}

impl Behind {
    pub(super) fn push(&mut self, task: Runnable) {
        self.queue.push_back(task);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// The next task, when no ordinary task is ready.
    pub(super) fn pop(&mut self) -> Option<Runnable> {
        self.queue.pop_front()
    }

    /// The next task, if it goes before ordinary ones.
    pub(super) fn pop_if_due(&mut self, now: Instant) -> Option<Runnable> {
        if self.queue.is_empty() {
            return None;
        }
        match self.floor {
            Some(floor) if now >= floor => self.queue.pop_front(),
            Some(_) => None,
            None => {
                self.floor = Some(now + LEAST);
                None
            }
        }
    }

    /// A task of this queue was polled from `began` until now.
    pub(super) fn polled(&mut self, began: Instant, now: Instant) {
        self.floor = now.checked_add((now - began).saturating_mul(SHARE).max(LEAST));
    }
}

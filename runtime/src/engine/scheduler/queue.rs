//! Run queues, behind one small interface.
//!
//! They are crossbeam-deque's: a Chase-Lev deque per worker (Chase and Lev, "Dynamic
//! circular work-stealing deque", 2005; with the orderings of Lê et al., 2013), used first in,
//! first out, and a linked list of blocks for tasks from outside. Neither has a bound: a spawn
//! never fails and never waits.

use crossbeam_deque::{Injector as Global, Steal, Stealer as Thief, Worker as Deque};

use crate::engine::task::Runnable;

/// The queue of one worker; only its thread pushes and pops.
#[derive(Debug)]
pub(super) struct Local(Deque<Runnable>);

/// The side of a [`Local`] that other threads see.
#[derive(Debug, Clone)]
pub(super) struct Stealer(Thief<Runnable>);

/// The queue for tasks that are woken outside the workers.
#[derive(Debug)]
pub(super) struct Injector(Global<Runnable>);

impl Local {
    pub(super) fn new() -> Local {
        Local(Deque::new_fifo())
    }

    pub(super) fn stealer(&self) -> Stealer {
        Stealer(self.0.stealer())
    }

    #[inline]
    pub(super) fn push(&self, task: Runnable) {
        self.0.push(task);
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<Runnable> {
        self.0.pop()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Stealer {
    /// Moves up to half of the tasks into `to` and returns one of them.
    pub(super) fn steal_into(&self, to: &Local) -> Option<Runnable> {
        persist(|| self.0.steal_batch_and_pop(&to.0))
    }

    /// Moves up to `most` tasks into `to`.
    pub(super) fn move_into(&self, to: &Local, most: usize) {
        move_batches(most, |limit| self.0.steal_batch_with_limit(&to.0, limit), || self.0.len());
    }

    /// Takes one task.
    pub(super) fn steal(&self) -> Option<Runnable> {
        persist(|| self.0.steal())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Injector {
    pub(super) fn new() -> Injector {
        Injector(Global::new())
    }

    pub(super) fn push(&self, task: Runnable) {
        self.0.push(task);
    }

    /// Moves a batch of tasks into `to` and returns one of them.
    pub(super) fn steal_into(&self, to: &Local) -> Option<Runnable> {
        if self.0.is_empty() {
            return None;
        }
        persist(|| self.0.steal_batch_and_pop(&to.0))
    }

    /// Moves up to `most` tasks to the back of `to`.
    pub(super) fn move_into(&self, to: &Local, most: usize) {
        move_batches(most, |limit| self.0.steal_batch_with_limit(&to.0, limit), || self.0.len());
    }

    /// Takes one task.
    pub(super) fn pop(&self) -> Option<Runnable> {
        if self.0.is_empty() {
            return None;
        }
        persist(|| self.0.steal())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Retries while another thread interferes: each lost race is that thread's success.
fn persist(mut attempt: impl FnMut() -> Steal<Runnable>) -> Option<Runnable> {
    loop {
        match attempt() {
            Steal::Success(task) => return Some(task),
            Steal::Empty => return None,
            Steal::Retry => std::hint::spin_loop(),
        }
    }
}

/// Moves about `most` tasks, in as many batches as that takes. `len` returns how many are left.
fn move_batches(most: usize, mut attempt: impl FnMut(usize) -> Steal<()>, len: impl Fn() -> usize) {
    let mut left = most;
    while left > 0 {
        let before = len();
        match attempt(left) {
            // An estimate: other threads take and push meanwhile.
            Steal::Success(()) => left -= before.saturating_sub(len()).clamp(1, left),
            Steal::Empty => return,
            Steal::Retry => std::hint::spin_loop(),
        }
    }
}

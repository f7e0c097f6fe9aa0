//! Who waits for the ends of tasks without their `JoinHandle`s (`ended.rs`): any number of waiters,
//! who get no output.
//!
//! # Problem
//!
//! A task has room for one join waker, which belongs to the `JoinHandle`. Who has aborted a task
//! with an `AbortHandle` could only ask again and again whether its future has been dropped.
//!
//! # Shape
//!
//! The wakers are in a table beside the tasks, so a task for whose end nobody waits pays nothing:
//! the bit WATCHED of its state word says that there may be an entry (`state.rs`).
//!
//! # Protocol
//!
//! ```text
//! the waiter:      put the waker into the table;  set WATCHED and read COMPLETE, in one operation
//! the completion:  set COMPLETE and read WATCHED, in one operation;  take the wakers, call them
//! ```
//!
//! 1. Both operations are on one word, so one is the first. If that is the waiter's, the completion
//!    reads WATCHED and takes the waker. If it is the completion's, the waiter reads COMPLETE and
//!    does not wait. Nobody is forgotten.
//! 2. The table's lock orders the wakers. The waiter may find the end without being called; then it
//!    reads COMPLETE with Acquire, and so sees all that the task did.
//! 3. No waker is cloned, called or dropped under the lock: that is user code.

use std::collections::HashMap;
use std::mem;
use std::task::Waker;

use super::Id;

/// Who waits for tasks of one shard of the table.
#[derive(Debug)]
pub(super) struct Table {
    tasks: Option<HashMap<Id, Vec<Waiter>>>,
    next_key: u64,
}

#[derive(Debug)]
struct Waiter {
    key: u64,
    waker: Waker,
}

impl Table {
    pub(super) const fn new() -> Table {
        Table { tasks: None, next_key: 0 }
    }

    /// Puts a waker in. Returns its key, and the waker that it replaces.
    pub(super) fn put(&mut self, task: Id, key: Option<u64>, waker: Waker) -> (u64, Option<Waker>) {
        let waiters = self.tasks.get_or_insert_default().entry(task).or_default();
        if let Some(key) = key {
            if let Some(waiter) = waiters.iter_mut().find(|waiter| waiter.key == key) {
                return (key, Some(mem::replace(&mut waiter.waker, waker)));
            }
        }
        self.next_key += 1;
        waiters.push(Waiter { key: self.next_key, waker });
        (self.next_key, None)
    }

    pub(super) fn remove(&mut self, task: Id, key: u64) -> Option<Waker> {
        let tasks = self.tasks.as_mut()?;
        let waiters = tasks.get_mut(&task)?;
        let place = waiters.iter().position(|waiter| waiter.key == key)?;
        let waiter = waiters.swap_remove(place);
        if waiters.is_empty() {
            tasks.remove(&task);
        }
        Some(waiter.waker)
    }

    /// The wakers of a task that is complete.
    pub(super) fn take(&mut self, task: Id) -> Vec<Waker> {
        let waiters = self.tasks.as_mut().and_then(|tasks| tasks.remove(&task));
        waiters.into_iter().flatten().map(|waiter| waiter.waker).collect()
    }
}

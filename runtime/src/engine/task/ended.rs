//! Waits for the end of a task without its `JoinHandle`: any number of waiters, who get no output.
//!
//! # Problem
//!
//! A task has room for one join waker, which belongs to the `JoinHandle`. Who has aborted a task
//! with an [`AbortHandle`] could only ask again and again whether its future has been dropped.
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
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::ended_static::table;
use super::{AbortHandle, Id};
use crate::engine::catch_panic::catch_panic;
use crate::engine::coop;
use crate::engine::insight::{Kind, Wait};

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
    fn put(&mut self, task: Id, key: Option<u64>, waker: Waker) -> (u64, Option<Waker>) {
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

    fn remove(&mut self, task: Id, key: u64) -> Option<Waiter> {
        let tasks = self.tasks.as_mut()?;
        let waiters = tasks.get_mut(&task)?;
        let place = waiters.iter().position(|waiter| waiter.key == key)?;
        let waiter = waiters.swap_remove(place);
        if waiters.is_empty() {
            tasks.remove(&task);
        }
        Some(waiter)
    }

    fn take(&mut self, task: Id) -> Vec<Waiter> {
        self.tasks.as_mut().and_then(|tasks| tasks.remove(&task)).unwrap_or_default()
    }
}

/// Calls those who wait for the end of a task, which is complete.
#[cold]
pub(super) fn tell(task: Id) {
    let waiters = table(task).lock().take(task);
    for waiter in waiters {
        catch_panic(|| waiter.waker.wake()); // wake: ended
    }
}

/// Waits for the end of a task. Made by [`AbortHandle::ended`].
///
/// # Cancel safety
///
/// Cancel safe: dropping it changes nothing for the task.
///
/// # Examples
///
/// See [`AbortHandle::ended`].
#[must_use = "futures do nothing unless polled"]
pub struct Ended {
    task: AbortHandle,
    /// Of the entry in the table, if there may be one.
    key: Option<u64>,
}

impl Ended {
    pub(super) fn new(task: AbortHandle) -> Ended {
        Ended { task, key: None }
    }

    /// As [`poll`](Future::poll), for handles that wrap this one: it spends no budget, and a dump
    /// does not show that the calling task waits here.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// let task = runtime::spawn(std::future::pending::<()>()).abort_handle();
    /// let mut ended = task.ended();
    /// task.abort();
    /// std::future::poll_fn(|cx| ended.poll_end(cx)).await;
    /// assert!(task.is_finished());
    /// # }
    /// ```
    pub fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.task.is_finished() {
            let (id, waker) = (self.task.id(), cx.waker().clone());
            let (key, old) = { table(id).lock().put(id, self.key, waker) };
            self.key = Some(key);
            drop(old);
            if !self.task.watch() {
                return Poll::Pending;
            }
        }
        self.forget();
        Poll::Ready(())
    }

    fn forget(&mut self) {
        if let Some(key) = self.key.take() {
            let id = self.task.id();
            let waiter = { table(id).lock().remove(id, key) };
            drop(waiter);
        }
    }
}

impl Future for Ended {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let unit = ready!(coop::poll_proceed(cx));
        if self.poll_end(cx).is_pending() {
            return unit.pending(|| Wait::new(Kind::Join, self.task.id().as_u64()));
        }
        unit.made_progress();
        Poll::Ready(())
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.forget();
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ended").field("id", &self.task.id()).finish()
    }
}

//! Waits for the end of a task without its `JoinHandle`. How nobody is forgotten: `ended_table.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::AbortHandle;
use super::ended_static::table;
use crate::engine::coop;
use crate::engine::insight::{Kind, Wait};

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

impl AbortHandle {
    /// Waits until the task has ended and its future has been dropped, however it ends. The output
    /// stays with the [`JoinHandle`](super::JoinHandle). Any number of callers may wait for one
    /// task.
    ///
    /// A closure of `spawn_blocking` is dropped before this ends, too.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel::<()>(1);
    /// let task = runtime::spawn(async move { sender.closed().await });
    /// let task = task.abort_handle();
    /// task.abort();
    /// task.ended().await;
    /// // The sender, which the future owned, is gone.
    /// assert_eq!(receiver.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
    /// # }
    /// ```
    pub fn ended(&self) -> Ended {
        Ended { task: self.clone(), key: None }
    }
}

impl Ended {
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
            let waker = { table(id).lock().remove(id, key) };
            drop(waker);
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

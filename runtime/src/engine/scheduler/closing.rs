//! Closes a pool: no task is left behind, and nobody uses the pool after that.
//!
//! # Problem
//!
//! Threads spawn and wake tasks, workers come and go, and somebody closes the pool, all at the same
//! time. In the end one of the threads must have dropped every task. A thread that waits for the
//! close must be told when the last thread has left, and not before: tasks point to the pool
//! without keeping it alive.
//!
//! # The protocol
//!
//! | who closes                                    | a thread of the pool                                |
//! |-----------------------------------------------|-----------------------------------------------------|
//! | closes the list of tasks                      | is counted, before it is started, unless `closed`   |
//! | sets `closed`                                 | works until it sees `closed`                        |
//! | wakes everybody                               | the last one of a closed pool cancels all tasks     |
//! | waits until the count is 0                    | is counted off                                      |
//!
//! The thread that closes the pool may be one of its workers, in the middle of a task that may
//! block. It waits until it is the only counted thread, and leaves later as the last one.
//!
//! # Invariants
//!
//! 1. The list is closed before `closed` is set: every thread that sees `closed` also sees each
//!    task that got in. In the other order the last thread could leave before a task is on the
//!    list.
//! 2. The count is changed under a lock, and `closed` is read under the same lock to decide. A
//!    worker leaves after it has seen `closed`, so it sees it under the lock, too. So does every
//!    thread that takes the lock later, or after the closing thread has begun to wait. Hence no
//!    thread is counted in once the last one has found itself to be the last, or once the wait has
//!    found the count at 0.
//! 3. The last thread takes itself off the count when no task is alive.
//!
//! # Orderings
//!
//! `closed` is `Relaxed`. It is read either under the lock of the count, or before the lock of a
//! shard of the list, which `close` takes before it writes the flag. A thread that read it set and
//! then found the list open would have locked the shard before it was closed, hence read the flag
//! before it was set.

use std::time::{Duration, Instant};

use crate::engine::primitive::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::engine::primitive::{Backoff, Condvar, Mutex};
use crate::engine::task::Owned;

/// Calls `cancel`, which drops what waits and what is queued, until at most `left` tasks are alive:
/// another thread may be about to put one there.
pub(crate) fn cancel_down_to(left: usize, tasks: &Owned, mut cancel: impl FnMut()) {
    let backoff = Backoff::new();
    loop {
        cancel();
        if tasks.alive() <= left {
            return;
        }
        backoff.snooze();
    }
}

/// Whether the pool is open, and how many threads it has.
pub(crate) struct Closing {
    closed: AtomicBool,
    /// Threads that have been counted and not left.
    threads: Mutex<usize>,
    /// At how many threads somebody who waits goes on, at the most. Written before the wait, under
    /// the lock of `threads`, and read under it.
    awaited: AtomicUsize,
    all_left: Condvar,
}

impl Closing {
    pub(crate) fn new() -> Closing {
        Closing {
            closed: AtomicBool::new(false),
            threads: Mutex::new(0),
            awaited: AtomicUsize::new(0),
            all_left: Condvar::new(),
        }
    }

    /// Whether the pool has been closed.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Whether the pool has been closed and all threads have left.
    pub(crate) fn is_over(&self) -> bool {
        self.is_closed() && self.threads() == 0
    }

    /// Threads that have been counted and not left.
    pub(crate) fn threads(&self) -> usize {
        *self.threads.lock()
    }

    /// Counts a thread that is about to be started. False if the pool is closed.
    pub(crate) fn enter(&self) -> bool {
        let mut threads = self.threads.lock();
        let open = !self.is_closed();
        *threads += usize::from(open);
        open
    }

    /// Closes the pool in the order of invariant 1. `wake_all` gives a token to each thread that
    /// may sleep. Such a thread checks `closed` after it has announced its sleep and after each
    /// wait.
    pub(crate) fn close(&self, tasks: &Owned, wake_all: impl FnOnce()) {
        tasks.close();
        self.closed.store(true, Ordering::Relaxed);
        wake_all(); // wake: close
    }

    /// Counts off a thread that leaves. Calls `finish` if it is the last one of a closed pool.
    /// Returns whether no thread is left.
    pub(crate) fn leave(&self, finish: impl FnOnce()) -> bool {
        let mut threads = self.threads.lock();
        if *threads == 1 && self.is_closed() {
            drop(threads);
            finish();
            threads = self.threads.lock();
        }
        *threads -= 1;
        // With a count of 1 the waiting thread itself may be the one left. Nobody is woken to find
        // that it is not.
        if *threads <= self.awaited.load(Ordering::Relaxed) {
            self.all_left.notify_all(); // wake: all left
        }
        *threads == 0
    }

    /// Waits until at most `own` threads are left: 1 if the caller is one of them, else 0. Returns
    /// false if `limit` ended first.
    pub(crate) fn wait(&self, limit: Option<Duration>, own: usize) -> bool {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut threads = self.threads.lock();
        self.awaited.fetch_max(own, Ordering::Relaxed);
        while *threads > own {
            match deadline {
                None => self.all_left.wait(&mut threads),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    self.all_left.wait_for(&mut threads, left);
                }
            }
        }
        true
    }
}

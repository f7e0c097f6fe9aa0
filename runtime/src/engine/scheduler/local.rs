//! The scheduler of a `LocalSet`: tasks that never leave a thread, polled by a future.
//!
//! # Problem
//!
//! A `!Send` future must be polled and dropped on the thread that spawned it, but its wakers go
//! anywhere.
//!
//! # Invariants
//!
//! 1. A `Runnable` of a local task is run or dropped only through [`LocalQueue::tick`] and
//!    [`LocalQueue::close`], and these are called only by the set, which is `!Send`: on its thread.
//! 2. Other threads only push to the queue.
//! 3. After `close` has returned no task of the set is left, so no push comes any more: a task that
//!    was woken and not yet pushed is alive, and `close` waits for it.
//!
//! The queue is counted by its tasks, unlike a pool: it has one thread, and hence no contention.
#![allow(unsafe_code, reason = "!Send futures in tasks; docs/unsafe.md, L1")]

use std::collections::VecDeque;
use std::future::Future;
use std::task::Waker;

use crate::engine::coop::{self, Budget};
use crate::engine::primitive::atomic::{AtomicBool, Ordering};
use crate::engine::primitive::{Arc, Backoff, Mutex};
use crate::engine::task::{
    Header, Identity, JoinHandle, Judge, Outcome, Owned, PanicSink, Runnable, Schedule,
};
use crate::engine::wake_list::WakeList;

/// Polls in one [`tick`](LocalQueue::tick).
const TICK: usize = 61;

/// The tasks of one set.
pub(crate) struct LocalQueue {
    state: Mutex<State>,
    owned: Owned,
    /// Hears of the tasks' panics.
    panics: std::sync::Arc<dyn PanicSink>,
    /// A task has panicked, and this is the end.
    stopped: AtomicBool,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Runnable>,
    /// Who polls the set.
    waker: Option<Waker>,
}

struct QueueRef(Arc<LocalQueue>);

impl Schedule for QueueRef {
    fn schedule(&self, task: Runnable) {
        self.0.push(task);
    }

    fn release(&self, task: &Header) {
        self.0.owned.release(task);
    }

    fn panics(&self) -> Option<std::sync::Arc<dyn PanicSink>> {
        Some(std::sync::Arc::clone(&self.0.panics))
    }

    fn stop(&self) -> bool {
        // Its thread does the rest.
        self.0.owned.close();
        self.0.stopped.store(true, Ordering::Relaxed);
        true
    }
}

impl LocalQueue {
    pub(crate) fn new(panics: std::sync::Arc<dyn PanicSink>) -> LocalQueue {
        LocalQueue {
            state: Mutex::default(),
            owned: Owned::new(1),
            panics,
            stopped: AtomicBool::new(false),
        }
    }

    /// Spawns a task.
    ///
    /// # Safety
    ///
    /// The caller is on the thread of the set.
    unsafe fn spawn_anything<F>(
        self: &Arc<LocalQueue>,
        future: F,
        identity: Identity,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let queue = QueueRef(Arc::clone(self));
        self.owned.spawn(future, queue, identity, |task| self.push(task))
    }

    fn push(&self, task: Runnable) {
        let waker = {
            let mut state = self.state.lock();
            state.queue.push_back(task);
            state.waker.take()
        };
        if let Some(waker) = waker {
            let mut wake = WakeList::new();
            wake.push(waker);
            wake.wake_all(); // wake: local set
        }
    }

    /// Notes who is to be woken when a task becomes runnable. Returns what to drop.
    fn register(&self, waker: &Waker) -> Option<Waker> {
        let same = self.state.lock().waker.as_ref().is_some_and(|old| old.will_wake(waker));
        if same {
            return None;
        }
        let new = waker.clone();
        self.state.lock().waker.replace(new)
    }

    fn tick(&self) -> bool {
        for _ in 0..TICK {
            let task = self.state.lock().queue.pop_front();
            let Some(task) = task else { return false };
            let outcome = {
                let _budget = coop::set(Budget::FULL);
                task.run(&Judge::Nobody)
            };
            if let Outcome::Woken(task) = outcome {
                self.state.lock().queue.push_back(task);
            }
            // Set by a task of this set, in its poll: on this thread.
            if self.stopped.load(Ordering::Relaxed) {
                self.close();
                return false;
            }
        }
        !self.state.lock().queue.is_empty()
    }

    fn close(&self) {
        let backoff = Backoff::new();
        loop {
            self.owned.close_and_cancel();
            loop {
                let task = self.state.lock().queue.pop_front();
                let Some(task) = task else { break };
                task.cancel();
            }
            if self.owned.alive() == 0 {
                return;
            }
            backoff.snooze();
        }
    }
}

/// The set's own access to its queue: bound to a thread by its type.
pub(crate) struct LocalTasks {
    queue: Arc<LocalQueue>,
    // Neither `Send` nor `Sync`: invariant 1.
    _thread: std::marker::PhantomData<*const ()>,
}

impl LocalTasks {
    pub(crate) fn new(panics: std::sync::Arc<dyn PanicSink>) -> LocalTasks {
        LocalTasks { queue: Arc::new(LocalQueue::new(panics)), _thread: std::marker::PhantomData }
    }

    /// A second access for the same thread.
    pub(crate) fn share(&self) -> LocalTasks {
        LocalTasks { queue: Arc::clone(&self.queue), _thread: std::marker::PhantomData }
    }

    pub(crate) fn spawn<F>(&self, future: F, identity: Identity) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        // SAFETY: `self` cannot leave the thread of the set.
        unsafe { self.queue.spawn_anything(future, identity) }
    }

    /// See [`LocalQueue::register`]. Returns what to drop.
    pub(crate) fn register(&self, waker: &Waker) -> Option<Waker> {
        self.queue.register(waker)
    }

    /// Polls tasks that are due, a bounded number; says whether more are due.
    pub(crate) fn tick(&self) -> bool {
        self.queue.tick()
    }

    /// Drops every task; from now on spawned tasks are cancelled at once.
    pub(crate) fn close(&self) {
        self.queue.close();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.owned.alive() == 0
    }
}

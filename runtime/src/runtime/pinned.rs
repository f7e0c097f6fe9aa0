//! The pinned threads of a runtime, for futures that are not `Send`. This file chooses and ends
//! them; `spawn_pinned.rs` starts them; `scheduler/pinned.rs` is their mechanism.
//!
//! A thread is started when a task comes and every existing thread has one already, up to the
//! limit. After that the thread with the fewest tasks gets the next one. Threads stay until the
//! shutdown, since a task may leave values for the next one in thread-locals.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::thread_plan::ThreadPlan;
use crate::engine::primitive::{Arc as EngineArc, Condvar, Mutex};
use crate::engine::scheduler::{Observe, PinnedHome, PinnedThread};
use crate::engine::task::{PanicSink, PollOwner};

pub(super) type Thread = EngineArc<PinnedThread>;

/// The threads.
pub(super) struct Pinned {
    pub(super) limit: usize,
    pub(super) plan: Arc<ThreadPlan>,
    panics: Arc<dyn PanicSink>,
    observe: Observe,
    pub(super) state: Mutex<State>,
    all_left: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    /// By index; `None` where none has been started.
    threads: Vec<Option<Thread>>,
    /// Threads that run, or are being started.
    running: usize,
    pub(super) handles: Vec<std::thread::JoinHandle<()>>,
    closed: bool,
}

/// A thread that a task goes to.
pub(super) struct Chosen {
    pub(super) thread: Thread,
    /// Present if the thread must be started.
    pub(super) home: Option<PinnedHome>,
}

impl Pinned {
    pub(super) fn new(
        limit: usize,
        plan: Arc<ThreadPlan>,
        panics: Arc<dyn PanicSink>,
        observe: Observe,
    ) -> Pinned {
        let threads = (0..limit).map(|_| None).collect();
        let state = Mutex::new(State { threads, ..State::default() });
        Pinned { limit, plan, panics, observe, state, all_left: Condvar::new() }
    }

    /// The most threads.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Calls `f` with each thread that was started.
    pub(super) fn each(&self, mut f: impl FnMut(&PinnedThread)) {
        self.state.lock().threads.iter().flatten().for_each(|thread| f(thread));
    }

    /// Tasks of the thread with this index that have not completed.
    pub(super) fn tasks_of(&self, index: usize) -> usize {
        self.state.lock().threads[index].as_ref().map_or(0, |thread| thread.alive_tasks())
    }

    /// Chooses a thread. `first_number` is the first pinned thread's number in reports.
    pub(super) fn choose(&self, index: Option<usize>, first_number: usize) -> Chosen {
        let mut state = self.state.lock();
        let index = index.unwrap_or_else(|| state.least_loaded());
        if let Some(thread) = &state.threads[index] {
            return Chosen { thread: EngineArc::clone(thread), home: None };
        }
        let (thread, home) =
            PinnedThread::new(self.panics.clone(), self.observe.clone(), first_number + index);
        if state.closed {
            // Tasks that are spawned on it are cancelled.
            thread.close();
            return Chosen { thread, home: None };
        }
        state.threads[index] = Some(EngineArc::clone(&thread));
        state.running += 1;
        Chosen { thread, home: Some(home) }
    }

    pub(super) fn left(&self) {
        let mut state = self.state.lock();
        state.running -= 1;
        // With a count of 1 the waiting thread itself may be the one left.
        if state.running <= 1 {
            self.all_left.notify_all(); // wake: pinned threads left
        }
    }

    /// Gives up a thread that could not be started.
    pub(super) fn never_started(&self, thread: &Thread) {
        let mut state = self.state.lock();
        for place in &mut state.threads {
            if place.as_ref().is_some_and(|other| EngineArc::ptr_eq(other, thread)) {
                *place = None;
            }
        }
    }

    /// Tells all threads to leave. Does not wait for them.
    pub(super) fn close(&self) {
        let threads = {
            let mut state = self.state.lock();
            state.closed = true;
            state.threads.clone()
        };
        threads.iter().flatten().for_each(|thread| thread.close());
    }

    /// Threads that have not left.
    pub(super) fn running(&self) -> usize {
        self.state.lock().running
    }

    /// The tasks whose polls, or destructors, have not returned.
    pub(super) fn busy_with(&self) -> Vec<PollOwner> {
        let mut all = Vec::new();
        self.each(|thread| all.extend(thread.bound().busy_with()));
        all
    }

    /// Waits until at most `own` threads are left: 1 if the caller is one of them, else 0. Returns
    /// false if `limit` ended first.
    pub(super) fn wait_closed(&self, limit: Duration, own: usize) -> bool {
        let deadline = Instant::now().checked_add(limit);
        let mut state = self.state.lock();
        while state.running > own {
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => self.all_left.wait(&mut state),
                Some(Duration::ZERO) => return false,
                Some(left) => {
                    self.all_left.wait_for(&mut state, left);
                }
            }
        }
        true
    }

    /// Joins threads that have left.
    pub(super) fn join(&self) {
        let handles = std::mem::take(&mut self.state.lock().handles);
        for handle in handles {
            if handle.thread().id() != std::thread::current().id() {
                let _ = handle.join();
            }
        }
    }
}

impl State {
    fn least_loaded(&self) -> usize {
        let load = |thread: &Option<Thread>| thread.as_ref().map(|thread| thread.alive_tasks());
        // Prefers an idle thread, then a new one, then any other.
        let cost = |load: Option<usize>| load.map_or(1, |tasks| tasks * 2);
        (0..self.threads.len()).min_by_key(|&index| cost(load(&self.threads[index]))).unwrap_or(0)
    }
}

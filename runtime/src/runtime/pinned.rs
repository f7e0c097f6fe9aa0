//! The pinned threads of a runtime: for futures that cannot leave their thread. The threads' own
//! mechanism is `scheduler/pinned.rs`; here they are started, chosen and ended.
//!
//! A thread is started when a task comes and every thread that is there has one already, up to the limit.
//! After that the thread with the fewest tasks gets the next. Threads stay until the shutdown, since a task
//! may leave things behind for the next one in thread-locals.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context;
use super::handle::Handle;
use super::panics::Panics;
use super::this_thread::{self, Service, enter_local};
use super::thread_plan::{BodyWithHooks, ThreadPlan};
use crate::engine::primitive::{Arc as EngineArc, Condvar, Mutex};
use crate::engine::scheduler::{Observe, PinnedHome, PinnedThread};
use crate::engine::task::scope::Membership;
use crate::engine::task::{Identity, JoinHandle, Whose};
use crate::engine::{entered, say, text};

type Thread = EngineArc<PinnedThread>;

/// The threads.
pub(super) struct Pinned {
    limit: usize,
    plan: Arc<ThreadPlan>,
    panics: Arc<Panics>,
    observe: Observe,
    state: Mutex<State>,
    all_left: Condvar,
}

#[derive(Default)]
struct State {
    /// By index; `None` where none has been started.
    threads: Vec<Option<Thread>>,
    /// Threads that run, or are being started.
    running: usize,
    handles: Vec<std::thread::JoinHandle<()>>,
    closed: bool,
}

/// A thread that a task goes to.
struct Chosen {
    thread: Thread,
    /// It is to be started.
    home: Option<PinnedHome>,
}

impl Pinned {
    pub(super) fn new(
        limit: usize,
        plan: Arc<ThreadPlan>,
        panics: Arc<Panics>,
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

    /// `first_number`: what the first pinned thread is called in reports.
    fn choose(&self, index: Option<usize>, first_number: usize) -> Chosen {
        let mut state = self.state.lock();
        let index = index.unwrap_or_else(|| state.least_loaded());
        if let Some(thread) = &state.threads[index] {
            return Chosen { thread: EngineArc::clone(thread), home: None };
        }
        let (thread, home) =
            PinnedThread::new(self.panics.clone(), self.observe.clone(), first_number + index);
        if state.closed {
            // What is spawned on it is cancelled.
            thread.close();
            return Chosen { thread, home: None };
        }
        state.threads[index] = Some(EngineArc::clone(&thread));
        state.running += 1;
        Chosen { thread, home: Some(home) }
    }

    fn left(&self) {
        let mut state = self.state.lock();
        state.running -= 1;
        // One may be the thread that waits.
        if state.running <= 1 {
            self.all_left.notify_all(); // wake: pinned threads left
        }
    }

    /// No thread could be had.
    fn never_started(&self, thread: &Thread) {
        let mut state = self.state.lock();
        for place in &mut state.threads {
            if place.as_ref().is_some_and(|other| EngineArc::ptr_eq(other, thread)) {
                *place = None;
            }
        }
    }

    /// Tells all threads to leave. Waits for nobody.
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
    pub(super) fn busy_with(&self) -> Vec<Whose> {
        let mut all = Vec::new();
        self.each(|thread| all.extend(thread.bound().busy_with()));
        all
    }

    /// Waits until all threads have left but `own`: 1 if the caller is one of them, else 0. False if `limit` ended
    /// first.
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

    /// Waits for the very end of threads that have left.
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
        // An idle thread before one that is to be started, and that before any other.
        let cost = |load: Option<usize>| load.map_or(1, |tasks| tasks * 2);
        (0..self.threads.len()).min_by_key(|&index| cost(load(&self.threads[index]))).unwrap_or(0)
    }
}

/// Counts a thread off, however it ends. Until then it is an activity of the runtime, but while it waits.
struct Counted(Handle);

impl Counted {
    fn new(handle: Handle) -> Counted {
        if let Some(activity) = handle.jobs() {
            activity.begin();
        }
        Counted(handle)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.pinned().left();
        if let Some(activity) = self.0.jobs() {
            activity.end();
        }
    }
}

impl Handle {
    /// Spawns the future that `make` makes on a pinned thread, into a scope if it has a place in one.
    #[track_caller]
    pub(crate) fn spawn_pinned_as<M, F>(
        &self,
        membership: Option<Membership>,
        make: M,
        index: Option<usize>,
        identity: Identity,
    ) -> JoinHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.assert_not_forked();
        let pinned = self.pinned();
        if let Some(index) = index {
            assert!(index < pinned.limit, "{}", text::no_pinned_thread(index, pinned.limit));
        }
        let chosen = pinned.choose(index, self.first_pinned_number());
        if let Some(home) = chosen.home {
            if let Err(error) = self.start_pinned(&chosen.thread, home) {
                pinned.never_started(&chosen.thread);
                say::line(&text::no_thread_to_pin(&error));
            }
        }
        chosen.thread.spawn(membership, make, identity)
    }

    /// If no thread comes of it the home is dropped, and what is spawned to it is cancelled.
    fn start_pinned(&self, thread: &Thread, home: PinnedHome) -> io::Result<()> {
        let counted = Counted::new(self.clone());
        let bound = Arc::clone(thread.bound());
        self.have_watched();
        let plan = &self.pinned().plan;
        let name = plan.name.for_any()?;
        let body: BodyWithHooks = Box::new(move |hooks| {
            let handle = counted.0.clone();
            let _current = context::enter(handle.clone());
            let inside_it = this_thread::count_thread(handle.id());
            let serves = this_thread::serve(handle.id(), Service::Pinned);
            hooks.start();
            let inside = entered::enter();
            handle.guardian().watch_bound(bound);
            home.run(handle.guardian(), handle.jobs(), enter_local);
            drop((inside, serves, inside_it, counted));
            hooks.stop();
        });
        let started = plan.start(name, body)?;
        self.pinned().state.lock().handles.push(started);
        Ok(())
    }
}

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
//!    [`LocalQueue::close`]. Only the set calls these, and it is `!Send`: it is on its own thread.
//! 2. Other threads only push to the queue.
//! 3. Before its first poll a task may hold, in place of the future, a `Send` closure that makes
//!    it. So other threads may spawn such tasks ([`LocalQueue::spawn_made_there`]).
//! 4. A queue made with a [`LocalHome`] has no thread until the home is settled, and its tasks are
//!    not polled before. Until then the home may move to any thread. There is one home, and
//!    settling consumes it.
//! 5. Several futures may poll one set, each with a waker of its own. While the queue holds a task,
//!    every future that waits has been woken: a push wakes all of them, and so does a turn that
//!    leaves tasks. So it does not matter which of them is polled next, nor whether one is dropped
//!    after it was woken.
//! 6. After `close` has returned no task of the set is left, so no push follows. A task that was
//!    woken and not yet pushed is alive, and `close` waits for it.
//!
//! Unlike a pool, the queue is kept alive by counted pointers of its tasks. It has one thread, so
//! the count is not contended.
#![allow(unsafe_code, reason = "!Send futures in tasks; docs/unsafe.md, L1")]

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use pin_project_lite::pin_project;

use super::behind::Behind;
use super::closing::cancel_down_to;
use super::observe::Observe;
use super::tasks::{HasTasks, Of, Tasks};
use crate::engine::catch_panic::catch_panic;
use crate::engine::coop::{self, Budget};
use crate::engine::primitive::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::engine::primitive::{Arc, Mutex};
use crate::engine::task::scope::Membership;
use crate::engine::task::{
    Identity, JoinHandle, Outcome, Owned, PanicSink, Runnable, StallPolicy, Watch, spawn_cell,
};
use crate::engine::waiter_list::{Key, WaiterList};
use crate::engine::wake_list::WakeList;

/// Polls in one [`tick`](LocalQueue::tick).
const TICK: usize = 61;

/// The tasks of one set.
pub(crate) struct LocalQueue {
    state: Mutex<State>,
    tasks: Tasks,
    /// A task has panicked under the policy that ends the set.
    stopped: AtomicBool,
    /// The number of the runtime in which it was polled last; 0 before.
    seen_in: AtomicU64,
    /// Whether a pinned thread polls the queue. Then the waker is ours: it only unparks that
    /// thread. A `LocalSet` can be polled with any waker.
    polled_by_us: bool,
}

struct State {
    queue: VecDeque<Runnable>,
    /// Background tasks. A turn that polls one ends with it.
    behind: Behind,
    /// The futures that poll the set and wait.
    pollers: WaiterList<()>,
}

impl State {
    fn push(&mut self, task: Runnable) {
        if task.is_background() {
            self.behind.push(task);
        } else {
            self.queue.push_back(task);
        }
    }

    /// The next task; of a background task, when its poll begins. `look`: whether one may go before
    /// ordinary tasks.
    fn next(&mut self, look: bool) -> (Option<Runnable>, Option<Instant>) {
        if self.behind.is_empty() {
            return (self.queue.pop_front(), None);
        }
        let now = Instant::now();
        let due = if look { self.behind.pop_if_due(now) } else { None };
        if due.is_some() {
            return (due, Some(now));
        }
        match self.queue.pop_front() {
            Some(task) => (Some(task), None),
            None => (self.behind.pop(), Some(now)),
        }
    }
}

impl HasTasks for LocalQueue {
    const KIND: &'static str = "local";

    fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    fn push(&self, task: Runnable) {
        LocalQueue::push(self, task);
    }

    #[inline]
    fn wakes_only_ours(&self) -> bool {
        self.polled_by_us
    }

    fn stop(&self) {
        // The set's thread drops the tasks when it sees the flag.
        self.tasks.owned().close();
        self.stopped.store(true, Ordering::Relaxed);
    }
}

impl LocalQueue {
    fn new(tasks: Tasks, polled_by_us: bool) -> LocalQueue {
        LocalQueue {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                behind: Behind::default(),
                pollers: WaiterList::new(),
            }),
            tasks,
            stopped: AtomicBool::new(false),
            seen_in: AtomicU64::new(0),
            polled_by_us,
        }
    }

    /// Spawns a future that `make` makes on the queue's own thread. Callable on any thread.
    pub(super) fn spawn_made_there<M, F>(
        self: &Arc<LocalQueue>,
        membership: Option<Membership>,
        make: M,
        identity: Identity<'_>,
    ) -> JoinHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        // SAFETY: until its first poll, which is on the queue's thread (invariant 1), the future
        // holds `make` alone, which is `Send`; so is the output. A task that is refused is dropped
        // unpolled.
        unsafe { self.spawn_anything(membership, MadeThere::NotYet { make: Some(make) }, identity) }
    }

    /// From here on spawned tasks are cancelled at once.
    pub(super) fn refuse(&self) {
        self.tasks.owned().close();
    }

    /// The list of all tasks.
    pub(super) fn tasks(&self) -> &Owned {
        self.tasks.owned()
    }

    /// Spawns a task, into a scope if there is a membership.
    ///
    /// # Safety
    ///
    /// The caller is on the thread of the set; or the future is `Send` until it is polled, and so
    /// is its output.
    unsafe fn spawn_anything<F>(
        self: &Arc<LocalQueue>,
        membership: Option<Membership>,
        future: F,
        identity: Identity<'_>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let queue = Of(Arc::clone(self));
        let (task, handle) = match &membership {
            None => spawn_cell(future, queue, identity),
            Some(membership) => membership.spawn_cell(future, queue, identity),
        };
        self.take_in(task, membership.as_ref());
        handle
    }

    /// Adds a new task to the list and schedules it.
    fn take_in(&self, task: Runnable, membership: Option<&Membership>) {
        self.tasks.take_in(task, membership, |task| self.push(task));
    }

    fn push(&self, task: Runnable) {
        self.state.lock().push(task);
        self.wake();
    }

    /// Wakes every future that polls the set and waits.
    pub(super) fn wake(&self) {
        let mut wake = WakeList::new();
        self.state.lock().pollers.take(|()| true, &mut wake);
        wake.wake_all(); // wake: local set
    }

    /// Stores the waker to be called when a task becomes runnable. Returns a waker to drop.
    fn register(&self, key: &mut Option<Key>, waker: &Waker) -> Option<Waker> {
        if self.state.lock().pollers.has(*key, waker) {
            return None;
        }
        let new = waker.clone();
        let (own, old) = self.state.lock().pollers.put(*key, (), new);
        *key = Some(own);
        old
    }

    /// Wakes the registered caller, which leaves tasks in the queue, and every other future that
    /// waits (invariant 5).
    fn pass_on(&self, key: Option<Key>, waker: &Waker) {
        let alone = {
            let pollers = &mut self.state.lock().pollers;
            // A key that is no longer registered has been woken already.
            pollers.len() == usize::from(pollers.has(key, waker))
        };
        if alone {
            waker.wake_by_ref(); // wake: the rest of a local set
        } else {
            self.wake();
        }
    }

    pub(super) fn observe(&self) -> &Observe {
        self.tasks.observe()
    }

    /// Polls ready tasks, at most [`TICK`]. If the thread is watched, the monitor sees each poll.
    fn tick(&self, watch: Option<&Watch>) -> bool {
        // How many tasks are ahead of the first that has yielded.
        let mut ahead = None;
        let mut behind = None;
        for n in 0..TICK {
            if ahead == Some(0) || behind.is_some() {
                break;
            }
            let (task, began) = self.state.lock().next(n == 0);
            let Some(task) = task else { return false };
            behind = began;
            ahead = ahead.map(|ahead: usize| ahead.saturating_sub(1));
            if let Some(watch) = watch {
                watch.begin(task.id().as_u64(), Some(task.location()));
            }
            let outcome = {
                let _budget = coop::set(Budget::FULL);
                self.tasks.observe().run(task, &StallPolicy::Nobody, None)
            };
            if let Some(watch) = watch {
                let _ = watch.end();
            }
            if let Outcome::Woken(task) = outcome {
                let mut state = self.state.lock();
                ahead = ahead.or(Some(state.queue.len()));
                state.push(task);
            }
            if let Some(began) = behind {
                self.state.lock().behind.polled(began, Instant::now());
            }
            // A task of this set sets it in its poll, that is on this thread.
            if self.stopped.load(Ordering::Relaxed) {
                self.cancel_tasks(watch);
                return false;
            }
        }
        let state = self.state.lock();
        !state.queue.is_empty() || !state.behind.is_empty()
    }

    /// Drops idle and queued tasks. The monitor sees each drop like a poll.
    fn cancel_tasks(&self, watch: Option<&Watch>) {
        let cancel = |task: Runnable| {
            if let Some(watch) = watch {
                watch.begin(task.id().as_u64(), Some(task.location()));
            }
            task.cancel();
            if let Some(watch) = watch {
                let _ = watch.end();
            }
        };
        let queued = std::iter::from_fn(|| {
            let mut state = self.state.lock();
            state.queue.pop_front().or_else(|| state.behind.pop())
        });
        self.tasks.cancel_each(queued, cancel);
    }

    fn close(&self, watch: Option<&Watch>) {
        let tasks = self.tasks.owned();
        tasks.close();
        cancel_down_to(0, tasks, || self.cancel_tasks(watch));
        // Handles to tasks keep the queue, which is not to keep those who polled it.
        let mut wakers = WakeList::new();
        self.state.lock().pollers.take(|()| true, &mut wakers);
        catch_panic(|| drop(wakers));
    }
}

pin_project! {
    /// A future that its first poll makes.
    #[project = Project]
    enum MadeThere<M, F> {
        NotYet { make: Option<M> },
        Made { #[pin] future: F },
    }
}

impl<M: FnOnce() -> F, F: Future> Future for MadeThere<M, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if let Project::NotYet { make } = self.as_mut().project() {
            let make = make.take().expect("polled again after it panicked");
            self.set(MadeThere::Made { future: make() });
        }
        match self.project() {
            Project::Made { future } => future.poll(cx),
            Project::NotYet { .. } => unreachable!("made above"),
        }
    }
}

/// The right to be the thread of a queue (invariant 4).
pub(super) struct LocalHome {
    queue: Arc<LocalQueue>,
}

impl LocalHome {
    pub(super) fn new(
        panics: std::sync::Arc<dyn PanicSink>,
        observe: Observe,
    ) -> (Arc<LocalQueue>, LocalHome) {
        let queue = Arc::new(LocalQueue::new(Tasks::new(1, observe, panics), true));
        (Arc::clone(&queue), LocalHome { queue })
    }

    /// Makes the calling thread the queue's thread.
    pub(super) fn settle(self) -> LocalTasks {
        LocalTasks { queue: self.queue, _thread: std::marker::PhantomData }
    }
}

/// The list of the tasks of a set, which may be gone.
#[derive(Clone)]
pub(crate) struct LocalList(Weak<LocalQueue>);

impl LocalList {
    pub(crate) fn is_alive(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// Whether the set was last polled in the runtime of that number.
    pub(crate) fn was_in(&self, runtime: u64) -> bool {
        self.0.upgrade().is_some_and(|queue| queue.seen_in.load(Ordering::Relaxed) == runtime)
    }

    pub(crate) fn with<R>(&self, f: impl FnOnce(&Owned) -> R) -> Option<R> {
        Some(f(self.0.upgrade()?.tasks()))
    }
}

/// The key under which a future that polls the set waits.
#[derive(Default)]
pub(crate) struct Poller(Option<Key>);

/// The set's own access to its queue. Its type binds it to the thread.
pub(crate) struct LocalTasks {
    queue: Arc<LocalQueue>,
    // Neither `Send` nor `Sync`: invariant 1.
    _thread: std::marker::PhantomData<*const ()>,
}

impl LocalTasks {
    pub(crate) fn new(panics: std::sync::Arc<dyn PanicSink>, observe: Observe) -> LocalTasks {
        let queue = Arc::new(LocalQueue::new(Tasks::new(1, observe, panics), false));
        LocalTasks { queue, _thread: std::marker::PhantomData }
    }

    /// The set is being polled in the runtime of that number.
    pub(crate) fn seen_in(&self, runtime: u64) {
        // No pair: a number.
        self.queue.seen_in.store(runtime, Ordering::Relaxed);
    }

    /// The list of its tasks, for other threads.
    pub(crate) fn list(&self) -> LocalList {
        LocalList(Arc::downgrade(&self.queue))
    }

    /// A second access for the same thread.
    pub(crate) fn share(&self) -> LocalTasks {
        LocalTasks { queue: Arc::clone(&self.queue), _thread: std::marker::PhantomData }
    }

    pub(crate) fn spawn<F>(
        &self,
        membership: Option<Membership>,
        future: F,
        identity: Identity<'_>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        // SAFETY: `self` cannot leave the thread of the set.
        unsafe { self.queue.spawn_anything(membership, future, identity) }
    }

    /// One turn of a future that polls the set: polls ready tasks, a bounded number. If the thread
    /// is watched, the monitor sees each poll. The future must have
    /// [registered](LocalTasks::register) in this poll.
    pub(crate) fn turn(&self, poller: &Poller, watch: Option<&Watch>, waker: &Waker) {
        if self.queue.tick(watch) {
            self.queue.pass_on(poller.0, waker);
        }
    }

    /// Registers `waker` to be called once, when a task becomes runnable. Returns a waker to drop.
    pub(crate) fn register(&self, poller: &mut Poller, waker: &Waker) -> Option<Waker> {
        self.queue.register(&mut poller.0, waker)
    }

    /// Removes the waker of a future that no longer polls the set. Returns a waker to drop.
    pub(crate) fn unregister(&self, poller: &mut Poller) -> Option<Waker> {
        let key = poller.0.take()?;
        self.queue.state.lock().pollers.remove(key)
    }

    /// Drops every task, each seen by the monitor if there is a watch. From now on spawned tasks
    /// are cancelled at once.
    pub(crate) fn close(&self, watch: Option<&Watch>) {
        self.queue.close(watch);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.tasks.alive() == 0
    }
}

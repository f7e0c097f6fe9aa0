//! Background tasks of a pool: they have threads of their own, and run when workers sleep.
//!
//! # Problem
//!
//! A program serves requests and computes for hours at the same time. A poll cannot be interrupted,
//! so a worker that polls a task of the second kind for 5 ms answers no request meanwhile. If both
//! workers do, requests wait, whatever the order of the queue. Only the system can interrupt a
//! poll. So background tasks are polled on threads of their own, whose slices of the processor are
//! long: the system lets a worker that wakes interrupt them
//! (`primitive/os_thread.rs::ask_for_long_slices`). And only as many of them are polled at a time
//! as workers sleep: the program has no more busy threads than workers, so a quota of processor
//! time is not spent twice as fast.
//!
//! # Rules
//!
//! 1. A thread begins a poll if fewer background polls go on than workers sleep.
//! 2. *The floor*: it also begins one if none has begun for [`FLOOR`]. So background tasks go on,
//!    slowly, where no worker ever sleeps.
//! 3. First come, first served; a task that wakes itself goes to the back.
//! 4. What a background task wakes goes where wakes from outside go, and what wakes a background
//!    task wakes no worker.
//! 5. A thread is started when a task waits and no thread rests, whether or not it may begin: a
//!    poll that goes on may never end, so somebody else must wait for a worker to sleep. A thread
//!    that has rested for the keep-alive ends.
//! 6. If the system has no thread at all, the waiting tasks become ordinary ones until their next
//!    wake.
//!
//! `held_up.rs` says why no thread waits although a worker has gone to sleep. All else is under a
//! lock.
//!
//! # Rejected
//!
//! - A queue that workers look at last, with a floor by time: a request waits for the polls of all
//!   workers.
//! - A low priority for the threads (`nice`, the policy for idle threads). On a busy machine a lock
//!   that such a thread holds stays locked for long; and threads that it starts inherit the
//!   priority, which the system lets nobody raise again.
//! - Polls announced as stalls, like those of marked tasks (`marked.rs`): a spare serves meanwhile,
//!   but more threads than workers would compute.
//!
//! Decision 0026 has the figures.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::held_up::HeldUp;
use super::metrics::Counter;
use super::watched_thread::WatchedThread;
use crate::engine::primitive::atomic::{AtomicUsize, Ordering};
use crate::engine::primitive::{Condvar, Mutex};
use crate::engine::task::{PollOwner, Runnable};

/// If no background poll has begun for this time, one begins.
pub(super) const FLOOR: Duration = Duration::from_millis(10);

/// What background threads share.
pub(super) struct Background {
    state: Mutex<State>,
    /// A task waits, a worker sleeps, or the pool is closed.
    changed: Condvar,
    /// Threads that wait for a worker to sleep, though a task waits for them.
    held_up: HeldUp,
    /// The length of the queue. For metrics: publishes nothing.
    waiting: AtomicUsize,
    threads: Box<[Place]>,
}

/// A place for a thread. Threads come and go.
struct Place {
    watched: Arc<WatchedThread>,
    /// Polls that ran out of budget.
    forced_yields: Counter,
}

struct State {
    queue: VecDeque<Runnable>,
    /// Which places are taken.
    taken: Box<[bool]>,
    /// Which places the monitor knows.
    known: Box<[bool]>,
    /// Threads that wait.
    resting: usize,
    /// Polls that go on.
    polls: usize,
    /// When the last poll began.
    begun: Option<Instant>,
}

/// What a pool does for the threads.
pub(super) trait Workers {
    /// How many workers sleep.
    fn sleeping(&self) -> usize;

    fn is_closed(&self) -> bool;
}

/// What a thread does next.
pub(super) enum Next {
    Poll(Runnable),
    /// Its place has been given up.
    Leave,
}

impl Background {
    /// At most `limit` threads; the first one's number in reports.
    pub(super) fn new(limit: usize, first_number: usize) -> Background {
        let place = |n| Place {
            watched: Arc::new(WatchedThread::new(first_number + n)),
            forced_yields: Counter::default(),
        };
        let none = || (0..limit).map(|_| false).collect();
        Background {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                taken: none(),
                known: none(),
                resting: 0,
                polls: 0,
                begun: None,
            }),
            changed: Condvar::new(),
            held_up: HeldUp::new(),
            waiting: AtomicUsize::new(0),
            threads: (0..limit).map(place).collect(),
        }
    }

    /// Adds a task. Returns a place for which the caller starts a thread.
    #[must_use]
    pub(super) fn push(&self, task: Runnable) -> Option<usize> {
        let mut state = self.state.lock();
        state.queue.push_back(task);
        self.show(&state);
        self.have_taken(&mut state)
    }

    /// The next task for the thread at this place, when it may be polled. A thread that has nothing
    /// to do for `keep_alive` leaves. The second result is a place to start a thread for.
    pub(super) fn next(
        &self,
        place: usize,
        keep_alive: Duration,
        workers: &(impl Workers + ?Sized),
    ) -> (Next, Option<usize>) {
        let mut state = self.state.lock();
        let mut rests_until = None;
        loop {
            if workers.is_closed() {
                state.taken[place] = false;
                return (Next::Leave, None);
            }
            let now = Instant::now();
            let until = if state.queue.is_empty() {
                let until = rests_until.get_or_insert_with(|| now.checked_add(keep_alive));
                if until.is_some_and(|until| now >= until) {
                    state.taken[place] = false;
                    return (Next::Leave, None);
                }
                *until
            } else {
                rests_until = None;
                let floor = state.begun.map_or(now, |begun| begun + FLOOR);
                let may_go_on = || state.polls < workers.sleeping() || now >= floor;
                if !self.held_up.hold_up_unless(may_go_on) {
                    let Some(task) = state.queue.pop_front() else { continue };
                    self.show(&state);
                    state.polls += 1;
                    state.begun = Some(now);
                    return (Next::Poll(task), self.have_taken(&mut state));
                }
                Some(floor)
            };
            let is_held_up = !state.queue.is_empty();
            state.resting += 1;
            match until {
                None => self.changed.wait(&mut state),
                Some(until) => {
                    self.changed.wait_for(&mut state, until.saturating_duration_since(now));
                }
            }
            state.resting -= 1;
            if is_held_up {
                self.held_up.goes_on();
            }
        }
    }

    /// A poll has ended.
    pub(super) fn ended(&self) {
        self.state.lock().polls -= 1;
    }

    /// If a task waits, has it taken: by a thread that rests, or by a new one.
    fn have_taken(&self, state: &mut State) -> Option<usize> {
        if state.queue.is_empty() {
            return None;
        }
        if state.resting > 0 {
            self.changed.notify_one(); // wake: background task
            return None;
        }
        let place = state.taken.iter().position(|taken| !taken)?;
        state.taken[place] = true;
        Some(place)
    }

    /// A worker has announced that it sleeps.
    #[inline]
    pub(super) fn worker_sleeps(&self) {
        if self.held_up.is_anybody() {
            self.let_one_go_on();
        }
    }

    #[cold]
    fn let_one_go_on(&self) {
        let _state = self.state.lock();
        self.changed.notify_one(); // wake: held up
    }

    /// The pool has been closed.
    pub(super) fn close(&self) {
        let _state = self.state.lock();
        self.changed.notify_all(); // wake: background close
    }

    /// The thread for this place did not come.
    pub(super) fn never_came(&self, place: usize) {
        self.state.lock().taken[place] = false;
    }

    /// The tasks that wait, if there is no thread for them.
    pub(super) fn take_stranded(&self) -> VecDeque<Runnable> {
        let mut state = self.state.lock();
        if state.taken.contains(&true) {
            return VecDeque::new();
        }
        let stranded = std::mem::take(&mut state.queue);
        self.show(&state);
        stranded
    }

    /// Takes any task, for a shutdown.
    pub(super) fn pop(&self) -> Option<Runnable> {
        let mut state = self.state.lock();
        let task = state.queue.pop_front();
        self.show(&state);
        task
    }

    /// The thread at this place, for the monitor: `Some` the first time.
    pub(super) fn make_known(&self, place: usize) -> Option<Arc<WatchedThread>> {
        let before = std::mem::replace(&mut self.state.lock().known[place], true);
        (!before).then(|| Arc::clone(&self.threads[place].watched))
    }

    pub(super) fn watched(&self, place: usize) -> &WatchedThread {
        &self.threads[place].watched
    }

    pub(super) fn forced_yields_of(&self, place: usize) -> &Counter {
        &self.threads[place].forced_yields
    }

    /// Polls that ran out of budget.
    pub(super) fn forced_yields(&self) -> u64 {
        self.threads.iter().map(|place| place.forced_yields.get()).sum()
    }

    /// The tasks whose polls, or destructors, have not returned.
    pub(super) fn busy_with(&self) -> impl Iterator<Item = PollOwner> {
        self.threads.iter().filter_map(|place| place.watched.busy_with())
    }

    /// Tasks that wait for a poll.
    pub(super) fn len(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Threads that there are, or are being started.
    pub(super) fn count_threads(&self) -> usize {
        self.state.lock().taken.iter().filter(|&&taken| taken).count()
    }

    fn show(&self, state: &State) {
        self.waiting.store(state.queue.len(), Ordering::Relaxed);
    }
}

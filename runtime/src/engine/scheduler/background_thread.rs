//! A thread that polls background tasks. `background.rs` says which, and when.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::background::{Background, Next, Workers};
use super::monitor::Monitor;
use super::observe::Observe;
use crate::engine::catch_panic::catch_panic;
use crate::engine::coop::{self, Budget};
use crate::engine::entered;
use crate::engine::primitive::thread;
use crate::engine::task::{Outcome, Runnable, StallPolicy};

/// A place that has been taken for a thread to be started.
pub(crate) struct BackgroundThread {
    pool: Arc<dyn Host>,
    place: usize,
    ran: bool,
}

/// The pool, as such a thread sees it.
pub(super) trait Host: Workers + Send + Sync {
    fn background(&self) -> &Background;

    fn monitor(&self) -> &Monitor;

    fn observe(&self) -> &Observe;

    /// How long a thread without work waits for some.
    fn keep_alive(&self) -> Duration;

    /// Has a thread started for a place that has been taken for it.
    fn start(&self, place: usize);

    /// Queues a task that was woken in its poll.
    fn requeue(&self, task: Runnable);

    /// A poll has ended, and what was woken in it has been queued.
    fn polled(&self);

    /// Counts a thread off. The last thread of a closed pool drops all tasks.
    fn left(&self, place: usize);

    /// No thread could be started.
    fn refused(&self, error: &io::Error);
}

impl BackgroundThread {
    /// The thread has been counted in.
    pub(super) fn new(pool: Arc<dyn Host>, place: usize) -> BackgroundThread {
        BackgroundThread { pool, place, ran: false }
    }

    /// The function to call with the error if no thread can be started. Called after this has been
    /// dropped.
    pub(crate) fn on_failure(&self) -> impl FnOnce(io::Error) + Send + 'static {
        let pool = Arc::clone(&self.pool);
        move |error| pool.refused(&error)
    }

    /// Polls background tasks until the pool closes, or until there has been none for a while. To
    /// be called by the new thread. `set_up` may be user code, and is watched like a poll.
    pub(crate) fn run(mut self, set_up: &dyn Fn()) {
        self.ran = true;
        let (pool, place) = (&self.pool, self.place);
        thread::ask_for_long_slices();
        let watched = pool.background().watched(place);
        watched.set_tid();
        if let Some(new) = pool.background().make_known(place) {
            pool.monitor().watch_bound(new);
        }
        self.awake(true);
        watched.bracket(|| catch_panic(set_up));
        let inside = entered::enter();
        loop {
            self.awake(false);
            let (next, start) = pool.background().next(place, pool.keep_alive(), &**pool);
            self.awake(true);
            if let Some(place) = start {
                pool.start(place);
            }
            match next {
                Next::Poll(task) => self.poll(task),
                Next::Leave => break,
            }
        }
        drop(inside);
        pool.left(place);
        self.awake(false);
        pool.monitor().wake();
    }

    fn poll(&self, task: Runnable) {
        let (pool, place) = (&self.pool, self.place);
        let watch = pool.background().watched(place).watch();
        coop::refill(Budget::FULL);
        watch.begin(task.id().as_u64(), Some(task.location()));
        // Nobody waits behind it, so it gets no mark.
        let outcome = pool.observe().run(task, &StallPolicy::Nobody, None);
        let _ = watch.end();
        coop::refill(Budget::UNLIMITED);
        pool.background().forced_yields_of(place).add(coop::take_forced());
        pool.background().ended();
        if let Outcome::Woken(task) = outcome {
            pool.requeue(task);
        }
        pool.polled();
    }

    fn awake(&self, awake: bool) {
        let watched = self.pool.background().watched(self.place);
        watched.set_awake(awake);
        if awake {
            self.pool.monitor().awake();
        }
    }
}

impl Drop for BackgroundThread {
    /// Gives the place back if the thread could not be started, or ended before `run`.
    fn drop(&mut self) {
        if !self.ran {
            self.pool.background().never_came(self.place);
            self.pool.left(self.place);
        }
    }
}

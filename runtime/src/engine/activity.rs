//! Counts the activities inside a runtime, so that paused time jumps when there are none.
//!
//! # Problem
//!
//! Paused time jumps to the next deadline when nothing else is left to do. Work can be in places
//! that do not know each other: workers, queues, jobs on blocking threads, threads in `block_on`,
//! wakers that are about to be called. If a thread looked at them one after the other, each could
//! be idle although at no moment all were: meanwhile work moves from a job to a task to a root
//! future. So one word counts all of them at once.
//!
//! # The word
//!
//! ```text
//!   63                            1     0
//!  ┌───────────────────────────────┬─────────┐
//!  │          activities           │ WATCHED │
//!  └───────────────────────────────┴─────────┘
//! ```
//!
//! | an activity                            | begins                          | ends                      |
//! |----------------------------------------|---------------------------------|---------------------------|
//! | a worker that is awake                 | chosen to be woken, by who      | has announced its sleep   |
//! |                                        | wakes it; else when it wakes up | and looked again in vain  |
//! | a thread in `block_on`                 | at the call; woken, by who wakes| its future waits          |
//! | a blocking job                         | submitted                       | done, and its waiter woken|
//! | a thread that gives the pool a task    | before the push                 | has woken whom it wakes   |
//! | who holds wakers or tasks and is       | before it takes them            | has called or queued them |
//! | none of these (monitor, `advance`)    |                                 |                           |
//!
//! # Invariants
//!
//! 1. Everything that can be run (a queued task, a woken root future, a waker that was taken out)
//!    is held by an activity, or was published to one: a thread that publishes a task is counted,
//!    and `scheduler/sleep.rs` proves that an awake worker sees the task or one is woken.
//! 2. A thread that starts another activity counts that one before it ends its own.
//! 3. So when the count is zero nothing can be run, and only the clock can change that from inside
//!    the runtime. Unknown threads and the system's events come from outside; the thread that jumps
//!    looks for events in between (`runtime/drivers.rs`).
//! 4. The thread that waits in the driver sets WATCHED, from before it looks at the deadlines until
//!    it is awake again. Only that thread claims.
//!
//! # Who jumps
//!
//! | who ends an activity        | the thread that has the poll, counted off                   |
//! |-----------------------------|-------------------------------------------------------------|
//! | (has set its timers)        | set WATCHED                                                 |
//! | count - 1                   | a deadline, and nothing but WATCHED in the word?            |
//! | nothing but WATCHED left?   | then count itself in the same step: it may jump             |
//! | then wake who has the poll  | else sleep                                                  |
//!
//! All steps are read-modify-writes of one word, so they are in one order. If the last activity
//! ends before WATCHED is set, the watcher sees an empty word and what was done before (END with
//! WATCH). If it ends after, it finds WATCHED and wakes the watcher, which begins anew. If the
//! watcher finds no deadline, it sleeps with WATCHED set, so an activity that sets one wakes it.
//!
//! The claim is the snapshot: at that step there was no activity, and from then on the watcher is
//! one. Events and deadlines are read after it, since before it others may have come and gone.
//!
//! # Cost
//!
//! Only a runtime that was built to start paused counts threads and tasks; others have no such
//! word. On the `current_thread` flavour, where time may be paused at any moment, only jobs are
//! counted: its one thread knows about everything else.
//!
//! # Rejected
//!
//! - Reading the existing counts (sleepers, jobs, wakes in flight) twice, to see that nothing
//!   moved: a job can start and end between two reads of zero, so each count would need a version
//!   and a proof.
//! - A thread that periodically looks whether all are idle: tests that jump a thousand times would
//!   take a thousand rounds, and a look is no proof.

use crate::engine::primitive::atomic::{AtomicUsize, Ordering};

/// The thread in the driver sleeps, and is to be woken when the last activity ends.
const WATCHED: usize = 1;
const ONE: usize = 2;

/// Publishes what an activity did, its timers above all. Pairs with [`WATCH`] and [`CLAIM`].
const END: Ordering = Ordering::Release;
/// Sees the timers of activities that have ended. Pairs with [`END`].
const WATCH: Ordering = Ordering::Acquire;
/// Sees the timers, and the token that a job gave before it ended. Pairs with [`END`].
const CLAIM: Ordering = Ordering::Acquire;

/// The count of activities.
pub(crate) struct Activity {
    word: AtomicUsize,
    /// Wakes the thread that waits in the driver.
    wake: Box<dyn Fn() + Send + Sync>,
}

/// An activity that ends when this is dropped.
#[must_use = "the activity ends when this is dropped"]
pub(crate) struct Active<'a>(&'a Activity);

impl Activity {
    /// No activity. `wake` is called when a watched count falls to zero.
    pub(crate) fn new(wake: Box<dyn Fn() + Send + Sync>) -> Activity {
        Activity { word: AtomicUsize::new(0), wake }
    }

    /// An activity begins; [`end`](Activity::end) must follow.
    // No pair: the beginning publishes nothing. In the order of the word it comes before the end
    // of the activity that starts it.
    pub(crate) fn begin(&self) {
        self.word.fetch_add(ONE, Ordering::Relaxed);
    }

    /// An activity ends.
    pub(crate) fn end(&self) {
        if self.word.fetch_sub(ONE, END) == ONE | WATCHED {
            (self.wake)(); // wake: nothing goes on
        }
    }

    /// Counts the caller as active until the guard is dropped.
    pub(crate) fn enter(&self) -> Active<'_> {
        self.begin();
        Active(self)
    }

    /// Asks to wake the thread in the driver, which is not counted itself, when the last activity
    /// ends.
    pub(crate) fn watch(&self) {
        self.word.fetch_or(WATCHED, WATCH);
    }

    /// The thread in the driver no longer sleeps. It has counted itself before.
    pub(crate) fn unwatch(&self) {
        self.word.fetch_and(!WATCHED, Ordering::Relaxed);
    }

    /// Whether there is no activity. If none can begin, the caller sees what the ended ones did.
    pub(crate) fn is_still(&self) -> bool {
        self.word.load(WATCH) < ONE
    }

    /// Counts the watcher as active if there is no activity at all.
    #[must_use]
    pub(crate) fn claim(&self) -> bool {
        self.word.compare_exchange(WATCHED, WATCHED | ONE, CLAIM, Ordering::Relaxed).is_ok()
    }
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl std::fmt::Debug for Activity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = self.word.load(Ordering::Relaxed);
        f.debug_struct("Activity")
            .field("activities", &(word / ONE))
            .field("watched", &(word & WATCHED != 0))
            .finish()
    }
}

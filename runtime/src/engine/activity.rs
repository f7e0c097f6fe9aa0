//! Counts what goes on inside a runtime, so that paused time jumps when nothing does.
//!
//! # Problem
//!
//! Paused time jumps to the next deadline when nothing else is left to be done. "Nothing" spans
//! places that know nothing of each other: workers, queues, jobs on blocking threads, threads in
//! `block_on`, wakers that somebody is about to call. Looked at one after the other, each of them
//! can be found idle although at no moment all were: work moves on behind the back of who looks,
//! from a job to a task to a root future. So there is one word that says it of all of them at once.
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
//! 1. What can be run (a queued task, a root future that was woken, a waker that was taken out) is
//!    in the hands of an activity, or was published to one: who publishes a task counts itself, and
//!    then `scheduler/sleep.rs` proves that an awake worker sees it or one is chosen to be woken.
//! 2. Whoever starts another activity counts that one before it ends its own.
//! 3. So at a moment when the count is zero nothing can be run, and nothing inside the runtime will
//!    change that, but the clock. From outside come threads that the runtime does not know, and
//!    the system's events; the one that jumps looks for events in between (`runtime/drivers.rs`).
//! 4. WATCHED is set by the thread that has the poll, from before its look at the deadlines until
//!    it is awake again; it alone claims.
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
//! WATCH); if after, it finds WATCHED and wakes the watcher, which begins anew. Should the watcher
//! find no deadline, it sleeps with WATCHED set, so an activity that sets one later wakes it too.
//!
//! The claim is the snapshot: at that step nobody else was active, and from then on the watcher is.
//! Events and deadlines are looked at after it: before it others may have come and gone.
//!
//! # Cost
//!
//! Only a runtime that was built to start paused counts threads and tasks; any other one has no
//! such word. On the `current_thread` flavour, where time may be paused at any moment, jobs alone
//! are counted: its one thread knows about everything else.
//!
//! # Rejected
//!
//! - Looking at the counts that are there anyway (sleepers, jobs, wakes in flight) twice, to see
//!   that nothing moved: a job can start and end between two looks at the same zero, so each count
//!   would need a version, and each of them a proof.
//! - A thread that looks every so often whether all are idle: tests that jump a thousand times
//!   would take as many of its rounds, and a look is no proof.

use crate::engine::primitive::atomic::{AtomicUsize, Ordering};

/// Whoever has the poll sleeps and wants to know when the last activity ends.
const WATCHED: usize = 1;
const ONE: usize = 2;

/// Publishes what an activity did, its timers above all. Pairs with [`WATCH`] and [`CLAIM`].
const END: Ordering = Ordering::Release;
/// Sees the timers of activities that have ended. Pairs with [`END`].
const WATCH: Ordering = Ordering::Acquire;
/// Sees the timers, and the token that a job gave before it ended. Pairs with [`END`].
const CLAIM: Ordering = Ordering::Acquire;

/// The count of what goes on.
pub(crate) struct Activity {
    word: AtomicUsize,
    /// Wakes whoever has the poll.
    wake: Box<dyn Fn() + Send + Sync>,
}

/// An activity that ends when this is dropped.
#[must_use = "the activity ends when this is dropped"]
pub(crate) struct Active<'a>(&'a Activity);

impl Activity {
    /// Nothing goes on. `wake` is called when a watched count falls to zero.
    pub(crate) fn new(wake: Box<dyn Fn() + Send + Sync>) -> Activity {
        Activity { word: AtomicUsize::new(0), wake }
    }

    /// An activity begins; [`end`](Activity::end) must follow.
    // No pair: the beginning publishes nothing. It comes before the end of whoever starts it, in
    // the order of the word.
    pub(crate) fn begin(&self) {
        self.word.fetch_add(ONE, Ordering::Relaxed);
    }

    /// An activity ends.
    pub(crate) fn end(&self) {
        if self.word.fetch_sub(ONE, END) == ONE | WATCHED {
            (self.wake)(); // wake: nothing goes on
        }
    }

    /// Counts the caller in until the guard is dropped.
    pub(crate) fn enter(&self) -> Active<'_> {
        self.begin();
        Active(self)
    }

    /// The poll's holder, which does not count itself, wants to be woken when the last activity
    /// ends.
    pub(crate) fn watch(&self) {
        self.word.fetch_or(WATCHED, WATCH);
    }

    /// The poll's holder does not sleep any more. It counts itself in before.
    pub(crate) fn unwatch(&self) {
        self.word.fetch_and(!WATCHED, Ordering::Relaxed);
    }

    /// Whether nothing goes on. Who asks while nothing can begin sees what has ended.
    pub(crate) fn is_still(&self) -> bool {
        self.word.load(WATCH) < ONE
    }

    /// Counts the watcher in, if nothing at all goes on.
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

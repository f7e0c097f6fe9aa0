//! A runtime that is driven step by step: the mechanism under [`testing::TestExecutor`].
//!
//! # Problem
//!
//! A test must decide what happens next: this future is polled, the ready tasks run, an hour
//! passes. `block_on` decides all of that by itself. But the tasks, timers, channels, budget and
//! ids under the tested code must be the real ones, or the test shows nothing about them.
//!
//! # Shape
//!
//! A `current_thread` runtime whose clock stays frozen. A call takes the scheduler's core and moves
//! it step by step ([`Steps`]). No thread sleeps, and there is no monitor. Between two calls
//! nothing runs, so what the test does there (sends a value, moves the time) only makes futures and
//! tasks ready.
//!
//! # Order
//!
//! 1. Tasks run in the order in which they became ready. A task that is woken during its own poll
//!    comes after those that became ready during that poll.
//! 2. The main future, which the test hands in, is in the same order: its waker records how many
//!    tasks are ready at the first wake since its last poll, and so many polls come before its own.
//!    A wake from outside of a poll puts it behind all tasks that are ready when the wake is seen;
//!    there is no other order between threads.
//! 3. Timers that become due are woken in the order of their deadlines, equal ones in the order in
//!    which they were set.
//!
//! [`testing::TestExecutor`]: crate::testing::TestExecutor

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use super::builder::Builder;
use super::context::{self, Restore};
use super::handle::Handle;
use super::local_runtime::{LocalOptions, LocalRuntime};
use super::rng_seed::RngSeed;
use super::shutdown::Unfinished;
use crate::engine::clock::NEVER;
use crate::engine::primitive::Mutex;
use crate::engine::scheduler::{CurrentThread, Steps};
use crate::engine::wake_list::WakeList;
use crate::engine::{entered, messages};

/// Polls between two looks at events and foreign timers, for tasks that yield until one comes.
const LOOK_INTERVAL: u32 = 61;

/// A runtime that is driven step by step, and is the current one of its thread.
pub(crate) struct ByHand {
    main: Arc<Main>,
    waker: Waker,
    // Dropped in this order: the runtime is current while it is dropped.
    runtime: LocalRuntime,
    _current: Restore,
}

/// How [`ByHand::play`] ended.
pub(crate) enum Played<T> {
    Ready(T),
    /// Nothing can make progress before the limit.
    Limit,
    /// Nothing can make progress at all.
    Stuck,
}

impl ByHand {
    /// Makes the runtime, and makes it current.
    ///
    /// # Errors
    ///
    /// If the system gives no file descriptors.
    ///
    /// # Panics
    ///
    /// If the thread has a current runtime.
    #[track_caller]
    pub(crate) fn new(seed: RngSeed) -> io::Result<ByHand> {
        deny_inside();
        let current = context::current();
        if let Ok(current) = &current {
            let ours = current.clock().is_kept_frozen();
            let text =
                if ours { messages::SECOND_TEST_EXECUTOR } else { messages::TEST_EXECUTOR_INSIDE };
            panic!("{text}");
        }
        let runtime = Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .rng_seed(seed)
            .stall_report(std::time::Duration::MAX)
            .build_local(LocalOptions::default())?;
        runtime.handle().clock().keep_frozen();
        let main = Arc::new(Main {
            shared: Arc::clone(scheduler(runtime.handle())),
            line: Mutex::new(Line { wakes: 0, ahead: None }),
        });
        let _current = context::enter(runtime.handle().clone());
        Ok(ByHand { waker: Waker::from(Arc::clone(&main)), main, runtime, _current })
    }

    pub(crate) fn runtime(&self) -> &LocalRuntime {
        &self.runtime
    }

    /// How often the main future was woken since its last poll.
    pub(crate) fn wakes(&self) -> usize {
        self.main.line.lock().wakes
    }

    /// How many tasks are ready.
    #[track_caller]
    pub(crate) fn ready(&self) -> usize {
        self.turn(|steps| steps.ready())
    }

    /// Polls the main future, and nothing else.
    #[track_caller]
    pub(crate) fn poll_once<F: Future>(&mut self, future: Pin<&mut F>) -> Poll<F::Output> {
        self.turn(|steps| self.poll_main(steps, future))
    }

    /// Polls the first ready task. Returns false if there is none.
    #[track_caller]
    pub(crate) fn run_next(&mut self) -> bool {
        self.turn(|steps| steps.run_next() || (self.look(steps) && steps.run_next()))
    }

    /// Runs tasks until none is ready. Returns how many polls that took.
    #[track_caller]
    pub(crate) fn run_tasks(&mut self) -> usize {
        self.turn(|steps| {
            let mut polls = 0;
            loop {
                while steps.run_next() {
                    polls += 1;
                    if polls % LOOK_INTERVAL as usize == 0 {
                        steps.look();
                    }
                }
                steps.look();
                if steps.ready() == 0 {
                    return polls;
                }
            }
        })
    }

    /// Polls the main future, and runs it and the tasks until none of them is ready.
    #[track_caller]
    pub(crate) fn run_until_stalled<F: Future>(
        &mut self,
        mut future: Pin<&mut F>,
    ) -> Poll<F::Output> {
        self.main.has_its_turn();
        self.turn(|steps| self.run(steps, &mut future))
    }

    /// Polls the main future, and runs it and the tasks until it completes. Moves the time when
    /// nothing else can make progress, but not beyond `limit`, if there is one. Waits for blocking
    /// jobs and, without a limit, for events if nothing else can come.
    #[track_caller]
    pub(crate) fn play<F: Future>(
        &mut self,
        mut future: Pin<&mut F>,
        limit: Option<u64>,
    ) -> Played<F::Output> {
        self.main.has_its_turn();
        loop {
            let polled = self.turn(|steps| self.run_with_jobs(steps, &mut future));
            if let Poll::Ready(output) = polled {
                return Played::Ready(output);
            }
            match self.next_timer() {
                Some(next) if limit.is_none_or(|limit| next <= limit) => self.move_to(next),
                None if limit.is_none() && self.runtime.handle().driver().is_used() => {
                    self.turn(|steps| steps.wait(false));
                }
                _ if limit.is_some() => return Played::Limit,
                _ => return Played::Stuck,
            }
        }
    }

    fn run<F: Future>(&self, steps: &Steps<'_>, future: &mut Pin<&mut F>) -> Poll<F::Output> {
        let mut polls = 0_u32;
        loop {
            let polled = if self.main.is_next(steps.ready()) {
                if let Poll::Ready(output) = self.poll_main(steps, future.as_mut()) {
                    return Poll::Ready(output);
                }
                true
            } else {
                // Counted first: the poll may change the order again.
                self.main.lets_one_pass();
                steps.run_next()
            };
            polls = polls.wrapping_add(1);
            if polled && polls % LOOK_INTERVAL != 0 {
                continue;
            }
            if !self.look(steps) && !polled {
                return Poll::Pending;
            }
        }
    }

    /// As [`run`](ByHand::run), until there is no pending blocking job either.
    fn run_with_jobs<F: Future>(
        &self,
        steps: &Steps<'_>,
        future: &mut Pin<&mut F>,
    ) -> Poll<F::Output> {
        loop {
            if let Poll::Ready(output) = self.run(steps, future) {
                return Poll::Ready(output);
            }
            // Read before the look: a job that has ended by now has woken its waiter.
            let still = self.runtime.handle().jobs().is_none_or(|jobs| jobs.is_still());
            if self.look(steps) {
                continue;
            }
            if still {
                return Poll::Pending;
            }
            steps.wait(true);
        }
    }

    /// Looks at events and timers. Returns whether the main future or a task is ready.
    fn look(&self, steps: &Steps<'_>) -> bool {
        steps.look();
        steps.ready() > 0 || self.main.is_in_line()
    }

    fn poll_main<F: Future>(&self, steps: &Steps<'_>, future: Pin<&mut F>) -> Poll<F::Output> {
        self.main.is_polled();
        steps.poll(future, &mut Context::from_waker(&self.waker))
    }

    /// Takes the core for this thread while `f` runs.
    #[track_caller]
    fn turn<R>(&self, f: impl FnOnce(&Steps<'_>) -> R) -> R {
        let handle = self.runtime.handle();
        handle.assert_not_forked();
        deny_inside();
        let _inside = entered::enter();
        // Another runtime may have been entered since this one was.
        let _current = context::enter(handle.clone());
        let _seeded = handle.seeded();
        scheduler(handle).by_hand(f)
    }

    /// The present time, in nanoseconds since the clock's origin.
    pub(crate) fn now(&self) -> u64 {
        self.runtime.handle().clock().now()
    }

    /// A standard instant in nanoseconds since the clock's origin.
    pub(crate) fn at(&self, instant: std::time::Instant) -> u64 {
        self.runtime.handle().clock().at(instant)
    }

    /// The reverse of [`ByHand::at`].
    pub(crate) fn instant(&self, at: u64) -> std::time::Instant {
        self.runtime.handle().clock().instant(at)
    }

    /// When the next timer is due.
    pub(crate) fn next_timer(&self) -> Option<u64> {
        Some(self.runtime.handle().shards().exact_earliest()).filter(|&next| next != NEVER)
    }

    /// Moves the time to `at`, unless that has passed, and wakes what is then due.
    pub(crate) fn move_to(&self, at: u64) {
        let mut ready = WakeList::new();
        self.runtime.handle().shards().move_to(at, &mut ready);
        ready.wake_all(); // wake: time was moved by hand
    }

    /// The tasks that have not ended, in the order in which they were spawned.
    pub(crate) fn unfinished(&self) -> Vec<Unfinished> {
        let mut alive = Vec::new();
        self.runtime.handle().each_list(|tasks| alive.extend(tasks.list()));
        alive.sort_by_key(|(id, _)| id.as_u64());
        alive.into_iter().map(|(id, at)| Unfinished::new(Some(id), Some(at))).collect()
    }
}

#[track_caller]
fn deny_inside() {
    assert!(!entered::is_inside(), "{}", messages::TEST_EXECUTOR_INSIDE);
}

fn scheduler(handle: &Handle) -> &Arc<CurrentThread> {
    handle.scheduler().current_thread().expect("it was built with one thread")
}

/// The waker of the main future, and its place in the order of the tasks.
struct Main {
    shared: Arc<CurrentThread>,
    line: Mutex<Line>,
}

struct Line {
    /// Wakes since the last poll.
    wakes: usize,
    /// How many polls of tasks come before the main future's; `None` if it does not wait for one.
    ahead: Option<Ahead>,
}

#[derive(Clone, Copy)]
enum Ahead {
    Of(usize),
    /// All tasks that are ready when the wake is seen.
    AllOthers,
}

impl Main {
    /// Puts the main future first, since the test asks for a poll.
    fn has_its_turn(&self) {
        self.line.lock().ahead = Some(Ahead::Of(0));
    }

    fn is_in_line(&self) -> bool {
        self.line.lock().ahead.is_some()
    }

    /// Whether the main future is next, with `ready` tasks ready.
    fn is_next(&self, ready: usize) -> bool {
        let mut line = self.line.lock();
        let Some(ahead) = line.ahead else { return false };
        let ahead = match ahead {
            Ahead::Of(tasks) => tasks.min(ready),
            Ahead::AllOthers => ready,
        };
        line.ahead = Some(Ahead::Of(ahead));
        ahead == 0
    }

    /// Counts the poll of a task.
    fn lets_one_pass(&self) {
        if let Some(Ahead::Of(tasks)) = &mut self.line.lock().ahead {
            *tasks = tasks.saturating_sub(1);
        }
    }

    /// Resets the wakes, since the main future's poll begins.
    fn is_polled(&self) {
        *self.line.lock() = Line { wakes: 0, ahead: None };
    }
}

impl Wake for Main {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let here = self.shared.queued_here();
        let mut line = self.line.lock();
        line.wakes += 1;
        if line.ahead.is_none() {
            line.ahead = Some(here.map_or(Ahead::AllOthers, Ahead::Of));
        }
        drop(line);
        if here.is_none() {
            self.shared.unpark(); // wake: main future by hand
        }
    }
}

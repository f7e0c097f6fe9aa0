//! A runtime that is moved by hand: the mechanism under [`testing::TestExecutor`].
//!
//! # Problem
//!
//! A test wants to say what happens next: this future is polled, the tasks that are ready run, an
//! hour passes. `block_on` decides all of that by itself. But what the code under test uses (tasks,
//! timers, channels, the budget, ids) has to be the real thing, or the test is of something else.
//!
//! # Shape
//!
//! A `current_thread` runtime whose clock is frozen for good. Its scheduler's core is taken for the
//! time of a call and moved step by step ([`Steps`]); nobody sleeps, and nobody watches. Between
//! two calls nothing runs, so what the test does there (sends a value, moves the time) only makes
//! futures and tasks ready.
//!
//! # Whose turn it is
//!
//! 1. Tasks run in the order in which they became ready. One that is woken during its own poll is
//!    behind those that became ready during it.
//! 2. The main future, which the test hands in, stands in the same line: its waker notes how many
//!    tasks are ready at the first wake since the last poll, and so many polls come before its own.
//!    A wake that comes from elsewhere than a poll puts it behind all that are ready when it is
//!    seen; there is no other order between threads.
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

/// Polls between two looks at events and foreign timers, for tasks that only yield until one comes.
const LOOK_INTERVAL: u32 = 61;

/// A runtime that is moved by hand, and is the current one of its thread.
pub(crate) struct ByHand {
    main: Arc<Main>,
    waker: Waker,
    // In this order: what is dropped with the runtime still finds it.
    runtime: LocalRuntime,
    _current: Restore,
}

/// How [`ByHand::play`] ended.
pub(crate) enum Played<T> {
    Ready(T),
    /// Nothing goes on before the limit.
    Limit,
    /// Nothing goes on at all.
    Stuck,
}

impl ByHand {
    /// Makes the runtime, and makes it current.
    ///
    /// # Errors
    ///
    /// What the system says when it gives no file descriptors.
    ///
    /// # Panics
    ///
    /// Where there is a current runtime.
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

    /// Polls the first of the tasks that are ready. False if none is.
    #[track_caller]
    pub(crate) fn run_next(&mut self) -> bool {
        self.turn(|steps| steps.run_next() || (self.look(steps) && steps.run_next()))
    }

    /// Runs tasks until none is ready, and says how many polls that took.
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

    /// Polls the main future, and runs it and the tasks until nobody is ready.
    #[track_caller]
    pub(crate) fn run_until_stalled<F: Future>(
        &mut self,
        mut future: Pin<&mut F>,
    ) -> Poll<F::Output> {
        self.main.has_its_turn();
        self.turn(|steps| self.run(steps, &mut future))
    }

    /// Polls the main future, and runs it and the tasks to its end, with the time moved whenever
    /// nothing else goes on, but not beyond `limit`, if there is one. Waits for blocking jobs, and
    /// without a limit for events, if there is nothing else that may come.
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
                // First: what the poll does to the line is behind it.
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

    /// As [`run`](ByHand::run), until no blocking job is pending either.
    fn run_with_jobs<F: Future>(
        &self,
        steps: &Steps<'_>,
        future: &mut Pin<&mut F>,
    ) -> Poll<F::Output> {
        loop {
            if let Poll::Ready(output) = self.run(steps, future) {
                return Poll::Ready(output);
            }
            // Before the look: a job that has ended by now has woken its waiter.
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

    /// Looks at what the outside has done. Says whether anybody is ready.
    fn look(&self, steps: &Steps<'_>) -> bool {
        steps.look();
        steps.ready() > 0 || self.main.is_in_line()
    }

    fn poll_main<F: Future>(&self, steps: &Steps<'_>, future: Pin<&mut F>) -> Poll<F::Output> {
        self.main.is_polled();
        steps.poll(future, &mut Context::from_waker(&self.waker))
    }

    /// The core is this thread's while `f` runs.
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

    /// What a standard instant is in nanoseconds, and the other way round.
    pub(crate) fn at(&self, instant: std::time::Instant) -> u64 {
        self.runtime.handle().clock().at(instant)
    }

    /// See [`ByHand::at`].
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

/// The waker of the main future, and its place among the tasks.
struct Main {
    shared: Arc<CurrentThread>,
    line: Mutex<Line>,
}

struct Line {
    /// Since the last poll.
    wakes: usize,
    /// How many polls of tasks come before the main future's; `None` if it does not wait for one.
    ahead: Option<Ahead>,
}

#[derive(Clone, Copy)]
enum Ahead {
    Of(usize),
    /// All that are ready when it is seen.
    AllOthers,
}

impl Main {
    /// The test calls for a poll.
    fn has_its_turn(&self) {
        self.line.lock().ahead = Some(Ahead::Of(0));
    }

    fn is_in_line(&self) -> bool {
        self.line.lock().ahead.is_some()
    }

    /// Whether it is the main future's turn, with so many tasks ready.
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

    /// A task has its turn.
    fn lets_one_pass(&self) {
        if let Some(Ahead::Of(tasks)) = &mut self.line.lock().ahead {
            *tasks = tasks.saturating_sub(1);
        }
    }

    /// The poll begins.
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

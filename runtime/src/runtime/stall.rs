//! Reports of stalls: the thread that does what the guardian must not.
//!
//! The guardian may not block, so it only hands over; this thread captures the backtrace, calls the
//! user's hook or writes the line, and calls wakers that are not tasks'. It is started with the
//! first piece of work.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;
use std::task::Waker;
use std::thread::{self, JoinHandle as Thread};
use std::time::{Duration, Instant};

use crate::engine::primitive::{Condvar, Mutex};
use crate::engine::scheduler::{Stall, StallSink};
use crate::engine::stall::{self, How, Tid, Unwinder};
use crate::engine::task::{self, Id};
use crate::engine::wake_list::WakeList;

/// At most one line on stderr in this time.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// A hook for stalls.
pub(super) type OnStall = Arc<dyn Fn(&StallReport) + Send + Sync>;

/// A poll that did not return for long: what it was, where it was spawned, where it hangs.
///
/// Given to [`Builder::on_stall`](crate::Builder::on_stall).
#[derive(Debug, Clone)]
pub struct StallReport {
    worker: usize,
    task: Option<Id>,
    name: Option<Arc<str>>,
    location: Option<&'static Location<'static>>,
    duration: Duration,
    backtrace: Option<String>,
}

impl StallReport {
    /// The number of the worker whose thread is stalled.
    pub fn worker(&self) -> usize {
        self.worker
    }

    /// The id of the task. `None` if what stalls is a waker, a hook, or the future of `block_on`.
    pub fn task_id(&self) -> Option<Id> {
        self.task
    }

    /// The name of the task, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where the task was spawned.
    pub fn spawn_location(&self) -> Option<&'static Location<'static>> {
        self.location
    }

    /// How long the poll had taken when it was reported.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// The stack of the stalled thread, innermost first, if it could be had.
    pub fn backtrace(&self) -> Option<&str> {
        self.backtrace.as_deref()
    }
}

impl fmt::Display for StallReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.duration.as_millis();
        match self.task {
            Some(id) => write!(f, "task {id}")?,
            None => write!(f, "a waker, a hook or the future of block_on")?,
        }
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        if let Some(location) = self.location {
            write!(f, " spawned at {location}")?;
        }
        write!(f, " has not returned from its poll for {ms} ms on worker {}", self.worker)?;
        if let Some(backtrace) = &self.backtrace {
            write!(f, "\n{backtrace}")?;
        }
        Ok(())
    }
}

/// What the thread has to do.
enum Work {
    Report(Stall),
    Wake(Waker),
}

#[derive(Default)]
struct State {
    work: VecDeque<Work>,
    thread: Option<Thread<()>>,
    started: bool,
    closed: bool,
}

struct Shared {
    name: Option<String>,
    on_stall: Option<OnStall>,
    backtrace: bool,
    state: Mutex<State>,
    added: Condvar,
}

/// The reporter of one runtime.
pub(super) struct Reporter(Arc<Shared>);

impl Reporter {
    pub(super) fn new(
        name: Option<String>,
        on_stall: Option<OnStall>,
        backtrace: bool,
    ) -> Reporter {
        let (state, added) = (Mutex::default(), Condvar::new());
        Reporter(Arc::new(Shared { name, on_stall, backtrace, state, added }))
    }

    fn add(&self, work: Work) {
        let mut state = self.0.state.lock();
        if state.closed {
            return;
        }
        state.work.push_back(work);
        if state.started {
            self.0.added.notify_one(); // wake: reporter
            return;
        }
        let shared = Arc::clone(&self.0);
        let thread = thread::Builder::new().name("runtime-reporter".to_owned());
        // Without a thread there is no report; the next piece of work tries again.
        if let Ok(thread) = thread.spawn(move || shared.run()) {
            state.thread = Some(thread);
            state.started = true;
        }
    }

    /// Takes no more work; what is there is still done.
    pub(super) fn close(&self) {
        self.0.state.lock().closed = true;
        self.0.added.notify_one(); // wake: reporter closes
    }

    pub(super) fn join(&self) {
        let thread = self.0.state.lock().thread.take();
        if let Some(thread) = thread {
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl StallSink for Arc<Reporter> {
    fn stalled(&self, stall: Stall) {
        self.add(Work::Report(stall));
    }

    fn wake(&self, ready: &mut WakeList) {
        for waker in ready.drain() {
            if task::is_task_waker(&waker) {
                waker.wake();
            } else {
                self.add(Work::Wake(waker));
            }
        }
    }
}

impl Shared {
    fn run(&self) {
        let mut last_line = None;
        let mut left_out = 0;
        loop {
            let work = {
                let mut state = self.state.lock();
                loop {
                    if let Some(work) = state.work.pop_front() {
                        break work;
                    }
                    if state.closed {
                        return;
                    }
                    self.added.wait(&mut state);
                }
            };
            // User code may panic; the next report must still come.
            let _ = catch_unwind(AssertUnwindSafe(|| match work {
                Work::Wake(waker) => waker.wake(),
                Work::Report(stall) => self.report(&stall, &mut last_line, &mut left_out),
            }));
        }
    }

    fn report(&self, stall: &Stall, last_line: &mut Option<Instant>, left_out: &mut u64) {
        if let Some(on_stall) = &self.on_stall {
            return on_stall(&self.describe(stall));
        }
        if last_line.is_some_and(|last| last.elapsed() < LINE_EVERY) {
            *left_out += 1;
            return;
        }
        *last_line = Some(Instant::now());
        let report = self.describe(stall);
        let of = self.name.as_ref().map(|name| format!(" {name:?}")).unwrap_or_default();
        let more = match std::mem::take(left_out) {
            0 => String::new(),
            n => format!(" ({n} more since the last report)"),
        };
        eprintln!(
            "runtime{of}: {report}\n  Other tasks go on. Move what blocks to `spawn_blocking` or \
             `block_in_place`, or let it yield.{more}"
        );
    }

    fn describe(&self, stall: &Stall) -> StallReport {
        StallReport {
            worker: stall.worker,
            task: stall.task,
            name: stall.task.and_then(task::name),
            location: stall.location,
            duration: stall.duration,
            backtrace: self.backtrace.then(|| backtrace_of(stall)).flatten(),
        }
    }
}

/// The stack of the stalled thread, unless the poll has ended meanwhile.
fn backtrace_of(stall: &Stall) -> Option<String> {
    let tid = i32::try_from(stall.tid).ok().filter(|&tid| tid != 0)?;
    let capture = stall::capture(Tid(tid), How { blocked: true, signal: true }).ok()?;
    if !(stall.goes_on)() {
        return None;
    }
    // Made anew for each report: reports are rare, and it holds the program's debug information.
    Some(capture.trace(&mut Unwinder::new()).to_string())
}

//! Runs jobs serially on a lazily started thread.
//!
//! # Invariants
//!
//! 1. Jobs and `closed` change under the lock, and each change wakes the thread. The thread checks
//!    both under the same lock before it sleeps, jobs first: jobs added before the close are run.
//! 2. The first job for which a thread can be started starts it. A job without a thread is given
//!    back.
//! 3. No more jobs wait than the limit. Further ones are given back, and the caller counts them: a
//!    thread that is stuck (in a hook, on a stderr that is not read) must not fill the memory.
//! 4. The last thing that the thread does is to announce its end under the lock. A caller whose
//!    wait for that reaches its limit removes the jobs that still wait ([`SerialThread::leave`]),
//!    so that none runs after the program was told that its runtime has ended.
//!
//! The thread takes no signals: see `engine/process_wide/signal_mask.rs`.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::time::Duration;

use crate::engine::catch_panic::catch_panic;
use crate::engine::primitive::thread::{self, Builder, JoinHandle};
use crate::engine::primitive::{Arc, Condvar, Mutex};
use crate::engine::process_wide::signal_mask::{deafly, is_deaf};

/// Runs jobs serially on a lazily started thread. Clones share the thread.
#[derive(Clone)]
pub(crate) struct SerialThread(Arc<Shared>);

/// A job.
pub(crate) type Work = Box<dyn FnOnce() + Send>;

/// A job that was not taken.
#[must_use = "it has not been done"]
pub(crate) struct Refused {
    pub(crate) work: Work,
    pub(crate) why: Why,
}

/// Why a job was not taken.
#[derive(Debug)]
pub(crate) enum Why {
    /// [`SerialThread::close`] was called.
    Closed,
    /// The limit of waiting jobs is reached.
    Full,
    /// The system gives no thread.
    NoThread(io::Error),
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

struct Shared {
    name: &'static str,
    limit: usize,
    state: Mutex<State>,
    added: Condvar,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    work: VecDeque<Work>,
    thread: Option<JoinHandle<()>>,
    started: bool,
    closed: bool,
    over: bool,
}

impl SerialThread {
    /// At most `limit` jobs wait, without the running one.
    pub(crate) fn new(name: &'static str, limit: usize) -> SerialThread {
        let (added, ended) = (Condvar::new(), Condvar::new());
        SerialThread(Arc::new(Shared { name, limit, state: Mutex::default(), added, ended }))
    }

    /// The name of its thread.
    pub(crate) fn name(&self) -> &'static str {
        self.0.name
    }

    /// Adds a job, or gives it back if it cannot be run.
    pub(crate) fn add(&self, work: Work) -> Result<(), Refused> {
        let mut state = self.0.state.lock();
        if state.closed {
            return Err(Refused { work, why: Why::Closed });
        }
        if state.work.len() >= self.0.limit {
            return Err(Refused { work, why: Why::Full });
        }
        state.work.push_back(work);
        if state.started {
            self.0.added.notify_one(); // wake: serial thread
            return Ok(());
        }
        let shared = Arc::clone(&self.0);
        let thread = Builder::new().name(self.0.name.to_owned());
        match deafly(|| thread.spawn(move || shared.run())) {
            Ok(thread) => {
                state.thread = Some(thread);
                state.started = true;
                Ok(())
            }
            Err(error) => {
                let work = state.work.pop_back().expect("pushed above");
                Err(Refused { work, why: Why::NoThread(error) })
            }
        }
    }

    /// Takes no more jobs. Those that wait are still run.
    pub(crate) fn close(&self) {
        self.0.state.lock().closed = true;
        self.0.added.notify_one(); // wake: serial thread closes
    }

    /// Waits for the thread to end after [`close`](Self::close), unless the caller is that thread.
    #[allow(dead_code, reason = "for the models, which know no time")]
    pub(crate) fn join(&self) {
        let thread = {
            let mut state = self.0.state.lock();
            while state.started && !state.over && !state.is_this_thread() {
                self.0.ended.wait(&mut state);
            }
            state.take_thread()
        };
        end(thread);
    }

    /// As [`join`](Self::join), for at most `limit`. Returns whether the thread has ended, or there
    /// was none.
    pub(crate) fn join_within(&self, limit: Duration) -> bool {
        let thread = {
            let mut state = self.0.state.lock();
            let begun = std::time::Instant::now();
            while state.started && !state.over && !state.is_this_thread() {
                let left = limit.saturating_sub(begun.elapsed());
                if left.is_zero() {
                    return false;
                }
                self.0.ended.wait_for(&mut state, left);
            }
            state.take_thread()
        };
        end(thread);
        true
    }

    /// Removes the jobs that have not begun, and returns their number. The thread ends after its
    /// current job.
    pub(crate) fn leave(&self) -> usize {
        self.close();
        let left = std::mem::take(&mut self.0.state.lock().work);
        left.len()
    }
}

/// Joins a thread that has announced its end.
fn end(thread: Option<JoinHandle<()>>) {
    if let Some(thread) = thread {
        let _ = thread.join();
    }
}

impl State {
    fn is_this_thread(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| thread.thread().id() == thread::current().id())
    }

    /// The thread, unless it is the calling one.
    fn take_thread(&mut self) -> Option<JoinHandle<()>> {
        if self.is_this_thread() { None } else { self.thread.take() }
    }
}

impl Shared {
    fn run(&self) {
        is_deaf();
        loop {
            let work = {
                let mut state = self.state.lock();
                loop {
                    if let Some(work) = state.work.pop_front() {
                        break work;
                    }
                    if state.closed {
                        state.over = true;
                        self.ended.notify_all(); // wake: serial thread has ended
                        return;
                    }
                    self.added.wait(&mut state);
                }
            };
            // User code may panic; the next job must still run.
            catch_panic(work);
        }
    }
}

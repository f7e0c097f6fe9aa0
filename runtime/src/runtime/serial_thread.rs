//! Runs jobs serially on a lazily started thread.
//!
//! # Invariants
//!
//! 1. Work and `closed` change under the lock, and whoever changes them wakes the thread. It looks
//!    at both under the same lock before it sleeps, work first: what was added before the end is
//!    done.
//! 2. There is a thread from the first piece of work that found one to be had. Work without a
//!    thread is given back.
//! 3. No more work waits than the limit. What is beyond is given back, and whoever wanted it done
//!    counts it: a thread that is stuck (in a hook, on a stderr that nobody reads) must not take
//!    the memory.
//! 4. The thread says that it is over, under the lock, as the last thing it does. Whoever waits for
//!    that with a limit and gives up takes away what still waits ([`SerialThread::leave`]): it is
//!    not done behind the back of a program that believes that its runtime has ended.
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

/// One thing to do.
pub(crate) type Work = Box<dyn FnOnce() + Send>;

/// Work that was not taken.
#[must_use = "it has not been done"]
pub(crate) struct Refused {
    pub(crate) work: Work,
    pub(crate) why: Why,
}

/// Why work was not taken.
#[derive(Debug)]
pub(crate) enum Why {
    /// [`SerialThread::close`] was called.
    Closed,
    /// As much waits as may.
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
    /// At most `limit` pieces of work wait; the one that is being done does not count.
    pub(crate) fn new(name: &'static str, limit: usize) -> SerialThread {
        let (added, ended) = (Condvar::new(), Condvar::new());
        SerialThread(Arc::new(Shared { name, limit, state: Mutex::default(), added, ended }))
    }

    /// The name of its thread.
    pub(crate) fn name(&self) -> &'static str {
        self.0.name
    }

    /// Gives the work back if it cannot be done here.
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

    /// Takes no more work; what is there is still done.
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

    /// The same for at most so long. Says whether the thread has ended, or there was none.
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

    /// Takes away what has not been begun, and says how much that was. The thread ends after what
    /// it is at.
    pub(crate) fn leave(&self) -> usize {
        self.close();
        let left = std::mem::take(&mut self.0.state.lock().work);
        left.len()
    }
}

/// Waits for the very end of a thread that has said that it is over.
fn end(thread: Option<JoinHandle<()>>) {
    if let Some(thread) = thread {
        let _ = thread.join();
    }
}

impl State {
    fn is_this_thread(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| thread.thread().id() == thread::current().id())
    }

    /// The thread, if it is another one.
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
            // User code may panic; the next piece must still be done.
            catch_panic(work);
        }
    }
}

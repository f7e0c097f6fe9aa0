//! Starts the threads of spares, so that the monitor need not.
//!
//! # Problem
//!
//! The monitor finds that a spare is needed. Starting a thread takes system calls that may be slow,
//! and a name, which may come from a user's function. That function may wait for a lock that the
//! stalled task holds. The monitor must not wait, and neither must the spare.
//!
//! # Shape
//!
//! ```text
//!   monitor --- NewWorker ---> starter: a name, a thread <--- a name --- namer: asks the function
//! ```
//!
//! Stand-ins for `block_in_place` are jobs of the blocking pool, which starts their threads on the
//! submitting thread. So the monitor submits them on a third thread.
//!
//! Starter and namer are threads that start with the first spare; the namer only if there is a
//! function. The starter waits for a name for [`NAME_WITHIN`]. Then the spare gets the default
//! name, and later ones do not wait until the function has returned; its late result names the next
//! spare. If the function panics, or returns no valid name, the spare is started with the default
//! name.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::serial_thread::{Refused, SerialThread, Why, Work};
use super::thread_plan::{BodyWithHooks, ThreadName, ThreadPlan, nameless};
use crate::engine::messages;
use crate::engine::primitive::{Condvar, Mutex};

/// How long a spare waits for its name.
const NAME_WITHIN: Duration = Duration::from_millis(5);

/// Starts spares of one runtime.
pub(super) struct Starter {
    thread: SerialThread,
    names: Arc<Names>,
    asks: SerialThread,
}

/// The most requests for stand-ins that may wait: twice what the monitor asks for at one look.
const MOST_ASKS: usize = 64;

/// The names of spares.
struct Names {
    thread: SerialThread,
    state: Mutex<State>,
    told: Condvar,
}

#[derive(Default)]
struct State {
    /// The function has been called and has not returned.
    asked: bool,
    /// The starter has waited for it in vain.
    late: bool,
    name: Option<String>,
}

impl Starter {
    /// `most`: how many spares there may be.
    pub(super) fn new(most: usize) -> Starter {
        let (state, told) = (Mutex::default(), Condvar::new());
        let names = Names { thread: SerialThread::new("runtime-namer", 1), state, told };
        let asks = SerialThread::new("runtime-asker", MOST_ASKS);
        Starter { thread: SerialThread::new("runtime-starter", most), names: Arc::new(names), asks }
    }

    /// Submits a stand-in to the blocking pool soon. If that is not possible, `ask` is dropped, and
    /// the monitor asks again.
    pub(super) fn ask(&self, ask: Work) {
        drop(self.asks.add(ask));
    }

    /// Starts a thread soon, and gives it to `started`. If that fails `body` is dropped, and then
    /// `failed` is called.
    ///
    /// # Errors
    ///
    /// If the starter has no thread itself; `body` has been dropped.
    pub(super) fn start(
        &self,
        plan: Arc<ThreadPlan>,
        body: BodyWithHooks,
        started: impl FnOnce(JoinHandle<()>) + Send + 'static,
        failed: impl FnOnce(io::Error) + Send + 'static,
    ) -> io::Result<()> {
        let names = Arc::clone(&self.names);
        let start = move || {
            let name = names.next(&plan.name);
            match plan.start(name, body) {
                Ok(thread) => started(thread),
                Err(error) => failed(error),
            }
        };
        self.thread.add(Box::new(start)).map_err(|Refused { work, why }| {
            drop(work);
            match why {
                Why::NoThread(error) => error,
                Why::Closed => messages::shut_down(),
                // Does not happen, since there are no more spares than places in the queue.
                Why::Full => io::ErrorKind::WouldBlock.into(),
            }
        })
    }

    /// Takes no more threads to start. Those that were handed over are still started.
    pub(super) fn close(&self) {
        self.thread.close();
        self.names.thread.close();
        self.asks.close();
    }

    /// Waits for these until `deadline`. Returns the helper threads that have not ended.
    pub(super) fn join(&self, deadline: Instant) -> Vec<&'static str> {
        self.close();
        let left = || deadline.saturating_duration_since(Instant::now());
        let goes_on = |thread: &&SerialThread| {
            let goes_on = !thread.join_within(left());
            if goes_on {
                thread.leave();
            }
            goes_on
        };
        let threads = [&self.thread, &self.names.thread, &self.asks];
        threads.into_iter().filter(goes_on).map(SerialThread::name).collect()
    }
}

impl Drop for Starter {
    fn drop(&mut self) {
        self.close();
    }
}

impl Names {
    /// The next spare's name. Called by the starter's thread.
    fn next(self: &Arc<Names>, by: &ThreadName) -> String {
        let ThreadName::By(_) = by else {
            return by.for_any().unwrap_or_else(|_| nameless());
        };
        let mut state = self.state.lock();
        if state.name.is_none() && !state.asked {
            state.asked = true;
            drop(state);
            let (names, by) = (Arc::clone(self), by.clone());
            let asked = self.thread.add(Box::new(move || names.ask(&by)));
            state = self.state.lock();
            if asked.is_err() {
                state.asked = false;
            }
        }
        let begun = Instant::now();
        while state.asked && !state.late {
            let left = NAME_WITHIN.saturating_sub(begun.elapsed());
            state.late = left.is_zero();
            if !state.late {
                self.told.wait_for(&mut state, left);
            }
        }
        state.name.take().unwrap_or_else(nameless)
    }

    fn ask(&self, by: &ThreadName) {
        let name = by.for_any().unwrap_or_else(|_| nameless());
        let mut state = self.state.lock();
        (state.asked, state.late, state.name) = (false, false, Some(name));
        self.told.notify_all(); // wake: a spare's name
    }
}

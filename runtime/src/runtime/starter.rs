//! Starts the threads of spares, so that the monitor need not.
//!
//! # Problem
//!
//! The monitor finds that a spare is wanted. To start a thread takes system calls that may be slow,
//! and a name, for which a function of the user's may have to be asked: it may wait for a lock that
//! the very task holds for which the spare is wanted. The monitor waits for nobody, and the spare
//! must not wait for that task either.
//!
//! # Shape
//!
//! ```text
//!   monitor --- NewWorker ---> starter: a name, a thread <--- a name --- namer: asks the function
//! ```
//!
//! Stand-ins for those in `block_in_place` are jobs of the blocking pool, which starts their
//! threads where it is given them. The monitor has a third thread do that.
//!
//! The first two are threads, started with the first spare; the namer only where there is a
//! function. The starter waits for a name for [`NAME_WITHIN`]. Then the spare gets the usual name,
//! and those after it do not wait, until the function has returned; what it returned at last is the
//! name of the next one. A function that panics, or whose name has no form that the system takes,
//! costs the name and not the spare.

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

/// How many stand-ins the monitor asks for at most before the first has been asked for: twice what
/// it asks for at one look.
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
    /// Somebody has waited for that in vain.
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

    /// Gives the blocking pool a stand-in soon. If that cannot be, `ask` is dropped, and the
    /// monitor asks again.
    pub(super) fn ask(&self, ask: Work) {
        drop(self.asks.add(ask));
    }

    /// Starts a thread soon, and gives it to `started`. If it cannot be had `body` is dropped, and
    /// then `failed` is called.
    ///
    /// # Errors
    ///
    /// There is no thread that could do that; `body` has been dropped.
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
                // Not as long as each has a slot of its own.
                Why::Full => io::ErrorKind::WouldBlock.into(),
            }
        })
    }

    /// Starts nothing more but what has been handed over.
    pub(super) fn close(&self) {
        self.thread.close();
        self.names.thread.close();
        self.asks.close();
    }

    /// Waits for that, until `deadline` at most. Returns the threads that have not come to an end.
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

//! Starts the threads of spares, so that the guardian need not.
//!
//! # Problem
//!
//! The guardian finds that a spare is wanted. To start a thread takes system calls that may be slow, and a
//! name, for which a function of the user's may have to be asked: it may wait for a lock that the
//! very task holds for which the spare is wanted. The guardian waits for nobody, and the spare must not wait for
//! that task either.
//!
//! # Shape
//!
//! ```text
//!   guardian --- NewWorker ---> starter: a name, a thread <--- a name --- namer: asks the function
//! ```
//!
//! Stand-ins for those in `block_in_place` are jobs of the blocking pool, which starts their threads where it is given
//! them. The guardian has a third lane do that.
//!
//! The first two are lanes, started with the first spare; the namer only where there is a function. The starter waits for
//! a name for [`NAME_WITHIN`]. Then the spare gets the usual name, and those after it do not wait, until the
//! function has returned; what it returned at last is the name of the next one. A function that panics, or whose
//! name has no form that the system takes, costs the name and not the spare.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::lane::{Lane, Refused, Why, Work};
use super::thread_plan::{BodyWithHooks, ThreadName, ThreadPlan, nameless};
use crate::engine::primitive::{Condvar, Mutex};
use crate::engine::text;

/// How long a spare waits for its name.
const NAME_WITHIN: Duration = Duration::from_millis(5);

/// Starts spares of one runtime.
pub(super) struct Starter {
    lane: Lane,
    names: Arc<Names>,
    asks: Lane,
}

/// How many stand-ins the guardian asks for at most before the first has been asked for: twice what it asks for at one look.
const MOST_ASKS: usize = 64;

/// The names of spares.
struct Names {
    lane: Lane,
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
        let names = Names { lane: Lane::new("runtime-namer", 1), state, told };
        let asks = Lane::new("runtime-asker", MOST_ASKS);
        Starter { lane: Lane::new("runtime-starter", most), names: Arc::new(names), asks }
    }

    /// Gives the blocking pool a stand-in soon. If that cannot be, `ask` is dropped, and the guardian asks again.
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
        self.lane.add(Box::new(start)).map_err(|Refused { work, why }| {
            drop(work);
            match why {
                Why::NoThread(error) => error,
                Why::Closed => text::shut_down(),
                // Not as long as each has a seat of its own.
                Why::Full => io::ErrorKind::WouldBlock.into(),
            }
        })
    }

    /// Starts nothing more but what has been handed over.
    pub(super) fn close(&self) {
        self.lane.close();
        self.names.lane.close();
        self.asks.close();
    }

    /// Waits for that, until `deadline` at most. Returns the threads that have not come to an end.
    pub(super) fn join(&self, deadline: Instant) -> Vec<&'static str> {
        self.close();
        let left = || deadline.saturating_duration_since(Instant::now());
        let goes_on = |lane: &&Lane| {
            let goes_on = !lane.join_within(left());
            if goes_on {
                lane.leave();
            }
            goes_on
        };
        let lanes = [&self.lane, &self.names.lane, &self.asks];
        lanes.into_iter().filter(goes_on).map(Lane::name).collect()
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
            let asked = self.lane.add(Box::new(move || names.ask(&by)));
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

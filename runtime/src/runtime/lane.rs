//! A thread that does one thing after another, started with the first.
//!
//! # Invariants
//!
//! 1. Work and `closed` change under the lock, and whoever changes them wakes the thread. It looks at
//!    both under the same lock before it sleeps, work first: what was added before the end is done.
//! 2. There is a thread from the first piece of work that found one to be had. Work without a thread
//!    is given back.

use std::collections::VecDeque;

use crate::engine::contain::contain;
use crate::engine::primitive::thread::{self, Builder, JoinHandle};
use crate::engine::primitive::{Arc, Condvar, Mutex};

/// A thread that does one thing after another, started with the first. Clones are of the same.
#[derive(Clone)]
pub(crate) struct Lane(Arc<Shared>);

/// One thing to do.
pub(crate) type Work = Box<dyn FnOnce() + Send>;

struct Shared {
    name: &'static str,
    state: Mutex<State>,
    added: Condvar,
}

#[derive(Default)]
struct State {
    work: VecDeque<Work>,
    thread: Option<JoinHandle<()>>,
    started: bool,
    closed: bool,
}

impl Lane {
    pub(crate) fn new(name: &'static str) -> Lane {
        Lane(Arc::new(Shared { name, state: Mutex::default(), added: Condvar::new() }))
    }

    /// Gives the work back if it cannot be done here: the lane is closed, or has no thread.
    pub(crate) fn add(&self, work: Work) -> Result<(), Work> {
        let mut state = self.0.state.lock();
        if state.closed {
            return Err(work);
        }
        state.work.push_back(work);
        if state.started {
            self.0.added.notify_one(); // wake: lane
            return Ok(());
        }
        let shared = Arc::clone(&self.0);
        let thread = Builder::new().name(self.0.name.to_owned());
        match thread.spawn(move || shared.run()) {
            Ok(thread) => {
                state.thread = Some(thread);
                state.started = true;
                Ok(())
            }
            Err(_) => Err(state.work.pop_back().expect("pushed above")),
        }
    }

    /// Takes no more work; what is there is still done.
    pub(crate) fn close(&self) {
        self.0.state.lock().closed = true;
        self.0.added.notify_one(); // wake: lane closes
    }

    /// Waits for the thread, unless this is the thread itself.
    pub(crate) fn join(&self) {
        let thread = self.0.state.lock().thread.take();
        if let Some(thread) = thread {
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl Shared {
    fn run(&self) {
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
            // User code may panic; the next piece must still be done.
            contain(work);
        }
    }
}

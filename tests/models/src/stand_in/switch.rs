//! A source as the kernel has it, and the switch for its events.

use crate::engine::primitive::{Arc, Condvar, Mutex};

/// So that a model need not send many events.
pub(crate) const AFTER: u8 = 1;

/// What is there to read, whether the source is on, and whether it has an edge that has not been
/// fetched.
#[derive(Debug)]
pub(crate) struct Source {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    there: usize,
    is_on: bool,
    has_edge: bool,
    is_over: bool,
}

impl Source {
    pub(crate) fn new() -> Arc<Source> {
        let state = State { there: 0, is_on: true, has_edge: false, is_over: false };
        Arc::new(Source { state: Mutex::new(state), changed: Condvar::new() })
    }

    /// Data arrives.
    pub(crate) fn arrives(&self) {
        let mut state = self.state.lock();
        state.there += 1;
        state.has_edge |= state.is_on;
    }

    /// Takes an edge, if there is one now.
    pub(crate) fn fetch(&self) -> bool {
        std::mem::take(&mut self.state.lock().has_edge)
    }

    /// Waits for an edge and takes it; false when nobody reads any more.
    pub(crate) fn wait(&self) -> bool {
        let mut state = self.state.lock();
        while !state.has_edge && !state.is_over {
            self.changed.wait(&mut state);
        }
        std::mem::take(&mut state.has_edge)
    }

    /// Nobody reads any more.
    pub(crate) fn end(&self) {
        self.state.lock().is_over = true;
        self.changed.notify_all();
    }

    /// A read that does not block: takes all that is there.
    pub(crate) fn read(&self) -> Option<usize> {
        match std::mem::take(&mut self.state.lock().there) {
            0 => None,
            n => Some(n),
        }
    }

    pub(crate) fn there(&self) -> usize {
        self.state.lock().there
    }
}

#[derive(Debug)]
pub(crate) struct Switch(pub(crate) Arc<Source>);

impl Switch {
    pub(crate) fn off(&self) -> bool {
        let mut state = self.0.state.lock();
        (state.is_on, state.has_edge) = (false, false);
        true
    }

    pub(crate) fn on(&self) {
        let mut state = self.0.state.lock();
        state.is_on = true;
        state.has_edge |= state.there > 0;
        self.0.changed.notify_all();
    }
}

//! Whether this thread is inside a runtime, and may block there.
//!
//! A thread that blocks while it runs async code stops every task that it serves, and may wait for
//! ever for one of them. So each function that blocks asks here first.

use std::cell::Cell;

use crate::engine::messages;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The thread is not inside a runtime: it may block, and start or enter one.
    Outside,
    /// The thread runs a runtime's tasks or its root future.
    Inside,
    /// The thread runs only a root future: no task waits while it blocks.
    Alone,
}

thread_local! {
    static STATE: Cell<State> = const { Cell::new(State::Outside) };
}

/// Puts the state back when dropped.
#[derive(Debug)]
pub(crate) struct Guard {
    before: State,
    // Not `Send`.
    _thread: std::marker::PhantomData<*const ()>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = STATE.try_with(|state| state.set(self.before));
    }
}

fn change(to: State) -> Guard {
    let before = STATE.try_with(|state| state.replace(to)).unwrap_or(State::Outside);
    Guard { before, _thread: std::marker::PhantomData }
}

/// This thread runs a runtime until the guard is dropped.
///
/// # Panics
///
/// If it runs one already.
#[track_caller]
pub(crate) fn enter() -> Guard {
    assert!(!is_inside(), "{}", messages::NESTED_BLOCK_ON);
    change(State::Inside)
}

/// As [`enter`], on a thread that drives nothing but one future.
///
/// # Panics
///
/// If it runs a runtime already.
#[track_caller]
pub(crate) fn enter_alone() -> Guard {
    assert!(!is_inside(), "{}", messages::NESTED_BLOCK_ON);
    change(State::Alone)
}

/// Whether this thread drives nothing but one future.
pub(crate) fn is_alone() -> bool {
    STATE.try_with(|state| state.get() == State::Alone).unwrap_or(false)
}

/// This thread may block until the guard is dropped: others have taken over what it served.
pub(crate) fn leave() -> Guard {
    change(State::Outside)
}

/// Whether this thread runs a runtime.
pub(crate) fn is_inside() -> bool {
    STATE.try_with(|state| state.get() != State::Outside).unwrap_or(false)
}

/// Panics, with advice, on a thread that is running async code: if it slept, every task that it
/// serves would stop.
#[track_caller]
pub(crate) fn deny_blocking() {
    assert!(!is_inside(), "{}", messages::BLOCKING_IN_ASYNC);
}

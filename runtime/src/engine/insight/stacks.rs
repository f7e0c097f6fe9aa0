//! The stack of async functions of a task that waits: from its root to the leaf that it waits at.
//!
//! # Problem
//!
//! A task that waits has no stack: its state is inside its future, whose shape nobody knows but the
//! compiler. But a poll of it calls down to the very leaf that waits, and a leaf that waits clones
//! the waker to keep it.
//!
//! # Way
//!
//! A thread that wants the stack of a task sets a bit in the task's state and wakes it. The next
//! poll gets a special waker: its clone copies the current stack and returns an ordinary waker. The
//! wake is one that anybody could have caused, so futures must allow for it. The copy is raw; the
//! thread that asked unwinds it.
//!
//! # Limits
//!
//! A leaf that has a waker compares it with the new one first. Their vtables differ, so it clones.
//! If a future gives others a waker of its own (`FuturesUnordered`, a local set), the stack ends
//! there. `pending()` keeps no waker, so it has no stack.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use crate::engine::primitive::{Condvar, Mutex};
use crate::engine::stall::{Capture, capture_here, stack_pointer};
use crate::engine::task_id::Id;

/// How many stacks of one poll are kept: one for each thing that it waits for.
const MOST_STACKS: usize = 8;

/// The stacks of one task.
pub(crate) struct Taken {
    pub(crate) task: Id,
    pub(crate) stacks: Vec<Capture>,
}

/// Where polling threads leave stacks for the thread that asks.
#[derive(Default)]
pub(crate) struct Stacks {
    board: Mutex<Vec<Taken>>,
    arrived: Condvar,
    /// Held by the thread that asks: one at a time.
    asking: Mutex<()>,
}

impl Stacks {
    /// Calls `f` while nobody else asks.
    pub(crate) fn alone<R>(&self, f: impl FnOnce() -> R) -> R {
        let _alone = self.asking.lock();
        self.board.lock().clear();
        f()
    }

    fn put(&self, taken: Taken) {
        self.board.lock().push(taken);
        self.arrived.notify_one(); // wake: a stack
    }

    /// Waits for the stacks of `count` tasks that are wanted, as long as `left` says. Returns those
    /// that came. Stacks that an earlier question did not wait for may come now: they are dropped.
    pub(crate) fn wait(
        &self,
        count: usize,
        is_wanted: impl Fn(Id) -> bool,
        left: impl Fn() -> Duration,
    ) -> Vec<Taken> {
        let mut found = Vec::new();
        let mut board = self.board.lock();
        loop {
            found.extend(board.drain(..).filter(|taken| is_wanted(taken.task)));
            if found.len() >= count || left().is_zero() {
                return found;
            }
            self.arrived.wait_for(&mut board, left());
        }
    }
}

thread_local! {
    static TAKING: RefCell<Option<Vec<Capture>>> = const { RefCell::new(None) };
    /// The address where the poll's part of the stack ends.
    static BASE: Cell<usize> = const { Cell::new(0) };
}

/// Copies the stack if this poll is looked at. Called when the waker is cloned.
#[inline(never)]
pub(crate) fn waker_is_cloned() {
    TAKING.with(|taking| {
        // The borrow fails only in a nested clone. There is none: this calls no user code.
        let Ok(mut taking) = taking.try_borrow_mut() else { return };
        let Some(stacks) = &mut *taking else { return };
        if stacks.len() < MOST_STACKS {
            stacks.extend(capture_here(BASE.get()));
        }
    });
}

/// Whether a poll on this thread is looked at.
#[cfg(feature = "taskdump")]
pub(crate) fn is_looked_at() -> bool {
    TAKING.with(|taking| taking.try_borrow().map_or(true, |taking| taking.is_some()))
}

/// A poll on this thread is looked at until this is dropped.
pub(crate) struct Look {
    outer: (Option<Vec<Capture>>, usize),
}

impl Look {
    /// Called in a frame above that of the poll. A local's address would not do: under a sanitizer
    /// locals are not on the stack.
    pub(crate) fn begin() -> Look {
        let base = stack_pointer();
        let outer = TAKING.with(|taking| taking.replace(Some(Vec::new())));
        Look { outer: (outer, BASE.replace(base)) }
    }

    /// Ends the look and puts its stacks on the board.
    pub(crate) fn end(self, task: Id, board: &Stacks) {
        let stacks = TAKING.with(|taking| taking.borrow_mut().take()).unwrap_or_default();
        board.put(Taken { task, stacks });
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        let (stacks, base) = (self.outer.0.take(), self.outer.1);
        TAKING.with(|taking| drop(taking.replace(stacks)));
        BASE.set(base);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_too_late_for_one_question_is_no_answer_to_the_next() {
        let stacks = Stacks::default();
        let id = |number| Id::from_u64(number).unwrap();
        let taken = |number| Taken { task: id(number), stacks: Vec::new() };
        stacks.put(taken(1));
        let wanted = |task| task == id(2);
        let came = stacks.alone(|| {
            stacks.put(taken(1));
            assert!(stacks.wait(1, wanted, || Duration::ZERO).is_empty());
            stacks.put(taken(2));
            stacks.wait(1, wanted, || Duration::from_secs(60))
        });
        assert_eq!(came.iter().map(|taken| taken.task).collect::<Vec<_>>(), [id(2)]);
    }
}

//! The list of ready members of a set: members add themselves, and one owner collects them.
//!
//! # Problem
//!
//! A wait for the next of many members must not poll each of them: its cost would grow with the
//! number of members. So each member's waker knows the member's key, and puts it on a list.
//!
//! # Invariants
//!
//! 1. Keys and the owner's waker are behind one lock: an owner that found no key has left its waker
//!    before the next key comes, and that key's push takes the waker out and calls it.
//! 2. The owner collects all keys at a time, so that the lock is taken once for many of them.
//! 3. A key may be listed more often than its member is ready, or after the member is gone (a waker
//!    may be late). So the owner polls the member and does not rely on the key.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc as WakerArc;
use std::task::{Wake, Waker};

use crate::engine::primitive::{Arc, Mutex};

/// The list of ready keys.
#[derive(Debug, Default)]
pub(crate) struct ReadyList {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    keys: VecDeque<u32>,
    /// The owner, if it waits.
    waker: Option<Waker>,
}

impl ReadyList {
    /// Adds the key of a member that is ready.
    pub(crate) fn push(&self, key: u32) {
        let waker = {
            let mut state = self.state.lock();
            state.keys.push_back(key);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake(); // wake: ready list
        }
    }

    /// Moves all keys to `keys`, which is empty. Returns whether there were any.
    pub(crate) fn collect(&self, keys: &mut VecDeque<u32>) -> bool {
        debug_assert!(keys.is_empty());
        mem::swap(&mut self.state.lock().keys, keys);
        !keys.is_empty()
    }

    /// As [`collect`](ReadyList::collect); if there are none, `waker` is called when one comes.
    pub(crate) fn poll_collect(&self, keys: &mut VecDeque<u32>, waker: &Waker) -> bool {
        debug_assert!(keys.is_empty());
        {
            let mut state = self.state.lock();
            mem::swap(&mut state.keys, keys);
            let known = state.waker.as_ref().is_some_and(|old| old.will_wake(waker));
            if !keys.is_empty() || known {
                return !keys.is_empty();
            }
        }
        // Cloning and dropping are user code, so they happen outside the lock; then the list is
        // checked again.
        let mut other = Some(waker.clone());
        let mut state = self.state.lock();
        mem::swap(&mut state.keys, keys);
        if keys.is_empty() {
            mem::swap(&mut state.waker, &mut other);
        }
        drop(state);
        drop(other);
        !keys.is_empty()
    }
}

/// The waker of the member with this key.
pub(crate) fn waker(list: &Arc<ReadyList>, key: u32) -> Waker {
    Waker::from(WakerArc::new(Member { list: Arc::clone(list), key }))
}

struct Member {
    list: Arc<ReadyList>,
    key: u32,
}

impl Wake for Member {
    fn wake(self: WakerArc<Self>) {
        self.list.push(self.key);
    }

    fn wake_by_ref(self: &WakerArc<Self>) {
        self.list.push(self.key);
    }
}

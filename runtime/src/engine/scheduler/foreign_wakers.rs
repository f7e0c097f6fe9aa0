//! Wakers that may be user code, left where every thread of the pool can take them.
//!
//! # Problem
//!
//! One look at the driver can find fifty wakers to be called, and the first may block. In a list of
//! the thread that calls them the other 49 would wait with it.
//!
//! # Rules
//!
//! 1. The thread that brings wakers puts them here and then takes one after the other, under its
//!    watch. So nobody else is woken for them as long as each returns.
//! 2. If one does not return, the slot is found stalled, and what is left here is work that waits:
//!    a sleeper or a spare comes for it as for tasks (`pool.rs::has_work`).

use std::collections::VecDeque;
use std::task::Waker;

use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicUsize, Ordering};

/// Wakers that wait to be called.
#[derive(Debug, Default)]
pub(super) struct ForeignWakers {
    wakers: Mutex<VecDeque<Waker>>,
    /// How many there are: a hint, written under the lock. Publishes nothing.
    count: AtomicUsize,
}

impl ForeignWakers {
    /// Adds to those that are there.
    pub(super) fn put(&self, wakers: impl Iterator<Item = Waker>) {
        let mut list = self.wakers.lock();
        list.extend(wakers);
        self.count.store(list.len(), Ordering::Relaxed);
    }

    /// Takes the one that has waited longest.
    pub(super) fn take(&self) -> Option<Waker> {
        if self.is_empty() {
            return None;
        }
        let mut list = self.wakers.lock();
        let first = list.pop_front();
        self.count.store(list.len(), Ordering::Relaxed);
        first
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }
}

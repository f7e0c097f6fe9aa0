//! A shared queue of wakers that may be user code. Any thread of the pool can call them.
//!
//! # Problem
//!
//! One look at the driver can find fifty wakers to call, and the first may block. If the calling
//! thread kept them in a list of its own, the other 49 would wait with it.
//!
//! # Rules
//!
//! 1. The thread that finds wakers puts them here. It then takes and calls them one by one, while
//!    the monitor watches. As long as each returns, no other thread is woken for them.
//! 2. If one does not return, the monitor finds the slot stalled. The wakers that are left here
//!    count as waiting work: a sleeper or a spare comes for them as for tasks
//!    (`pool.rs::has_work`).

use std::collections::VecDeque;
use std::task::Waker;

use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicUsize, Ordering};

/// Wakers that wait to be called.
#[derive(Debug, Default)]
pub(super) struct ForeignWakers {
    wakers: Mutex<VecDeque<Waker>>,
    /// The number of wakers: a hint, written under the lock. Publishes nothing.
    count: AtomicUsize,
}

impl ForeignWakers {
    /// Adds wakers at the end.
    pub(super) fn put(&self, wakers: impl Iterator<Item = Waker>) {
        let mut list = self.wakers.lock();
        list.extend(wakers);
        self.count.store(list.len(), Ordering::Relaxed);
    }

    /// Takes the oldest waker.
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

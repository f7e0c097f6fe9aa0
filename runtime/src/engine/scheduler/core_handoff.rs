//! Decides which of the threads that block on a `current_thread` runtime runs it.
//!
//! # Problem
//!
//! The *core* runs the tasks. One thread has it at a time. A second thread that blocks on the same
//! runtime polls only its own root future, and takes the core when it becomes free. It must not
//! sleep while the core is free, and a call to take the core must not be lost on a thread whose
//! future is already finished.
//!
//! # Rules
//!
//! 1. A thread that does not get the core enters the list before it releases the core's lock. The
//!    thread that puts the core back does so under that lock, and then calls the thread that joined
//!    the list last.
//! 2. A call takes the thread off the list and unparks it: the thread finds the token however late
//!    it parks.
//! 3. A thread that finishes without the core and is no longer on the list was called. It passes
//!    the call on, since nobody else was told that the core is free.
//! 4. A wake of a root sets `woken`, and then unparks. The thread that clears `woken` polls the
//!    root afterwards, and sees what the waking thread wrote before.

use crate::engine::primitive::atomic::{AtomicBool, Ordering};
use crate::engine::primitive::{Arc, Mutex, Parker};

/// A wake of the root future publishes what the waking thread did. Pairs with [`SEE_ROOT`].
const WAKE_ROOT: Ordering = Ordering::Release;
/// See [`WAKE_ROOT`].
const SEE_ROOT: Ordering = Ordering::Acquire;

/// A thread that blocks on the runtime, and whether its future was woken.
pub(crate) struct Root {
    woken: AtomicBool,
    parker: Parker,
}

impl Root {
    /// Starts as woken, for the first poll.
    pub(crate) fn new() -> Arc<Root> {
        Arc::new(Root { woken: AtomicBool::new(true), parker: Parker::new() })
    }

    /// Rule 4. If this root's thread has the core it sleeps elsewhere, and the caller wakes it.
    pub(crate) fn wake(&self) {
        self.woken.store(true, WAKE_ROOT);
        let _ = self.parker.unpark(); // wake: root without the core
    }

    /// Clears `woken` and returns whether it was set. The load before the swap is cheaper in the
    /// common case.
    pub(crate) fn take_woken(&self) -> bool {
        self.is_woken() && self.woken.swap(false, SEE_ROOT)
    }

    /// Whether `woken` is set. No pair: nothing follows from it before `take_woken`.
    pub(crate) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Relaxed)
    }

    /// Waits, without the core, for a wake or a call.
    pub(crate) fn wait(&self) {
        self.parker.park();
    }
}

/// The core, and the threads that wait for it.
pub(crate) struct CoreHandoff<C> {
    core: Mutex<Option<C>>,
    waiting: Mutex<Vec<Arc<Root>>>,
}

impl<C> CoreHandoff<C> {
    /// Without a core; [`put`](CoreHandoff::put) brings it.
    pub(crate) fn new() -> CoreHandoff<C> {
        CoreHandoff { core: Mutex::new(None), waiting: Mutex::new(Vec::new()) }
    }

    /// Takes the core, or enters `root` in the list of those that wait (rule 1).
    pub(crate) fn take(&self, root: &Arc<Root>) -> Option<C> {
        let mut core = self.core.lock();
        let mut waiting = self.waiting.lock();
        waiting.retain(|other| !Arc::ptr_eq(other, root));
        if core.is_none() {
            waiting.push(Arc::clone(root));
        }
        core.take()
    }

    /// Takes the core when nobody else wants it.
    pub(crate) fn take_last(&self) -> Option<C> {
        self.core.lock().take()
    }

    /// Puts the core back and calls a waiting thread to take it.
    pub(crate) fn put(&self, core: C) {
        *self.core.lock() = Some(core);
        self.call(); // wake: core was put back
    }

    fn call(&self) {
        let next = self.waiting.lock().pop();
        if let Some(root) = next {
            let _ = root.parker.unpark(); // wake: core is free
        }
    }

    /// A waiting thread has finished without the core (rule 3).
    pub(crate) fn give_up(&self, root: &Arc<Root>) {
        let mut waiting = self.waiting.lock();
        let before = waiting.len();
        waiting.retain(|other| !Arc::ptr_eq(other, root));
        let called = waiting.len() == before;
        drop(waiting);
        if called {
            self.call(); // wake: call is passed on
        }
    }
}

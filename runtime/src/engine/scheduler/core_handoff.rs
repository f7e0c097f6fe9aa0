//! Decides which of the threads that block on a `current_thread` runtime runs it.
//!
//! # Problem
//!
//! What runs the tasks, the *core*, is one thread's at a time. A second thread that blocks on the
//! same runtime polls its own root future only, and takes the core over when that is free. It must
//! not sleep while the core lies there, and a call to take it must not end at a thread that is done
//! without it.
//!
//! # Rules
//!
//! 1. A thread that does not get the core is on the list before it lets go of the core's lock.
//!    Whoever puts the core back does so under that lock and then calls the one who has waited
//!    least long.
//! 2. A call takes the thread off the list and unparks it: it finds the token however late it
//!    parks.
//! 3. A thread that goes without the core and is not on the list any more was called: it passes the
//!    call on. Nobody else was told of the core.
//! 4. A wake of a root sets `woken`, and then unparks: whoever takes the mark away polls the root
//!    after it, with what the waking thread wrote before.

use crate::engine::primitive::atomic::{AtomicBool, Ordering};
use crate::engine::primitive::{Arc, Mutex, Parker};

/// A wake of the root future publishes what its thread did. Pairs with [`SEE_ROOT`].
const WAKE_ROOT: Ordering = Ordering::Release;
/// See [`WAKE_ROOT`].
const SEE_ROOT: Ordering = Ordering::Acquire;

/// A thread that blocks on the runtime, and whether its future was woken.
pub(crate) struct Root {
    woken: AtomicBool,
    parker: Parker,
}

impl Root {
    /// Woken once, for the first poll.
    pub(crate) fn new() -> Arc<Root> {
        Arc::new(Root { woken: AtomicBool::new(true), parker: Parker::new() })
    }

    /// Rule 4. The thread that has the core sleeps elsewhere, and is woken by the caller.
    pub(crate) fn wake(&self) {
        self.woken.store(true, WAKE_ROOT);
        let _ = self.parker.unpark(); // wake: root without the core
    }

    /// Takes the mark away. The look first costs less, and comes often.
    pub(crate) fn take_woken(&self) -> bool {
        self.is_woken() && self.woken.swap(false, SEE_ROOT)
    }

    /// Whether the mark is there. No pair: it is taken before anything follows from it.
    pub(crate) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Relaxed)
    }

    /// Waits, without the core, for a wake or a call.
    pub(crate) fn wait(&self) {
        self.parker.park();
    }
}

/// The core, and who wants it.
pub(crate) struct CoreHandoff<C> {
    core: Mutex<Option<C>>,
    waiting: Mutex<Vec<Arc<Root>>>,
}

impl<C> CoreHandoff<C> {
    /// Nobody has the core.
    pub(crate) fn new() -> CoreHandoff<C> {
        CoreHandoff { core: Mutex::new(None), waiting: Mutex::new(Vec::new()) }
    }

    /// Takes the core, or leaves word that it is wanted (rule 1).
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

    /// Puts the core back and calls somebody to take it.
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

    /// A thread that waited is done without the core (rule 3).
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

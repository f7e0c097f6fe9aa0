//! Wakers that are not tasks', to be called on a thread that may block.
//!
//! # Problem
//!
//! The monitor finds timers that are due and events that have come, and whose waker that is may be
//! somebody else's: user code, which may block. It must not be called there, nor even dropped; it
//! must be called soon; and if one blocks for good the others that come must not take the memory.
//!
//! # Invariants
//!
//! 1. Nothing of a waker is called on the thread that puts it here.
//! 2. A waker that waits is not put in a second time, as one call that begins later is enough for
//!    both. So no more wait than there are different ones. It is off the list before it is called:
//!    one that comes while it is being called waits anew.
//! 3. While wakers wait, somebody calls them (`calling`) or they are owed: then whoever put them
//!    comes again ([`ForeignWakes::have_called`]). `calling` and the queue change under one lock,
//!    and `calling` ends only where the queue is empty, or no thread could be had.
//!
//! They have a thread of their own, so that they do not wait for stacks and hooks.

use std::collections::{HashSet, VecDeque};
use std::task::Waker;

use super::serial_thread::SerialThread;
use crate::engine::activity::Activity;
use crate::engine::catch_panic::catch_panic;
use crate::engine::primitive::{Arc, Mutex};

/// See the head of the file.
pub(crate) struct ForeignWakes {
    thread: SerialThread,
    activity: Option<Arc<Activity>>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    queue: VecDeque<Waker>,
    /// Who is in the queue.
    known: HashSet<(usize, usize)>,
    /// Further ones of those, to be dropped.
    again: Vec<Waker>,
    /// The thread has been told, and has not come to the end of the queue.
    calling: bool,
}

/// So many clones of wakers that wait are kept to be dropped elsewhere. There are more only if a
/// waker blocks, and then one clone more of it, which is one count, is never dropped.
pub(crate) const MOST_AGAIN: usize = 4096;

impl ForeignWakes {
    pub(crate) fn new(activity: Option<Arc<Activity>>) -> ForeignWakes {
        // One piece of work calls all of them.
        let thread = SerialThread::new("runtime-waker", 2);
        ForeignWakes { thread, activity, waiting: Mutex::default() }
    }

    /// The thread that calls them.
    pub(crate) fn thread(&self) -> &SerialThread {
        &self.thread
    }

    /// Adds one, to be followed by [`have_called`](ForeignWakes::have_called).
    pub(crate) fn put(&self, waker: Waker) {
        let mut waiting = self.waiting.lock();
        let key = (waker.data().addr(), std::ptr::from_ref(waker.vtable()).addr());
        if waiting.known.insert(key) {
            if let Some(activity) = &self.activity {
                activity.begin();
            }
            waiting.queue.push_back(waker);
        } else if waiting.again.len() < MOST_AGAIN {
            waiting.again.push(waker);
        } else {
            std::mem::forget(waker);
        }
    }

    /// How many wait.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.waiting.lock().queue.len()
    }

    /// Whether some wait and nobody calls them, as no thread could be had.
    pub(crate) fn are_owed(&self) -> bool {
        let waiting = self.waiting.lock();
        !waiting.calling && !waiting.queue.is_empty()
    }

    /// Has those that wait called.
    pub(crate) fn have_called(this: &Arc<ForeignWakes>) {
        {
            let mut waiting = this.waiting.lock();
            if waiting.calling || waiting.queue.is_empty() {
                return;
            }
            waiting.calling = true;
        }
        let wakes = Arc::clone(this);
        if this.thread.add(Box::new(move || wakes.call_all())).is_err() {
            this.waiting.lock().calling = false;
        }
    }

    /// Calls those that are owed on this thread, which may block.
    pub(crate) fn call_all_unless_called(&self) {
        if !self.waiting.lock().calling {
            self.call_all();
        }
    }

    fn call_all(&self) {
        loop {
            let (waker, again) = {
                let mut waiting = self.waiting.lock();
                let again = std::mem::take(&mut waiting.again);
                let waker = waiting.queue.pop_front();
                match &waker {
                    Some(waker) => {
                        let key = (waker.data().addr(), std::ptr::from_ref(waker.vtable()).addr());
                        waiting.known.remove(&key);
                    }
                    None => waiting.calling = false,
                }
                (waker, again)
            };
            catch_panic(|| drop(again));
            let Some(waker) = waker else { return };
            catch_panic(|| waker.wake());
            if let Some(activity) = &self.activity {
                activity.end();
            }
        }
    }
}

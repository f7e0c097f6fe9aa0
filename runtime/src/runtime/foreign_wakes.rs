//! Wakers that may be user code, to be called on a thread that may block.
//!
//! # Problem
//!
//! The monitor finds timers that are due and events that have come. Their wakers may be user code,
//! which may block. So the monitor must neither call nor drop them. They must be called soon, and
//! if one blocks for ever, those that follow must not fill the memory.
//!
//! # Invariants
//!
//! 1. The thread that puts a waker here calls none of its functions.
//! 2. A waker that waits is not queued a second time, since one later call is enough for both. So
//!    the queue is no longer than the number of different wakers. A waker leaves the queue before
//!    it is called: if it comes again during the call, it is queued again.
//! 3. While wakers wait, a thread calls them (`calling`), or they are *owed*: then the thread that
//!    put them comes again ([`ForeignWakes::have_called`]). `calling` and the queue change under
//!    one lock, and `calling` ends only when the queue is empty or no thread could be started.
//!
//! They have a separate thread, so that they do not wait for stack captures and hooks.

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
    /// The wakers in the queue.
    known: HashSet<(usize, usize)>,
    /// Further clones of those, to be dropped.
    again: Vec<Waker>,
    /// Whether the thread has been started on the queue and has not emptied it yet.
    calling: bool,
}

/// The most clones of waiting wakers that are kept to be dropped by the thread. There are more only
/// if a waker blocks; then each further clone is leaked, which costs one reference count.
pub(crate) const MOST_AGAIN: usize = 4096;

impl ForeignWakes {
    pub(crate) fn new(activity: Option<Arc<Activity>>) -> ForeignWakes {
        // One job calls all of them.
        let thread = SerialThread::new("runtime-waker", 2);
        ForeignWakes { thread, activity, waiting: Mutex::default() }
    }

    /// The thread that calls them.
    pub(crate) fn thread(&self) -> &SerialThread {
        &self.thread
    }

    /// Adds a waker. Then call [`have_called`](ForeignWakes::have_called).
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

    /// How many wakers wait.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.waiting.lock().queue.len()
    }

    /// Whether wakers wait and no thread calls them, since none could be started.
    pub(crate) fn are_owed(&self) -> bool {
        let waiting = self.waiting.lock();
        !waiting.calling && !waiting.queue.is_empty()
    }

    /// Has the thread call the waiting wakers.
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

    /// Calls owed wakers on this thread, which may block.
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

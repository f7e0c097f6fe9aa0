//! One kind of signal, from its handler to its listeners.
//!
//! # Problem
//!
//! A handler may only set a flag and write a byte, and may interrupt anything, also another
//! handler. The byte wakes a thread, which must tell every listener once.
//!
//! A listener remembers the count that it has seen. So a signal before the first poll is not lost,
//! and each listener receives it independently. Several signals of a kind that come before a
//! listener looks are one to it, as they are to the system.
//!
//! # Invariants
//!
//! 1. The handler sets the flag before it writes. The reader looks at the flags after it has
//!    emptied the socket. So the byte of a flag that it did not see is still in the socket, or will
//!    be.
//! 2. A full socket drops the byte, but then it holds others that were not read yet (1).
//! 3. The count changes before the waiters are taken under the lock. A listener reads the count and
//!    stores its waker in one critical section. So it sees the count, or its waker is found.
//!
//! # Orderings
//!
//! All are Relaxed. The flag has no pair: write(2) follows the store and read(2) precedes the load,
//! and the socket's lock in the kernel orders the two. A flag that is seen before its byte
//! publishes nothing else. The waiters' lock orders the count (3).

use std::ops::Deref;
use std::task::{Poll, Waker};

use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::engine::waiter_list::{Key, WaiterList};
use crate::engine::wake_list::WakeList;

/// One kind of signal.
#[derive(Debug)]
pub(crate) struct Kind {
    pending: AtomicBool,
    count: AtomicU64,
    waiters: Mutex<WaiterList<()>>,
}

impl Kind {
    pub(crate) fn new() -> Kind {
        Kind {
            pending: AtomicBool::new(false),
            count: AtomicU64::new(0),
            waiters: Mutex::new(WaiterList::new()),
        }
    }

    /// A signal came. Called by the handler; `write` writes the byte.
    pub(crate) fn raise(&self, write: impl FnOnce()) {
        // A store would do. With a swap, a model can order it before or after that of `collect`.
        self.pending.swap(true, Ordering::Relaxed);
        write(); // wake: signal handler
    }

    /// Resets the flag and the waiters, which are the parent process's. The wakers are neither
    /// called nor dropped, since both may need what only the parent has.
    pub(crate) fn start_over(&self) {
        self.pending.store(false, Ordering::Relaxed);
        let mut wakers = WakeList::new();
        self.waiters.lock().take(|()| true, &mut wakers);
        std::mem::forget(wakers);
    }
}

/// Called when a byte has come: counts the signals, and collects the wakers that wait for them.
/// `empty` empties the socket.
pub(crate) fn collect<'a>(
    empty: impl FnOnce(),
    kinds: impl Iterator<Item = &'a Kind>,
    wakers: &mut WakeList,
) {
    empty();
    for kind in kinds {
        if kind.pending.swap(false, Ordering::Relaxed) {
            kind.count.fetch_add(1, Ordering::Relaxed);
            kind.waiters.lock().take(|()| true, wakers);
        }
    }
}

/// One listener's view of a kind.
#[derive(Debug)]
pub(crate) struct Ear<K: Deref<Target = Kind>> {
    kind: K,
    seen: u64,
    key: Option<Key>,
}

impl<K: Deref<Target = Kind>> Ear<K> {
    /// Receives signals from now on.
    pub(crate) fn new(kind: K) -> Ear<K> {
        let seen = kind.count.load(Ordering::Relaxed);
        Ear { kind, seen, key: None }
    }

    /// Waits for a signal after the last one for which this was ready (or after it was made).
    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<()> {
        if note(&self.kind, &mut self.seen) {
            return Poll::Ready(());
        }
        let new = waker.clone();
        let _old = {
            let mut waiters = self.kind.waiters.lock();
            if note(&self.kind, &mut self.seen) {
                return Poll::Ready(());
            }
            let (key, old) = waiters.put(self.key, (), new);
            self.key = Some(key);
            old
        };
        Poll::Pending
    }
}

/// Stores the count in `seen`, and returns whether it has changed.
fn note(kind: &Kind, seen: &mut u64) -> bool {
    let count = kind.count.load(Ordering::Relaxed);
    std::mem::replace(seen, count) != count
}

impl<K: Deref<Target = Kind>> Drop for Ear<K> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let _gone = { self.kind.waiters.lock().remove(key) };
        }
    }
}

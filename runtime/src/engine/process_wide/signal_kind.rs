//! One kind of signal, from its handler to its listeners.
//!
//! # Problem
//!
//! A handler may set a flag and write a byte, no more; it may interrupt anything, also another
//! handler. The byte wakes a thread, which must tell every listener, each once.
//!
//! A listener remembers the count that it has seen. So a signal that comes before the first poll is
//! not lost, each listener hears of it by itself, and several signals of a kind that come before a
//! listener looks are one to it, as they are to the system.
//!
//! # Invariants
//!
//! 1. The handler sets the flag before it writes, and whoever reads looks at the flags after it has
//!    emptied the socket: the byte of a flag that was not seen is still there, or will be.
//! 2. A full socket swallows the byte, but then it holds others that were not read yet (1).
//! 3. The count changes before the waiters are taken under the lock; a listener looks at the count
//!    and stores its waker under one hold of the lock. It sees the count, or its waker is found.
//!
//! # Orderings
//!
//! All are Relaxed. The flag has no pair of its own: write(2) follows it and read(2) precedes the
//! look, and the socket's lock in the kernel orders the two; a flag that is seen early, without its
//! byte, carries nothing else. The count is ordered by the waiters' lock (3).

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
        // A store would do. A swap lets a model see that it comes before or after that of
        // `collect`.
        self.pending.swap(true, Ordering::Relaxed);
        write(); // wake: signal handler
    }

    /// Forgets what came and who waits: all of it is another process's. The wakers are neither
    /// called nor dropped, as both may need what only that process has.
    pub(crate) fn start_over(&self) {
        self.pending.store(false, Ordering::Relaxed);
        let mut wakers = WakeList::new();
        self.waiters.lock().take(|()| true, &mut wakers);
        std::mem::forget(wakers);
    }
}

/// A byte came: counts the signals, and collects who waits for them. `empty` empties the socket.
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
    /// Hears of what comes from now on.
    pub(crate) fn new(kind: K) -> Ear<K> {
        let seen = kind.count.load(Ordering::Relaxed);
        Ear { kind, seen, key: None }
    }

    /// Waits until the signal has come since the last time this was ready (or since it was made).
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

/// Notes the count, and says whether it is another one than that noted before.
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

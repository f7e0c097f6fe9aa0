//! Maps the token of an event to the source that it was registered for.
//!
//! # Problem
//!
//! An event names its source by a number that was given at registration. By the time the event is
//! read the source may be gone, and its number may belong to another source. A false "ready" costs
//! at least a system call, and makes a connect in progress look finished. So a token is a key of a
//! generational slab: an event of a former source finds none. (A token repeats after 2^32 sources
//! in one place; 2^12 with 32-bit pointers. An event is handled in the batch it was fetched with.)
//!
//! # Rejected
//!
//! The source's address as the token. This saves one lock for each batch of events (about 10 ns,
//! beside the 300 ns of the cheapest epoll_wait) and one load for each event. It needs unsafe code,
//! and a list of sources that only the poll's holder may free.

use crate::engine::primitive::{Arc, Mutex};
use crate::engine::slab::{Key, Slab};
use crate::engine::wake_list::WakeList;

use super::readiness::Readiness;

/// Every registered source.
#[derive(Debug, Default)]
pub(crate) struct Table {
    sources: Slab<Arc<Readiness>>,
    closed: bool,
    registered: u64,
    deregistered: u64,
}

impl Table {
    /// Adds `source`; `None` once the table is closed.
    pub(crate) fn insert(&mut self, source: Arc<Readiness>) -> Option<Key> {
        if self.closed {
            return None;
        }
        self.registered += 1;
        Some(self.sources.insert(source))
    }

    /// The source that `token` names, if it is still there.
    #[inline]
    pub(crate) fn get(&self, token: usize) -> Option<&Readiness> {
        self.sources.get_raw(token).map(|source| &**source)
    }

    /// Removes a source. The caller drops it outside the lock, since its wakers are user code.
    #[must_use = "to be dropped when the table's lock is gone"]
    pub(crate) fn remove(&mut self, key: Key) -> Option<Arc<Readiness>> {
        let source = self.sources.remove(key);
        self.deregistered += u64::from(source.is_some());
        source
    }

    /// Closes the table and returns the sources that are in it.
    fn close(&mut self) -> Vec<Arc<Readiness>> {
        self.closed = true;
        self.sources.iter().cloned().collect()
    }

    /// Whether the table is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// How many sources were added, and how many were removed.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.registered, self.deregistered)
    }
}

/// Closes the table and shuts every source in it: all that wait for a source are woken. Calls
/// wakers, so the caller holds no lock.
pub(crate) fn shut_all(table: &Mutex<Table>) {
    let sources = { table.lock().close() };
    let mut wakers = WakeList::new();
    for source in sources {
        source.shut(&mut wakers);
    }
    wakers.wake_all(); // wake: driver shutdown
}

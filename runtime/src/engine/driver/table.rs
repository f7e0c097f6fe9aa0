//! Maps the token of an event to the source that it was registered for.
//!
//! # Problem
//!
//! An event names its source by a number that was given at registration. The source may be gone by
//! the time the event is read, and its number may belong to another one by then. A false "ready"
//! costs a system call at best; to a connect in progress it is a lie. So a token is a key of a
//! generational slab: an event of the former tenant finds nobody. (A token repeats after 2^32
//! tenants of one place; 2^12 where pointers have 32 bits. An event is read in the batch that it
//! was fetched with.)
//!
//! # Rejected
//!
//! The source's address as the token, which saves one lock a batch of events (about 10 ns, measured
//! against the 300 ns of the cheapest epoll_wait) and one load an event. It needs unsafe code, and
//! a list of sources that only the poll's holder may free.

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
    /// Takes `source` in; `None` once the table is closed.
    pub(crate) fn insert(&mut self, source: Arc<Readiness>) -> Option<Key> {
        if self.closed {
            return None;
        }
        self.registered += 1;
        Some(self.sources.insert(source))
    }

    /// The source that `token` still names.
    #[inline]
    pub(crate) fn get(&self, token: usize) -> Option<&Readiness> {
        self.sources.get_raw(token).map(|source| &**source)
    }

    /// Lets the source go. The caller drops it, outside the lock: its wakers are user code.
    #[must_use = "to be dropped when the table's lock is gone"]
    pub(crate) fn remove(&mut self, key: Key) -> Option<Arc<Readiness>> {
        let source = self.sources.remove(key);
        self.deregistered += u64::from(source.is_some());
        source
    }

    /// Takes nothing in any more; returns what is in it.
    fn close(&mut self) -> Vec<Arc<Readiness>> {
        self.closed = true;
        self.sources.iter().cloned().collect()
    }

    /// Whether nothing is taken in any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// How many sources came, and how many went.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.registered, self.deregistered)
    }
}

/// Takes nothing in any more, and shuts what is there: whoever waits for a source is woken. Calls
/// wakers, so the caller holds no lock.
pub(crate) fn shut_all(table: &Mutex<Table>) {
    let sources = { table.lock().close() };
    let mut wakers = WakeList::new();
    for source in sources {
        source.shut(&mut wakers);
    }
    wakers.wake_all(); // wake: driver shutdown
}

//! Numbers and names for tasks.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use crossbeam_utils::CachePadded;

use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicU64, Ordering};

/// Ids that a thread takes from the common counter at a time.
const BATCH: u64 = 64;

/// Where the next batch begins. Process-wide, since ids are unique in the process.
static NEXT_BATCH: AtomicU64 = AtomicU64::new(BATCH);

/// The names of named tasks that are alive, outside of the tasks, so that unnamed ones pay nothing.
static NAMES: [CachePadded<Mutex<Option<Names>>>; NAME_SHARDS] =
    [const { CachePadded::new(Mutex::new(None)) }; NAME_SHARDS];

type Names = HashMap<u64, Arc<str>>;

/// A power of two. Each thread takes ids in batches, so threads that name tasks rarely contend.
const NAME_SHARDS: usize = 16;

fn names_with(id: Id) -> &'static Mutex<Option<Names>> {
    &NAMES[id.batch() as usize % NAME_SHARDS]
}

thread_local! {
    static BATCH_LEFT: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
    static CURRENT: Cell<u64> = const { Cell::new(0) };
}

/// The number of a task: unique in this process for as long as it runs, and in no order.
///
/// # Examples
///
/// ```
/// #[runtime::main]
/// async fn main() {
///     let handle = runtime::spawn(async { runtime::task::id() });
///     let id = handle.id();
///     assert_eq!(handle.await.unwrap(), id);
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(NonZeroU64);

impl Id {
    pub(crate) fn from_u64(id: u64) -> Option<Id> {
        NonZeroU64::new(id).map(Id)
    }

    pub(crate) fn as_u64(self) -> u64 {
        self.0.get()
    }

    /// The batch that the id was taken from.
    pub(super) fn batch(self) -> u64 {
        self.as_u64() / BATCH
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Id").field(&self.0).finish()
    }
}

/// A fresh id.
#[inline]
pub(crate) fn next_id() -> Id {
    let id = BATCH_LEFT.try_with(|cell| {
        let (next, end) = cell.get();
        if next < end {
            cell.set((next + 1, end));
            return next;
        }
        let start = take_batch();
        cell.set((start + 1, start + BATCH));
        start
    });
    let id = id.unwrap_or_else(|_| take_batch());
    Id(NonZeroU64::new(id).expect("ids begin above zero and 2^64 of them are never used up"))
}

#[cold]
fn take_batch() -> u64 {
    NEXT_BATCH.fetch_add(BATCH, Ordering::Relaxed)
}

/// The task that this thread is polling or dropping.
#[inline]
pub(crate) fn current_id() -> Option<Id> {
    CURRENT.try_with(Cell::get).ok().and_then(Id::from_u64)
}

/// Sets the task that this thread is working on, until dropped.
#[derive(Debug)]
pub(crate) struct IdGuard(u64);

impl IdGuard {
    #[inline]
    pub(crate) fn enter(id: Option<Id>) -> IdGuard {
        let id = id.map_or(0, Id::as_u64);
        IdGuard(CURRENT.try_with(|cell| cell.replace(id)).unwrap_or(0))
    }
}

impl Drop for IdGuard {
    #[inline]
    fn drop(&mut self) {
        let _ = CURRENT.try_with(|cell| cell.set(self.0));
    }
}

/// Stores the name of a task.
pub(super) fn set_name(id: Id, name: &str) {
    names_with(id).lock().get_or_insert_default().insert(id.as_u64(), name.into());
}

/// The name of a task that is alive.
pub(crate) fn name(id: Id) -> Option<Arc<str>> {
    names_with(id).lock().as_ref()?.get(&id.as_u64()).cloned()
}

pub(super) fn forget_name(id: Id) {
    if let Some(names) = names_with(id).lock().as_mut() {
        names.remove(&id.as_u64());
    }
}

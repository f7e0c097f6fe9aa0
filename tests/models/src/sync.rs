//! The parts of `runtime::sync` that hold a protocol, over loom.

#[path = "../../../runtime/src/sync/barrier.rs"]
pub(crate) mod barrier;
#[path = "../../../runtime/src/sync/broadcast.rs"]
pub(crate) mod broadcast;
#[path = "../../../runtime/src/sync/guard_macros.rs"]
pub(crate) mod guard_macros;
#[path = "../../../runtime/src/sync/mpsc/mod.rs"]
pub(crate) mod mpsc;
#[path = "../../../runtime/src/sync/mutex.rs"]
pub(crate) mod mutex;
#[path = "../../../runtime/src/sync/notify.rs"]
pub(crate) mod notify;
#[path = "../../../runtime/src/sync/once_cell.rs"]
pub(crate) mod once_cell;
#[path = "../../../runtime/src/sync/oneshot.rs"]
pub(crate) mod oneshot;
#[path = "../../../runtime/src/sync/rwlock/mod.rs"]
pub(crate) mod rwlock;
#[path = "../../../runtime/src/sync/semaphore.rs"]
pub(crate) mod semaphore;
#[path = "../../../runtime/src/sync/sender_count.rs"]
pub(crate) mod sender_count;
#[path = "../../../runtime/src/sync/set_once.rs"]
pub(crate) mod set_once;
#[path = "../../../runtime/src/sync/watch.rs"]
pub(crate) mod watch;

pub(crate) use barrier::Barrier;
pub(crate) use mutex::{Mutex, TryLockError};
pub(crate) use notify::Notify;
pub(crate) use once_cell::OnceCell;
pub(crate) use rwlock::RwLock;
pub(crate) use semaphore::{Semaphore, SemaphorePermit, TryAcquireError};
pub(crate) use set_once::SetOnce;

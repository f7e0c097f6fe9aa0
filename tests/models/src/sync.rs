//! The tree of `runtime::sync`, over the same.

#[path = "../../../runtime/src/sync/mpsc/mod.rs"]
pub(crate) mod mpsc;
#[path = "../../../runtime/src/sync/mutex.rs"]
pub(crate) mod mutex;
#[path = "../../../runtime/src/sync/notify.rs"]
pub(crate) mod notify;
#[path = "../../../runtime/src/sync/oneshot.rs"]
pub(crate) mod oneshot;
#[path = "../../../runtime/src/sync/semaphore.rs"]
pub(crate) mod semaphore;

pub(crate) use mutex::{Mutex, TryLockError};
pub(crate) use notify::Notify;
pub(crate) use semaphore::Semaphore;

//! Channels, locks and other ways for tasks to wait for each other.
//!
//! | need | use |
//! |---|---|
//! | queue values from many senders to one receiver | [`mpsc`] |
//! | hand one value to one receiver, once | [`oneshot`] |
//! | keep a value that tasks change in turn | [`Mutex`] |
//! | tell that something has happened | [`Notify`] |
//! | limit how many do something at once | [`Semaphore`] |

pub mod mpsc;
pub mod oneshot;

mod mutex;
mod notify;
mod semaphore;

pub use mutex::{
    MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard, TryLockError,
};
pub use notify::Notify;
pub use semaphore::{
    AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError,
};

/// Futures that have names.
pub mod futures {
    pub use super::notify::{Notified, OwnedNotified};
}

//! Channels, locks and other ways for tasks to wait for each other.
//!
//! | need | use |
//! |---|---|
//! | queue values from many senders to one receiver | [`mpsc`] |
//! | hand one value to one receiver, once | [`oneshot`] |
//! | give each of many receivers every value | [`broadcast`] |
//! | show many receivers the latest value | [`watch`] |
//! | keep a value that tasks change in turn | [`Mutex`] |
//! | keep a value that many read and few change | [`RwLock`] |
//! | make a value once, when it is first needed | [`OnceCell`] |
//! | wait for a value that is set once | [`SetOnce`] |
//! | tell that something has happened | [`Notify`] |
//! | limit how many do something at once | [`Semaphore`] |
//! | let a number of tasks go on together | [`Barrier`] |
//!
//! All of them work with any executor and without one: nothing here needs a runtime.

pub mod broadcast;
pub mod mpsc;
pub mod oneshot;
pub mod watch;

mod barrier;
mod mutex;
mod notify;
mod once_cell;
mod rwlock;
mod semaphore;
mod set_once;

pub use barrier::{Barrier, BarrierWaitResult};
pub use mutex::{
    MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard, TryLockError,
};
pub use notify::Notify;
pub use once_cell::{OnceCell, SetError};
pub use rwlock::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock,
    RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};
pub use semaphore::{
    AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError,
};
pub use set_once::{SetOnce, SetOnceError};

/// Futures that have names.
pub mod futures {
    pub use super::notify::{Notified, OwnedNotified};
}

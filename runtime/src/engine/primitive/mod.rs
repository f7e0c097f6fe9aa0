//! The primitives that the engine is built on: atomics, cells, locks, threads.
//!
//! Every protocol between threads uses only the names of this module. The models (`tests/models`)
//! compile the same protocol files against a module with the same names and loom's types, so no
//! source file knows whether it is being model-checked.
//!
//! The list of names is the contract: `atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64,
//! AtomicUsize, AtomicPtr, Ordering, fence}`, `Arc`, `Mutex` with `MutexGuard`, `Condvar`, `RwLock`
//! with its guards, `UnsafeCell`, `Alarm`, `Parker`, `Backoff`, `hint::spin_loop`,
//! `thread::{Builder, JoinHandle, current, yield_now, Usage, cpu_time, os_id}`,
//! `thread::ask_for_long_slices`, `ticks`, `ticks_in`, `process_began`, and three that are no
//! types: [`const_fn`], [`last_of`] and [`sizes`].

#[cfg_attr(not(target_os = "linux"), path = "alarm_portable.rs")]
mod alarm;
mod cell;
#[cfg_attr(not(target_os = "linux"), path = "futex_portable.rs")]
mod futex;
mod lock;
#[cfg_attr(not(target_os = "linux"), path = "os_thread_portable.rs")]
mod os_thread;
mod parker;
#[cfg_attr(not(target_os = "linux"), path = "simulation_portable.rs")]
pub(crate) mod simulation;
mod ticks;

pub(crate) use alarm::Alarm;
pub(crate) use cell::UnsafeCell;
pub(crate) use crossbeam_utils::Backoff;
pub(crate) use lock::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard};
pub(crate) use parker::{Parker, Unparked};
pub(crate) use std::sync::Arc;
pub(crate) use ticks::{Scale, process_began, ticks, ticks_in};

/// Atomic types and orderings.
pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
}

/// Hints to the processor.
pub(crate) mod hint {
    pub(crate) use std::hint::spin_loop;
}

/// Threads.
pub(crate) mod thread {
    pub(crate) use std::thread::{Builder, JoinHandle, current, yield_now};

    pub(crate) use super::os_thread::{Usage, ask_for_long_slices, cpu_time, os_id};
}

/// The value, for the thread that drops the last reference. A chain can then be freed by a loop,
/// where its drop glue would recurse.
pub(crate) fn last_of<T>(reference: Arc<T>) -> Option<T> {
    Arc::into_inner(reference)
}

/// Declares a `const fn` whose body makes atomics or locks. loom's types cannot be made in a
/// constant, so in the models the same item is a plain function.
macro_rules! const_fn {
    ($(#[$attribute:meta])* $visibility:vis const fn $($rest:tt)*) => {
        $(#[$attribute])* $visibility const fn $($rest)*
    };
}
pub(crate) use const_fn;

/// Sizes that a model makes small, so that it reaches what happens at a boundary.
pub(crate) mod sizes {
    /// Positions in one block of a channel's list; a power of two. The last one holds no value.
    pub(crate) const LIST_LAP: usize = 32;
    /// Events in one chunk of a recorder's ring; a power of two.
    pub(crate) const RING_CHUNK: usize = 1024;
    /// So many waits of a task are kept: `select!` and `join!` have several at once.
    pub(crate) const MOST_WAITS: usize = 4;
    /// How often a reader of a task's block tries again that has met a poll that was just ending.
    /// More in a row mean that the task is polled all the time.
    pub(crate) const TRIES: usize = 3;
    /// How many tasks a walk over all tasks looks at before it releases the lock, for which a spawn
    /// or the end of a task in the same shard may have to wait: 5 to 9 µs in the median, 12 to
    /// 20 µs in one of 100 (among 100,000 tasks, on a busy machine).
    pub(crate) const STRIDE: usize = 64;
    /// Entries of the first chunk of a table; each further one has twice as many as the one before.
    #[allow(dead_code, reason = "without insight there is no table")]
    pub(crate) const FIRST_CHUNK: usize = 64;
}

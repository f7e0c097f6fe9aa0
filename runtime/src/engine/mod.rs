//! The private mechanism under the public modules.
//!
//! Imports run downwards only. The floor (`primitive`, `clock`, `rng`, `coop`, `messages`, the
//! lists of wakers and waiters, and so on) carries three wings that never name each other: `task`
//! with `scheduler`, `blocking`, and `driver` with `timer`. They meet in `crate::runtime`.

pub(crate) mod activity;
pub(crate) mod blocking;
pub(crate) mod catch_panic;
pub(crate) mod clock;
pub(crate) mod coop;
pub(crate) mod credentials;
pub(crate) mod driver;
pub(crate) mod entered;
pub(crate) mod fair_semaphore;
pub(crate) mod idle_spin;
#[cfg(test)]
mod idle_spin_tests;
pub(crate) mod insight;
pub(crate) mod large;
pub(crate) mod messages;
pub(crate) mod park_on;
pub(crate) mod primitive;
pub(crate) mod process_wide;
pub(crate) mod ready_list;
pub(crate) mod rng;
pub(crate) mod say;
pub(crate) mod scheduler;
pub(crate) mod slab;
#[cfg_attr(
    not(all(
        feature = "stall-backtrace",
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64")
    )),
    allow(dead_code, unused_imports, reason = "what a stack is made of, where none can be had")
)]
pub(crate) mod stall;
pub(crate) mod task;
pub(crate) mod task_id;
pub(crate) mod timer;
pub(crate) mod trace;
#[cfg_attr(not(feature = "taskdump"), path = "traced_off.rs")]
pub(crate) mod traced;
pub(crate) mod wait_queue;
pub(crate) mod waiter_list;
pub(crate) mod wake_list;
pub(crate) mod waker_cell;
pub(crate) mod write_once;

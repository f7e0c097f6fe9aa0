//! Tasks: a future, its state, and the handles to it, in one allocation.
//!
//! A task knows one thing about the world, the trait [`Schedule`]; schedulers know one thing about
//! tasks, the type [`Runnable`].
//!
//! # The allocation
//!
//! ```text
//! block     what a dump wants to know: only of observed tasks                        136 bytes
//! Header    state word │ vtable │ list links │ id │ spawn location │ join waker      64 bytes (8 more by each of the
//!                                                                                     features `tracing`, `schedule-latency`)
//! scheduler                                                                           8 (one pointer)
//! stage     the future, later its output, later nothing                              max of the two
//! ```
//!
//! # Who may touch what
//!
//! 1. `state`: anybody with a reference, through the verbs of `state.rs`.
//! 2. `links`: whoever holds the lock of the task's shard in the [`Owned`] list.
//! 3. `stage`: the thread that has RUNNING; after COMPLETE the `JoinHandle`, if JOIN_INTEREST was
//!    set at that moment, else the completing thread.
//! 4. `join waker`: the `JoinHandle` while JOIN_WAKER is 0 and it has JOIN_INTEREST; both sides,
//!    reading only, while JOIN_WAKER is 1; afterwards the side to which `release_join_waker` or
//!    `drop_join` gives it; the freeing thread at the end.
//! 5. `vtable`, `id`, `location`, `span`, `scheduler`: anybody with a reference, reading only.
#![allow(unsafe_code, reason = "the task's allocation is shared by hand; docs/unsafe.md, T1 to T5")]

mod cell;
mod ended;
mod ended_static;
mod ended_table;
mod error;
mod header;
mod join;
mod owned;
mod panic;
mod priority;
mod runnable;
pub(crate) mod scope;
mod state;
mod waker;
mod watch;

pub use crate::engine::task_id::Id;
pub use ended::Ended;
pub use error::JoinError;
pub use join::{AbortHandle, JoinHandle};
pub use priority::Priority;

pub(crate) use header::{BLOCKING_KIND, Header, Outcome, Runnable, Schedule};
pub(crate) use owned::{Census, Owned, Walked};
pub(crate) use panic::{PanicSink, UnseenPanic, message};
pub(crate) use runnable::{Identity, spawn_cell};
pub(crate) use waker::is_task_waker;
pub(crate) use watch::{Absence, Mark, PollId, PollOwner, Probation, StallPolicy, Watch};

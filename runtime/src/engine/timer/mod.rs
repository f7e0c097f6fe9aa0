//! Timers: registrations, the shards that they are in, and the wheel of a shard.
//!
//! `wheel.rs` is the data structure, without threads. `shard.rs` puts a lock around it and two
//! atomics beside it, so that most questions need no lock; each worker has a shard, threads outside
//! share one; `shards.rs` is all of them, `occupied.rs` says which of them have a deadline.
//! `registration.rs` is one sleeper's side: what every future of `crate::time` holds.
//!
//! The wing knows wakers and a clock, no task, no worker and no driver: whom to wake when a thread
//! that does not own a shard makes its next deadline earlier is a function that the shard is given.

mod cover;
mod entries;
mod occupied;
mod registration;
mod shard;
mod shards;
mod wheel;

pub(crate) use cover::Cover;
pub(crate) use registration::{Place, Registration};
pub(crate) use shard::Shard;
pub(crate) use shards::Shards;

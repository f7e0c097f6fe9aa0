//! Timers: registrations, the shards that they are in, and the wheel of a shard.
//!
//! `wheel.rs` is the data structure, without threads. `shard.rs` puts a lock around it and
//! atomics beside it, so that most questions need no lock; each worker has a shard, threads outside
//! share one; `shards.rs` is all of them, `occupied.rs` says which of them have a deadline.
//! `registration.rs` is one sleeper's side: what every future of `crate::time` holds.
//!
//! This module knows wakers and a clock, but no task, worker or driver. Each shard is given a
//! function that wakes its owner; a thread that makes a foreign shard's next deadline earlier calls
//! it.

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

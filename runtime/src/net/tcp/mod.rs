//! TCP: the halves of a stream. The sockets themselves are in [`net`](crate::net).
//!
//! # Examples
//!
//! See [`net`](crate::net).

mod halves;
pub(super) mod listener;
pub(super) mod socket;
pub(super) mod stream;

pub use halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};

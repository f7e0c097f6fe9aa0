//! What only Unix has: addresses, halves and credentials of Unix sockets, and pipes. The sockets
//! themselves are in [`net`](crate::net).

use super::split;

mod addr;
pub(super) mod datagram;
pub(super) mod listener;
pub mod pipe;
pub(super) mod socket;
pub(super) mod stream;
mod ucred;

pub use addr::SocketAddr;
use stream::UnixStream;
pub use ucred::UCred;

/// The number of a user.
#[allow(non_camel_case_types, reason = "the system's own name")]
pub type uid_t = u32;
/// The number of a group.
#[allow(non_camel_case_types, reason = "the system's own name")]
pub type gid_t = u32;
/// The number of a process.
#[allow(non_camel_case_types, reason = "the system's own name")]
pub type pid_t = i32;

/// The reading half of a [`UnixStream`], borrowed.
pub type ReadHalf<'a> = split::ReadHalf<'a, UnixStream>;
/// The writing half of a [`UnixStream`], borrowed.
pub type WriteHalf<'a> = split::WriteHalf<'a, UnixStream>;
/// The reading half of a [`UnixStream`], owned.
pub type OwnedReadHalf = split::OwnedReadHalf<UnixStream>;
/// The writing half of a [`UnixStream`], owned.
pub type OwnedWriteHalf = split::OwnedWriteHalf<UnixStream>;
/// The two halves given to `reunite` are not of the same stream; here they are again.
pub type ReuniteError = split::ReuniteError<UnixStream>;

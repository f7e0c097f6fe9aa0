//! What only Unix has: addresses, halves and credentials of Unix sockets, and pipes. The sockets
//! themselves are in [`net`](crate::net).

mod addr;
pub(super) mod datagram;
mod halves;
pub(super) mod listener;
pub mod pipe;
pub(super) mod socket;
pub(super) mod stream;
mod ucred;

pub use addr::SocketAddr;
pub use halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
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

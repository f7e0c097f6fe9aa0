//! What only Unix has: addresses, halves and credentials of Unix sockets, and pipes. The sockets
//! themselves are in [`net`](crate::net).
//!
//! # Examples
//!
//! A server for processes of the same machine that checks who its client is:
//!
//! ```no_run
//! use runtime::net::UnixListener;
//!
//! # async fn example() -> std::io::Result<()> {
//! let listener = UnixListener::bind("/run/example.socket")?;
//! loop {
//!     let (stream, _address) = listener.accept().await?;
//!     println!("user {} is there", stream.peer_cred()?.uid());
//! }
//! # }
//! ```

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

/// A user id.
///
/// # Examples
///
/// ```
/// use runtime::net::UnixStream;
/// use runtime::net::unix::{gid_t, pid_t, uid_t};
///
/// fn may_pass(stream: &UnixStream) -> std::io::Result<bool> {
///     let peer = stream.peer_cred()?;
///     let (user, group): (uid_t, gid_t) = (peer.uid(), peer.gid());
///     let process: Option<pid_t> = peer.pid();
///     println!("user {user}, group {group}, process {process:?}");
///     Ok(user == 0)
/// }
/// ```
#[allow(non_camel_case_types, reason = "the system's own name")]
pub type uid_t = u32;
/// A group id.
///
/// # Examples
///
/// See [`uid_t`].
#[allow(non_camel_case_types, reason = "the system's own name")]
pub type gid_t = u32;
/// A process id.
///
/// # Examples
///
/// See [`uid_t`].
#[allow(non_camel_case_types, reason = "the system's own name")]
pub type pid_t = i32;

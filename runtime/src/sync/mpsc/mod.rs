//! Channels of many senders and one receiver.
//!
//! [`channel`] makes one that holds a limited number of values: a sender waits while it is full, so
//! a fast producer cannot outrun a slow consumer. [`unbounded_channel`] makes one without a limit,
//! whose senders never wait, and whose memory only the programmer's care limits.
//!
//! When every sender is gone, the receiver gets what is left and then `None`. When the receiver is
//! closed or dropped, sending is an error. Values arrive in the order in which they were sent by
//! each sender.
//!
//! ```
//! # runtime::Runtime::new().unwrap().block_on(async {
//! use runtime::sync::mpsc;
//!
//! let (sender, mut receiver) = mpsc::channel(8);
//! for n in 0..3 {
//!     let sender = sender.clone();
//!     std::thread::spawn(move || sender.blocking_send(n).unwrap());
//! }
//! drop(sender);
//! let mut sum = 0;
//! while let Some(n) = receiver.recv().await {
//!     sum += n;
//! }
//! assert_eq!(sum, 3);
//! # });
//! ```
//!
//! Values travel through a list of blocks (`list.rs`); the limit is a fair semaphore, one permit a
//! free place.

pub mod error;

mod bounded;
mod chan;
mod list;
mod send_timeout;
mod unbounded;

pub use self::bounded::{
    OwnedPermit, Permit, PermitIterator, Receiver, Sender, WeakSender, channel,
};
pub use self::unbounded::{
    UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel,
};

//! Channels of many senders and one receiver.
//!
//! [`channel`] makes one that holds a limited number of values: a sender waits while it is full, so
//! a fast producer cannot outrun a slow consumer. [`unbounded_channel`] makes one without a limit,
//! whose senders never wait, and whose memory can grow without bound.
//!
//! When every sender is gone, the receiver gets what is left and then `None`. When the receiver is
//! closed or dropped, sending is an error. Values arrive in the order in which they were sent by
//! each sender.
//!
//! # Which one
//!
//! | | [`channel`] | [`unbounded_channel`] |
//! |---|---|---|
//! | when the receiver is slow | `send` waits: the sender slows down, too | values pile up in memory |
//! | sending | [`send`](Sender::send)`.await`, or [`try_send`](Sender::try_send) | [`send`](UnboundedSender::send), which never waits |
//! | from a thread without async | [`blocking_send`](Sender::blocking_send) | `send` |
//! | use it for | nearly everything | events that are rare, or that are sent from code that may not wait |
//!
//! The limit is the number of values in the channel, not of bytes. A small one, 8 or 32, is enough
//! for most channels: it evens out bursts. A large one only hides that the receiver is too slow.
//!
//! # Examples
//!
//! Several senders and one receiver, which ends when the last sender is gone:
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
//! A task that owns a value, and others that send it requests: each request contains the channel
//! for its answer. Often this is simpler than a lock, because one task sees everything in order.
//!
//! ```
//! use runtime::sync::{mpsc, oneshot};
//!
//! struct Add(u64, oneshot::Sender<u64>);
//!
//! # #[runtime::main]
//! # async fn main() {
//! let (requests, mut inbox) = mpsc::channel::<Add>(32);
//! runtime::spawn(async move {
//!     let mut total = 0;
//!     while let Some(Add(amount, answer)) = inbox.recv().await {
//!         total += amount;
//!         let _ = answer.send(total); // who asked may have left
//!     }
//! });
//!
//! let (answer, total) = oneshot::channel();
//! requests.send(Add(5, answer)).await.unwrap();
//! assert_eq!(total.await, Ok(5));
//! # }
//! ```
//!
//! # Between async and plain threads
//!
//! Both ends work on both sides. In a plain thread, call [`blocking_send`](Sender::blocking_send)
//! and [`blocking_recv`](Receiver::blocking_recv). In a task, `.await` the others. The blocking
//! ones panic inside async code, where they would hold up other tasks.

// Values go through a list of blocks (`list.rs`). The limit is a fair semaphore with one permit for
// each free place.

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

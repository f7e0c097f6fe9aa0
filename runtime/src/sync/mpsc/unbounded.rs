//! The unbounded channel.

use std::fmt;
use std::future::poll_fn;
use std::panic::Location;
use std::task::{Context, Poll};

use super::chan::{self, Limit, Rx, Tx, WeakTx};
use super::error::{SendError, TryRecvError};
use super::list::List;
use crate::engine::park_on::park_on;

/// No limit: the list's own flag says that it is closed, and the list's end that it is over.
struct Unlimited;

impl Limit for Unlimited {
    fn release(&self, _count: usize) {}

    fn received(&self) {}

    fn close<T>(&self, list: &List<T>) {
        list.close();
    }

    fn is_closed<T>(&self, list: &List<T>) -> bool {
        list.is_closed()
    }

    fn is_over(&self) -> bool {
        false
    }
}

/// Sends into an unbounded channel. Made by [`unbounded_channel`].
///
/// # Examples
///
/// ```
/// use runtime::sync::mpsc;
///
/// let (sender, receiver) = mpsc::unbounded_channel::<u32>();
/// let other = sender.clone();
/// assert!(sender.same_channel(&other));
/// assert_eq!((sender.strong_count(), sender.weak_count()), (2, 0));
///
/// sender.send(1).unwrap();
/// drop(receiver);
/// assert!(sender.is_closed());
/// assert_eq!(sender.send(2).unwrap_err().0, 2);
/// ```
pub struct UnboundedSender<T> {
    tx: Tx<T, Unlimited>,
}

/// A sender that does not keep its channel open. Made by [`UnboundedSender::downgrade`].
///
/// # Examples
///
/// A weak sender does not keep the channel open:
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::unbounded_channel();
/// let weak = sender.downgrade();
/// assert_eq!((weak.strong_count(), weak.weak_count()), (1, 1));
/// weak.upgrade().unwrap().send(1).unwrap();
///
/// drop(sender);
/// assert!(weak.upgrade().is_none());
/// assert_eq!(receiver.recv().await, Some(1));
/// assert_eq!(receiver.recv().await, None);
/// # }
/// ```
pub struct WeakUnboundedSender<T> {
    tx: WeakTx<T, Unlimited>,
}

/// Receives from an unbounded channel. Made by [`unbounded_channel`].
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::unbounded_channel();
/// sender.send("a").unwrap();
/// assert_eq!((receiver.len(), receiver.is_empty()), (1, false));
/// assert_eq!((receiver.sender_strong_count(), receiver.sender_weak_count()), (1, 0));
///
/// receiver.close();
/// assert!(receiver.is_closed());
/// assert_eq!(receiver.recv().await, Some("a"));
/// assert_eq!(receiver.recv().await, None);
/// # }
/// ```
///
/// Several values at a time, and without waiting:
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::unbounded_channel();
/// (1..=5).for_each(|n| sender.send(n).unwrap());
/// assert_eq!(receiver.try_recv(), Ok(1));
///
/// let mut batch = Vec::new();
/// assert_eq!(receiver.recv_many(&mut batch, 3).await, 3);
/// assert_eq!(batch, [2, 3, 4]);
/// # }
/// ```
pub struct UnboundedReceiver<T> {
    rx: Rx<T, Unlimited>,
}

/// Creates an unbounded channel: sending never waits, and memory grows with the values that are not
/// yet received.
///
/// # Examples
///
/// ```
/// let (sender, mut receiver) = runtime::sync::mpsc::unbounded_channel();
/// sender.send(1).unwrap();
/// sender.send(2).unwrap();
/// assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Ok(2)));
/// ```
#[track_caller]
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (tx, rx) = chan::channel(Unlimited, Location::caller());
    (UnboundedSender { tx }, UnboundedReceiver { rx })
}

chan::halves!(UnboundedSender, WeakUnboundedSender, UnboundedReceiver);

impl<T> UnboundedSender<T> {
    /// Sends `value`. `Ok` means that the receiver existed, not that it will receive the value.
    ///
    /// # Errors
    ///
    /// Gives `value` back if the receiver was closed or dropped.
    ///
    /// # Examples
    ///
    /// See [`UnboundedSender`].
    #[inline]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.tx.claim() {
            Some(claim) => {
                self.tx.fill(claim, value);
                Ok(())
            }
            None => Err(SendError(value)),
        }
    }

    /// Waits until the receiver is closed or dropped.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::mpsc;
    ///
    /// let (sender, receiver) = mpsc::unbounded_channel::<u32>();
    /// runtime::spawn(async move { drop(receiver) });
    /// sender.closed().await;
    /// assert!(sender.send(1).is_err());
    /// # }
    /// ```
    pub async fn closed(&self) {
        self.tx.closed().await;
    }

    /// A sender that does not keep the channel open.
    ///
    /// # Examples
    ///
    /// See [`WeakUnboundedSender`].
    #[must_use = "this makes a weak sender and leaves `self` as it is"]
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender { tx: self.tx.downgrade() }
    }
}

impl<T> UnboundedReceiver<T> {
    /// Waits for a value. `None` when the channel is empty and no value will come: every sender is
    /// gone, or this was [closed](UnboundedReceiver::close).
    ///
    /// # Cancel safety
    ///
    /// No value is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// See [`UnboundedReceiver`].
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|cx| self.rx.poll_recv(cx)).await
    }

    /// Waits for at least one value, adds up to `limit` values to `buffer`, and returns their
    /// number. 0 means that the channel is empty and no value will come, or that `limit` is 0.
    ///
    /// # Cancel safety
    ///
    /// No value is lost when the future is dropped: `buffer` is as it was.
    ///
    /// # Examples
    ///
    /// See [`UnboundedReceiver`].
    pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        poll_fn(|cx| self.rx.poll_recv_many(cx, buffer, limit)).await
    }

    /// Takes a value if one is there.
    ///
    /// # Errors
    ///
    /// `Empty` if none is there, `Disconnected` if none will ever come.
    ///
    /// # Examples
    ///
    /// See [`UnboundedReceiver`].
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.rx.try_recv()
    }

    /// Waits for a value on this thread, which sleeps. For code outside async.
    ///
    /// # Panics
    ///
    /// Panics in an async context.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// let thread = std::thread::spawn(move || receiver.blocking_recv());
    /// sender.send(1).unwrap();
    /// assert_eq!(thread.join().unwrap(), Some(1));
    /// ```
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Option<T> {
        park_on(self.recv())
    }

    /// Like [`recv_many`](UnboundedReceiver::recv_many), on this thread, which sleeps.
    ///
    /// # Panics
    ///
    /// Panics in an async context.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// (1..=3).for_each(|n| sender.send(n).unwrap());
    /// let mut batch = Vec::new();
    /// assert_eq!(receiver.blocking_recv_many(&mut batch, 10), 3);
    /// assert_eq!(batch, [1, 2, 3]);
    /// ```
    #[track_caller]
    pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        park_on(self.recv_many(buffer, limit))
    }

    /// Closes the channel: senders get errors. Values that were sent before can be received.
    ///
    /// # Examples
    ///
    /// See [`UnboundedReceiver`].
    pub fn close(&mut self) {
        self.rx.close();
    }

    /// Whether this was [closed](UnboundedReceiver::close) or every sender is gone.
    ///
    /// # Examples
    ///
    /// See [`UnboundedReceiver`].
    pub fn is_closed(&self) -> bool {
        self.rx.is_closed()
    }

    /// Like [`recv`](UnboundedReceiver::recv), for use in a hand-written future: after `Pending`
    /// the waker of the latest call is woken. May be `Pending` when the task has used up its
    /// budget; then it is woken at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use runtime::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// sender.send(1).unwrap();
    /// assert_eq!(poll_fn(|cx| receiver.poll_recv(cx)).await, Some(1));
    /// # }
    /// ```
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.rx.poll_recv(cx)
    }

    /// Like [`recv_many`](UnboundedReceiver::recv_many), for use in a hand-written future.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use runtime::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// sender.send(1).unwrap();
    /// let mut batch = Vec::new();
    /// assert_eq!(poll_fn(|cx| receiver.poll_recv_many(cx, &mut batch, 8)).await, 1);
    /// assert_eq!(batch, [1]);
    /// # }
    /// ```
    pub fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        self.rx.poll_recv_many(cx, buffer, limit)
    }
}

//! A channel of many senders and many receivers: each receiver gets each value sent since it was
//! made.
//!
//! The channel keeps a limited number of values. A sender never waits. A receiver that falls
//! further behind loses the oldest values, and is told how many ([`RecvError::Lagged`]).
//!
//! ```
//! # runtime::Runtime::new().unwrap().block_on(async {
//! use runtime::sync::broadcast;
//!
//! let (sender, mut first) = broadcast::channel(16);
//! let mut second = sender.subscribe();
//! sender.send(10).unwrap();
//! assert_eq!(first.recv().await, Ok(10));
//! assert_eq!(second.recv().await, Ok(10));
//! # });
//! ```

// # How it works
//
// Values are in a ring. Positions count up for ever; a value's slot is its position modulo the
// ring's length. Each slot has its own lock, so receivers that copy different values, and a sender
// that writes a third, do not contend. A lock for the tail orders the senders.
//
// 1. Lock order: the tail before a slot. A slot is written under both.
// 2. A slot counts how many receivers have not yet read it. The last to read it takes the value
//    out, to be dropped.
// 3. A receiver that finds nothing gets in line first and looks again; a sender writes first and
//    then notifies.
// 4. A value is dropped after the locks are released. Each receiver gets a clone, also the last
//    one, since users can see what `Clone` does. It is cloned under its slot's lock: a slow `Clone`
//    delays the sender that reuses that slot.

use std::fmt;
use std::panic::Location;

use self::error::{RecvError, SendError, TryRecvError};
use super::Notify;
use super::sender_count::SenderCount;
use crate::engine::coop::cooperative;
use crate::engine::insight::{Kind, Object};
use crate::engine::messages;
use crate::engine::park_on::park_on;
use crate::engine::primitive::{Arc, Mutex};

/// Errors of this channel.
///
/// # Examples
///
/// See [`Sender::send`].
pub mod error {
    use std::fmt;

    /// There is no receiver. Holds the value that was not sent.
    ///
    /// # Examples
    ///
    /// See [`Sender::send`](super::Sender::send).
    #[derive(Debug)]
    pub struct SendError<T>(pub T);

    impl<T> fmt::Display for SendError<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the channel has no receiver")
        }
    }

    impl<T: fmt::Debug> std::error::Error for SendError<T> {}

    /// Why [`recv`](super::Receiver::recv) returned no value.
    ///
    /// # Examples
    ///
    /// See [`Receiver::recv`](super::Receiver::recv).
    #[derive(Debug, PartialEq, Eq, Clone)]
    pub enum RecvError {
        /// Every sender is gone and nothing is left.
        Closed,
        /// This many values were lost because the receiver was too far behind. The next call gets
        /// the oldest one that is left.
        Lagged(u64),
    }

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                RecvError::Closed => f.write_str("the channel is closed"),
                RecvError::Lagged(lost) => {
                    write!(f, "the receiver was too slow and lost {lost} values")
                }
            }
        }
    }

    impl std::error::Error for RecvError {}

    /// Why [`try_recv`](super::Receiver::try_recv) returned no value.
    ///
    /// # Examples
    ///
    /// See [`Receiver::try_recv`](super::Receiver::try_recv).
    #[derive(Debug, PartialEq, Eq, Clone)]
    pub enum TryRecvError {
        /// Nothing is there now.
        Empty,
        /// Every sender is gone and nothing is left.
        Closed,
        /// This many values were lost because the receiver was too far behind. The next call gets
        /// the oldest one that is left.
        Lagged(u64),
    }

    impl fmt::Display for TryRecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                TryRecvError::Empty => f.write_str("the channel is empty"),
                TryRecvError::Closed => RecvError::Closed.fmt(f),
                TryRecvError::Lagged(lost) => RecvError::Lagged(*lost).fmt(f),
            }
        }
    }

    impl std::error::Error for TryRecvError {}
}

struct Shared<T> {
    ring: Box<[Mutex<Slot<T>>]>,
    tail: Mutex<Tail>,
    senders: SenderCount,
    sent: Notify,
    receivers_gone: Notify,
}

struct Tail {
    /// The position of the next value.
    position: u64,
    receivers: usize,
    /// Every sender is gone.
    closed: bool,
}

struct Slot<T> {
    /// The position of the value that was written here last; meaningless before.
    position: u64,
    value: Option<T>,
    /// Receivers that have not read it.
    unread: usize,
}

impl<T> Shared<T> {
    fn slot(&self, position: u64) -> &Mutex<Slot<T>> {
        // The length is a power of two, so cutting the position to a `usize` changes nothing.
        &self.ring[position as usize & (self.ring.len() - 1)]
    }

    fn subscribe(this: &Arc<Self>) -> Receiver<T> {
        let mut tail = this.tail.lock();
        tail.receivers += 1;
        let next = tail.position;
        drop(tail);
        Receiver { shared: this.clone(), next }
    }
}

/// Sends into the channel. Made by [`channel`].
///
/// # Examples
///
/// A sender without a receiver, and its methods:
///
/// ```
/// use runtime::sync::broadcast::Sender;
///
/// let sender: Sender<u32> = Sender::new(8);
/// assert_eq!(sender.receiver_count(), 0);
/// let receiver = sender.subscribe();
/// sender.send(1).unwrap();
/// assert_eq!((sender.receiver_count(), sender.len()), (1, 1));
/// assert!(!sender.is_empty());
///
/// let other = sender.clone();
/// assert!(sender.same_channel(&other));
/// assert_eq!(sender.strong_count(), 2);
/// # drop(receiver);
/// ```
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

/// A sender that does not keep its channel open. Made by [`Sender::downgrade`].
///
/// # Examples
///
/// A weak sender does not keep the channel open:
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::sync::broadcast;
///
/// let (sender, mut receiver) = broadcast::channel::<u32>(8);
/// let weak = sender.downgrade();
/// assert_eq!((weak.strong_count(), weak.weak_count()), (1, 1));
/// assert_eq!((sender.strong_count(), sender.weak_count()), (1, 1));
/// assert!(weak.upgrade().is_some());
///
/// drop(sender);
/// assert!(weak.upgrade().is_none());
/// assert!(receiver.recv().await.is_err());
/// # }
/// ```
pub struct WeakSender<T> {
    shared: Arc<Shared<T>>,
}

/// Receives from the channel. Made by [`channel`] and [`Sender::subscribe`].
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::sync::broadcast;
///
/// let (sender, mut receiver) = broadcast::channel(8);
/// sender.send(1).unwrap();
/// sender.send(2).unwrap();
/// assert_eq!((receiver.len(), receiver.is_empty()), (2, false));
/// assert_eq!(receiver.sender_strong_count(), 1);
/// assert_eq!(receiver.sender_weak_count(), 0);
///
/// // Begins behind what has been sent until now.
/// let other = receiver.resubscribe();
/// assert!(other.is_empty() && other.same_channel(&receiver));
///
/// drop(sender);
/// assert!(receiver.is_closed());
/// assert_eq!(receiver.recv().await, Ok(1));
/// # }
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    next: u64,
}

/// Creates a channel that keeps `capacity` values, rounded up to a power of two.
///
/// # Panics
///
/// Panics if `capacity` is 0 or exceeds `usize::MAX / 2`.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::sync::broadcast;
///
/// let (sender, mut receiver) = broadcast::channel(16);
/// sender.send("news").unwrap();
/// assert_eq!(receiver.recv().await, Ok("news"));
/// # }
/// ```
#[track_caller]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(capacity);
    let receiver = sender.subscribe();
    (sender, receiver)
}

impl<T> Sender<T> {
    /// A sender without receivers: see [`subscribe`](Sender::subscribe).
    ///
    /// # Panics
    ///
    /// Panics if `capacity` is 0 or exceeds `usize::MAX / 2`.
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    #[track_caller]
    pub fn new(capacity: usize) -> Sender<T> {
        assert!(capacity > 0, "{}", messages::BROADCAST_WITHOUT_ROOM);
        assert!(capacity <= usize::MAX / 2, "{}", messages::BROADCAST_TOO_LARGE);
        let place = Location::caller();
        let empty = || Mutex::new(Slot { position: u64::MAX, value: None, unread: 0 });
        Sender {
            shared: Arc::new(Shared {
                ring: std::iter::repeat_with(empty).take(capacity.next_power_of_two()).collect(),
                tail: Mutex::new(Tail { position: 0, receivers: 0, closed: false }),
                senders: SenderCount::one(),
                sent: Notify::part_of(Object::new(Kind::BroadcastReceive, place)),
                receivers_gone: Notify::part_of(Object::new(Kind::BroadcastClosed, place)),
            }),
        }
    }

    /// Sends `value` to all receivers and returns their number. That does not mean that each will
    /// get it.
    ///
    /// # Errors
    ///
    /// Gives `value` back if there is no receiver.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::broadcast;
    ///
    /// let (sender, first) = broadcast::channel(8);
    /// let second = sender.subscribe();
    /// assert_eq!(sender.send("to both").unwrap(), 2);
    ///
    /// drop((first, second));
    /// let error = sender.send("to nobody").unwrap_err();
    /// assert_eq!(error.0, "to nobody");
    /// ```
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        let mut tail = self.shared.tail.lock();
        let receivers = tail.receivers;
        if receivers == 0 {
            return Err(SendError(value));
        }
        let position = tail.position;
        tail.position += 1;
        let mut slot = self.shared.slot(position).lock();
        slot.position = position;
        slot.unread = receivers;
        let old = slot.value.replace(value);
        drop(slot);
        drop(tail);
        self.shared.sent.notify_waiters(); // wake: broadcast.send
        drop(old);
        Ok(receivers)
    }

    /// A new receiver, which gets the values that are sent from now on.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::broadcast;
    ///
    /// let (sender, mut early) = broadcast::channel(8);
    /// sender.send("before").unwrap();
    /// let mut late = sender.subscribe();
    /// sender.send("after").unwrap();
    /// assert_eq!(early.recv().await, Ok("before"));
    /// assert_eq!(late.recv().await, Ok("after"));
    /// # }
    /// ```
    pub fn subscribe(&self) -> Receiver<T> {
        Shared::subscribe(&self.shared)
    }

    /// A sender that does not keep the channel open.
    ///
    /// # Examples
    ///
    /// See [`WeakSender`].
    #[must_use = "this makes a weak sender and leaves `self` as it is"]
    pub fn downgrade(&self) -> WeakSender<T> {
        self.shared.senders.add_weak();
        WeakSender { shared: self.shared.clone() }
    }

    /// The number of values that some receiver has not read. The time grows with that number.
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    pub fn len(&self) -> usize {
        let tail = self.shared.tail.lock();
        let oldest = tail.position.saturating_sub(self.shared.ring.len() as u64);
        // A receiver that has read a value has read, or lost, all before it, so the unread ones
        // are the latest.
        let unread = |position: &u64| self.shared.slot(*position).lock().unread > 0;
        (oldest..tail.position).rev().take_while(unread).count()
    }

    /// Whether every receiver has read all.
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    pub fn is_empty(&self) -> bool {
        let tail = self.shared.tail.lock();
        match tail.position.checked_sub(1) {
            Some(last) => self.shared.slot(last).lock().unread == 0,
            None => true,
        }
    }

    /// How many receivers there are.
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    pub fn receiver_count(&self) -> usize {
        self.shared.tail.lock().receivers
    }

    /// Whether both send into the same channel.
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    pub fn same_channel(&self, other: &Self) -> bool {
        std::ptr::eq(&*self.shared, &*other.shared)
    }

    /// Waits until there is no receiver.
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
    /// use runtime::sync::broadcast;
    ///
    /// let (sender, receiver) = broadcast::channel::<u32>(8);
    /// runtime::spawn(async move { drop(receiver) });
    /// // Ready as soon as nobody listens any more.
    /// sender.closed().await;
    /// assert!(sender.send(1).is_err());
    /// # }
    /// ```
    pub async fn closed(&self) {
        let wait = async {
            loop {
                // Get in line first, then look.
                let gone = self.shared.receivers_gone.notified();
                if self.receiver_count() == 0 {
                    return;
                }
                gone.await;
            }
        };
        cooperative(wait).await;
    }

    /// How many senders there are.
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    pub fn strong_count(&self) -> usize {
        self.shared.senders.strong()
    }

    /// How many weak senders there are.
    ///
    /// # Examples
    ///
    /// See [`WeakSender`].
    pub fn weak_count(&self) -> usize {
        self.shared.senders.weak()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.shared.senders.add();
        Sender { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.shared.senders.leave() {
            self.shared.tail.lock().closed = true;
            self.shared.sent.notify_waiters(); // wake: broadcast.last_sender
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl<T> WeakSender<T> {
    /// A sender, if there is still one: when the last has gone the channel stays closed.
    ///
    /// # Examples
    ///
    /// See [`WeakSender`].
    #[must_use]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.shared.senders.try_add().then(|| Sender { shared: self.shared.clone() })
    }

    /// How many senders there are.
    ///
    /// # Examples
    ///
    /// See [`WeakSender`].
    pub fn strong_count(&self) -> usize {
        self.shared.senders.strong()
    }

    /// How many weak senders there are.
    ///
    /// # Examples
    ///
    /// See [`WeakSender`].
    pub fn weak_count(&self) -> usize {
        self.shared.senders.weak()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> WeakSender<T> {
        self.shared.senders.add_weak();
        WeakSender { shared: self.shared.clone() }
    }
}

impl<T> Drop for WeakSender<T> {
    fn drop(&mut self) {
        self.shared.senders.leave_weak();
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}

impl<T> Receiver<T> {
    /// How many values were sent that this has not received, including those that it has lost.
    ///
    /// # Examples
    ///
    /// See [`Receiver`].
    pub fn len(&self) -> usize {
        (self.shared.tail.lock().position - self.next) as usize
    }

    /// Whether this has received all that was sent.
    ///
    /// # Examples
    ///
    /// See [`Receiver`].
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both receive from the same channel.
    ///
    /// # Examples
    ///
    /// See [`Receiver`].
    pub fn same_channel(&self, other: &Self) -> bool {
        std::ptr::eq(&*self.shared, &*other.shared)
    }

    /// How many senders there are.
    ///
    /// # Examples
    ///
    /// See [`Receiver`].
    pub fn sender_strong_count(&self) -> usize {
        self.shared.senders.strong()
    }

    /// How many weak senders there are.
    ///
    /// # Examples
    ///
    /// See [`Receiver`].
    pub fn sender_weak_count(&self) -> usize {
        self.shared.senders.weak()
    }

    /// Whether every sender is gone. Values that they sent may still be there.
    ///
    /// # Examples
    ///
    /// See [`Receiver`].
    pub fn is_closed(&self) -> bool {
        self.sender_strong_count() == 0
    }

    /// Whether no value is there, but one may come.
    fn has_nothing(&self) -> bool {
        let tail = self.shared.tail.lock();
        tail.position == self.next && !tail.closed
    }

    /// Gives the next value's slot, locked, to `read`.
    fn next<R>(&mut self, read: impl FnOnce(&mut Slot<T>) -> R) -> Result<R, TryRecvError> {
        loop {
            let mut slot = self.shared.slot(self.next).lock();
            if slot.position == self.next {
                self.next += 1;
                return Ok(read(&mut slot));
            }
            drop(slot);
            let tail = self.shared.tail.lock();
            if tail.position == self.next {
                return Err(if tail.closed { TryRecvError::Closed } else { TryRecvError::Empty });
            }
            let oldest = tail.position.saturating_sub(self.shared.ring.len() as u64);
            if self.next < oldest {
                let lost = oldest - std::mem::replace(&mut self.next, oldest);
                return Err(TryRecvError::Lagged(lost));
            }
            // The value was sent between the two looks.
        }
    }
}

impl<T> Slot<T> {
    /// Counts the value as read by one more receiver. If that was the last one, moves the value to
    /// `last`, which is empty.
    fn count_read_to(&mut self, last: &mut Option<T>) {
        self.unread -= 1;
        if self.unread == 0 {
            std::mem::swap(&mut self.value, last);
        }
    }
}

impl<T: Clone> Receiver<T> {
    /// A new receiver, which gets the values that are sent from now on, not those that this one has
    /// yet to receive.
    ///
    /// # Examples
    ///
    /// See [`Receiver`].
    pub fn resubscribe(&self) -> Receiver<T> {
        Shared::subscribe(&self.shared)
    }

    /// Waits for the next value.
    ///
    /// # Errors
    ///
    /// `Lagged` if values were lost; the next call gets the oldest that is left. `Closed` if every
    /// sender is gone and nothing is left.
    ///
    /// # Cancel safety
    ///
    /// No value is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// A receiver that was too slow gets an error, and goes on with the oldest value that is left:
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::broadcast::{self, error::RecvError};
    ///
    /// let (sender, mut receiver) = broadcast::channel(2);
    /// for n in 1..=5 {
    ///     sender.send(n).unwrap();
    /// }
    /// drop(sender);
    /// assert_eq!(receiver.recv().await, Err(RecvError::Lagged(3)));
    /// assert_eq!(receiver.recv().await, Ok(4));
    /// assert_eq!(receiver.recv().await, Ok(5));
    /// assert_eq!(receiver.recv().await, Err(RecvError::Closed));
    /// # }
    /// ```
    pub async fn recv(&mut self) -> Result<T, RecvError> {
        // The value is written directly here: if it were returned from one future to the next, a
        // large one would be on the stack several times.
        let mut value = None;
        cooperative(self.wait(&mut value)).await?;
        value.ok_or(RecvError::Closed)
    }

    async fn wait(&mut self, value: &mut Option<T>) -> Result<(), RecvError> {
        loop {
            match self.take_next(value) {
                Ok(()) => return Ok(()),
                Err(TryRecvError::Closed) => return Err(RecvError::Closed),
                Err(TryRecvError::Lagged(lost)) => return Err(RecvError::Lagged(lost)),
                Err(TryRecvError::Empty) => {}
            }
            // Get in line first, then look.
            let sent = self.shared.sent.notified();
            if self.has_nothing() {
                sent.await;
            }
        }
    }

    /// Takes the next value if it is there.
    ///
    /// # Errors
    ///
    /// `Empty` if none is there, otherwise as [`recv`](Receiver::recv).
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::broadcast::{self, error::TryRecvError};
    ///
    /// let (sender, mut receiver) = broadcast::channel(8);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(7).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let mut value = None;
        self.take_next(&mut value)?;
        value.ok_or(TryRecvError::Closed)
    }

    /// Clones the next value to `place`, if it is there.
    fn take_next(&mut self, place: &mut Option<T>) -> Result<(), TryRecvError> {
        /// Counts the value as read, even if cloning it panics.
        struct Read<'a, T>(&'a mut Slot<T>, &'a mut Option<T>);

        impl<T> Drop for Read<'_, T> {
            fn drop(&mut self) {
                self.0.count_read_to(self.1);
            }
        }

        // Dropped after the slot's lock is released.
        let mut last = None;
        self.next(|slot| {
            let read = Read(slot, &mut last);
            *place = read.0.value.clone();
        })
    }

    /// Waits for the next value on this thread, which sleeps. For code outside async.
    ///
    /// # Panics
    ///
    /// Panics in an async context.
    ///
    /// # Errors
    ///
    /// As [`recv`](Receiver::recv).
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::broadcast;
    ///
    /// let (sender, mut receiver) = broadcast::channel(8);
    /// let thread = std::thread::spawn(move || receiver.blocking_recv());
    /// sender.send("hello").unwrap();
    /// assert_eq!(thread.join().unwrap(), Ok("hello"));
    /// ```
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Result<T, RecvError> {
        park_on(self.recv())
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut tail = self.shared.tail.lock();
        tail.receivers -= 1;
        let (last, end) = (tail.receivers == 0, tail.position);
        drop(tail);
        // Counts the remaining values as read, and drops those that no other receiver needs.
        while self.next < end {
            let mut last = None;
            let left = self.next(|slot| slot.count_read_to(&mut last));
            if matches!(left, Err(TryRecvError::Empty | TryRecvError::Closed)) {
                break;
            }
        }
        // Notified last, so that a task that waits for this finds the channel empty.
        if last {
            self.shared.receivers_gone.notify_waiters(); // wake: broadcast.last_receiver
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

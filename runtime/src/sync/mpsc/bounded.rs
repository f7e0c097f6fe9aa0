//! The bounded channel.
//!
//! A permit of the semaphore is a free place. A sender takes one before it pushes; the receiver
//! gives one back for each value that it takes. After `close` no permit can be taken, so when all
//! are back the channel is empty and stays so.

use std::fmt;
use std::future::poll_fn;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::task::{Context, Poll};

use super::chan::{self, Limit, Rx, Tx, WeakTx};
use super::error::{SendError, TryRecvError, TrySendError};
use super::list::{Claim, List};
use crate::engine::fair_semaphore::{FairSemaphore, Refusal};
use crate::engine::insight::{Kind, Object};
use crate::engine::messages;
use crate::engine::park_on::park_on;

struct Places {
    permits: FairSemaphore,
    bound: usize,
}

impl Limit for Places {
    #[inline]
    fn release(&self, count: usize) {
        self.permits.release(count);
    }

    #[inline]
    fn received(&self) {
        self.permits.object().taken();
    }

    fn close<T>(&self, _list: &List<T>) {
        self.permits.close(); // wake: mpsc.refuse
    }

    fn is_closed<T>(&self, _list: &List<T>) -> bool {
        self.permits.is_closed()
    }

    fn is_over(&self) -> bool {
        self.permits.is_closed() && self.permits.available() == self.bound
    }
}

/// Sends into a bounded channel. Made by [`channel`].
///
/// # Examples
///
/// Senders are cloned, one for each task that sends. Their methods:
///
/// ```
/// use runtime::sync::mpsc;
///
/// let (sender, receiver) = mpsc::channel::<u32>(8);
/// let other = sender.clone();
/// assert!(sender.same_channel(&other));
/// assert_eq!((sender.strong_count(), sender.weak_count()), (2, 0));
///
/// sender.try_send(1).unwrap();
/// assert_eq!((sender.capacity(), sender.max_capacity()), (7, 8));
/// assert!(!sender.is_closed());
/// drop(receiver);
/// assert!(sender.is_closed());
/// ```
pub struct Sender<T> {
    tx: Tx<T, Places>,
}

/// A sender that does not keep its channel open. Made by [`Sender::downgrade`].
///
/// # Examples
///
/// A weak sender does not keep the channel open, so the receiver may hold one:
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::channel::<u32>(8);
/// let weak = sender.downgrade();
/// assert_eq!((weak.strong_count(), weak.weak_count()), (1, 1));
/// weak.upgrade().unwrap().send(1).await.unwrap();
///
/// drop(sender);
/// assert!(weak.upgrade().is_none());
/// assert_eq!(receiver.recv().await, Some(1));
/// assert_eq!(receiver.recv().await, None);
/// # }
/// ```
pub struct WeakSender<T> {
    tx: WeakTx<T, Places>,
}

/// Receives from a bounded channel. Made by [`channel`].
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::channel(8);
/// sender.send("a").await.unwrap();
/// sender.send("b").await.unwrap();
/// assert_eq!((receiver.len(), receiver.is_empty()), (2, false));
/// assert_eq!((receiver.capacity(), receiver.max_capacity()), (6, 8));
/// assert_eq!((receiver.sender_strong_count(), receiver.sender_weak_count()), (1, 0));
///
/// drop(sender);
/// assert_eq!(receiver.recv().await, Some("a"));
/// assert_eq!(receiver.recv().await, Some("b"));
/// assert_eq!(receiver.recv().await, None);
/// # }
/// ```
pub struct Receiver<T> {
    rx: Rx<T, Places>,
}

/// The right to send one value without waiting. Made by [`Sender::reserve`]; dropping it gives the
/// place back.
///
/// # Examples
///
/// See [`Sender::reserve`].
pub struct Permit<'a, T> {
    tx: &'a Tx<T, Places>,
}

/// Several [`Permit`]s. Made by [`Sender::reserve_many`]; dropping it gives back what is left.
///
/// # Examples
///
/// See [`Sender::reserve_many`].
pub struct PermitIterator<'a, T> {
    tx: &'a Tx<T, Places>,
    count: usize,
}

/// The right to send one value without waiting, with the sender in it. Made by
/// [`Sender::reserve_owned`]; dropping it gives the place back.
///
/// # Examples
///
/// A place that is reserved now and used later, perhaps by another task:
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::channel(1);
/// let permit = sender.clone().reserve_owned().await.unwrap();
/// assert!(permit.same_channel_as_sender(&sender));
/// assert!(sender.clone().try_reserve_owned().is_err());
///
/// runtime::spawn(async move { permit.send("later") });
/// assert_eq!(receiver.recv().await, Some("later"));
///
/// let unused = sender.try_reserve_owned().unwrap();
/// let _sender = unused.release();
/// # }
/// ```
pub struct OwnedPermit<T> {
    /// `None` only after the permit was used.
    tx: Option<Tx<T, Places>>,
}

/// Creates a channel that holds up to `buffer` values.
///
/// # Panics
///
/// Panics if `buffer` is 0 or exceeds
/// [`Semaphore::MAX_PERMITS`](crate::sync::Semaphore::MAX_PERMITS).
///
/// # Examples
///
/// ```
/// # runtime::Runtime::new().unwrap().block_on(async {
/// let (sender, mut receiver) = runtime::sync::mpsc::channel(1);
/// sender.send("a").await.unwrap();
/// assert!(sender.try_send("b").is_err());
/// assert_eq!(receiver.recv().await, Some("a"));
/// # });
/// ```
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    assert!(buffer > 0, "{}", messages::CHANNEL_WITHOUT_ROOM);
    assert!(buffer <= FairSemaphore::MAX_PERMITS, "{}", messages::TOO_MANY_PERMITS);
    let place = Location::caller();
    let permits = FairSemaphore::seen(buffer, Object::new(Kind::MpscSend, place));
    let (tx, rx) = chan::channel(Places { permits, bound: buffer }, place);
    (Sender { tx }, Receiver { rx })
}

fn full_or_closed<T>(refusal: Refusal, value: T) -> TrySendError<T> {
    match refusal {
        Refusal::TooFew => TrySendError::Full(value),
        Refusal::Closed => TrySendError::Closed(value),
    }
}

/// Sends a value for which a place was taken.
#[inline]
fn claim<T>(tx: &Tx<T, Places>) -> Claim<'_, T> {
    tx.claim().expect("the list is closed by the last sender only")
}

/// Gives unused places back.
fn give_back<T>(tx: &Tx<T, Places>, count: usize) {
    if count > 0 {
        tx.chan.limit.release(count); // wake: mpsc.give_back
        wake_if_over(tx);
    }
}

/// Wakes the receiver of a closed channel when all places are back.
fn wake_if_over<T>(tx: &Tx<T, Places>) {
    if tx.chan.limit.is_over() {
        tx.wake_receiver(); // wake: mpsc.last_permit
    }
}

/// A sender that waits for places. Dropped if it gives up, after its places are back.
struct Asking<'a, T> {
    tx: &'a Tx<T, Places>,
}

impl<T> Drop for Asking<'_, T> {
    fn drop(&mut self) {
        wake_if_over(self.tx);
    }
}

chan::halves!(Sender, WeakSender, Receiver);

impl<T> Sender<T> {
    /// Sends `value`; waits while the channel is full. Senders get places in the order of their
    /// first polls.
    ///
    /// # Errors
    ///
    /// Gives `value` back if the receiver was closed or dropped.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, it has sent nothing, `value` is dropped, and
    /// the place in line is lost. To keep the value use [`reserve`](Sender::reserve).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// runtime::spawn(async move {
    ///     for n in 1..=3 {
    ///         // Waits while the channel is full; fails when nobody receives.
    ///         if sender.send(n).await.is_err() {
    ///             return;
    ///         }
    ///     }
    /// });
    /// let mut sum = 0;
    /// while let Some(n) = receiver.recv().await {
    ///     sum += n;
    /// }
    /// assert_eq!(sum, 6);
    /// # }
    /// ```
    pub async fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.take_places(1).await {
            Ok(()) => {
                self.tx.fill(claim(&self.tx), value);
                Ok(())
            }
            Err(_) => Err(SendError(value)),
        }
    }

    /// Sends `value` if there is room.
    ///
    /// # Errors
    ///
    /// `Full` if there is no room or other senders wait for it, `Closed` if the receiver was closed
    /// or dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::mpsc::{self, error::TrySendError};
    ///
    /// let (sender, receiver) = mpsc::channel(1);
    /// sender.try_send(1).unwrap();
    /// let full = sender.try_send(2).unwrap_err();
    /// assert!(matches!(full, TrySendError::Full(2)));
    /// assert_eq!(full.into_inner(), 2);
    ///
    /// drop(receiver);
    /// assert!(matches!(sender.try_send(3), Err(TrySendError::Closed(3))));
    /// ```
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        match self.tx.chan.limit.permits.try_acquire(1) {
            Ok(()) => {
                self.tx.fill(claim(&self.tx), value);
                Ok(())
            }
            Err(refusal) => Err(full_or_closed(refusal, value)),
        }
    }

    /// Sends `value` from this thread, which sleeps while the channel is full. For code outside
    /// async.
    ///
    /// # Panics
    ///
    /// Panics in an async context.
    ///
    /// # Errors
    ///
    /// Gives `value` back if the receiver was closed or dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// std::thread::spawn(move || {
    ///     for line in ["one", "two"] {
    ///         sender.blocking_send(line).unwrap();
    ///     }
    /// });
    /// assert_eq!(receiver.recv().await, Some("one"));
    /// assert_eq!(receiver.recv().await, Some("two"));
    /// # }
    /// ```
    #[track_caller]
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        park_on(self.send(value))
    }

    /// Waits for room for one value.
    ///
    /// # Errors
    ///
    /// The receiver was closed or dropped.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, it loses its place in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # runtime::Runtime::new().unwrap().block_on(async {
    /// let (sender, mut receiver) = runtime::sync::mpsc::channel(1);
    /// let permit = sender.reserve().await.unwrap();
    /// permit.send(1);
    /// assert_eq!(receiver.recv().await, Some(1));
    /// # });
    /// ```
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        self.take_places(1).await?;
        Ok(Permit { tx: &self.tx })
    }

    /// Waits for room for `n` values.
    ///
    /// # Errors
    ///
    /// The receiver was closed or dropped, or `n` exceeds [`max_capacity`](Sender::max_capacity).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, it loses its place in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(8);
    /// // Room for all three, or wait: nobody's values come between.
    /// for (permit, word) in sender.reserve_many(3).await.unwrap().zip(["a", "b", "c"]) {
    ///     permit.send(word);
    /// }
    /// let mut words = Vec::new();
    /// assert_eq!(receiver.recv_many(&mut words, 8).await, 3);
    /// assert_eq!(words, ["a", "b", "c"]);
    /// # }
    /// ```
    pub async fn reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, SendError<()>> {
        if n > self.max_capacity() {
            return Err(SendError(()));
        }
        self.take_places(n).await?;
        Ok(PermitIterator { tx: &self.tx, count: n })
    }

    /// Waits for room for one value; the permit keeps the sender.
    ///
    /// # Errors
    ///
    /// The receiver was closed or dropped.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, it loses its place in line and drops the
    /// sender: clone the sender before to have one left.
    ///
    /// # Examples
    ///
    /// See [`OwnedPermit`].
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        self.take_places(1).await?;
        Ok(OwnedPermit { tx: Some(self.tx) })
    }

    /// Takes room for one value if it is there.
    ///
    /// # Errors
    ///
    /// As [`try_send`](Sender::try_send).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// let permit = sender.try_reserve().unwrap();
    /// assert!(sender.try_reserve().is_err());
    /// permit.send(5);
    /// assert_eq!(receiver.recv().await, Some(5));
    /// # }
    /// ```
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.try_take_places(1)?;
        Ok(Permit { tx: &self.tx })
    }

    /// Takes room for `n` values if it is there.
    ///
    /// # Errors
    ///
    /// As [`try_send`](Sender::try_send).
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::mpsc;
    ///
    /// let (sender, _receiver) = mpsc::channel::<u32>(4);
    /// let permits = sender.try_reserve_many(3).unwrap();
    /// assert_eq!(permits.len(), 3);
    /// assert!(sender.try_reserve_many(2).is_err());
    /// ```
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        if n > self.max_capacity() {
            return Err(TrySendError::Full(()));
        }
        self.try_take_places(n)?;
        Ok(PermitIterator { tx: &self.tx, count: n })
    }

    /// Takes room for one value if it is there; the permit keeps the sender.
    ///
    /// # Errors
    ///
    /// As [`try_send`](Sender::try_send); the error holds the sender.
    ///
    /// # Examples
    ///
    /// See [`OwnedPermit`].
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        match self.tx.chan.limit.permits.try_acquire(1) {
            Ok(()) => Ok(OwnedPermit { tx: Some(self.tx) }),
            Err(refusal) => Err(full_or_closed(refusal, self)),
        }
    }

    /// How many values could be sent now without waiting.
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    pub fn capacity(&self) -> usize {
        self.tx.chan.limit.permits.available()
    }

    /// How many values the channel holds at most.
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    pub fn max_capacity(&self) -> usize {
        self.tx.chan.limit.bound
    }

    async fn take_places(&self, count: usize) -> Result<(), SendError<()>> {
        let asking = Asking { tx: &self.tx };
        self.tx.chan.limit.permits.acquire(count).await.map_err(|_| SendError(()))?;
        std::mem::forget(asking);
        Ok(())
    }

    fn try_take_places(&self, count: usize) -> Result<(), TrySendError<()>> {
        let taken = self.tx.chan.limit.permits.try_acquire(count);
        taken.map_err(|refusal| full_or_closed(refusal, ()))
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
    /// let (sender, receiver) = mpsc::channel::<u32>(1);
    /// runtime::spawn(async move { drop(receiver) });
    /// // Stop the work whose result nobody takes.
    /// sender.closed().await;
    /// assert!(sender.is_closed());
    /// # }
    /// ```
    pub async fn closed(&self) {
        self.tx.closed().await;
    }

    /// A sender that does not keep the channel open.
    ///
    /// # Examples
    ///
    /// See [`WeakSender`].
    #[must_use = "this makes a weak sender and leaves `self` as it is"]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender { tx: self.tx.downgrade() }
    }
}

impl<T> Receiver<T> {
    /// Waits for a value. `None` when the channel is empty and no value will come: every sender is
    /// gone, or this was [closed](Receiver::close) and no permit is left.
    ///
    /// # Cancel safety
    ///
    /// No value is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(8);
    /// runtime::spawn(async move {
    ///     sender.send("last words").await.unwrap();
    /// });
    /// assert_eq!(receiver.recv().await, Some("last words"));
    /// // Every sender is gone, and nothing is left.
    /// assert_eq!(receiver.recv().await, None);
    /// # }
    /// ```
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
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(8);
    /// for n in 0..5 {
    ///     sender.send(n).await.unwrap();
    /// }
    /// drop(sender);
    /// let mut batch = Vec::new();
    /// assert_eq!(receiver.recv_many(&mut batch, 3).await, 3);
    /// assert_eq!(receiver.recv_many(&mut batch, 3).await, 2);
    /// assert_eq!(receiver.recv_many(&mut batch, 3).await, 0);
    /// assert_eq!(batch, [0, 1, 2, 3, 4]);
    /// # }
    /// ```
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
    /// ```
    /// use runtime::sync::mpsc::{self, error::TryRecvError};
    ///
    /// let (sender, mut receiver) = mpsc::channel(8);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.try_send(1).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    /// ```
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
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(8);
    /// let printer = std::thread::spawn(move || {
    ///     let mut lines = Vec::new();
    ///     while let Some(line) = receiver.blocking_recv() {
    ///         lines.push(line);
    ///     }
    ///     lines
    /// });
    /// sender.send("from a task").await.unwrap();
    /// drop(sender);
    /// assert_eq!(printer.join().unwrap(), ["from a task"]);
    /// # }
    /// ```
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Option<T> {
        park_on(self.recv())
    }

    /// Like [`recv_many`](Receiver::recv_many), on this thread, which sleeps.
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
    /// let (sender, mut receiver) = mpsc::channel(8);
    /// sender.blocking_send(1).unwrap();
    /// sender.blocking_send(2).unwrap();
    /// let mut batch = Vec::new();
    /// assert_eq!(receiver.blocking_recv_many(&mut batch, 10), 2);
    /// assert_eq!(batch, [1, 2]);
    /// ```
    #[track_caller]
    pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        park_on(self.recv_many(buffer, limit))
    }

    /// Closes the channel: senders get errors. Values that were sent before, or that are still sent
    /// with a permit, can be received.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(8);
    /// sender.send(1).await.unwrap();
    /// receiver.close();
    /// assert!(receiver.is_closed());
    /// assert!(sender.send(2).await.is_err());
    /// // What was sent before is still there.
    /// assert_eq!(receiver.recv().await, Some(1));
    /// assert_eq!(receiver.recv().await, None);
    /// # }
    /// ```
    pub fn close(&mut self) {
        self.rx.close();
    }

    /// Whether this was [closed](Receiver::close) or every sender is gone.
    ///
    /// # Examples
    ///
    /// See [`close`](Self::close).
    pub fn is_closed(&self) -> bool {
        self.rx.is_closed()
    }

    /// How many values could be sent now without waiting.
    ///
    /// # Examples
    ///
    /// See [`Receiver`].
    pub fn capacity(&self) -> usize {
        self.rx.chan.limit.permits.available()
    }

    /// How many values the channel holds at most.
    ///
    /// # Examples
    ///
    /// See [`Receiver`].
    pub fn max_capacity(&self) -> usize {
        self.rx.chan.limit.bound
    }

    /// Like [`recv`](Receiver::recv), for use in a hand-written future. After `Pending` the waker
    /// of the latest call is called. If the task has used up its budget this is `Pending` and wakes
    /// it at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use runtime::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(8);
    /// sender.send(1).await.unwrap();
    /// assert_eq!(poll_fn(|cx| receiver.poll_recv(cx)).await, Some(1));
    /// # }
    /// ```
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.rx.poll_recv(cx)
    }

    /// Like [`recv_many`](Receiver::recv_many), for use in a hand-written future.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use runtime::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(8);
    /// sender.send(1).await.unwrap();
    /// sender.send(2).await.unwrap();
    /// let mut batch = Vec::new();
    /// assert_eq!(poll_fn(|cx| receiver.poll_recv_many(cx, &mut batch, 8)).await, 2);
    /// assert_eq!(batch, [1, 2]);
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

impl<T> Permit<'_, T> {
    /// Sends `value`, without waiting. If the receiver is gone the value is dropped with the
    /// channel.
    ///
    /// # Examples
    ///
    /// See [`WeakSender`].
    pub fn send(self, value: T) {
        let this = ManuallyDrop::new(self);
        this.tx.fill(claim(this.tx), value);
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        give_back(self.tx, 1);
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("chan", &*self.tx.chan).finish()
    }
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Permit<'a, T>> {
        self.count = self.count.checked_sub(1)?;
        Some(Permit { tx: self.tx })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}
impl<T> std::iter::FusedIterator for PermitIterator<'_, T> {}

impl<T> Drop for PermitIterator<'_, T> {
    fn drop(&mut self) {
        give_back(self.tx, self.count);
    }
}

impl<T> fmt::Debug for PermitIterator<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermitIterator")
            .field("chan", &*self.tx.chan)
            .field("capacity", &self.count)
            .finish()
    }
}

impl<T> OwnedPermit<T> {
    /// Sends `value`, without waiting, and gives the sender back.
    ///
    /// # Examples
    ///
    /// See [`OwnedPermit`].
    pub fn send(mut self, value: T) -> Sender<T> {
        let Some(tx) = self.tx.take() else { unreachable!("a permit is used once") };
        tx.fill(claim(&tx), value);
        Sender { tx }
    }

    /// Gives the unused place back, and returns the sender.
    ///
    /// # Examples
    ///
    /// See [`OwnedPermit`].
    pub fn release(mut self) -> Sender<T> {
        let Some(tx) = self.tx.take() else { unreachable!("a permit is used once") };
        give_back(&tx, 1);
        Sender { tx }
    }

    /// Whether both are for the same channel.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::mpsc;
    ///
    /// let (sender, _receiver) = mpsc::channel::<u32>(2);
    /// let first = sender.clone().try_reserve_owned().unwrap();
    /// let second = sender.try_reserve_owned().unwrap();
    /// assert!(first.same_channel(&second));
    /// ```
    pub fn same_channel(&self, other: &Self) -> bool {
        matches!((&self.tx, &other.tx), (Some(this), Some(other)) if this.same_channel(other))
    }

    /// Whether this is for the channel of `sender`.
    ///
    /// # Examples
    ///
    /// See [`OwnedPermit`].
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.tx.as_ref().is_some_and(|tx| tx.same_channel(&sender.tx))
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(tx) = &self.tx {
            give_back(tx, 1);
        }
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chan = self.tx.as_ref().map(|tx| &*tx.chan);
        f.debug_struct("OwnedPermit").field("chan", &chan).finish()
    }
}

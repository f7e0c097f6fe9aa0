//! A channel for the latest value: senders change it, receivers see the newest one.
//!
//! ```
//! # runtime::Runtime::new().unwrap().block_on(async {
//! use runtime::sync::watch;
//!
//! let (sender, mut receiver) = watch::channel("starting");
//! std::thread::spawn(move || sender.send("running").unwrap());
//! receiver.changed().await.unwrap();
//! assert_eq!(*receiver.borrow_and_update(), "running");
//! # });
//! ```

// # How it works
//
// The value is behind a read-write lock. A word beside it holds the value's version and the flag
// CLOSED; each receiver remembers the version that it has seen.
//
// 1. The version changes only while the value's lock is held for writing. So a thread that holds it
//    for reading knows the version of the value that it sees.
// 2. A waiter gets in line first and then reads the word; a thread that changes the word notifies
//    afterwards. `PUBLISH` pairs with `OBSERVE`: what came before a new version, or before the last
//    sender was dropped, is visible to a thread that sees it in the word.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;

use self::error::{RecvError, SendError};
use super::Notify;
use super::sender_count::SenderCount;
use crate::engine::coop::cooperative;
use crate::engine::insight::{Kind, Object};
use crate::engine::primitive::atomic::{AtomicUsize, Ordering};
use crate::engine::primitive::{Arc, RwLock, RwLockReadGuard};

const CLOSED: usize = 1;
const ONE_VERSION: usize = 2;

/// Publishes a new version, the end, or what a receiver did before its drop. Pairs with `OBSERVE`.
const PUBLISH: Ordering = Ordering::Release;
/// Sees a new version, the end, or what a dropped receiver did. Pairs with `PUBLISH`.
const OBSERVE: Ordering = Ordering::Acquire;

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
    #[derive(PartialEq, Eq, Clone, Copy)]
    pub struct SendError<T>(pub T);

    impl<T> fmt::Debug for SendError<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("SendError").finish_non_exhaustive()
        }
    }

    impl<T> fmt::Display for SendError<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the channel has no receiver")
        }
    }

    impl<T> std::error::Error for SendError<T> {}

    /// Every sender is gone, so the value no longer changes.
    ///
    /// # Examples
    ///
    /// See [`Receiver::changed`](super::Receiver::changed).
    #[derive(Debug, Clone)]
    pub struct RecvError(pub(super) ());

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("every sender of the channel is gone")
        }
    }

    impl std::error::Error for RecvError {}
}

struct Shared<T> {
    value: RwLock<T>,
    state: AtomicUsize,
    senders: SenderCount,
    receivers: AtomicUsize,
    changed: Notify,
    receivers_gone: Notify,
}

impl<T> Shared<T> {
    /// The version and whether the senders are gone.
    fn observe(&self) -> (usize, bool) {
        let state = self.state.load(OBSERVE);
        (state & !CLOSED, state & CLOSED != 0)
    }

    /// Waits for another version than `seen`, and stores it there; or for the end of the channel.
    async fn wait_for_change(&self, seen: &mut usize) -> Result<(), RecvError> {
        loop {
            // Get in line first, then look.
            let changed = self.changed.notified();
            let (version, closed) = self.observe();
            if version != *seen {
                *seen = version;
                return Ok(());
            }
            if closed {
                return Err(RecvError(()));
            }
            changed.await;
        }
    }
}

/// Changes the value. Made by [`channel`].
///
/// # Examples
///
/// ```
/// use runtime::sync::watch::Sender;
///
/// let level = Sender::new(1);
/// level.send_modify(|level| *level += 1);
/// assert_eq!(level.send_replace(10), 2);
/// // Receivers are told only if the closure says `true`.
/// let changed = level.send_if_modified(|level| {
///     *level = (*level).min(5);
///     *level == 5
/// });
/// assert!(changed);
/// assert_eq!(*level.borrow(), 5);
/// ```
///
/// The other methods of a sender:
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::sync::watch::Sender;
///
/// let sender = Sender::new(1);
/// assert_eq!((sender.sender_count(), sender.receiver_count()), (1, 0));
/// assert!(sender.is_closed(), "nobody looks yet");
/// let receiver = sender.subscribe();
/// assert!(sender.same_channel(&sender.clone()));
/// assert!(!sender.is_closed());
/// drop(receiver);
/// sender.closed().await;
/// # }
/// ```
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

/// Looks at the value and waits for changes. Made by [`channel`] and [`Sender::subscribe`].
///
/// # Examples
///
/// ```
/// use runtime::sync::watch;
///
/// let (sender, mut receiver) = watch::channel(1);
/// assert!(!receiver.has_changed().unwrap());
/// sender.send(2).unwrap();
/// assert!(receiver.has_changed().unwrap());
/// // `borrow` leaves it marked as changed, `borrow_and_update` does not.
/// assert_eq!(*receiver.borrow(), 2);
/// assert_eq!(*receiver.borrow_and_update(), 2);
/// assert!(!receiver.has_changed().unwrap());
///
/// assert!(receiver.same_channel(&receiver.clone()));
/// drop(sender);
/// assert!(receiver.is_closed());
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The version that counts as seen.
    seen: usize,
}

/// A borrow of the value. It holds a lock: while it lives, no sender can change the value, and a
/// thread that tries is blocked. So hold it only briefly, and never across an `.await`.
///
/// # Examples
///
/// See [`Receiver::wait_for`].
pub struct Ref<'a, T> {
    value: RwLockReadGuard<'a, T>,
    has_changed: bool,
}

impl<T> Ref<'_, T> {
    /// Whether the borrowing receiver had not seen this value before. Always false for a sender's
    /// borrow.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::watch;
    ///
    /// let (sender, mut receiver) = watch::channel(1);
    /// sender.send(2).unwrap();
    /// assert!(receiver.borrow().has_changed());
    /// assert!(receiver.borrow_and_update().has_changed());
    /// assert!(!receiver.borrow().has_changed());
    /// ```
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ref")
            .field("inner", &**self)
            .field("has_changed", &self.has_changed)
            .finish()
    }
}

/// Creates a channel that holds `init`, which counts as seen by the receiver.
///
/// # Examples
///
/// ```
/// use runtime::sync::watch;
///
/// let (sender, receiver) = watch::channel("starting");
/// assert_eq!(*receiver.borrow(), "starting");
/// sender.send("running").unwrap();
/// assert_eq!(*receiver.borrow(), "running");
/// ```
#[track_caller]
pub fn channel<T>(init: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(init);
    let receiver = sender.subscribe();
    (sender, receiver)
}

impl<T> Sender<T> {
    /// A sender without receivers: see [`subscribe`](Sender::subscribe).
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    #[track_caller]
    pub fn new(init: T) -> Sender<T> {
        let place = Location::caller();
        Sender {
            shared: Arc::new(Shared {
                value: RwLock::new(init),
                state: AtomicUsize::new(0),
                senders: SenderCount::one(),
                receivers: AtomicUsize::new(0),
                changed: Notify::part_of(Object::new(Kind::WatchChanged, place)),
                receivers_gone: Notify::part_of(Object::new(Kind::WatchClosed, place)),
            }),
        }
    }

    /// Sets the value and notifies all receivers.
    ///
    /// # Errors
    ///
    /// Gives `value` back if there is no receiver; then the channel's value stays as it is. To set
    /// it without receivers use [`send_replace`](Sender::send_replace).
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::watch;
    ///
    /// let (sender, receiver) = watch::channel(1);
    /// sender.send(2).unwrap();
    /// drop(receiver);
    /// // Nobody looks: the value comes back.
    /// assert_eq!(sender.send(3).unwrap_err().0, 3);
    /// ```
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        let mut value = value;
        self.send_modify(|place| std::mem::swap(place, &mut value));
        Ok(())
    }

    /// Changes the value in place and notifies all receivers.
    ///
    /// # Panics
    ///
    /// If `modify` does; then receivers are not notified, and see the value as `modify` left it.
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    pub fn send_modify<F>(&self, modify: F)
    where
        F: FnOnce(&mut T),
    {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    /// Changes the value in place, and notifies all receivers if `modify` returns true. Returns the
    /// result of `modify`.
    ///
    /// # Panics
    ///
    /// As [`send_modify`](Sender::send_modify).
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    pub fn send_if_modified<F>(&self, modify: F) -> bool
    where
        F: FnOnce(&mut T) -> bool,
    {
        let mut value = self.shared.value.write();
        if !modify(&mut value) {
            return false;
        }
        self.shared.state.fetch_add(ONE_VERSION, PUBLISH);
        drop(value);
        self.shared.changed.notify_waiters(); // wake: watch.send
        true
    }

    /// Sets the value, with or without receivers, notifies them, and returns the former value.
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    pub fn send_replace(&self, mut value: T) -> T {
        self.send_modify(|place| std::mem::swap(place, &mut value));
        value
    }

    /// Borrows the value. The [`Ref`] holds a lock.
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref { value: self.shared.value.read(), has_changed: false }
    }

    /// Whether there is no receiver now. [`subscribe`](Sender::subscribe) makes one.
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    pub async fn closed(&self) {
        let wait = async {
            loop {
                // Get in line first, then look.
                let gone = self.shared.receivers_gone.notified();
                if self.is_closed() {
                    return;
                }
                gone.await;
            }
        };
        cooperative(wait).await;
    }

    /// A new receiver, for which the present value counts as seen.
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    pub fn subscribe(&self) -> Receiver<T> {
        let (seen, _) = self.shared.observe();
        Receiver::new(self.shared.clone(), seen)
    }

    /// How many receivers there are.
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers.load(OBSERVE)
    }

    /// How many senders there are.
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    pub fn sender_count(&self) -> usize {
        self.shared.senders.strong()
    }

    /// Whether both send into the same channel.
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    pub fn same_channel(&self, other: &Self) -> bool {
        std::ptr::eq(&*self.shared, &*other.shared)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.shared.senders.add();
        Sender { shared: self.shared.clone() }
    }
}

impl<T: Default> Default for Sender<T> {
    fn default() -> Sender<T> {
        Sender::new(T::default())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.shared.senders.leave() {
            // Publishes, with the end, what all senders did before their drop.
            self.shared.state.fetch_or(CLOSED, PUBLISH);
            self.shared.changed.notify_waiters(); // wake: watch.last_sender
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("value", &*self.shared.value.read()).finish_non_exhaustive()
    }
}

impl<T> Receiver<T> {
    fn new(shared: Arc<Shared<T>>, seen: usize) -> Receiver<T> {
        shared.receivers.fetch_add(1, Ordering::Relaxed);
        Receiver { shared, seen }
    }

    /// Borrows the value without marking it as seen. The [`Ref`] holds a lock.
    ///
    /// # Examples
    ///
    /// See [`Receiver`].
    pub fn borrow(&self) -> Ref<'_, T> {
        let value = self.shared.value.read();
        let (version, _) = self.shared.observe();
        Ref { value, has_changed: self.seen != version }
    }

    /// Borrows the value and marks it as seen. The [`Ref`] holds a lock.
    ///
    /// # Examples
    ///
    /// See [`Receiver`].
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let value = self.shared.value.read();
        let (version, _) = self.shared.observe();
        let has_changed = std::mem::replace(&mut self.seen, version) != version;
        Ref { value, has_changed }
    }

    /// Whether the value has changed since it was last seen.
    ///
    /// # Errors
    ///
    /// Every sender is gone.
    ///
    /// # Examples
    ///
    /// See [`Receiver`].
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        match self.shared.observe() {
            (_, true) => Err(RecvError(())),
            (version, false) => Ok(self.seen != version),
        }
    }

    /// Whether every sender is gone.
    ///
    /// # Examples
    ///
    /// See [`Receiver`].
    pub fn is_closed(&self) -> bool {
        self.shared.observe().1
    }

    /// Marks the present value as not seen.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::watch;
    ///
    /// let (_sender, mut receiver) = watch::channel("initial");
    /// // Treat the first value as news, too.
    /// receiver.mark_changed();
    /// receiver.changed().await.unwrap();
    /// assert_eq!(*receiver.borrow(), "initial");
    /// # }
    /// ```
    pub fn mark_changed(&mut self) {
        self.seen = self.shared.observe().0.wrapping_sub(ONE_VERSION);
    }

    /// Marks the present value as seen.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::watch;
    ///
    /// let (sender, mut receiver) = watch::channel(1);
    /// sender.send(2).unwrap();
    /// receiver.mark_unchanged();
    /// assert!(!receiver.has_changed().unwrap());
    /// ```
    pub fn mark_unchanged(&mut self) {
        self.seen = self.shared.observe().0;
    }

    /// Waits until the value has changed since it was last seen, and counts it as seen.
    ///
    /// # Errors
    ///
    /// Every sender is gone and the last value was seen.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped: if it was not ready, nothing was seen.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::watch;
    ///
    /// let (sender, mut receiver) = watch::channel(0);
    /// runtime::spawn(async move {
    ///     for n in 1..=3 {
    ///         sender.send(n).unwrap();
    ///     }
    /// });
    /// let mut last = 0;
    /// // Sees the latest value, perhaps not each; ends when the senders are gone.
    /// while receiver.changed().await.is_ok() {
    ///     last = *receiver.borrow_and_update();
    /// }
    /// assert_eq!(last, 3);
    /// # }
    /// ```
    pub async fn changed(&mut self) -> Result<(), RecvError> {
        cooperative(self.shared.wait_for_change(&mut self.seen)).await
    }

    /// Waits until `f` accepts the value, beginning with the present one. Values that were passed
    /// to `f` count as seen.
    ///
    /// # Panics
    ///
    /// Panics if `f` does.
    ///
    /// # Errors
    ///
    /// Every sender is gone and `f` did not accept the last value.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped, but values that `f` refused count as seen.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::watch;
    ///
    /// let (sender, mut receiver) = watch::channel(0);
    /// runtime::spawn(async move {
    ///     for percent in [10, 60, 100] {
    ///         sender.send(percent).unwrap();
    ///     }
    /// });
    /// let half = *receiver.wait_for(|percent| *percent >= 50).await.unwrap();
    /// assert!(half >= 50);
    /// # }
    /// ```
    pub async fn wait_for(
        &mut self,
        mut f: impl FnMut(&T) -> bool,
    ) -> Result<Ref<'_, T>, RecvError> {
        let shared = &*self.shared;
        let seen = &mut self.seen;
        let wait = async {
            let mut last = false;
            loop {
                {
                    let value = shared.value.read();
                    let (version, _) = shared.observe();
                    let has_changed = std::mem::replace(seen, version) != version;
                    if (has_changed || !last) && f(&value) {
                        return Ok(Ref { value, has_changed });
                    }
                }
                if last {
                    return Err(RecvError(()));
                }
                // After the end there is one more look, since the last value may have come with it.
                let mut version = *seen;
                last = shared.wait_for_change(&mut version).await.is_err();
            }
        };
        cooperative(wait).await
    }

    /// Whether both receive from the same channel.
    ///
    /// # Examples
    ///
    /// See [`Receiver`].
    pub fn same_channel(&self, other: &Self) -> bool {
        std::ptr::eq(&*self.shared, &*other.shared)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        Receiver::new(self.shared.clone(), self.seen)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if self.shared.receivers.fetch_sub(1, PUBLISH) == 1 {
            self.shared.receivers_gone.notify_waiters(); // wake: watch.last_receiver
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("value", &*self.shared.value.read())
            .field("seen", &(self.seen == self.shared.observe().0))
            .finish_non_exhaustive()
    }
}

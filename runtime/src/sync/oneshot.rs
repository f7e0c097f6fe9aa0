//! A channel for one value, from one sender to one receiver.
//!
//! [`Sender::send`] does not wait, so it may be called anywhere. The [`Receiver`] is a future.
//! Either side learns when the other has gone.
//!
//! ```
//! # runtime::Runtime::new().unwrap().block_on(async {
//! let (sender, receiver) = runtime::sync::oneshot::channel();
//! std::thread::spawn(move || sender.send(3).unwrap());
//! assert_eq!(receiver.await, Ok(3));
//! # });
//! ```

// # How it works
//
// Both halves share one allocation: a state word, the value, and a place for each side's waker.
//
// | bit     | set by          | meaning                                            |
// |---------|-----------------|----------------------------------------------------|
// | SENT    | sender          | it is done: the value is in the cell, or never will be |
// | CLOSED  | receiver        | it takes no value that is not yet SENT             |
// | RX_WAITS| receiver        | its waker may be stored                            |
// | TX_WAITS| sender          | its waker may be stored                            |
//
// 1. Before SENT only the sender touches the cell. It sets SENT by a compare-exchange that fails
//    once CLOSED is set; then the value stays the sender's.
// 2. After SENT only the receiver touches the cell; when it has gone, the last owner's drop does.
// 3. A side that must wait stores its waker, then sets its WAITS bit in the read-modify-write that
//    reads the other side's state. The other side either comes later and sees the bit, or came
//    earlier and its state is seen. The waker's lock orders the rest (`engine/waker_cell.rs`).
// 4. A side that no longer waits takes its own waker out, so that the waker, and with it a task's
//    memory, is not kept as long as the other side exists. No wake is lost by that, since only that
//    side would have been woken.
//
// `PUBLISH` pairs with `OBSERVE`: the value is written before SENT is set and read after it was
// seen; likewise what the receiver did before it closed is visible to a sender that sees CLOSED.
#![allow(unsafe_code, reason = "the value's cell, shared by turns under SENT; rules 1 and 2")]

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use self::error::{RecvError, TryRecvError};
use crate::engine::coop;
use crate::engine::insight::{Kind, Object};
use crate::engine::messages;
use crate::engine::park_on::park_on;
use crate::engine::primitive::atomic::{AtomicU32, Ordering};
use crate::engine::primitive::{Arc, UnsafeCell};
use crate::engine::trace::resource::{Op, Resource};
use crate::engine::waker_cell::WakerCell;

const SENT: u32 = 1;
const CLOSED: u32 = 2;
const RX_WAITS: u32 = 4;
const TX_WAITS: u32 = 8;

/// Publishes the value with SENT, and what the receiver did with CLOSED. Pairs with `OBSERVE`.
const PUBLISH: Ordering = Ordering::Release;
/// Sees what the other side published. Pairs with `PUBLISH`.
const OBSERVE: Ordering = Ordering::Acquire;
/// The receiver closes: publishes as [`PUBLISH`] does, and sees the value if SENT came first.
const SHUT: Ordering = Ordering::AcqRel;
/// Announces that a side waits; the lock around the waker orders the rest.
const ANNOUNCE: Ordering = Ordering::Acquire;

/// Errors of this channel.
///
/// # Examples
///
/// See [`Receiver::try_recv`].
pub mod error {
    use std::fmt;

    /// The sender was dropped without sending.
    ///
    /// # Examples
    ///
    /// See [`Receiver::blocking_recv`](super::Receiver::blocking_recv).
    #[derive(Debug, Eq, PartialEq, Clone)]
    pub struct RecvError(pub(super) ());

    /// Why [`try_recv`](super::Receiver::try_recv) returned no value.
    ///
    /// # Examples
    ///
    /// See [`Receiver::try_recv`](super::Receiver::try_recv).
    #[derive(Debug, Eq, PartialEq, Clone)]
    pub enum TryRecvError {
        /// The value has not been sent yet.
        Empty,
        /// The sender was dropped without sending, or the value was taken before.
        Closed,
    }

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the sender was dropped without sending a value")
        }
    }

    impl std::error::Error for RecvError {}

    impl fmt::Display for TryRecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(match self {
                TryRecvError::Empty => "no value has been sent yet",
                TryRecvError::Closed => "the sender was dropped without sending a value",
            })
        }
    }

    impl std::error::Error for TryRecvError {}
}

struct Shared<T> {
    state: AtomicU32,
    value: UnsafeCell<Option<T>>,
    rx_waker: WakerCell,
    tx_waker: WakerCell,
    /// What it is to a dump.
    object: Object,
}

// SAFETY: the state word decides which side may touch the cell (rules 1 and 2), so the value moves
// from one thread to another but is never shared; everything else is `Sync` by itself.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// The sender's last access, with or without a value in the cell. Returns whether the receiver
    /// can still take it.
    fn complete(&self) -> bool {
        let mut state = self.state.load(OBSERVE);
        let open = loop {
            if state & CLOSED != 0 {
                break false;
            }
            match self.state.compare_exchange_weak(state, state | SENT, PUBLISH, OBSERVE) {
                Ok(_) => break true,
                Err(now) => state = now,
            }
        };
        if open && state & RX_WAITS != 0 {
            self.rx_waker.wake(); // wake: oneshot.complete
        }
        if state & TX_WAITS != 0 {
            drop(self.tx_waker.take()); // rule 4
        }
        open
    }

    /// The receiver refuses values that are not SENT, and no longer waits. Returns the former
    /// state.
    fn close(&self) -> u32 {
        let before = self.state.fetch_or(CLOSED, SHUT);
        if before & TX_WAITS != 0 && before & (SENT | CLOSED) == 0 {
            self.tx_waker.wake(); // wake: oneshot.close
        }
        if before & RX_WAITS != 0 {
            drop(self.rx_waker.take()); // rule 4
        }
        before
    }

    /// Takes what is in the cell.
    ///
    /// # Safety
    ///
    /// The caller is the side whose turn it is: see rules 1 and 2.
    unsafe fn take(&self) -> Option<T> {
        self.value.with_mut(|value| {
            // SAFETY: the caller's promise: nobody else touches the cell now.
            unsafe { (*value).take() }
        })
    }
}

/// Creates a channel for one value.
///
/// # Examples
///
/// ```
/// let (sender, mut receiver) = runtime::sync::oneshot::channel();
/// sender.send("hello").unwrap();
/// assert_eq!(receiver.try_recv(), Ok("hello"));
/// ```
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let place = Location::caller();
    let resource = Resource::oneshot(place);
    let op = resource.receiving();
    let shared = Arc::new(Shared {
        state: AtomicU32::new(0),
        value: UnsafeCell::new(None),
        rx_waker: WakerCell::new(),
        tx_waker: WakerCell::new(),
        object: Object::new(Kind::OneshotReceive, place),
    });
    let sender = Sender { shared: Some(shared.clone()), resource: resource.clone() };
    (sender, Receiver { shared: Some(shared), resource, op })
}

/// Sends the value. Made by [`channel`].
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::sync::oneshot;
///
/// let (sender, receiver) = oneshot::channel();
/// assert!(!sender.is_closed());
/// sender.send("done").unwrap();
/// assert_eq!(receiver.await, Ok("done"));
/// # }
/// ```
pub struct Sender<T> {
    /// `None` only after `send`.
    shared: Option<Arc<Shared<T>>>,
    resource: Resource,
}

impl<T> Sender<T> {
    /// Sends `value`. `Ok` means that the receiver existed, not that it will take the value.
    ///
    /// # Errors
    ///
    /// Gives `value` back if the receiver was closed or dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::oneshot;
    ///
    /// let (sender, receiver) = oneshot::channel();
    /// drop(receiver);
    /// // Nobody takes it, so it comes back.
    /// assert_eq!(sender.send(1), Err(1));
    /// ```
    pub fn send(mut self, value: T) -> Result<(), T> {
        let Some(shared) = self.shared.take() else { unreachable!("only `send` takes it") };
        shared.value.with_mut(|cell| {
            // SAFETY: SENT is not set, so the cell is the sender's (rule 1).
            unsafe { *cell = Some(value) };
        });
        if shared.complete() {
            self.resource.value_sent();
            return Ok(());
        }
        // SAFETY: `complete` did not set SENT, so the cell is still the sender's (rule 1).
        match unsafe { shared.take() } {
            Some(value) => Err(value),
            None => unreachable!("the value was written above and nobody else may take it"),
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
    /// # runtime::Runtime::new().unwrap().block_on(async {
    /// let (mut sender, receiver) = runtime::sync::oneshot::channel::<u8>();
    /// drop(receiver);
    /// sender.closed().await;
    /// assert!(sender.is_closed());
    /// # });
    /// ```
    pub async fn closed(&mut self) {
        let closed = self.resource.clone().wait("Sender::closed", "poll_closed", || {
            std::future::poll_fn(|cx| self.poll_closed(cx))
        });
        closed.await
    }

    /// Whether the receiver was closed or dropped.
    ///
    /// # Examples
    ///
    /// See [`Sender`].
    pub fn is_closed(&self) -> bool {
        self.shared().state.load(OBSERVE) & CLOSED != 0
    }

    /// Like [`closed`](Sender::closed), for use in a hand-written future: `Ready` once the receiver
    /// is closed or dropped. Only the waker of the latest call is woken.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use runtime::sync::oneshot;
    ///
    /// let (mut sender, receiver) = oneshot::channel::<u32>();
    /// drop(receiver);
    /// poll_fn(|cx| sender.poll_closed(cx)).await;
    /// assert!(sender.is_closed());
    /// # }
    /// ```
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let coop = ready!(coop::poll_proceed(cx));
        let shared = self.shared();
        if shared.state.load(OBSERVE) & CLOSED == 0 {
            shared.tx_waker.register(cx.waker());
            if shared.state.fetch_or(TX_WAITS, ANNOUNCE) & CLOSED == 0 {
                shared.object.note(CLOSED as usize);
                return Poll::Pending;
            }
            drop(shared.tx_waker.take()); // rule 4
        }
        coop.made_progress();
        Poll::Ready(())
    }

    fn shared(&self) -> &Shared<T> {
        self.shared.as_ref().expect("only `send` takes it")
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.complete();
            self.resource.tx_dropped();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// A future of the value. Made by [`channel`].
///
/// Await it, or `&mut` it, for `Result<T, RecvError>`.
///
/// # Panics
///
/// Panics when polled again after it was ready.
///
/// # Errors
///
/// The sender was dropped without sending, or the receiver was [closed](Receiver::close) before.
///
/// # Cancel safety
///
/// `&mut receiver` may be awaited again and again, for instance in a `select!`: nothing is lost.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::sync::oneshot;
///
/// let (sender, mut receiver) = oneshot::channel::<u32>();
/// assert!(receiver.is_empty() && !receiver.is_terminated());
/// drop(sender);
/// assert!((&mut receiver).await.is_err());
/// assert!(receiver.is_terminated());
/// # }
/// ```
pub struct Receiver<T> {
    /// `None` once the outcome was returned.
    shared: Option<Arc<Shared<T>>>,
    resource: Resource,
    op: Op,
}

impl<T> Receiver<T> {
    /// Refuses a value from now on; one that was sent before can still be received.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::oneshot;
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// receiver.close();
    /// assert_eq!(sender.send(1), Err(1));
    /// assert!(receiver.try_recv().is_err());
    /// ```
    pub fn close(&mut self) {
        if let Some(shared) = &self.shared {
            shared.close();
        }
    }

    /// Whether the outcome was returned already, so that polling again would panic.
    ///
    /// # Examples
    ///
    /// See [`Receiver`].
    pub fn is_terminated(&self) -> bool {
        self.shared.is_none()
    }

    /// Whether no value is there to be taken: none was sent yet, none will be, or it was taken.
    ///
    /// # Examples
    ///
    /// See [`Receiver`].
    pub fn is_empty(&self) -> bool {
        let Some(shared) = &self.shared else { return true };
        if shared.state.load(OBSERVE) & SENT == 0 {
            return true;
        }
        // SAFETY: SENT is set and seen, so the cell is the receiver's, which is borrowed (rule 2).
        shared.value.with(|value| unsafe { (*value).is_none() })
    }

    /// Takes the value if it is there.
    ///
    /// # Errors
    ///
    /// `Empty` if it may still come, `Closed` if it never will or was taken before.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::oneshot::{self, error::TryRecvError};
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let Some(shared) = &self.shared else { return Err(TryRecvError::Closed) };
        let state = shared.state.load(OBSERVE);
        if state & (SENT | CLOSED) == 0 {
            return Err(TryRecvError::Empty);
        }
        let outcome = Self::outcome(shared, state, &self.resource);
        self.shared = None;
        outcome.map_err(|RecvError(())| TryRecvError::Closed)
    }

    /// Waits for the value on this thread, which sleeps. For code outside async.
    ///
    /// # Panics
    ///
    /// Panics in an async context.
    ///
    /// # Errors
    ///
    /// The sender was dropped without sending.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = runtime::sync::oneshot::channel();
    /// std::thread::spawn(move || sender.send(7));
    /// assert_eq!(receiver.blocking_recv(), Ok(7));
    /// ```
    #[track_caller]
    pub fn blocking_recv(self) -> Result<T, RecvError> {
        park_on(self)
    }

    /// The outcome; `state` has SENT or CLOSED.
    fn outcome(shared: &Shared<T>, state: u32, resource: &Resource) -> Result<T, RecvError> {
        if state & SENT == 0 {
            return Err(RecvError(()));
        }
        // SAFETY: SENT is set and seen, so the cell is the receiver's (rule 2).
        let value = unsafe { shared.take() }.ok_or(RecvError(()))?;
        resource.value_received();
        Ok(value)
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Receiver { shared, resource, op } = &mut *self;
        resource.within(|| op.poll(|| Self::poll_recv(shared, resource, cx)))
    }
}

impl<T> Receiver<T> {
    fn poll_recv(
        place: &mut Option<Arc<Shared<T>>>,
        resource: &Resource,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, RecvError>> {
        let coop = ready!(coop::poll_proceed(cx));
        let shared = place.as_ref().expect(messages::ONESHOT_POLLED_AGAIN);
        let mut state = shared.state.load(OBSERVE);
        if state & (SENT | CLOSED) == 0 {
            shared.rx_waker.register(cx.waker());
            state = shared.state.fetch_or(RX_WAITS, ANNOUNCE);
            if state & SENT == 0 {
                shared.object.note(0);
                return Poll::Pending;
            }
            // The waker is freed with the allocation, which the sender is about to release, too.
        }
        let outcome = Self::outcome(shared, state, resource);
        *place = None;
        coop.made_progress();
        Poll::Ready(outcome)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let Some(shared) = &self.shared else { return };
        self.resource.rx_dropped();
        if shared.close() & SENT != 0 {
            // SAFETY: SENT is set and seen, so the cell is the receiver's (rule 2). The value goes
            // now, not when the sender lets go of the allocation.
            drop(unsafe { shared.take() });
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("terminated", &self.is_terminated())
            .finish_non_exhaustive()
    }
}

//! What both kinds of channel share: the list, the counts of senders, the receiver's sleep.
//!
//! 1. The receiver sleeps after it has stored its waker, marked the slot at the head and then
//!    checked once more for the end. A sender that fills that slot sees the mark. A thread that
//!    brings the end (the last sender, the last permit after `close`) first changes a word and then
//!    takes the waker.
//! 2. The head belongs to the receiver, and to the drop of the channel when all halves are gone.
#![allow(
    unsafe_code,
    reason = "the head's cell, which belongs to one half (rule 2), and its values"
)]

use std::fmt;
use std::mem::MaybeUninit;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::task::{Context, Poll, ready};

use super::error::TryRecvError;
use super::list::{Claim, Head, List};
use crate::engine::coop;
use crate::engine::insight::{Kind, Object};
use crate::engine::primitive::{Arc, UnsafeCell};
use crate::engine::waker_cell::WakerCell;
use crate::sync::Notify;
use crate::sync::sender_count::SenderCount;

/// The limit of a channel's senders.
pub(super) trait Limit {
    /// Gives back the places of `count` values that were taken out.
    fn release(&self, count: usize);
    /// The task that is being polled here receives.
    fn received(&self);
    /// The receiver takes no more, but for what already has a permit.
    fn close<T>(&self, list: &List<T>);
    /// Whether `close` was called.
    fn is_closed<T>(&self, list: &List<T>) -> bool;
    /// Whether `close` was called and no permit is left.
    fn is_over(&self) -> bool;
}

pub(super) struct Chan<T, L> {
    list: List<T>,
    pub(super) limit: L,
    rx_waker: WakerCell,
    pub(super) senders: SenderCount,
    rx_closed: Notify,
    /// What it is to a dump of its receiver.
    object: Object,
    head: UnsafeCell<Head<T>>,
}

// SAFETY: values go from sender to receiver and are never shared; the head belongs to one half
// (rule 2); the rest is `Sync` by itself.
unsafe impl<T: Send, L: Send> Send for Chan<T, L> {}
// SAFETY: as above.
unsafe impl<T: Send, L: Sync> Sync for Chan<T, L> {}

// No user code runs between the steps of a change.
impl<T, L> UnwindSafe for Chan<T, L> {}
impl<T, L> RefUnwindSafe for Chan<T, L> {}

impl<T, L> Drop for Chan<T, L> {
    fn drop(&mut self) {
        self.head.with_mut(|head| {
            // SAFETY: the last owner of the channel is here, so there is neither a sender nor a
            // receiver (rule 2).
            unsafe { (*head).free() };
        });
    }
}

/// A sender's reference to the channel.
pub(super) struct Tx<T, L> {
    pub(super) chan: Arc<Chan<T, L>>,
}

/// A weak sender's reference to the channel.
pub(super) struct WeakTx<T, L> {
    pub(super) chan: Arc<Chan<T, L>>,
}

/// The receiver's reference to the channel.
pub(super) struct Rx<T, L: Limit> {
    pub(super) chan: Arc<Chan<T, L>>,
}

pub(super) fn channel<T, L: Limit>(
    limit: L,
    place: &'static Location<'static>,
) -> (Tx<T, L>, Rx<T, L>) {
    let (list, head) = List::new();
    let chan = Arc::new(Chan {
        list,
        limit,
        rx_waker: WakerCell::new(),
        senders: SenderCount::one(),
        rx_closed: Notify::part_of(Object::new(Kind::MpscClosed, place)),
        object: Object::new(Kind::MpscReceive, place),
        head: UnsafeCell::new(head),
    });
    (Tx { chan: chan.clone() }, Rx { chan })
}

impl<T, L> Tx<T, L> {
    /// Takes the slot for a value for which there is room; `None` if the list is closed. Pass it to
    /// [`fill`](Tx::fill) at once.
    #[inline]
    pub(super) fn claim(&self) -> Option<Claim<'_, T>> {
        self.chan.list.claim()
    }

    /// Sends a value.
    #[inline]
    pub(super) fn fill(&self, claim: Claim<'_, T>, value: T) {
        if claim.fill(value) {
            self.chan.rx_waker.wake(); // wake: mpsc.push
        }
    }

    /// Wakes the receiver to look for the end.
    pub(super) fn wake_receiver(&self) {
        self.chan.rx_waker.wake(); // wake: mpsc.permit
    }

    pub(super) fn same_channel(&self, other: &Self) -> bool {
        std::ptr::eq(&*self.chan, &*other.chan)
    }

    pub(super) fn downgrade(&self) -> WeakTx<T, L> {
        self.chan.senders.add_weak();
        WeakTx { chan: self.chan.clone() }
    }
}

impl<T, L: Limit> Tx<T, L> {
    pub(super) fn is_closed(&self) -> bool {
        self.chan.limit.is_closed(&self.chan.list)
    }

    pub(super) async fn closed(&self) {
        // Get in line first, then look, so that a close in between is not missed.
        let closed = self.chan.rx_closed.notified();
        if !self.is_closed() {
            closed.await;
        }
    }
}

impl<T, L> Clone for Tx<T, L> {
    fn clone(&self) -> Self {
        self.chan.senders.add();
        Tx { chan: self.chan.clone() }
    }
}

impl<T, L> Drop for Tx<T, L> {
    fn drop(&mut self) {
        if self.chan.senders.leave() {
            self.chan.list.close();
            self.chan.rx_waker.wake(); // wake: mpsc.last_sender
        }
    }
}

impl<T, L> WeakTx<T, L> {
    pub(super) fn upgrade(&self) -> Option<Tx<T, L>> {
        self.chan.senders.try_add().then(|| Tx { chan: self.chan.clone() })
    }
}

impl<T, L> Clone for WeakTx<T, L> {
    fn clone(&self) -> Self {
        self.chan.senders.add_weak();
        WeakTx { chan: self.chan.clone() }
    }
}

impl<T, L> Drop for WeakTx<T, L> {
    fn drop(&mut self) {
        self.chan.senders.leave_weak();
    }
}

impl<T, L: Limit> Rx<T, L> {
    #[inline]
    fn head<R>(&mut self, f: impl FnOnce(&Chan<T, L>, &mut Head<T>) -> R) -> R {
        let chan = &*self.chan;
        chan.head.with_mut(|head| {
            // SAFETY: the head is the receiver's (rule 2), which is borrowed exclusively.
            f(chan, unsafe { &mut *head })
        })
    }

    #[inline]
    pub(super) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let coop = ready!(coop::poll_proceed(cx));
        let mut value = MaybeUninit::uninit();
        let taken = ready!(self.head(|chan, head| {
            if !head.is_ready() && !ready!(chan.wait(head, cx)) {
                return Poll::Ready(false);
            }
            // SAFETY: it is ready.
            unsafe { head.take(&mut value) };
            chan.limit.release(1); // wake: mpsc.recv
            Poll::Ready(true)
        }));
        coop.made_progress_and(|| self.chan.limit.received());
        // SAFETY: `take` has written it.
        Poll::Ready(if taken { Some(unsafe { value.assume_init() }) } else { None })
    }

    pub(super) fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        if limit == 0 {
            return Poll::Ready(0);
        }
        let coop = ready!(coop::poll_proceed(cx));
        let count = self.head(|chan, head| {
            let mut count = chan.take_many(head, buffer, limit);
            if count == 0 {
                if !ready!(chan.wait(head, cx)) {
                    return Poll::Ready(0);
                }
                count = chan.take_many(head, buffer, limit);
            }
            chan.limit.release(count); // wake: mpsc.recv_many
            Poll::Ready(count)
        });
        if count.is_ready() {
            coop.made_progress_and(|| self.chan.limit.received());
        }
        count
    }

    #[inline]
    pub(super) fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let mut value = MaybeUninit::uninit();
        self.head(|chan, head| {
            chan.look(head)?;
            // SAFETY: it is ready.
            unsafe { head.take(&mut value) };
            chan.limit.release(1); // wake: mpsc.try_recv
            Ok(())
        })?;
        // SAFETY: `take` has written it.
        Ok(unsafe { value.assume_init() })
    }

    /// Drops the next value in place.
    fn discard(&mut self) -> Result<(), TryRecvError> {
        self.head(|chan, head| {
            chan.look(head)?;
            // The place is given back also if the value's drop panics.
            struct Release<'a, L: Limit>(&'a L);
            impl<L: Limit> Drop for Release<'_, L> {
                fn drop(&mut self) {
                    self.0.release(1); // wake: mpsc.discard
                }
            }
            let _release = Release(&chan.limit);
            head.discard();
            Ok(())
        })
    }

    pub(super) fn close(&mut self) {
        if !self.chan.limit.is_closed(&self.chan.list) {
            self.chan.limit.close(&self.chan.list);
            self.chan.rx_closed.notify_waiters(); // wake: mpsc.close
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.chan.limit.is_closed(&self.chan.list) || self.chan.list.is_closed()
    }

    pub(super) fn len(&self) -> usize {
        self.chan.head.with(|head| {
            // SAFETY: the head is the receiver's (rule 2), which is borrowed: nobody changes it.
            unsafe { (*head).len(&self.chan.list) }
        })
    }
}

impl<T, L: Limit> Chan<T, L> {
    /// Whether there is a value. A sender may still be writing it while a later sender has
    /// finished. The caller may know of the later one, so this waits for the earlier one.
    #[inline]
    fn look(&self, head: &Head<T>) -> Result<(), TryRecvError> {
        if head.is_ready() { Ok(()) } else { self.look_again(head) }
    }

    #[cold]
    fn look_again(&self, head: &Head<T>) -> Result<(), TryRecvError> {
        if head.is_behind(&self.list) {
            head.wait_for_begun();
            Ok(())
        } else if self.is_finished(head) {
            Err(TryRecvError::Disconnected)
        } else {
            Err(TryRecvError::Empty)
        }
    }

    /// Goes to sleep, or finds a value or the end (rule 1). `Ready` says whether there is a value.
    #[cold]
    fn wait(&self, head: &mut Head<T>, cx: &mut Context<'_>) -> Poll<bool> {
        self.rx_waker.register(cx.waker());
        let news = if !head.prepare_to_wait() {
            // Also sees the value.
            head.is_ready()
        } else if self.is_finished(head) {
            false
        } else {
            self.limit.received();
            self.object.note(0);
            return Poll::Pending;
        };
        // The receiver does not wait after all, so its waker is removed.
        drop(self.rx_waker.take());
        Poll::Ready(news)
    }

    fn is_finished(&self, head: &Head<T>) -> bool {
        head.is_finished(&self.list) || self.limit.is_over()
    }

    fn take_many(&self, head: &mut Head<T>, buffer: &mut Vec<T>, limit: usize) -> usize {
        let before = buffer.len();
        buffer.extend(std::iter::from_fn(|| head.pop()).take(limit));
        buffer.len() - before
    }
}

impl<T, L: Limit> Drop for Rx<T, L> {
    fn drop(&mut self) {
        /// Drops what was sent. If the drop of a value panics, the rest is dropped while unwinding.
        struct Rest<'a, T, L: Limit>(&'a mut Rx<T, L>);

        impl<T, L: Limit> Drop for Rest<'_, T, L> {
            fn drop(&mut self) {
                while self.0.discard().is_ok() {}
            }
        }

        self.close();
        // No task waits here any more; its waker need not live as long as the senders.
        drop(self.chan.rx_waker.take());
        let rest = Rest(self);
        while rest.0.discard().is_ok() {}
    }
}

impl<T, L> fmt::Debug for Chan<T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chan")
            .field("senders", &self.senders.strong())
            .field("weak_senders", &self.senders.weak())
            .field("all_senders_gone", &self.list.is_closed())
            .finish_non_exhaustive()
    }
}

/// What the halves of a channel of either kind say of it, and how they are cloned and shown: by
/// name, with the channel.
macro_rules! halves {
    ($sender:ident, $weak_sender:ident, $receiver:ident) => {
        impl<T> Clone for $sender<T> {
            fn clone(&self) -> Self {
                $sender { tx: self.tx.clone() }
            }
        }

        impl<T> Clone for $weak_sender<T> {
            fn clone(&self) -> Self {
                $weak_sender { tx: self.tx.clone() }
            }
        }

        impl<T> $sender<T> {
            /// Whether the receiver was closed or dropped.
            ///
            /// # Examples
            ///
            /// See [`Self`].
            pub fn is_closed(&self) -> bool {
                self.tx.is_closed()
            }

            /// Whether both send into the same channel.
            ///
            /// # Examples
            ///
            /// See [`Self`].
            pub fn same_channel(&self, other: &Self) -> bool {
                self.tx.same_channel(&other.tx)
            }

            /// How many senders there are.
            ///
            /// # Examples
            ///
            /// See [`Self`].
            pub fn strong_count(&self) -> usize {
                self.tx.chan.senders.strong()
            }

            /// How many weak senders there are.
            ///
            /// # Examples
            ///
            /// See [`Self`].
            pub fn weak_count(&self) -> usize {
                self.tx.chan.senders.weak()
            }
        }

        impl<T> $weak_sender<T> {
            /// A sender, if there is still one: when the last has gone the channel stays closed.
            ///
            /// # Examples
            ///
            /// See [`Self`].
            pub fn upgrade(&self) -> Option<$sender<T>> {
                Some($sender { tx: self.tx.upgrade()? })
            }

            /// How many senders there are.
            ///
            /// # Examples
            ///
            /// See [`Self`].
            pub fn strong_count(&self) -> usize {
                self.tx.chan.senders.strong()
            }

            /// How many weak senders there are.
            ///
            /// # Examples
            ///
            /// See [`Self`].
            pub fn weak_count(&self) -> usize {
                self.tx.chan.senders.weak()
            }
        }

        impl<T> $receiver<T> {
            /// Whether nothing is in the channel now.
            ///
            /// # Examples
            ///
            /// See [`Self`].
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// How many values are in the channel now.
            ///
            /// # Examples
            ///
            /// See [`Self`].
            pub fn len(&self) -> usize {
                self.rx.len()
            }

            /// How many senders there are.
            ///
            /// # Examples
            ///
            /// See [`Self`].
            pub fn sender_strong_count(&self) -> usize {
                self.rx.chan.senders.strong()
            }

            /// How many weak senders there are.
            ///
            /// # Examples
            ///
            /// See [`Self`].
            pub fn sender_weak_count(&self) -> usize {
                self.rx.chan.senders.weak()
            }
        }

        chan::shown!($sender: tx, $weak_sender: tx, $receiver: rx);
    };
}
pub(super) use halves;

/// Implements `Debug`: each half's name, with its channel.
macro_rules! shown {
    ($($half:ident: $share:ident),*) => { $(
        impl<T> fmt::Debug for $half<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($half)).field("chan", &*self.$share.chan).finish()
            }
        }
    )* };
}
pub(super) use shown;

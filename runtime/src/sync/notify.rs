//! A wake-up without a value.
//!
//! # State
//!
//! One word, and a queue behind a lock.
//!
//! ```text
//!   63                                        2  1      0
//!  +-------------------------------------------+---------+
//!  | how often notify_waiters was called       | phase   |
//!  +-------------------------------------------+---------+
//! ```
//!
//! | phase    | meaning                                            |
//! |----------|----------------------------------------------------|
//! | EMPTY    | the line is empty, and there is no notification    |
//! | WAITING  | the line is not empty                              |
//! | NOTIFIED | there is a notification for the next waiter        |
//!
//! # Invariants
//!
//! 1. The phase moves to and from WAITING only under the lock. Whenever the lock is free, the phase
//!    is WAITING exactly when the line is not empty. It moves between EMPTY and NOTIFIED without
//!    the lock.
//! 2. While the phase is WAITING the count changes only under the lock, and then every entry is
//!    taken out of the line. A `Notified` remembers the count at its creation: another count means
//!    that it was notified, whether or not it was in line.
//! 3. A notifier that finds the phase WAITING takes the lock and finds the waiter there. A waiter
//!    lines up with a compare-exchange of the phase, which fails if a notification has come. No
//!    wake is lost.
//! 4. A waiter that was notified alone has an entry, outside the line, that says so until it reads
//!    it. If such a waiter leaves, it passes the notification on, to the end of the line for which
//!    it was meant.
//! 5. `alone` counts these entries, under the lock. A waiter that finds another count than its own
//!    in the word, and none `alone`, has no entry any more, and need not take the lock. It reads
//!    `alone` after the word, so it sees its own entry counted if it has one: the thread that wrote
//!    that count took the lock after the one that notified the waiter alone.
//!
//! # Orderings
//!
//! [`NOTIFY`] pairs with [`NOTICE`]: what happened before a notification is visible to the waiter
//! that gets it, from the word (a permit, or the count) or through the lock (an entry). `alone` is
//! `Relaxed`: the lock and the word order it.

use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use crate::engine::coop;
use crate::engine::insight::{Kind, Object};
use crate::engine::primitive::atomic::{AtomicUsize, Ordering};
use crate::engine::primitive::{Mutex, MutexGuard, const_fn};
use crate::engine::wait_queue::{Key, WaitQueue};
use crate::engine::wake_list::WakeList;

const EMPTY: usize = 0;
const WAITING: usize = 1;
const NOTIFIED: usize = 2;
const PHASE: usize = 3;
const ONE_CALL: usize = 4;

/// Publishes what came before the notification. Pairs with [`NOTICE`].
const NOTIFY: Ordering = Ordering::Release;
/// Sees what came before the notification. Pairs with [`NOTIFY`].
const NOTICE: Ordering = Ordering::Acquire;

/// Which end of the line a notification goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    First,
    Last,
}

#[derive(Debug)]
struct Waiter {
    waker: Option<Waker>,
    /// The end of the line at which it was notified alone, if it was.
    notified: Option<End>,
}

type Queue<'a> = MutexGuard<'a, WaitQueue<Waiter>>;

/// Wakes tasks that wait for an event.
///
/// It holds at most one notification: [`notify_one`](Notify::notify_one) wakes the task that has
/// waited longest, or lets the next one pass at once. [`notify_waiters`](Notify::notify_waiters)
/// wakes all tasks that wait now and leaves no notification.
///
/// # Examples
///
/// ```
/// # runtime::Runtime::new().unwrap().block_on(async {
/// use std::sync::Arc;
/// use runtime::sync::Notify;
///
/// let ready = Arc::new(Notify::new());
/// let other = ready.clone();
/// std::thread::spawn(move || other.notify_one());
/// ready.notified().await;
/// # });
/// ```
pub struct Notify {
    state: AtomicUsize,
    /// How many entries belong to waiters that were notified alone.
    alone: AtomicUsize,
    queue: Mutex<WaitQueue<Waiter>>,
    /// What it is to a dump.
    object: Object,
}

impl UnwindSafe for Notify {}
impl RefUnwindSafe for Notify {}

impl Notify {
    /// Without a notification.
    ///
    /// # Examples
    ///
    /// See [`Notify`].
    #[track_caller]
    pub fn new() -> Notify {
        Notify::const_new()
    }

    const_fn! {
    /// Without a notification, for a `static`.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::Notify;
    ///
    /// static RELOAD: Notify = Notify::const_new();
    ///
    /// RELOAD.notify_one();
    /// RELOAD.notified().await;
    /// # }
    /// ```
    #[track_caller]
    pub const fn const_new() -> Notify {
        Notify::part_of(Object::new(Kind::Notify, Location::caller()))
    }
    }

    const_fn! {
    /// What something else is made of, which is that object to a dump.
    pub(crate) const fn part_of(object: Object) -> Notify {
        Notify {
            state: AtomicUsize::new(EMPTY),
            alone: AtomicUsize::new(0),
            queue: Mutex::new(WaitQueue::new()),
            object,
        }
    }
    }

    /// Waits for a notification.
    ///
    /// The future counts as waiting for [`notify_waiters`](Notify::notify_waiters) from its
    /// creation, and for [`notify_one`](Notify::notify_one) from its first poll or
    /// [`enable`](Notified::enable).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped it loses its place in line. A notification of `notify_one` that it
    /// was given in the meantime goes to the next waiter.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use runtime::sync::Notify;
    ///
    /// let ready = Arc::new(Notify::new());
    /// let waiting = ready.notified();
    /// runtime::spawn({
    ///     let ready = ready.clone();
    ///     async move { ready.notify_one() }
    /// });
    /// waiting.await;
    /// # }
    /// ```
    pub fn notified(&self) -> Notified<'_> {
        Notified { notify: self, wait: self.wait(), pinned: PhantomPinned }
    }

    /// Like [`notified`](Notify::notified), for a future that keeps the `Notify` alive.
    ///
    /// # Cancel safety
    ///
    /// As [`notified`](Notify::notified).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use runtime::sync::Notify;
    ///
    /// let ready = Arc::new(Notify::new());
    /// let task = runtime::spawn(ready.clone().notified_owned());
    /// ready.notify_one();
    /// task.await.unwrap();
    /// # }
    /// ```
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        let wait = self.wait();
        OwnedNotified { notify: self, wait, pinned: PhantomPinned }
    }

    /// Notifies the task that has waited longest; if none waits, the next one to wait. Several
    /// calls while no task waits leave one notification.
    ///
    /// # Examples
    ///
    /// If no task waits, the notification is kept for the next one. There is at most one:
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::Notify;
    ///
    /// let notify = Notify::new();
    /// notify.notify_one();
    /// notify.notify_one();
    /// notify.notified().await;
    /// // The second was the same as the first: another wait would not end.
    /// let mut next = std::pin::pin!(notify.notified());
    /// assert!(!next.as_mut().enable());
    /// # }
    /// ```
    pub fn notify_one(&self) {
        self.notify(End::First);
    }

    /// Notifies the task that began to wait last; if none waits, the next one to wait.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::Notify;
    /// use std::pin::pin;
    ///
    /// let notify = Notify::new();
    /// let (mut first, mut second) = (pin!(notify.notified()), pin!(notify.notified()));
    /// assert!(!first.as_mut().enable() && !second.as_mut().enable());
    /// notify.notify_last();
    /// // The one who came last is served.
    /// second.await;
    /// assert!(!first.as_mut().enable());
    /// # }
    /// ```
    pub fn notify_last(&self) {
        self.notify(End::Last);
    }

    /// Notifies all tasks that wait now: every [`Notified`] made before this call.
    ///
    /// # Examples
    ///
    /// ```
    /// # runtime::Runtime::new().unwrap().block_on(async {
    /// let notify = runtime::sync::Notify::new();
    /// let (first, second) = (notify.notified(), notify.notified());
    /// notify.notify_waiters();
    /// first.await;
    /// second.await;
    /// # });
    /// ```
    pub fn notify_waiters(&self) {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & PHASE != WAITING {
            let next = state.wrapping_add(ONE_CALL);
            match self.state.compare_exchange_weak(state, next, NOTIFY, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => state = now,
            }
        }
        self.notify_line();
    }

    #[cold]
    fn notify_line(&self) {
        let mut wakers = WakeList::new();
        let mut queue = self.queue.lock();
        let before = self.state.fetch_add(ONE_CALL, NOTIFY);
        if before & PHASE == WAITING {
            while let Some((_, waiter)) = queue.take_front() {
                waiter.waker.into_iter().for_each(|waker| wakers.push(waker));
            }
            self.state.fetch_and(!PHASE, Ordering::Relaxed);
        }
        drop(queue);
        wakers.wake_all(); // wake: notify.notify_waiters
    }

    fn wait(&self) -> Wait {
        Wait { calls: self.state.load(NOTICE) & !PHASE, key: None, done: false }
    }

    fn notify(&self, end: End) {
        if self.leave_notification() {
            return;
        }
        let queue = self.queue.lock();
        self.notify_locked(queue, end);
    }

    /// Leaves a notification for the next waiter. Returns false, and leaves none, if a task waits.
    fn leave_notification(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & PHASE != WAITING {
            let next = state & !PHASE | NOTIFIED;
            match self.state.compare_exchange_weak(state, next, NOTIFY, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    fn notify_locked(&self, mut queue: Queue<'_>, end: End) {
        let waiter = match end {
            End::First => queue.pop_front(),
            End::Last => queue.pop_back(),
        };
        let Some(waiter) = waiter else {
            // Under the lock an empty line stays empty.
            self.leave_notification();
            return;
        };
        waiter.notified = Some(end);
        let waker = waiter.waker.take();
        self.count_alone(1);
        self.settle(&queue);
        drop(queue);
        if let Some(waker) = waker {
            waker.wake(); // wake: notify.notify_one
        }
    }

    /// Restores invariant 1 after a waiter has left the line.
    fn settle(&self, queue: &Queue<'_>) {
        if queue.is_empty() && self.state.load(Ordering::Relaxed) & PHASE == WAITING {
            self.state.fetch_and(!PHASE, Ordering::Relaxed);
        }
    }

    /// Whether all that were in line when the count was `calls` have been notified since, and none
    /// of them alone. If false, only the lock tells.
    #[inline]
    fn were_all_notified_since(&self, calls: usize) -> bool {
        let now = self.state.load(NOTICE) & !PHASE;
        now != calls && self.alone.load(Ordering::Relaxed) == 0
    }

    /// Changes `alone`. Called under the lock, so no read-modify-write is needed.
    fn count_alone(&self, change: isize) {
        let alone = self.alone.load(Ordering::Relaxed);
        self.alone.store(alone.wrapping_add_signed(change), Ordering::Relaxed);
    }

    /// Takes a waiter's entry out, if it is still there.
    fn take_out(&self, queue: &mut Queue<'_>, key: Key) -> Option<Waiter> {
        let waiter = queue.remove(key)?;
        if waiter.notified.is_some() {
            self.count_alone(-1);
        }
        Some(waiter)
    }

    /// Takes the stored notification, if there is one.
    #[inline]
    fn take_notification(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & PHASE == NOTIFIED {
            let next = state & !PHASE;
            match self.state.compare_exchange_weak(state, next, NOTICE, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }
}

impl Default for Notify {
    fn default() -> Notify {
        Notify::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.load(Ordering::Relaxed);
        f.debug_struct("Notify")
            .field("notified", &(state & PHASE == NOTIFIED))
            .field("waiting", &(state & PHASE == WAITING))
            .finish_non_exhaustive()
    }
}

/// One waiter's side: the same for both futures.
#[derive(Debug)]
struct Wait {
    /// How often `notify_waiters` had been called when this was made.
    calls: usize,
    key: Option<Key>,
    done: bool,
}

impl Wait {
    /// Whether a notification has come. If not, leaves `waker` to be woken when it does.
    ///
    /// A waiter that was notified by `notify_waiters` leaves a notification of `notify_one` to the
    /// next.
    fn poll(&mut self, notify: &Notify, waker: Option<&Waker>) -> bool {
        if !self.done {
            self.done = match self.key {
                None => {
                    notify.state.load(NOTICE) & !PHASE != self.calls
                        || notify.take_notification()
                        || self.line_up(notify, waker)
                }
                Some(_) => self.look(notify, waker),
            };
        }
        self.done
    }

    #[cold]
    fn line_up(&mut self, notify: &Notify, waker: Option<&Waker>) -> bool {
        // Made before the lock is taken and, unless it is used, dropped after.
        let waker = waker.cloned();
        let mut queue = notify.queue.lock();
        let mut state = notify.state.load(NOTICE);
        loop {
            if state & !PHASE != self.calls {
                return true;
            }
            let (next, notified) = match state & PHASE {
                NOTIFIED => (state & !PHASE, true),
                _ => (state & !PHASE | WAITING, false),
            };
            if next == state {
                break;
            }
            match notify.state.compare_exchange_weak(state, next, NOTICE, NOTICE) {
                Ok(_) if notified => return true,
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        self.key = Some(queue.push_back(Waiter { waker, notified: None }));
        false
    }

    fn look(&mut self, notify: &Notify, waker: Option<&Waker>) -> bool {
        let Some(key) = &self.key else { return false };
        let mut spare = None;
        loop {
            if notify.were_all_notified_since(self.calls) {
                self.key = None;
                return true;
            }
            let mut queue = notify.queue.lock();
            let waiter = match queue.get_mut(key) {
                Some(waiter) if waiter.notified.is_none() => waiter,
                _ => {
                    self.key.take().and_then(|key| notify.take_out(&mut queue, key));
                    return true;
                }
            };
            let Some(waker) = waker else { return false };
            if waiter.waker.as_ref().is_some_and(|old| old.will_wake(waker)) {
                return false;
            }
            if spare.is_some() {
                std::mem::swap(&mut waiter.waker, &mut spare);
                drop(queue);
                return false;
            }
            // A clone is user code: make it without the lock and look again.
            drop(queue);
            spare = Some(waker.clone());
        }
    }

    fn cancel(&mut self, notify: &Notify) {
        let Some(key) = self.key.take() else { return };
        if notify.were_all_notified_since(self.calls) {
            return;
        }
        let mut queue = notify.queue.lock();
        let waiter = notify.take_out(&mut queue, key);
        notify.settle(&queue);
        let Some(end) = waiter.as_ref().and_then(|waiter| waiter.notified) else {
            // Unlocked before the waiter's waker is dropped.
            drop(queue);
            return;
        };
        notify.notify_locked(queue, end); // wake: notify.pass_on
    }
}

pin_project! {
    /// Waits for a notification. Made by [`Notify::notified`].
    ///
    /// # Examples
    ///
    /// See [`Notify::notified`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Notified<'a> {
        notify: &'a Notify,
        wait: Wait,
        // Reserved: the place in line may one day be inside the future.
        #[pin]
        pinned: PhantomPinned,
    }

    impl PinnedDrop for Notified<'_> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.wait.cancel(this.notify);
        }
    }
}

pin_project! {
    /// Waits for a notification and keeps the [`Notify`] alive. Made by [`Notify::notified_owned`].
    ///
    /// # Examples
    ///
    /// See [`Notify::notified_owned`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct OwnedNotified {
        notify: Arc<Notify>,
        wait: Wait,
        #[pin]
        pinned: PhantomPinned,
    }

    impl PinnedDrop for OwnedNotified {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.wait.cancel(this.notify);
        }
    }
}

impl Notified<'_> {
    /// Gets in line without polling. Returns whether a notification has come already.
    ///
    /// Use it to check a condition between getting in line and waiting: a
    /// [`notify_one`](Notify::notify_one) in between is not missed.
    ///
    /// # Examples
    ///
    /// ```
    /// # runtime::Runtime::new().unwrap().block_on(async {
    /// let notify = runtime::sync::Notify::new();
    /// let mut notified = std::pin::pin!(notify.notified());
    /// assert!(!notified.as_mut().enable());
    /// notify.notify_one();
    /// notified.await;
    /// # });
    /// ```
    pub fn enable(self: Pin<&mut Self>) -> bool {
        let this = self.project();
        this.wait.poll(this.notify, None)
    }
}

impl OwnedNotified {
    /// Gets in line without polling. Returns whether a notification has come already. See
    /// [`Notified::enable`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use runtime::sync::Notify;
    ///
    /// let notify = Arc::new(Notify::new());
    /// let mut waiting = Box::pin(notify.clone().notified_owned());
    /// assert!(!waiting.as_mut().enable());
    /// notify.notify_one();
    /// waiting.await;
    /// # }
    /// ```
    pub fn enable(self: Pin<&mut Self>) -> bool {
        let this = self.project();
        this.wait.poll(this.notify, None)
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let coop = ready!(coop::poll_proceed(cx));
        let this = self.project();
        if !this.wait.poll(this.notify, Some(cx.waker())) {
            this.notify.object.note(0);
            return Poll::Pending;
        }
        coop.made_progress();
        Poll::Ready(())
    }
}

impl Future for OwnedNotified {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let coop = ready!(coop::poll_proceed(cx));
        let this = self.project();
        if !this.wait.poll(this.notify, Some(cx.waker())) {
            this.notify.object.note(0);
            return Poll::Pending;
        }
        coop.made_progress();
        Poll::Ready(())
    }
}

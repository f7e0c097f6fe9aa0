//! Permits, given first come, first served: the base of `Semaphore`, `Mutex`, `RwLock` and the
//! bounded channel.
//!
//! # Problem
//!
//! Taking and giving a permit must cost one read-modify-write while no task waits. If tasks wait,
//! none may overtake, and a waiter that wants many permits must not starve behind those that want
//! one. A waiter may leave at any time; a permit that it was given must then reach the next.
//!
//! # State
//!
//! One word, and a queue behind a lock.
//!
//! ```text
//!   63                                  2       1        0
//!  +-------------------------------------+--------+--------+
//!  | permits that nobody holds           | QUEUED | CLOSED |
//!  +-------------------------------------+--------+--------+
//! ```
//!
//! | state of the word       | `acquire`                 | `release`                           |
//! |-------------------------|---------------------------|-------------------------------------|
//! | no flag, enough permits | one compare-exchange      | one fetch-add                       |
//! | no flag, too few        | sets QUEUED, lines up     | one fetch-add                       |
//! | QUEUED                  | lines up                  | one fetch-add, then serves the line |
//! | CLOSED                  | error                     | one fetch-add                       |
//!
//! # Invariants
//!
//! 1. QUEUED is set and cleared only under the lock. Whenever the lock is free, it is set exactly
//!    when the line is not empty.
//! 2. While QUEUED is set permits leave the word only under the lock, for the first in line (or by
//!    `forget`, which takes none then). So no waiter overtakes, and permits for the first in line
//!    collect in the word until they suffice.
//! 3. A thread that adds permits and sees QUEUED serves the line. A thread that lines up sets
//!    QUEUED with a compare-exchange on the word that it found too small. The word has one
//!    modification order: either the adder comes first and the new waiter sees the permits, or the
//!    adder comes second and sees QUEUED, then takes the lock and finds the waiter. No wake is
//!    lost.
//! 4. The thread that serves the first in line takes its entry out and stores its number in
//!    `served`. Numbers follow the order of the line, so a waiter was served exactly when `served`
//!    has reached its number: it learns that without the lock, and holds its permits from then on.
//!    (Where numbers wrap, a waiter that looks too late takes the lock and finds no entry.) A
//!    served waiter that leaves gives its permits back through `release`, which serves the next. A
//!    waiter that leaves unserved serves the line, too, because the next may want fewer permits.
//! 5. CLOSED is set once, under the lock, and the line is emptied in the same critical section:
//!    each entry is marked as refused and stays until its waiter has read it. The permits collected
//!    for the first in line go with its entry. They come back when that waiter has learned of the
//!    refusal, so the bounded channel is not over before.
//! 6. A waiter that was served but finds the semaphore closed when it looks gives its permits back
//!    and gets the error.
//! 7. A unit of the budget is spent when the permits are there, not before. A task without budget
//!    gets in line, and keeps what it is given for its next poll.
//!
//! # Orderings
//!
//! [`GIVE`] pairs with [`TAKE`]: what a holder did before it gave a permit is visible to the thread
//! that takes it. Every change of the word is a read-modify-write, so all later ones continue the
//! release sequence that a `GIVE` began. A permit that goes through the line is taken from the word
//! by the serving thread, with `TAKE`, and passed to the waiter by [`SERVE`], which pairs with
//! [`SEE_SERVED`], or through the lock. Serving is ordered by the lock, so a waiter that reads a
//! later number still sees what its own server saw. [`CLOSE`] pairs with [`SEE_CLOSED`]: what
//! happened before `close` is visible to those that learn of it. All others are `Relaxed`: the
//! flags only say where to look, and the lock orders what is there.
//!
//! # What a subscriber is told
//!
//! The number of permits that a newcomer could take. When QUEUED is set, the permits in the word
//! count as obtained by the new waiter; when it is cleared, the rest counts as added. The events
//! are sent after the lock is released ([`Given`]). A claim first records what it has, since a
//! subscriber may panic.
//!
//! # Rejected
//!
//! Giving waiters their permits piecemeal, as they come back, needs a count in each entry and puts
//! it back when a waiter leaves; leaving them in the word costs nothing and forgets nothing.
//! Letting a releasing thread's next `acquire` overtake makes a contended lock faster and starves
//! the line; order is part of the contract. A word in each waiter's entry that says that it has
//! them: the waiter had to take the lock to read it, the third time for each permit that goes
//! through the line, beside lining up and serving.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use crate::engine::coop;
use crate::engine::insight::Object;
use crate::engine::primitive::atomic::{AtomicUsize, Ordering};
use crate::engine::primitive::{Mutex, const_fn};
use crate::engine::trace::resource::{Given, Op, Resource, WaitHandle};
use crate::engine::wait_queue::{Key, WaitQueue};
use crate::engine::wake_list::WakeList;

const CLOSED: usize = 1;
const QUEUED: usize = 2;
const SHIFT: u32 = 2;

/// Publishes what the holder did under its permit. Pairs with [`TAKE`].
const GIVE: Ordering = Ordering::Release;
/// Sees what the earlier holders did. Pairs with [`GIVE`].
const TAKE: Ordering = Ordering::Acquire;
/// Publishes what was done before closing. Pairs with [`SEE_CLOSED`].
const CLOSE: Ordering = Ordering::Release;
/// Sees what was done before closing. Pairs with [`CLOSE`].
const SEE_CLOSED: Ordering = Ordering::Acquire;

/// Publishes what earlier holders did to the waiter that is served. Pairs with [`SEE_SERVED`].
const SERVE: Ordering = Ordering::Release;
/// Sees what earlier holders did. Pairs with [`SERVE`].
const SEE_SERVED: Ordering = Ordering::Acquire;

/// Why no permit was given at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Closed,
    TooFew,
}

/// The semaphore was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closed;

#[derive(Debug)]
struct Waiter {
    /// The permits it wants while it waits, or gives back when it is refused.
    count: usize,
    waker: Option<Waker>,
    /// Whether it was refused, since the semaphore was closed while it waited.
    refused: bool,
    wait: WaitHandle,
}

/// Permits, and a line of waiters.
pub(crate) struct FairSemaphore {
    state: AtomicUsize,
    /// The number of the waiter that was served last.
    served: AtomicUsize,
    queue: Mutex<WaitQueue<Waiter>>,
    /// The resource that the semaphore is a part of.
    resource: Resource,
    /// The semaphore's own resource.
    own: Resource,
    /// What it is to a dump.
    object: Object,
}

impl FairSemaphore {
    /// The largest number of permits.
    pub(crate) const MAX_PERMITS: usize = usize::MAX >> 3;

    const_fn! {
    /// A semaphore with so many permits, at most `MAX_PERMITS`. `object`: what it is to a dump.
    pub(crate) const fn new(permits: usize, object: Object) -> FairSemaphore {
        FairSemaphore {
            state: AtomicUsize::new(permits << SHIFT),
            served: AtomicUsize::new(0),
            queue: Mutex::new(WaitQueue::new()),
            resource: Resource::none(),
            own: Resource::none(),
            object,
        }
    }
    }

    /// One that a subscriber may see.
    pub(crate) fn seen(permits: usize, object: Object) -> FairSemaphore {
        FairSemaphore { own: Resource::permits(permits), ..FairSemaphore::new(permits, object) }
    }

    /// Makes it a part of `resource`.
    pub(crate) fn inside(self, resource: Resource) -> FairSemaphore {
        FairSemaphore { resource, ..self }
    }

    /// The resource that the semaphore is a part of.
    #[inline]
    pub(crate) fn resource(&self) -> &Resource {
        &self.resource
    }

    /// What it is to a dump.
    #[inline]
    pub(crate) fn object(&self) -> &Object {
        &self.object
    }

    /// Permits that a newcomer could take: none while somebody stands in line.
    pub(crate) fn available(&self) -> usize {
        let state = self.state.load(TAKE);
        if state & QUEUED == 0 { state >> SHIFT } else { 0 }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.load(SEE_CLOSED) & CLOSED != 0
    }

    /// Takes `count` permits if they are there and the line is empty.
    #[inline]
    pub(crate) fn try_acquire(&self, count: usize) -> Result<(), Refusal> {
        self.take(count)?;
        self.own.permits_taken(count);
        Ok(())
    }

    #[inline]
    fn take(&self, count: usize) -> Result<(), Refusal> {
        let mut state = self.state.load(SEE_CLOSED);
        loop {
            if state & CLOSED != 0 {
                return Err(Refusal::Closed);
            }
            if !Self::suffices(state, count) {
                return Err(Refusal::TooFew);
            }
            let taken = state - (count << SHIFT);
            match self.state.compare_exchange_weak(state, taken, TAKE, SEE_CLOSED) {
                Ok(_) => return Ok(()),
                Err(now) => state = now,
            }
        }
    }

    /// Whether `count` permits can be taken at once. Zero always can: that overtakes no waiter.
    fn suffices(state: usize, count: usize) -> bool {
        count == 0 || (state & QUEUED == 0 && state >> SHIFT >= count)
    }

    /// A future that takes `count` permits, in turn.
    pub(crate) fn acquire(&self, count: usize) -> Acquire<'_> {
        let claim = Claim { semaphore: self, count, key: None, kept: false };
        Acquire { claim, op: self.own.acquiring(count) }
    }

    /// Gives permits, to the first in line if there is one.
    #[inline]
    pub(crate) fn release(&self, count: usize) {
        let before = self.state.fetch_add(count << SHIFT, GIVE);
        if before & QUEUED == 0 {
            self.own.permits_back(count);
        } else {
            self.serve().tell(&self.own); // wake: fair_semaphore.release
        }
    }

    /// Adds new permits. Returns false, and adds none, if the number would exceed `MAX_PERMITS`.
    pub(crate) fn add(&self, count: usize) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let total = (state >> SHIFT).checked_add(count);
            if total.is_none_or(|total| total > Self::MAX_PERMITS) {
                return false;
            }
            let more = state + (count << SHIFT);
            match self.state.compare_exchange_weak(state, more, GIVE, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        if state & QUEUED == 0 {
            self.own.permits_added(count);
        } else {
            self.serve().say(&self.own); // wake: fair_semaphore.add
        }
        true
    }

    /// Removes up to `count` permits for good. Returns how many.
    pub(crate) fn forget(&self, count: usize) -> usize {
        let mut state = self.state.load(Ordering::Relaxed);
        let mut taken;
        loop {
            taken = if state & QUEUED == 0 { count.min(state >> SHIFT) } else { 0 };
            if taken == 0 {
                return 0;
            }
            let less = state - (taken << SHIFT);
            match self.state.compare_exchange_weak(state, less, TAKE, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        self.own.permits_taken(taken);
        taken
    }

    /// Refuses every acquire from now on, including those in line.
    pub(crate) fn close(&self) {
        let mut wakers = WakeList::new();
        let mut queue = self.queue.lock();
        self.state.fetch_or(CLOSED, CLOSE);
        let mut piled_up = self.take_piled_up(&mut queue);
        while let Some(waiter) = queue.pop_front() {
            waiter.refused = true;
            waiter.count = std::mem::take(&mut piled_up);
            waiter.waker.take().into_iter().for_each(|waker| wakers.push(waker));
        }
        let mut given = Given::new();
        self.end_line(&mut given);
        drop(queue);
        wakers.wake_all(); // wake: fair_semaphore.close
        given.tell(&self.own);
    }

    /// Clears QUEUED when the line has become empty. Called under the lock.
    fn end_line(&self, given: &mut Given) {
        let before = self.state.fetch_and(!QUEUED, Ordering::Relaxed);
        if before & QUEUED != 0 {
            given.rest(before >> SHIFT);
        }
    }

    /// Takes the permits out of the word that have collected for the first in line.
    fn take_piled_up(&self, queue: &mut WaitQueue<Waiter>) -> usize {
        let Some(first) = queue.front() else { return 0 };
        let wanted = first.count;
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let taken = wanted.min(state >> SHIFT);
            let less = state - (taken << SHIFT);
            // No pair: nothing is done under these permits; they come back by a `release`.
            match self.state.compare_exchange_weak(
                state,
                less,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return taken,
                Err(now) => state = now,
            }
        }
    }

    #[cold]
    fn serve(&self) -> Given {
        let (mut wakers, mut given) = (WakeList::new(), Given::new());
        let mut queue = self.queue.lock();
        self.grant(&mut queue, &mut wakers, &mut given);
        drop(queue);
        wakers.wake_all(); // wake: fair_semaphore.serve
        given
    }

    /// Gives the first in line what it wants, as long as the word holds enough.
    fn grant(&self, queue: &mut WaitQueue<Waiter>, wakers: &mut WakeList, given: &mut Given) {
        while let Some(first) = queue.front() {
            let needed = first.count;
            let leave = if queue.is_single() { !QUEUED } else { !0 };
            let mut state = self.state.load(Ordering::Relaxed);
            loop {
                if state >> SHIFT < needed {
                    return;
                }
                let less = (state - (needed << SHIFT)) & leave;
                match self.state.compare_exchange_weak(state, less, TAKE, Ordering::Relaxed) {
                    Ok(_) if leave == !QUEUED => {
                        given.rest(less >> SHIFT);
                        break;
                    }
                    Ok(_) => break,
                    Err(now) => state = now,
                }
            }
            if let Some((number, waiter)) = queue.take_front() {
                self.served.store(number, SERVE);
                waiter.waker.into_iter().for_each(|waker| wakers.push(waker));
                given.push(waiter.wait, waiter.count);
            }
        }
    }

    #[cold]
    fn line_up(&self, count: usize, waker: &Waker, op: &Op) -> LineUp {
        // Made before the lock is taken and, unless they are used, dropped after.
        let (waker, mut wait) = (waker.clone(), op.handle());
        let mut kept = 0;
        let mut queue = self.queue.lock();
        // The lock orders CLOSED.
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            if state & CLOSED != 0 {
                return LineUp::Closed;
            }
            let suffices = Self::suffices(state, count);
            if !suffices && state & QUEUED != 0 {
                break;
            }
            let next = if suffices { state - (count << SHIFT) } else { state | QUEUED };
            match self.state.compare_exchange_weak(state, next, TAKE, Ordering::Relaxed) {
                Ok(_) if suffices => return LineUp::Taken,
                Ok(_) => {
                    kept = state >> SHIFT;
                    break;
                }
                Err(now) => state = now,
            }
        }
        wait.obtains(kept);
        let waiter = Waiter { count, waker: Some(waker), refused: false, wait };
        LineUp::Waiting(queue.push_back(waiter), kept)
    }

    /// Whether the waiter is known to hold its permits. If false, only the lock tells for certain.
    #[inline]
    fn is_served(&self, key: &Key) -> bool {
        let served = self.served.load(SEE_SERVED);
        // Numbers may wrap.
        served.wrapping_sub(key.number()) as isize >= 0
    }

    /// Removes a waiter that wanted `count`.
    fn leave(&self, key: Key, count: usize) {
        let (mut wakers, mut given) = (WakeList::new(), Given::new());
        let mut queue = self.queue.lock();
        let waiter = queue.remove(key);
        let held = match &waiter {
            None => count,
            Some(waiter) if waiter.refused => waiter.count,
            Some(_) => 0,
        };
        if held == 0 {
            if queue.is_empty() {
                self.end_line(&mut given);
            } else {
                self.grant(&mut queue, &mut wakers, &mut given);
            }
        }
        drop(queue);
        wakers.wake_all(); // wake: fair_semaphore.leave
        given.tell(&self.own);
        if held > 0 {
            self.release(held); // wake: fair_semaphore.pass_on
        }
    }
}

impl fmt::Debug for FairSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FairSemaphore")
            .field("available", &self.available())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

enum LineUp {
    Taken,
    /// In line. If the line was empty, with the number of permits kept for it in the word; else 0.
    Waiting(Key, usize),
    Closed,
}

/// Takes permits, in turn. If it is dropped before it is ready it leaves the line, and permits that
/// it was given in the meantime go to the next.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Acquire<'a> {
    claim: Claim<'a>,
    op: Op,
}

/// The acquire as the semaphore sees it.
#[derive(Debug)]
struct Claim<'a> {
    semaphore: &'a FairSemaphore,
    count: usize,
    key: Option<Key>,
    /// The permits are taken, and not yet the caller's.
    kept: bool,
}

impl Claim<'_> {
    /// Takes the permits if they are there and the line is empty, or gets in line.
    #[inline]
    fn poll_permits(&mut self, cx: &mut Context<'_>, op: &Op) -> Poll<Result<(), Closed>> {
        if self.key.is_some() {
            return self.poll_line(cx, op);
        }
        match self.semaphore.take(self.count) {
            Ok(()) => self.keep(),
            Err(Refusal::Closed) => Poll::Ready(Err(Closed)),
            Err(Refusal::TooFew) => self.poll_line(cx, op),
        }
    }

    /// Records that the permits are taken.
    #[inline]
    fn keep(&mut self) -> Poll<Result<(), Closed>> {
        // Set first, because the subscriber may panic.
        self.kept = true;
        self.semaphore.own.permits_obtained(self.count);
        Poll::Ready(Ok(()))
    }

    /// Leaves the line, and gives back what is held.
    #[inline]
    fn leave(&mut self) {
        if let Some(key) = self.key.take() {
            self.semaphore.leave(key, self.count);
        }
        if std::mem::take(&mut self.kept) {
            self.semaphore.release(self.count);
        }
    }

    fn poll_line(&mut self, cx: &mut Context<'_>, op: &Op) -> Poll<Result<(), Closed>> {
        let mut spare = None;
        loop {
            let Some(key) = self.key.as_ref() else {
                match self.semaphore.line_up(self.count, cx.waker(), op) {
                    LineUp::Taken => return self.keep(),
                    LineUp::Closed => return Poll::Ready(Err(Closed)),
                    LineUp::Waiting(key, kept) => {
                        self.key = Some(key);
                        self.semaphore.own.permits_obtained(kept);
                    }
                }
                return Poll::Pending;
            };
            if self.semaphore.is_served(key) {
                return self.take_served();
            }
            let mut queue = self.semaphore.queue.lock();
            let Some(waiter) = queue.get_mut(key) else {
                drop(queue);
                return self.take_served();
            };
            if waiter.refused {
                drop(queue);
                self.leave();
                return Poll::Ready(Err(Closed));
            }
            if waiter.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                return Poll::Pending;
            }
            if spare.is_some() {
                std::mem::swap(&mut waiter.waker, &mut spare);
                drop(queue);
                return Poll::Pending;
            }
            // Cloning is user code: clone without the lock and look again.
            drop(queue);
            spare = Some(cx.waker().clone());
        }
    }

    /// Ends the wait of a served waiter. Checks whether the semaphore was closed (invariant 6).
    fn take_served(&mut self) -> Poll<Result<(), Closed>> {
        self.key = None;
        if self.semaphore.is_closed() {
            self.semaphore.release(self.count);
            return Poll::Ready(Err(Closed));
        }
        self.kept = true;
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn poll(&mut self, cx: &mut Context<'_>, op: &Op) -> Poll<Result<(), Closed>> {
        if self.kept {
            if self.semaphore.is_closed() {
                self.leave();
                return Poll::Ready(Err(Closed));
            }
        } else {
            match self.poll_permits(cx, op) {
                Poll::Ready(permits) => permits?,
                Poll::Pending => {
                    self.semaphore.object.note(self.count);
                    return op.told(Poll::Pending);
                }
            }
        }
        let unit = ready!(op.told(coop::poll_proceed(cx)));
        unit.made_progress();
        let polled = op.told(Poll::Ready(Ok(())));
        self.kept = false;
        polled
    }
}

impl Future for Acquire<'_> {
    type Output = Result<(), Closed>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Acquire { claim, op } = &mut *self;
        op.within(|| claim.poll(cx, op))
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

//! The list of all tasks of a scheduler, for its shutdown.
//!
//! # Problem
//!
//! A shutdown must reach every task, also those that wait for a wake that never comes. A list
//! behind one lock would be the most contended word of the runtime, so it is cut into shards by
//! task id; ids are handed to threads in batches, so a thread stays in one shard for a while.
//!
//! # Invariants
//!
//! 1. A task is in the list from its spawn until it completes, or until a shutdown has popped it.
//! 2. A closed shard takes no task. A spawn that comes too late is told so and cancels its task,
//!    which is never counted: else those who go on spawning could keep a shutdown from ever seeing
//!    zero.
//! 3. `alive` counts the tasks that were bound and have not been released, popped or not.
//! 4. The cursor of a shard is a task in its list, or none. Whoever removes that task from the list
//!    moves the cursor on. The cursor is moved and followed under the shard's lock.

use std::panic::Location;
use std::ptr::NonNull;
use std::task::Waker;

use super::header::{Header, block, scheduler_of};
use super::scope::Membership;
use super::state::Wake;
use super::{Id, Runnable};
use crate::engine::catch_panic::catch_panic;
use crate::engine::insight::Reading;
use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicUsize, Ordering};
use crate::engine::primitive::sizes::STRIDE;
use crate::engine::waker_cell::WakerCell;
use crossbeam_utils::CachePadded;

/// The tasks of one scheduler.
pub(crate) struct Owned {
    shards: Box<[CachePadded<Piece>]>,
    /// The waker of the caller that waits for the last task to go.
    drained: WakerCell,
    /// One walk at a time: a shard has one cursor.
    walk: Mutex<()>,
}

/// How many tasks are alive, and how many were ever spawned.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Census {
    pub(crate) alive: usize,
    pub(crate) spawned: u64,
}

/// A task that a walk has come to. It cannot be freed meanwhile: the shard is locked.
pub(crate) struct Walked<'a> {
    task: NonNull<Header>,
    header: &'a Header,
}

impl Walked<'_> {
    pub(crate) fn id(&self) -> Id {
        self.header.id
    }

    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.header.location
    }

    pub(crate) fn is_named(&self) -> bool {
        self.header.state.peek().is_named()
    }

    /// Where its scope was opened, if it is a member of one.
    pub(crate) fn scope(&self) -> Option<&'static Location<'static>> {
        scheduler_of(self.task, self.header).scope()
    }

    /// The size of its future in bytes; of a large one that is not observed, the size of the box.
    pub(crate) fn future_size(&self) -> usize {
        self.header.vtable.future_size
    }

    /// Whether it is being polled now, and whether it is due to be.
    pub(crate) fn is_running(&self) -> bool {
        self.header.state.peek().is_running()
    }

    pub(crate) fn is_scheduled(&self) -> bool {
        self.header.state.peek().is_scheduled()
    }

    /// Whether it waits, and nobody has a reference to it: no waker, no handle.
    pub(crate) fn is_lost(&self) -> bool {
        self.header.state.peek().is_lost()
    }

    /// Its block for dumps, if it is observed.
    pub(crate) fn read(&self) -> Option<Reading> {
        // SAFETY: it is observed; it is in the list, so it is not freed.
        self.header.state.peek().is_observed().then(|| unsafe { block(self.task) }.read())
    }
}

/// A shard and its lock.
struct Piece {
    shard: Mutex<Shard>,
    /// How many tasks of this shard are alive. Written under the lock. Relaxed, no pair: a reader
    /// without the lock gets a number, from which nothing else follows.
    alive: AtomicUsize,
}

struct Shard {
    head: Option<NonNull<Header>>,
    /// The next task that the walk will see: see [`Owned::walk`].
    cursor: Option<NonNull<Header>>,
    closed: bool,
    spawned: u64,
    /// If somebody waits: the number that `alive` must not exceed for the waker to be called.
    watched: Option<usize>,
}

// SAFETY: the pointers are to headers, which any thread may reach under the shard's lock (rule 2 of
// the module above); the futures behind them are not touched through the list.
unsafe impl Send for Shard {}

impl Owned {
    /// A list with at least `shards` shards.
    pub(crate) fn new(shards: usize) -> Owned {
        let shard = || {
            let shard = Mutex::new(Shard::new());
            CachePadded::new(Piece { shard, alive: AtomicUsize::new(0) })
        };
        let shards = (0..shards.next_power_of_two()).map(|_| shard()).collect();
        Owned { shards, drained: WakerCell::new(), walk: Mutex::new(()) }
    }

    fn piece(&self, header: &Header) -> &Piece {
        &self.shards[header.id.batch() as usize & (self.shards.len() - 1)]
    }

    /// Adds a new task and calls `schedule` with it. If the list is closed, or the task's scope
    /// does not let it run, the task is cancelled at once, and its handle says so.
    #[inline]
    pub(crate) fn take_in(
        &self,
        task: Runnable,
        membership: Option<&Membership>,
        schedule: impl FnOnce(Runnable),
    ) {
        let task = match self.bind(task) {
            Ok(task) => task,
            Err(task) => return task.cancel(),
        };
        let task = match membership {
            Some(membership) => membership.admit(task),
            None => Some(task),
        };
        if let Some(task) = task {
            schedule(task);
        }
    }

    /// Adds the task. Returns it if the list is closed.
    fn bind(&self, task: Runnable) -> Result<Runnable, Runnable> {
        let header = task.as_header();
        let piece = self.piece(header);
        let mut shard = piece.shard.lock();
        if shard.closed {
            mark_refused(header);
            drop(shard);
            return Err(task);
        }
        piece.set_alive(piece.alive() + 1);
        shard.spawned += 1;
        shard.push(task.as_ptr());
        drop(shard);
        Ok(task)
    }

    /// Removes a completed task.
    pub(crate) fn release(&self, header: &Header) {
        let piece = self.piece(header);
        let mut shard = piece.shard.lock();
        if is_refused(header) {
            return;
        }
        let alive = piece.alive() - 1;
        piece.set_alive(alive);
        shard.unlink(header);
        // Taken under the lock: once no task is alive and the lock is free, the list may be gone.
        let is_awaited = shard.watched.is_some_and(|few| alive <= few);
        let told = if is_awaited { self.drained.take() } else { None };
        drop(shard);
        if let Some(waker) = told {
            catch_panic(|| waker.wake()); // wake: no task is left in a shard
        }
    }

    /// Closes the list: it takes no more tasks.
    pub(crate) fn close(&self) {
        for piece in &self.shards {
            piece.shard.lock().closed = true;
        }
    }

    /// Cancels every task in the list. Those that are idle are given to `cancel`, to be cancelled
    /// on this thread. The list is closed.
    pub(crate) fn cancel_all(&self, mut cancel: impl FnMut(Runnable)) {
        for piece in &self.shards {
            loop {
                let mut guard = piece.shard.lock();
                let Some(task) = guard.pop() else { break };
                // SAFETY: it was in the list, hence not released, hence alive (invariant 1), and
                // its release needs the lock that we hold.
                let header = unsafe { task.as_ref() };
                let wake = header.state.cancel();
                drop(guard);
                if wake == Wake::Schedule {
                    // SAFETY: the cancellation made the `Runnable`.
                    cancel(unsafe { Runnable::from_raw(task) });
                }
            }
        }
    }

    /// Tasks that were spawned and have not completed.
    ///
    /// Takes the locks: a caller that has closed the list and gets 0 knows that no task can follow.
    pub(crate) fn alive(&self) -> usize {
        let alive = |piece: &CachePadded<Piece>| {
            let _shard = piece.shard.lock();
            piece.alive()
        };
        self.shards.iter().map(alive).sum()
    }

    /// The same without a lock, as far as this thread knows. Callers must conclude nothing from it.
    pub(crate) fn about_alive(&self) -> usize {
        self.shards.iter().map(|piece| piece.alive()).sum()
    }

    /// The ids and spawn locations of the tasks that are alive.
    pub(crate) fn list(&self) -> Vec<(Id, &'static Location<'static>)> {
        let mut all = Vec::new();
        for piece in &self.shards {
            piece.shard.lock().for_each(|header| all.push((header.id, header.location)));
        }
        all
    }

    /// Calls `f` with each task, at most [`STRIDE`] under one hold of a lock. Tasks that are
    /// spawned meanwhile may be left out, and so may those that end.
    ///
    /// The walk keeps a cursor in the shard. Whoever removes the task at the cursor moves it on
    /// (invariant 4).
    pub(crate) fn walk(&self, mut f: impl FnMut(Walked<'_>)) {
        let _one = self.walk.lock();
        for piece in &self.shards {
            let mut shard = piece.shard.lock();
            shard.cursor = shard.head;
            while shard.stride(&mut f) {
                drop(shard);
                shard = piece.shard.lock();
            }
        }
    }

    /// Wakes the tasks for which `f` returns true. The stacks of their next polls go to
    /// `insight::Stacks`. Returns how many tasks these are.
    pub(crate) fn look_at(&self, mut f: impl FnMut(&Walked<'_>) -> bool) -> usize {
        let mut count = 0;
        let mut woken = Vec::new();
        let _one = self.walk.lock();
        for piece in &self.shards {
            let mut shard = piece.shard.lock();
            shard.cursor = shard.head;
            loop {
                let may_be_more = shard.stride(&mut |task| {
                    if task.header.state.peek().is_observed() && f(&task) {
                        count += 1;
                        if task.header.state.look_at() == Wake::Schedule {
                            woken.push(task.task);
                        }
                    }
                });
                drop(shard);
                schedule(&mut woken);
                if !may_be_more {
                    break;
                }
                shard = piece.shard.lock();
            }
        }
        count
    }

    /// Counts the tasks. `waker` is called when `alive` may have become `few`, or less.
    ///
    /// If `alive` is 0 and a second call gives the same `spawned`, then there was a moment between
    /// the two without a task: no shard had a task at the first look, and none came until the
    /// second. The same holds for several lists with their sums.
    ///
    /// The waker is kept until [`unwatch`](Owned::unwatch).
    pub(crate) fn census(&self, few: usize, waker: &Waker) -> Census {
        self.drained.register(waker);
        let mut sum = Census::default();
        for piece in &self.shards {
            let mut shard = piece.shard.lock();
            shard.watched = Some(few);
            sum.alive += piece.alive();
            sum.spawned += shard.spawned;
        }
        sum
    }

    /// Ends a wait. Drops the waker: it may own the scheduler that the list is in.
    pub(crate) fn unwatch(&self) {
        let waker = self.drained.take();
        catch_panic(|| drop(waker));
    }

    /// How many tasks were ever spawned.
    pub(crate) fn spawned(&self) -> u64 {
        self.shards.iter().map(|piece| piece.shard.lock().spawned).sum()
    }
}

impl Piece {
    fn alive(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }

    /// Called with the lock.
    fn set_alive(&self, alive: usize) {
        self.alive.store(alive, Ordering::Relaxed);
    }
}

impl Shard {
    fn new() -> Shard {
        Shard { head: None, cursor: None, closed: false, spawned: 0, watched: None }
    }

    /// Walks over at most [`STRIDE`] tasks. Returns whether there may be more.
    fn stride(&mut self, f: &mut impl FnMut(Walked<'_>)) -> bool {
        for _ in 0..STRIDE {
            let Some(task) = self.cursor else { return false };
            // SAFETY: in the list (invariant 4), hence alive; the caller holds the shard's lock.
            let header = unsafe { task.as_ref() };
            f(Walked { task, header });
            // SAFETY: rule 2: the caller holds the shard's lock.
            self.cursor = header.links.with(|links| unsafe { (*links).next });
        }
        true
    }

    fn for_each(&self, mut f: impl FnMut(&Header)) {
        let mut next = self.head;
        while let Some(task) = next {
            // SAFETY: in the list, hence alive; the caller holds the shard's lock.
            let header = unsafe { task.as_ref() };
            f(header);
            // SAFETY: rule 2: the caller holds the shard's lock.
            next = header.links.with(|links| unsafe { (*links).next });
        }
    }

    /// The list later returns this address, so it must be good for the whole task. An address made
    /// from a reference to the header is not.
    fn push(&mut self, task: NonNull<Header>) {
        // SAFETY: the caller has the task.
        let header = unsafe { task.as_ref() };
        header.links.with_mut(|links| {
            // SAFETY: rule 2: we hold the shard's lock.
            unsafe { (*links).next = self.head };
        });
        if let Some(head) = self.head {
            // SAFETY: in the list, hence alive; its links are under our lock.
            unsafe { head.as_ref() }.links.with_mut(|links| unsafe { (*links).prev = Some(task) });
        }
        self.head = Some(task);
    }

    fn pop(&mut self) -> Option<NonNull<Header>> {
        let head = self.head?;
        // SAFETY: in the list, hence alive.
        let header = unsafe { head.as_ref() };
        self.unlink(header);
        mark_popped(header);
        Some(head)
    }

    /// Removes the task, unless it was popped.
    fn unlink(&mut self, header: &Header) {
        let this = header.as_ptr();
        // SAFETY: rule 2: we hold the shard's lock, here and for the neighbours below, which are in
        // the list and hence alive.
        let (next, prev) = header.links.with(|links| unsafe { ((*links).next, (*links).prev) });
        if prev == Some(this) {
            return;
        }
        match prev {
            // SAFETY: as above.
            Some(prev) => unsafe { prev.as_ref() }.links.with_mut(|l| unsafe { (*l).next = next }),
            None => self.head = next,
        }
        if self.cursor == Some(this) {
            self.cursor = next;
        }
        if let Some(next) = next {
            // SAFETY: as above.
            unsafe { next.as_ref() }.links.with_mut(|l| unsafe { (*l).prev = prev });
        }
    }
}

/// Schedules tasks that the caller has woken, without a lock.
fn schedule(woken: &mut Vec<NonNull<Header>>) {
    for task in woken.drain(..) {
        // SAFETY: the wake made the `Runnable`, until whose use the task is not complete.
        let vtable = unsafe { task.as_ref() }.vtable;
        // SAFETY: as above.
        unsafe { (vtable.schedule)(task) }; // wake: to be looked at
    }
}

/// A task that is its own successor was never in the list, and never will be.
fn mark_refused(header: &Header) {
    let this = header.as_ptr();
    // SAFETY: rule 2: the caller holds the shard's lock.
    header.links.with_mut(|links| unsafe { (*links).next = Some(this) });
}

fn is_refused(header: &Header) -> bool {
    // SAFETY: rule 2: the caller holds the shard's lock.
    header.links.with(|links| unsafe { (*links).next }) == Some(header.as_ptr())
}

/// A task that is its own predecessor is in no list.
fn mark_popped(header: &Header) {
    let this = header.as_ptr();
    // SAFETY: rule 2: both callers hold the shard's lock.
    header.links.with_mut(|links| unsafe { (*links).prev = Some(this) });
}

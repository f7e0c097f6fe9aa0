//! The permission to run a task once.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use super::header::{Header, Outcome, Runnable, Schedule, block, scheduler_of};
use super::{AbortHandle, Id, JoinHandle, Mark, Priority, StallPolicy};
use super::{cell, waker};
use crate::engine::insight::recorder::Kind::End;
use crate::engine::insight::{Look, NoteTaking, Stacks};
use crate::engine::large::FullSize;
use crate::engine::primitive::ticks;
use crate::engine::task_id::next_id;
use crate::engine::task_id::set_name;
use crate::engine::trace::span;

impl Runnable {
    /// The task's address; [`from_address`](Runnable::from_address) takes it back.
    pub(crate) fn into_address(self) -> *mut () {
        let address = self.0.as_ptr().cast();
        std::mem::forget(self);
        address
    }

    /// # Safety
    /// `address` came from [`into_address`](Runnable::into_address) and is taken back once.
    pub(crate) unsafe fn from_address(address: *mut ()) -> Option<Runnable> {
        NonNull::new(address.cast()).map(Runnable)
    }

    fn header(&self) -> &Header {
        // SAFETY: while the `Runnable` exists the task is not complete, so its life reference
        // keeps the allocation (state.rs, invariant 3).
        unsafe { self.0.as_ref() }
    }

    /// The task's id.
    #[inline]
    pub(crate) fn id(&self) -> Id {
        self.header().id
    }

    /// Where the task was spawned.
    #[inline]
    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.header().location
    }

    /// Tells the task's scheduler where in a queue this `Runnable` waits.
    pub(crate) fn queued_at(&self, place: u64) {
        scheduler_of(self.0, self.header()).queued_at(place);
    }

    /// How long the task has been ready, if its scheduler measures that from `origin`.
    pub(crate) fn waited(&self, origin: Instant) -> Option<Duration> {
        self.header().due.waited(origin)
    }

    /// The mark, if a poll of this task has stalled its worker before.
    #[inline]
    pub(crate) fn mark(&self) -> Option<Mark> {
        self.header().state.peek().mark()
    }

    /// Whether the task has neither a mark nor a priority, so that it goes to the ordinary queues.
    #[inline]
    pub(crate) fn is_ordinary(&self) -> bool {
        self.header().state.peek().is_ordinary()
    }

    /// Whether it is a background task.
    #[inline]
    pub(crate) fn is_background(&self) -> bool {
        self.header().state.peek().is_background()
    }

    /// Polls the task once; if it was cancelled, drops its future instead. `policy` decides
    /// afterwards whether the task is marked.
    #[inline]
    pub(crate) fn run(self, policy: &StallPolicy<'_>) -> Outcome {
        let task = self.0;
        std::mem::forget(self);
        match policy {
            // SAFETY: we had the permission and have given it up.
            StallPolicy::Nobody => unsafe {
                cell::run(task, |task| waker::borrowed(task), unchanged)
            },
            // SAFETY: as above.
            policy => unsafe { cell::run(task, |task| waker::borrowed(task), |_| policy.mark()) },
        }
    }

    /// Polls an observed task once, on the thread of that number. Says when the poll ended.
    #[inline]
    pub(crate) fn run_observed(
        self,
        policy: &StallPolicy<'_>,
        began: u64,
        worker: u32,
        stacks: &Stacks,
    ) -> (Outcome, u64) {
        debug_assert!(self.header().state.peek().is_observed());
        let (task, id) = (self.0, self.id());
        std::mem::forget(self);
        let notes = NoteTaking::begin();
        // SAFETY: it is observed. While the `Runnable` exists the task is not complete.
        unsafe { block(task) }.begin_poll(began, worker);
        let mut ended = None;
        let mut look = None;
        // Called when the poll has begun: whoever asks later makes it be polled again.
        let make_waker = |task: NonNull<Header>| {
            // SAFETY: as above.
            if unsafe { task.as_ref() }.state.take_look() {
                look = Some(Look::begin());
                // SAFETY: `run` uses it for this poll, and does not drop it.
                unsafe { waker::looked_at(task) }
            } else {
                // SAFETY: as above.
                unsafe { waker::borrowed(task) }
            }
        };
        // SAFETY: we had the permission and have given it up.
        let outcome = unsafe {
            cell::run(task, make_waker, |task| {
                let now = ticks();
                ended = Some(now);
                // The poll has not ended to the others: the task is not complete.
                notes.leave_in(block(task), now);
                policy.mark()
            })
        };
        if let Some(look) = look {
            look.end(id, stacks);
        }
        (outcome, ended.unwrap_or_else(ticks))
    }

    /// Whether the task keeps for a dump what it waits for.
    #[inline]
    pub(crate) fn is_observed(&self) -> bool {
        self.header().state.peek().is_observed()
    }

    /// A handle that can abort the task.
    pub(super) fn abort_handle(&self) -> AbortHandle {
        self.header().state.add_reference();
        // SAFETY: with the reference that was just made.
        unsafe { AbortHandle::from_raw(self.0) }
    }

    /// Drops the task's future without polling it.
    pub(crate) fn cancel(self) {
        drop(self);
    }
}

impl Drop for Runnable {
    fn drop(&mut self) {
        if self.is_observed() {
            if let Some(recorder) = scheduler_of(self.0, self.header()).recorder() {
                recorder.at_place(End, self.id(), ticks(), self.location());
            }
        }
        // SCHEDULED is set, so this makes no second `Runnable`; the run below sees CANCELLED.
        let _ = self.header().state.cancel();
        // SAFETY: we have the permission and use it now.
        let outcome = unsafe { cell::run(self.0, |task| waker::borrowed(task), unchanged) };
        debug_assert!(matches!(outcome, Outcome::Complete));
    }
}

/// The mark stays as it is.
fn unchanged(_: NonNull<Header>) -> Option<Option<Mark>> {
    None
}

impl fmt::Debug for Runnable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Runnable").field(&self.id()).finish()
    }
}

/// The identity of a new task, as reports show it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a> {
    name: Option<&'a str>,
    location: &'static Location<'static>,
    full_size: FullSize,
    priority: Priority,
}

impl<'a> Identity<'a> {
    #[inline]
    pub(crate) fn new(name: Option<&'a str>, location: &'static Location<'static>) -> Identity<'a> {
        Identity { name, location, full_size: FullSize::same(), priority: Priority::Normal }
    }

    /// Without a name.
    #[inline]
    pub(crate) fn at(location: &'static Location<'static>) -> Identity<'static> {
        Identity::new(None, location)
    }

    /// Adds the size of the future before a large one was boxed.
    #[inline]
    pub(crate) fn of_size(self, full_size: FullSize) -> Identity<'a> {
        Identity { full_size, ..self }
    }

    /// Gives it a priority.
    #[inline]
    pub(crate) fn with_priority(self, priority: Priority) -> Identity<'a> {
        Identity { priority, ..self }
    }

    /// Gives the task its number. The name goes to the side table until the task completes.
    #[inline]
    fn take_id(&self) -> Id {
        let id = next_id();
        if let Some(name) = self.name {
            set_name(id, name);
        }
        id
    }
}

/// Makes a task: its first `Runnable` and its `JoinHandle`.
///
/// A task that may be idle is then [taken in](super::Owned::take_in) by a list before it runs.
pub(crate) fn spawn_cell<F, S>(
    future: F,
    scheduler: S,
    identity: Identity<'_>,
) -> (Runnable, JoinHandle<F::Output>)
where
    F: Future + 'static,
    S: Schedule,
{
    let id = identity.take_id();
    let (future, span) = span::of_task(
        future,
        scheduler.kind(),
        id,
        identity.name.is_some(),
        identity.location,
        identity.full_size,
    );
    let task = cell::allocate(future, scheduler, id, identity.location, span, identity.full_size);
    // SAFETY: the initial state has SCHEDULED set, and the reference of one `JoinHandle`.
    let (task, handle) = unsafe { (Runnable::from_raw(task), JoinHandle::from_raw(task)) };
    if identity.name.is_some() {
        task.header().state.set_named();
    }
    if identity.priority == Priority::Background {
        task.header().state.set_background();
    }
    (task, handle)
}

impl Runnable {
    /// The header, for the owned list.
    pub(super) fn as_header(&self) -> &Header {
        self.header()
    }

    /// The task's address, for the owned list.
    pub(super) fn as_ptr(&self) -> NonNull<Header> {
        self.0
    }
}

//! What every scheduler keeps for its tasks: their list, the hooks, the receiver of panics.
//!
//! A scheduler implements [`HasTasks`] and hands out [`Of`], a pointer of its own kind to itself.
//! [`Schedule`], through which a task calls its scheduler, is implemented here for all of them.

#![allow(unsafe_code, reason = "pointers that do not count; docs/unsafe.md, P1")]

use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Instant;

use super::observe::Observe;
use crate::engine::insight::Recorder;
use crate::engine::task::scope::Membership;
use crate::engine::task::{Header, Owned, PanicSink, Runnable, Schedule};

/// What every scheduler keeps for its tasks.
pub(crate) struct Tasks {
    owned: Owned,
    /// What users observe of the tasks.
    observe: Observe,
    /// Receives the tasks' panics.
    panics: Arc<dyn PanicSink>,
}

impl Tasks {
    /// No tasks yet. The list has at least `shards` shards.
    pub(crate) fn new(shards: usize, observe: Observe, panics: Arc<dyn PanicSink>) -> Tasks {
        Tasks { owned: Owned::new(shards), observe, panics }
    }

    pub(crate) fn observe(&self) -> &Observe {
        &self.observe
    }

    /// Adds a new task, which then becomes runnable: see [`Owned::take_in`].
    #[inline]
    pub(super) fn take_in(
        &self,
        task: Runnable,
        membership: Option<&Membership>,
        schedule: impl FnOnce(Runnable),
    ) {
        self.observe.spawned(&task);
        self.owned.take_in(task, membership, schedule);
    }

    /// Cancels every task on this thread: idle ones, and those that `queued` returns.
    pub(super) fn cancel_each(
        &self,
        queued: impl Iterator<Item = Runnable>,
        mut cancel: impl FnMut(Runnable),
    ) {
        self.owned.cancel_all(&mut cancel);
        queued.for_each(cancel);
    }

    /// Tasks that were spawned and have not completed: [`Owned::alive`].
    pub(crate) fn alive(&self) -> usize {
        self.owned.alive()
    }

    /// Tasks ever spawned.
    pub(crate) fn spawned(&self) -> u64 {
        self.owned.spawned()
    }

    /// The list itself.
    pub(crate) fn owned(&self) -> &Owned {
        &self.owned
    }
}

/// A scheduler, as its tasks see it.
pub(super) trait HasTasks: 'static {
    /// The kind of its tasks, as spans show it.
    const KIND: &'static str = "task";

    fn tasks(&self) -> &Tasks;

    /// [`Schedule::schedule`].
    fn push(&self, task: Runnable);

    /// [`Schedule::wakes_only_ours`].
    #[inline]
    fn wakes_only_ours(&self) -> bool {
        true
    }

    /// [`Schedule::stop`].
    fn stop(&self);
}

/// A task's pointer to its scheduler.
pub(super) struct Of<P>(pub(super) P);

impl<P> Schedule for Of<P>
where
    P: Deref<Target: HasTasks> + 'static,
{
    fn kind(&self) -> &'static str {
        P::Target::KIND
    }

    #[inline]
    fn schedule(&self, task: Runnable) {
        self.0.push(task);
    }

    #[inline]
    fn wakes_only_ours(&self) -> bool {
        self.0.wakes_only_ours()
    }

    #[inline]
    fn origin(&self) -> Option<Instant> {
        self.0.tasks().observe.origin
    }

    #[inline]
    fn is_observed(&self) -> bool {
        self.0.tasks().observe.insight
    }

    #[inline]
    fn recorder(&self) -> Option<&Recorder> {
        self.0.tasks().observe.recorder.as_deref()
    }

    fn release(&self, task: &Header) {
        let tasks = self.0.tasks();
        // Called first: once released, the task no longer keeps the scheduler.
        tasks.observe.terminated(task);
        tasks.owned.release(task);
    }

    fn panics(&self) -> Option<Arc<dyn PanicSink>> {
        Some(Arc::clone(&self.0.tasks().panics))
    }

    fn stop(&self) -> bool {
        self.0.stop();
        true
    }
}

/// A pointer without a reference count, on which the tasks of a pool would contend.
///
pub(super) struct Uncounted<S>(NonNull<S>);

impl<S> Uncounted<S> {
    /// # Safety
    ///
    /// The scheduler stays until all tasks that have this pointer are released, and the wakes that
    /// are in flight then have ended; afterwards tasks do not use it.
    pub(super) unsafe fn new(scheduler: &S) -> Uncounted<S> {
        Uncounted(NonNull::from(scheduler))
    }
}

impl<S> Deref for Uncounted<S> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        // SAFETY: used through `Schedule` only, that is on behalf of a task that is not complete
        // (`schedule`, `panics`, `stop`) or has not yet been taken off the list (`release`); until
        // then the scheduler is kept, see the type.
        unsafe { self.0.as_ref() }
    }
}

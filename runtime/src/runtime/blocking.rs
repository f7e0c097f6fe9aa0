//! Jobs of the blocking pool as tasks: a closure in a task's cell, so that it has a `JoinHandle`,
//! an id, a name and containment of panics like any other task.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Handle;
use super::context;
use super::handle::Inner;
use super::job::BlockingJob;
use super::panics::Panics;
use crate::engine::activity::Activity;
use crate::engine::blocking::Rejected;
use crate::engine::insight::recorder::Kind;
use crate::engine::large::large_on_heap;
use crate::engine::primitive::atomic::{AtomicU64, Ordering};
use crate::engine::primitive::ticks;
use crate::engine::scheduler::{StandIn, TaskHook, terminated};
use crate::engine::task::scope::Membership;
use crate::engine::task::{
    BLOCKING_KIND, Header, Identity, JoinHandle, PanicSink, Runnable, Schedule, spawn_cell,
};
use crate::engine::trace::span::FullSize;
use crate::engine::{messages, say};

/// The future that a blocking closure is: one poll, which runs it.
struct Once<F>(Option<F>);

// The closure is moved out before it runs, never pinned.
impl<F> Unpin for Once<F> {}

impl<F: FnOnce() -> R, R> Future for Once<F> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<R> {
        let closure = self.0.take().expect("polled once");
        Poll::Ready(closure())
    }
}

/// A blocking task is never scheduled again: it runs in one poll. While it waits for that it is in
/// the pool's queue.
struct Unscheduled {
    /// Where it waits, or has waited. Written and read under the queue's lock.
    place: AtomicU64,
    /// Keeps paused time from jumping while the job is pending.
    activity: Option<Arc<Activity>>,
    /// It knows the runtime, too, whose pool that is.
    panics: Arc<Panics<Inner>>,
    on_terminate: Option<TaskHook>,
}

impl Schedule for Unscheduled {
    fn kind(&self) -> &'static str {
        BLOCKING_KIND
    }

    fn schedule(&self, task: Runnable) {
        // A closure in one poll leaves no idle task behind that a wake or an abort could find.
        debug_assert!(false, "a blocking task is never idle");
        task.cancel();
    }

    fn queued_at(&self, place: u64) {
        self.place.store(place, Ordering::Relaxed);
    }

    fn aborted(&self) {
        let Some(handle) = self.panics.runtime().map(Handle::of) else { return };
        let place = || self.place.load(Ordering::Relaxed);
        let Some(job) = handle.blocking_pool().take_back(place) else { return };
        // It is cancelled by being dropped: here, with no lock held, inside the runtime as on a
        // thread of the pool.
        let _current = context::enter(handle);
        drop(job);
    }

    fn release(&self, task: &Header) {
        terminated(self.on_terminate.as_ref(), task);
        if let Some(activity) = &self.activity {
            activity.end();
        }
    }

    fn panics(&self) -> Option<Arc<dyn PanicSink>> {
        Some(self.panics.clone())
    }
}

impl Handle {
    /// Runs a closure that may block on a thread of the blocking pool. See
    /// [`runtime::spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Examples
    ///
    /// See [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, closure: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.spawn_blocking_as(closure, Identity::at(Location::caller()))
    }

    pub(crate) fn spawn_blocking_as<F, R>(
        &self,
        closure: F,
        identity: Identity<'_>,
    ) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let size = FullSize::of::<F>();
        large_on_heap!(closure closure: F => self.spawn_blocking_boxed(closure, identity.of_size(size)))
    }

    /// As [`spawn_blocking_as`](Handle::spawn_blocking_as). A large closure is in its box.
    pub(crate) fn spawn_blocking_boxed<F, R>(
        &self,
        closure: F,
        identity: Identity<'_>,
    ) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.assert_not_forked();
        self.spawn_blocking_in(None, closure, identity)
    }

    /// The same for a closure that may have a place in a scope.
    pub(crate) fn spawn_blocking_in<F, R>(
        &self,
        membership: Option<Membership>,
        closure: F,
        identity: Identity<'_>,
    ) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        match self.submit_blocking(membership, closure, identity, false) {
            Ok(job) | Err(job) => job,
        }
    }

    /// Like [`spawn_blocking`](Handle::spawn_blocking), for callers that must learn immediately
    /// that the pool is closed. A mandatory one runs even if the runtime is shut down while all
    /// threads are busy: what a program wrote last.
    pub(crate) fn try_spawn_blocking<F, R>(
        &self,
        closure: F,
        location: &'static Location<'static>,
        mandatory: bool,
    ) -> Option<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.submit_blocking(None, closure, Identity::at(location), mandatory).ok()
    }

    /// Gives a closure to the blocking pool. If the pool, or the scope that it has a place in,
    /// refuses it, the handle says that the job is cancelled; if the pool does, it comes as an
    /// error.
    pub(super) fn submit_blocking<F, R>(
        &self,
        membership: Option<Membership>,
        closure: F,
        identity: Identity<'_>,
        mandatory: bool,
    ) -> Result<JoinHandle<R>, JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let (once, scheduler) = (Once(Some(closure)), self.unscheduled());
        let (task, handle) = match membership {
            None => spawn_cell(once, scheduler, identity),
            Some(membership) => {
                let (task, handle) = membership.spawn_cell(once, scheduler, identity);
                let Some(task) = membership.admit(task) else { return Ok(handle) };
                (task, handle)
            }
        };
        if !self.submit_job(task, mandatory) {
            return Err(handle);
        }
        // A scope can abort its members as soon as they are admitted.
        handle.queued();
        Ok(handle)
    }

    /// What a new job keeps of the runtime. From here on the job is pending.
    fn unscheduled(&self) -> Unscheduled {
        let (activity, panics) = (self.jobs().cloned(), Arc::clone(self.panics()));
        if let Some(activity) = &activity {
            activity.begin();
        }
        let on_terminate = self.observe().on_terminate.clone();
        Unscheduled { place: AtomicU64::new(0), activity, panics, on_terminate }
    }

    /// Has a thread of the blocking pool work in the place of a worker.
    pub(super) fn submit_stand_in(&self, stand_in: StandIn) {
        // If the pool is closed, it is dropped, and counts itself off.
        let job = BlockingJob::StandIn { stand_in, runtime: self.id() };
        if let Err(Rejected::NoThread(BlockingJob::StandIn { stand_in, .. }, error)) =
            self.blocking_pool().submit(job)
        {
            stand_in.failed(error);
        }
    }

    /// Says whether the pool took the job, which is cancelled else.
    fn submit_job(&self, task: Runnable, mandatory: bool) -> bool {
        let location = task.location();
        let recorder = self.observe().recorder.clone();
        if let Some(recorder) = &recorder {
            recorder.at_place(Kind::JobQueued, task.id(), ticks(), location);
        }
        match self.blocking_pool().submit(BlockingJob::Task { task, mandatory, recorder }) {
            Ok(()) => return true,
            // The job is cancelled by being dropped.
            Err(Rejected::ShutDown(job)) => drop(job),
            Err(Rejected::NoThread(job, error)) => {
                say::line(&messages::no_thread_for_a_job(location, &error));
                drop(job);
            }
        }
        false
    }
}
